"""Answer the caller of a callback trigger."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from typing import Final, Self

from pydantic import model_validator

from redrive.errors import PayloadError
from redrive.sdk import (
    JSON,
    MISSING,
    Bucket,
    Example,
    Field,
    GatherShape,
    Out,
    Payload,
    Reply,
    StepContext,
    TemplatedValue,
    counted,
    render,
    spell,
)

_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}")
_OWN: Final = frozenset({"content-length", "transfer-encoding", "connection", "content-type", "set-cookie"})
MAX_HEADER: Final = 1000


class Callback(GatherShape, kind="callback", version=1, group="flow control"):
    """Answer the caller of a callback trigger with the current bucket, then go on.

    The caller gets the bytes of the payload; of several payloads of JSON items one JSON list of all
    items. The answer is stored with the run before it is sent. The first answer of a run is the one:
    a later `callback` step, and one in a run that nobody waits for (another trigger, a retry, a
    redrive), writes that to the run log and hands its bucket on all the same.

    In: the whole bucket.
    Out: the bucket as it came in.
    Errors: `payload.invalid` for several payloads that are not JSON, and for a header that holds a line
    end; not retried.
    """

    status: int = Field(200, ge=200, le=599, help="Status of the answer.")
    headers: dict[str, TemplatedValue] = Field(
        default_factory=dict, help="Further headers by name, each a text or template; null leaves one out."
    )
    media_type: str | None = Field(
        None, pattern=r"^[\w.+-]+/[\w.+-]+(\s*;.*)?$", help="Media type of the answer; unset: the payload's."
    )

    examples = (
        Example("the bucket goes on", {}, given=[{"price": 5}], gives=[{"price": 5}]),
        Example(
            "another status, and a header",
            {"status": 201, "headers": {"X-Order": "{{ vars.order }}"}},
            given=[[{"id": 1}], [{"id": 2}]],
            gives=[[{"id": 1}], [{"id": 2}]],
            variables={"order": "A-7"},
        ),
        Example(
            "text as it is",
            {"media_type": "text/plain"},
            given=[b"accepted"],
            gives=[b"accepted"],
            media_type="text/plain",
        ),
        Example(
            "several payloads that are not JSON",
            {},
            given=[b"a", b"b"],
            media_type="text/plain",
            fails="payload.invalid",
        ),
    )

    @model_validator(mode="after")
    def _headers_can_be_sent(self) -> Self:
        for name, value in self.headers.items():
            if not _NAME.fullmatch(name) or name.lower() in _OWN:
                raise ValueError(f"headers: {name!r} cannot be set; expected a name such as X-Order")
            if roots := sorted({"payload", "item"} & value.roots):
                raise ValueError(
                    f"headers.{name}: there is no {roots[0]} here; expected meta, vars, run or now"
                )
        return self

    async def run(self, bucket: Bucket, ctx: StepContext) -> AsyncIterator[Out]:
        became = await ctx.answer(await self._reply(bucket, ctx))
        if became == "nobody":
            ctx.log.info("nobody waits for the answer of this run")
        elif became == "before":
            ctx.log.warning("the caller was answered before by another step")
        else:
            ctx.log.info("answered", status=self.status)
        async for payload in bucket.payloads():
            yield Out(content=payload.content, like=payload)

    async def _reply(self, bucket: Bucket, ctx: StepContext) -> Reply:
        first = None
        async for payload in bucket.payloads():
            first = first or payload
            if bucket.count > 1 and not payload.has_json_items:
                raise PayloadError(
                    f"the bucket holds {counted(bucket.count, 'payload')}, and payload {payload.position} is "
                    f"{payload.media_type}; an answer is one document",
                    hint="Put a merge or convert step before this one.",
                )
        headers = self._rendered(first, ctx)
        if first is not None and bucket.count == 1:
            return Reply(first.content, self.status, self.media_type or first.media_type, headers)
        return Reply(_joined(bucket), self.status, self.media_type or JSON, headers)

    def _rendered(self, payload: Payload | None, ctx: StepContext) -> dict[str, str]:
        scope = ctx.scope(payload)
        found = {}
        for name, value in self.headers.items():
            made = render(value, scope, ctx.missing, where="the answer", at=f"headers.{name}")
            if made is None or made is MISSING:
                continue
            text = spell(made)
            if len(text) > MAX_HEADER or not text.isprintable():
                raise PayloadError(
                    f"the header {name} would hold a line end, or more than {MAX_HEADER} characters",
                    at=f"headers.{name}",
                )
            found[name] = text
        return found


async def _joined(bucket: Bucket) -> AsyncIterator[bytes]:
    separator = b"["
    async for _, items in bucket.chunks():
        yield separator + b",".join([item.raw for item in items])
        separator = b","
    yield b"[]" if separator == b"[" else b"]"
