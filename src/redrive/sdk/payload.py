"""Payloads and buckets as shapes see them: streams of items with their own bytes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

from redrive.core import formats, jsonvalue
from redrive.core.items import Item
from redrive.errors import PayloadError
from redrive.sdk.content import CHUNK_BYTES, Content, MemoryContent

# What `value()` will decode at once; larger payloads are for `chunks()`.
MAX_VALUE_BYTES = 64 << 20


@dataclass(frozen=True, slots=True)
class Envelope:
    """The bytes around the items of a payload: `prefix` + items joined by `separator` + `suffix`.

    `single` is true for a payload that is not a list: its one item is the whole document.
    """

    prefix: bytes
    separator: bytes
    suffix: bytes
    single: bool = False

    @classmethod
    def at(cls, items_path: str) -> Envelope:
        """A JSON list at a dotted path and nothing else: `orders` gives `{"orders":[` … `]}`."""
        if not items_path:
            return cls(b"[", b",", b"]")
        names = items_path.split(".")
        prefix = b"".join(b"{" + jsonvalue.encode(name) + b":" for name in names)
        return cls(prefix + b"[", b",", b"]" + b"}" * len(names))


class Payload:
    """One payload of a step's input bucket.

    `position` is its place in the bucket, from 0; `items_path` the dotted path of its items ("" is
    the document itself); `meta` a map of strings to strings.
    """

    __slots__ = (
        "_envelope",
        "_opening",
        "_value",
        "ahead",
        "content",
        "id",
        "items_path",
        "media_type",
        "meta",
        "position",
    )

    def __init__(
        self,
        content: Content,
        *,
        media_type: str = "application/json",
        items_path: str = "",
        meta: Mapping[str, str] | None = None,
        position: int = 0,
        id: str = "",
    ) -> None:
        self.content = content
        self.media_type = media_type
        self.items_path = items_path
        self.meta: Mapping[str, str] = meta or {}
        self.position = position
        self.id = id
        self._envelope: Envelope | None = None
        self._opening: Envelope | None = None
        self._value: Any = jsonvalue.MISSING
        self.ahead: asyncio.Task[Any] | None = None

    async def found_ahead(self) -> Any:
        """What `Shape.look_ahead` found; None where it was not asked, or failed."""
        if self.ahead is None:
            return None
        await asyncio.wait((self.ahead,))
        return None if self.ahead.cancelled() or self.ahead.exception() else self.ahead.result()

    @property
    def size_bytes(self) -> int:
        return self.content.size_bytes

    async def chunks(self) -> AsyncIterator[list[Item]]:
        """All items in order, in lists of about a megabyte.

        Errors: `payload.invalid` where the document does not parse, or has no list at the items
        path; items before that point have been given by then.
        """
        if not self.content.size_bytes:
            return
        number = 0
        try:
            reader = formats.item_reader(self.media_type, self.items_path)
            async for data in self.content.stream(chunk_bytes=CHUNK_BYTES):
                if raws := reader.feed(data):
                    if self._opening is None:
                        self._opening = Envelope(reader.prefix, reader.separator, b"", reader.single)
                    yield [Item(raw, self.position, number + n) for n, raw in enumerate(raws)]
                    number += len(raws)
            raws = reader.close()
        except formats.ItemsInvalid as error:
            raise self._unreadable(error) from None
        self._envelope = Envelope(reader.prefix, reader.separator, reader.suffix, reader.single)
        if raws:
            yield [Item(raw, self.position, number + n) for n, raw in enumerate(raws)]

    def _unreadable(self, error: formats.ItemsInvalid) -> PayloadError:
        return PayloadError(f"payload {self.position}: {error}", at=self.items_path or None, hint=error.hint)

    @property
    def is_json(self) -> bool:
        """Whether the whole document is one JSON value."""
        return formats.is_json(self.media_type)

    @property
    def has_json_items(self) -> bool:
        """Whether each item is a JSON value: those of JSON and of NDJSON are."""
        return self.is_json or formats.is_ndjson(self.media_type)

    async def json_chunks(self) -> AsyncIterator[list[Item]]:
        """As `chunks`, for shapes that read JSON items only.

        Errors: also `payload.invalid` for another media type (where there is a byte to read).
        """
        if self.size_bytes and not self.has_json_items:
            raise PayloadError(
                f"payload {self.position} is {self.media_type}; this step reads JSON",
                hint="Put a convert step to json before this one.",
            )
        async for items in self.chunks():
            yield items

    async def envelope(self) -> Envelope:
        """The bytes around the items. May read the whole payload once."""
        if self._envelope is None:
            async for _ in self.chunks():
                pass
        return self._envelope or Envelope.at("")

    async def opening(self) -> Envelope:
        """The envelope without its suffix, which is known as soon as one item has been read.

        Unlike `envelope` it reads nothing where the first chunk has been read already, so a shape
        that works in a stream reads its payload once.
        """
        return self._envelope or self._opening or await self.envelope()

    async def value(self) -> Any:
        """The whole document as a Python value (JSON), else its text. Bounded to 64 MiB.

        Errors: `payload.invalid` if it does not parse, `payload.too_large`.
        """
        if self._value is jsonvalue.MISSING:
            if self.size_bytes > MAX_VALUE_BYTES:
                raise PayloadError(
                    f"payload {self.position} has {self.size_bytes} bytes; read whole, at most "
                    f"{MAX_VALUE_BYTES} are possible",
                    code="payload.too_large",
                    hint="Put a flow_control step before this one.",
                )
            data = await self.content.read()
            try:
                if not data:
                    self._value = None
                elif formats.is_json(self.media_type):
                    self._value = jsonvalue.decode(data)
                else:
                    self._value = data.decode()
            except ValueError as error:
                raise PayloadError(f"payload {self.position} does not parse: {error}") from None
        return self._value


class Bucket:
    """All payloads of a step's input, in order. May be iterated more than once."""

    def __init__(
        self,
        payloads: AsyncIterable[Payload] | Sequence[Payload],
        count: int,
        *,
        without_data: bool = False,
    ) -> None:
        self._payloads = payloads
        self.count = count
        self.without_data = without_data
        """Of a start without data: nothing came in, and the step runs all the same."""

    @property
    def empty(self) -> bool:
        """Whether a step before this one has left nothing over."""
        return not self.count and not self.without_data

    async def first(self) -> Payload:
        """The first payload, for templates; an empty one where there is none."""
        async with aclosing(self.payloads()) as payloads:
            async for payload in payloads:
                return payload
        return Payload(MemoryContent(b""), position=0)

    async def payloads(self) -> AsyncGenerator[Payload]:
        if isinstance(self._payloads, Sequence):
            for payload in self._payloads:
                yield payload
        else:
            async for payload in self._payloads:
                yield payload

    async def chunks(self) -> AsyncIterator[tuple[Payload, list[Item]]]:
        """The items of all payloads, in bucket order, with the payload they stand in."""
        async for payload in self.payloads():
            async for items in payload.chunks():
                yield payload, items


async def batched(
    source: AsyncIterable[Sequence[Item]], size: int
) -> AsyncIterator[AsyncIterator[list[Item]]]:
    """Cut a stream of items into streams of `size` items each; the last may be shorter.

    Each inner stream must be read to its end before the next is asked for, as with
    `itertools.groupby`: no batch is ever held in memory as a whole.
    """
    chunks = aiter(source)
    rest: Sequence[Item] = ()
    at = 0

    async def fill() -> bool:
        nonlocal rest, at
        while at >= len(rest):
            try:
                rest, at = await anext(chunks), 0
            except StopAsyncIteration:
                return False
        return True

    async def one() -> AsyncIterator[list[Item]]:
        nonlocal at
        left = size
        while left and await fill():
            part = list(rest[at : at + left])
            at += len(part)
            left -= len(part)
            yield part

    while await fill():
        yield one()
