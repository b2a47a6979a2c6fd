"""Where items begin in contents that were read: a range far inside is then read without all before it."""

from __future__ import annotations

from bisect import bisect_right
from collections import OrderedDict
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Final, cast

import msgspec

from redrive.core import formats
from redrive.engine.contents import StoredContent
from redrive.errors import PayloadError
from redrive.sdk.content import CHUNK_BYTES

MOST_CONTENTS: Final = 64
MOST_MARKS: Final = 4096


class Marks(msgspec.Struct):
    """Item `numbers[n]` begins at or behind byte `offsets[n]`. `single` and `prefix` are known once read."""

    numbers: list[int] = msgspec.field(default_factory=lambda: [0])
    offsets: list[int] = msgspec.field(default_factory=lambda: [0])
    least_gap: int = CHUNK_BYTES
    single: bool = False
    prefix: bytes = b""

    def add(self, number: int, offset: int) -> None:
        if offset < self.offsets[-1] + self.least_gap:
            return
        self.numbers.append(number)
        self.offsets.append(offset)
        if len(self.numbers) > MOST_MARKS:
            del self.numbers[1::2], self.offsets[1::2]
            self.least_gap *= 2

    def at_item(self, number: int) -> tuple[int, int]:
        """Item number and byte from which to read to reach an item."""
        at = bisect_right(self.numbers, number) - 1
        return self.numbers[at], self.offsets[at]

    def at_byte(self, offset: int) -> tuple[int, int]:
        at = bisect_right(self.offsets, offset) - 1
        return self.numbers[at], self.offsets[at]


class Given(msgspec.Struct):
    """Some items that follow each other."""

    first: int
    raws: list[bytes]


class Markers:
    """The marks of the contents that were read last, in this process."""

    def __init__(self) -> None:
        self._known: OrderedDict[tuple[bytes, str, str], Marks] = OrderedDict()

    def of(self, content: StoredContent, media_type: str, items_path: str) -> Marks:
        key = (content.digest, media_type, items_path)
        marks = self._known.pop(key, None) or Marks()
        self._known[key] = marks
        while len(self._known) > MOST_CONTENTS:
            self._known.popitem(last=False)
        return marks


async def items_from(
    content: StoredContent, media_type: str, items_path: str, marks: Marks, start: int
) -> AsyncGenerator[Given]:
    """Items in order, beginning at the last mark at or before item `start`. Notes marks on the way.

    Errors: `payload.invalid`.
    """
    number, offset = marks.at_item(start)
    if not content.size_bytes:
        return
    try:
        reader = formats.resumed(media_type) if offset else formats.item_reader(media_type, items_path)
        fed = cast("AsyncGenerator[bytes]", content.stream(offset, chunk_bytes=CHUNK_BYTES))
        # A reader that goes on in a list was given a `[` that is not in the document.
        shift = offset - (1 if offset and formats.is_json(media_type) else 0)
        async with aclosing(fed):
            async for data in fed:
                if raws := reader.feed(data):
                    if not offset:
                        marks.prefix = marks.prefix or reader.prefix
                    yield Given(number, raws)
                    number += len(raws)
                    if (mark := formats.mark_of(reader)) is not None:
                        marks.add(number, mark + shift)
        raws = reader.close()
    except formats.ItemsInvalid as error:
        raise PayloadError(f"the payload: {error}", at=items_path or None, hint=error.hint) from None
    if not offset:
        marks.single, marks.prefix = reader.single, reader.prefix
    if raws:
        yield Given(number, raws)
