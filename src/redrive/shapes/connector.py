"""Pull from an endpoint of a connection, or send to one."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import ClassVar, Literal

from blake3 import blake3

from redrive.errors import NotFound, PayloadError, StepError
from redrive.sdk import (
    MISSING,
    Endpoint,
    Entry,
    Example,
    Field,
    Fields,
    Item,
    MemoryContent,
    Out,
    Path,
    PathText,
    Payload,
    Shape,
    StepContext,
    TemplatedValue,
    indexable,
    is_json,
    render,
    spelt,
    unreadable,
)

# At sends one fewer than elsewhere: each try is a request that the other system sees.
SEND_RETRIES = 2


class Connector(Shape, kind="connector", version=1, group="systems"):
    """Pull from an endpoint of a connection, or send to one.

    A receive endpoint is asked once for each input payload and puts out one payload per page that
    holds records. A send endpoint gets each payload (or each of its items, as the endpoint says)
    and puts out what it answers, one payload per accepted request.

    With a `key` every item that is sent leaves a delivery, and items that were delivered already
    are left out by the delivery policy. Without one nothing is remembered.

    In: any payload; with a key JSON items.  Out: pages, or answers.
    Errors: `remote.unavailable` and `remote.rate_limited` (tried again), `remote.rejected`,
    `auth.failed`, `answer.invalid`, `pagination.repeated`, `delivery.unknown`, `key.missing`,
    `key.invalid`, `template.missing`, `connection.incomplete`, `endpoint.unknown`.
    """

    effects: ClassVar[bool] = True

    connection: str = Field(help="Name of the connection.", min_length=1)
    endpoint: str = Field(help="Name of an endpoint of its connector.", min_length=1)
    parameters: dict[str, TemplatedValue] = Field(
        default_factory=dict, alias="with", help="Parameters of the endpoint: its `{{ with.NAME }}`."
    )
    key: PathText | None = Field(
        None,
        help="Send: path of the delivery key in each item. Default: that of the endpoint, if it has one.",
    )
    ledger: str | None = Field(
        None,
        help="Send: steps that name the same ledger share their deliveries. Default: one of the step's own.",
        min_length=1,
    )
    delivery: Literal["send_changed", "skip_delivered", "send_all"] | None = Field(
        None, help="Send: which items are left out. The `--delivery` of a start wins."
    )

    examples = (
        Example(
            "an unknown connection",
            {"connection": "shop", "endpoint": "list-orders"},
            given=[b""],
            fails="connection.unknown",
        ),
    )

    def retries_for(self, direction: str) -> int:
        """How often a payload is tried again where the step does not say: 3, at sends 2."""
        return SEND_RETRIES if direction == "send" else self.default_retries

    def key_for(self, endpoint: Endpoint) -> Path | None:
        """The delivery key of this step at an endpoint: its own, else that of the endpoint."""
        if endpoint.direction != "send":
            return None
        if self.key is not None:
            return self.key
        return Path.parse(endpoint.key) if endpoint.key is not None else None

    async def run(self, payload: Payload, ctx: StepContext) -> AsyncIterator[Out]:
        endpoint = await self.opened(ctx)
        parameters = await self._parameters(payload, ctx)
        if parameters is None:
            ctx.log.warning("a parameter finds nothing; the payload was left out", payload=payload.position)
            return
        if endpoint.direction == "receive":
            self._refuse_send_settings()
            outs = endpoint.receive(payload, parameters, ctx)
        else:
            key = self.key_for(endpoint)
            entries: list[Entry] = []
            if key is not None:
                ahead = await payload.found_ahead()
                entries = await delivery_entries(payload, key) if ahead is None else ahead
            outs = endpoint.send(payload, entries, parameters, ctx)
        async for out in outs:
            yield out

    async def look_ahead(self, payload: Payload, ctx: StepContext) -> list[Entry] | None:
        """Its delivery entries, where it is to be sent with a key."""
        key = self.key_for(await self.opened(ctx))
        return await delivery_entries(payload, key) if key is not None else None

    async def opened(self, ctx: StepContext) -> Endpoint:
        """The endpoint, ready to use.

        Errors, which stop the step: `connection.unknown`, `endpoint.unknown`.
        """
        try:
            connection = await ctx.connection(self.connection)
        except NotFound as error:
            raise StepError(error.detail, code=error.code, hint=error.hint, stops_step=True) from None
        return connection.endpoint(self.endpoint)

    async def _parameters(self, payload: Payload, ctx: StepContext) -> dict[str, object] | None:
        """The parameters with their templates filled in; None where the step wants to leave out."""
        roots = frozenset[str]().union(*(value.roots for value in self.parameters.values()))
        value = await payload.value() if "payload" in roots else None
        item = await _only_item(payload) if "item" in roots else None
        scope = ctx.scope(payload, value, item)
        filled: dict[str, object] = {}
        for name, templated in self.parameters.items():
            where = f"payload {payload.position}"
            filled[name] = render(templated, scope, ctx.missing, where=where, at=f"with.{name}")
            if filled[name] is MISSING:
                return None
        return filled

    def _refuse_send_settings(self) -> None:
        if wrong := [name for name in ("key", "ledger", "delivery") if getattr(self, name) is not None]:
            raise StepError(
                f"endpoint {self.endpoint!r} receives; {', '.join(wrong)} is for endpoints that send",
                code="endpoint.direction",
                hint="Take these settings from the step, or name another endpoint.",
                stops_step=True,
            )


async def delivery_entries(payload: Payload, key: Path) -> list[Entry]:
    """The delivery key and the hash of every item, read in one pass.

    Errors: `key.missing` (it finds nothing, null or ""), `key.invalid`, `payload.invalid`.
    """
    if payload.size_bytes and not is_json(payload.media_type):
        raise PayloadError(
            f"payload {payload.position} is {payload.media_type}; a delivery key is read from JSON items",
            code="key.invalid",
            at=str(key),
            hint="Let an earlier step put out JSON, or send without a key.",
        )
    fields = Fields([key])
    entries: list[Entry] = []
    async for items in payload.chunks():
        for item in items:
            try:
                (found,) = fields.read_raw(item.raw)
                text = "" if found is MISSING else spelt(bytes(found))
            except ValueError as error:
                raise unreadable(item, error) from None
            if not text:
                raise _no_key(item, key, composite=text is None)
            if not indexable(text):
                raise _long_key(item, key)
            entries.append(Entry(text, item.number, blake3(item.raw).digest()))
    return entries


def _no_key(item: Item, key: Path, *, composite: bool) -> PayloadError:
    where = f"payload {item.payload}, item {item.number}"
    if composite:
        return PayloadError(
            f"{where}: what stands at the delivery key {str(key)!r} is a list or an object",
            code="key.invalid",
            at=f"/{item.number}",
            hint="Name a field that holds a text or a number.",
        )
    return PayloadError(
        f"{where}: the delivery key {str(key)!r} finds nothing, null or an empty text",
        code="key.missing",
        at=f"/{item.number}",
        hint="Edit the payload so that each item has its key, or filter such items out before this step.",
    )


def _long_key(item: Item, key: Path) -> PayloadError:
    return PayloadError(
        f"payload {item.payload}, item {item.number}: the value at the delivery key {str(key)!r} is too long",
        code="key.too_long",
        at=f"/{item.number}",
        hint="Name a field of at most 1,000 characters and 2,000 bytes; `map` can make a shorter one.",
    )


async def _only_item(payload: Payload) -> object:
    """The decoded item of a payload that has exactly one, else None."""
    found: list[Item] = []
    async for items in payload.chunks():
        found += items[:2]
        if len(found) > 1:
            return None
    if not found:
        return None
    one = Payload(MemoryContent(found[0].raw), media_type=payload.media_type, position=payload.position)
    value: object = await one.value()
    return value
