"""Start another flow with what came in."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import ClassVar, Literal, Self

from pydantic import model_validator

from redrive.errors import StepError
from redrive.sdk import (
    MISSING,
    Bucket,
    Example,
    Field,
    Out,
    Payload,
    Shape,
    StepContext,
    Templated,
    TemplatedValue,
    decode,
    encode,
    render,
)


class RunFlow(Shape, kind="run_flow", version=1, group="flow control"):
    """Start another flow with what came in, and go on with what that put out.

    The deployed version of the flow runs, and it has to be enabled. Its run is a run of its own, with
    log, queue and redrives; it names the run and step that called it, and the step names it. Payloads go
    there and back by reference. `wait: false` only starts it, and hands the input on.

    While the step waits, its run holds no place among the running ones, and the time does not count for
    the step's `timeout`. Where the called run fails, the payload fails (with `per: bucket` the whole
    bucket) with its summary; `partial_success` is a warning. With `retries` it is tried again; a retry of
    this run does the same: the called run is then retried from where it failed, and nothing is sent twice.
    A stop stops the run that is waited for too, unless `stop_called: false`.

    Templates see `vars`, `run`, `now`, `last_success`, and `payload` and `meta` of the payload, with
    `per: bucket` of the first one. The clock of the called run is that of this one. Nothing is started
    where an earlier step has left nothing over.

    In: any payloads.  Out: what the last step of the called flow put out; with `wait: false` the input.
    Errors: `flow.unknown`, `flow.disabled`, `flow.not_deployed`, `flow.too_deep` (at most
    `max_call_depth` calls in one another), which end the run; `variable.unknown`, `variable.invalid`,
    `variable.missing`; `template.missing`; `called.failed`, tried again where the step has `retries`;
    `called.stopped`.
    """

    default_retries: ClassVar[int] = 0
    effects: ClassVar[bool] = True
    unforeseen: ClassVar[str] = "starts another flow: what that does and brings is not known before it runs"

    flow: TemplatedValue = Field(help="Name of the flow.")
    variables: dict[str, TemplatedValue] = Field(
        default_factory=dict, help="Variables of that flow by name, each a value or template."
    )
    wait: bool = Field(True, help="Wait for its end, and go on with what it put out.")
    per: Literal["bucket", "payload"] = Field(
        "bucket", help="One run with the whole bucket, or one after the other with each payload."
    )
    stop_called: bool = Field(True, help="Whether a stop of this run stops the one that it waits for.")

    examples = (
        Example(
            "the bucket goes through another flow",
            {"flow": "enrich"},
            given=[[{"id": 1}], [{"id": 2}]],
            flows={"enrich": [[{"id": 1, "vip": True}, {"id": 2, "vip": False}]]},
            gives=[[{"id": 1, "vip": True}, {"id": 2, "vip": False}]],
        ),
        Example(
            "started, not waited for",
            {"flow": "archive", "wait": False, "variables": {"reason": "{{ meta.page }}"}},
            given=[[1, 2]],
            meta={"page": "3"},
            flows={"archive": []},
            gives=[[1, 2]],
        ),
        Example(
            "one run for each payload",
            {"flow": "book-{{ meta.shop }}", "per": "payload"},
            given=[{"id": 1}, {"id": 2}],
            meta={"shop": "uk"},
            flows={"book-uk": [{"booked": True}]},
            gives=[{"booked": True}, {"booked": True}],
        ),
        Example(
            "a flow that is not there", {"flow": "enrich"}, given=[[1]], fails="flow.unknown"
        ),
    )  # fmt: skip

    @model_validator(mode="after")
    def _a_flow(self) -> Self:
        if self.flow.constant and not (isinstance(self.flow.source, str) and self.flow.source.strip()):
            raise ValueError("flow: expected the name of a flow")
        for name, value in {"flow": self.flow, **self.variables}.items():
            if "item" in value.roots:
                raise ValueError(f"{name}: there is no item here; expected payload, meta, vars, run or now")
        return self

    @property
    def gathers(self) -> bool:
        return self.per == "bucket"

    async def run(self, given: Payload | Bucket, ctx: StepContext) -> AsyncIterator[Out]:
        if isinstance(given, Bucket) and given.empty:
            ctx.log.info("nothing came in: no run is started")
            return
        payload = await given.first() if isinstance(given, Bucket) else given
        flow, variables = await self._rendered(payload, ctx)
        called = await ctx.call(flow, variables, wait=self.wait, stop_called=self.stop_called)
        if self.wait:
            yield Out(hand_on=called)
        elif isinstance(given, Bucket):
            yield Out(hand_on=given)
        else:
            yield Out(content=given.content, like=given)

    async def _rendered(self, payload: Payload, ctx: StepContext) -> tuple[str, dict[str, object]]:
        values: list[Templated] = [self.flow, *self.variables.values()]
        whole = await payload.value() if any("payload" in value.roots for value in values) else None
        scope, where = ctx.scope(payload, whole), f"payload {payload.position}"
        flow = render(self.flow, scope, ctx.missing, where=where, at="flow")
        if not isinstance(flow, str) or not flow:
            raise StepError(
                f"{where}: the template of flow gives no name of a flow", code="flow.unknown", at="flow"
            )
        variables = {}
        for name, value in self.variables.items():
            found = render(value, scope, ctx.missing, where=where, at=f"variables.{name}")
            if found is not MISSING:
                variables[name] = decode(encode(found))
        return flow, variables
