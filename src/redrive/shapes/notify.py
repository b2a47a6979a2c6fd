"""Tell people: a line in the run log, and messages to notification groups."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Literal, Self

from pydantic import model_validator

from redrive.sdk import (
    MISSING,
    Bucket,
    Example,
    Field,
    Out,
    Payload,
    PlainName,
    Shape,
    StepContext,
    TemplatedValue,
    as_text,
    render,
)

MAX_CHARACTERS = 4000


class Notify(Shape, kind="notify", version=1, group="flow control"):
    """Write a message with a level to the run log, and send it to notification groups.

    Groups (`redrive groups`) say whom a message reaches, from which level on, and how often. Messages are
    sent in the background: a group that is not there or cannot be reached fails nothing, and the run
    does not wait. `redrive groups sent` shows what became of them.

    Templates see `vars`, `run`, `now`, `last_success`, and `payload` and `meta` of the payload, with
    `per: bucket` of the first one. A message is cut at 4,000 characters. Nothing is told where an
    earlier step has left nothing over: a filter before this step decides whether there is a message.

    In: any payloads.  Out: the same; with `per: bucket` by reference.
    Errors: `template.missing`, `payload.invalid` if a template needs the payload and it does not parse;
    neither is retried.
    """

    message: TemplatedValue = Field(help="The text.")
    level: Literal["info", "warning", "error"] = Field(
        "info", help="How much it matters; `warning` also raises the warning flag of the run."
    )
    groups: list[PlainName] = Field(default_factory=list, help="Notification groups, by name.")
    per: Literal["bucket", "payload"] = Field(
        "bucket", help="One message for the whole bucket, or one for each payload."
    )

    examples = (
        Example(
            "a line in the run log",
            {"message": "{{ vars.shop }}: the night's orders are through"},
            given=[[1, 2], [3]],
            variables={"shop": "uk"},
            gives=[[1, 2], [3]],
        ),
        Example(
            "an error to a group, for each payload",
            {"message": "order {{ payload.id }} has no address", "level": "error", "groups": ["ops"],
             "per": "payload"},
            given=[{"id": 7}, {"id": 8}],
            gives=[{"id": 7}, {"id": 8}],
        ),
        Example(
            "nothing left, nothing told", {"message": "too cheap", "groups": ["sales"]}, given=[], gives=[]
        ),
        Example("a path that finds nothing", {"message": "{{ payload.id }}"}, given=[{}],
                fails="template.missing"),
    )  # fmt: skip

    @model_validator(mode="after")
    def _no_item(self) -> Self:
        if "item" in self.message.roots:
            raise ValueError("message: there is no item here; expected payload, meta, vars, run or now")
        if self.message.constant and not as_text(self.message.source).strip():
            raise ValueError("message: expected a text")
        return self

    @property
    def gathers(self) -> bool:
        return self.per == "bucket"

    async def run(self, given: Payload | Bucket, ctx: StepContext) -> AsyncIterator[Out]:
        if isinstance(given, Bucket):
            if not given.empty:
                await self._tell(await given.first(), ctx)
            yield Out(hand_on=given)
        else:
            await self._tell(given, ctx)
            yield Out(content=given.content, like=given)

    async def _tell(self, payload: Payload, ctx: StepContext) -> None:
        whole = await payload.value() if "payload" in self.message.roots else None
        where = f"payload {payload.position}"
        found = render(self.message, ctx.scope(payload, whole), ctx.missing, where=where, at="message")
        text = "" if found is MISSING or found is None else as_text(found)[:MAX_CHARACTERS]
        if ctx.preview or not text.strip():
            return
        log = {"info": ctx.log.info, "warning": ctx.log.warning, "error": ctx.log.error}[self.level]
        log(text)
        if self.groups:
            await ctx.notify(text, level=self.level, groups=self.groups)
