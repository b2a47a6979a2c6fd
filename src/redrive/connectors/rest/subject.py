"""What one request of a send hands over: a payload, what is left of it, or one item."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection
from typing import Any

from redrive.errors import PayloadError
from redrive.sdk import (
    CHUNK_BYTES,
    MAX_VALUE_BYTES,
    Content,
    Item,
    Payload,
    decode,
    is_json,
)


class Subject:
    """`payload` in a send's templates, as bytes that may be too large for memory.

    numbers: the items that are left; None for all of them, as the payload stands.
    item: the one item of a request; with `alone` it is all that is handed over (`per: item`).
    """

    def __init__(
        self,
        payload: Payload,
        *,
        numbers: Collection[int] | None = None,
        item: Item | None = None,
        alone: bool = False,
    ) -> None:
        self.payload = payload
        self.item = item
        self.alone = alone
        self._numbers = numbers

    @property
    def media_type(self) -> str:
        return self.payload.media_type

    @property
    def is_json(self) -> bool:
        return is_json(self.payload.media_type)

    @property
    def unchanged(self) -> Content | None:
        """The stored content, where this is the whole payload."""
        return self.payload.content if self._numbers is None and not self.alone else None

    async def stream(self) -> AsyncIterator[bytes]:
        """The bytes, about a megabyte at a time."""
        if self.alone:
            assert self.item is not None
            yield self.item.raw
        elif self._numbers is None:
            async for data in self.payload.content.stream():
                yield data
        else:
            async for data in self._left():
                yield data

    async def value(self) -> Any:
        """The decoded document, for templates that look into it. Bounded like `Payload.value`."""
        if self.alone:
            return await self.item_value()
        if self._numbers is None:
            return await self.payload.value()
        data = b"".join([chunk async for chunk in self._bounded()])
        return decode(data) if self.is_json else data.decode()

    async def item_value(self) -> Any:
        """The decoded item, or None where there is not exactly one."""
        item = self.item or await self._only_item()
        if item is None:
            return None
        try:
            return decode(item.raw) if self.is_json else item.raw.decode()
        except ValueError as error:
            raise PayloadError(
                f"item {item.number} of payload {self.payload.position} does not parse: {error}"
            ) from None

    async def _only_item(self) -> Item | None:
        found: list[Item] = []
        async for items in self.payload.chunks():
            found += [one for one in items if self._numbers is None or one.number in self._numbers][:2]
            if len(found) > 1:
                return None
        return found[0] if found else None

    async def _bounded(self) -> AsyncIterator[bytes]:
        size = 0
        async for data in self._left():
            size += len(data)
            if size > MAX_VALUE_BYTES:
                raise PayloadError(
                    f"what is left of payload {self.payload.position} has more than {MAX_VALUE_BYTES} "
                    "bytes; a template that looks into it cannot read so much at once",
                    code="payload.too_large",
                    hint="Put a flow_control step before this one.",
                )
            yield data

    async def _left(self) -> AsyncIterator[bytes]:
        assert self._numbers is not None
        envelope = await self.payload.envelope()
        parts: list[bytes] = [envelope.prefix]
        size = 0
        first = True
        async for items in self.payload.chunks():
            for item in items:
                if item.number not in self._numbers:
                    continue
                if not first:
                    parts.append(envelope.separator)
                first = False
                parts.append(item.raw)
                size += len(item.raw)
            if size >= CHUNK_BYTES:
                yield b"".join(parts)
                parts, size = [], 0
        parts.append(envelope.suffix)
        yield b"".join(parts)
