"""One record of a payload, and where it came from."""

from __future__ import annotations

import msgspec


class Item(msgspec.Struct, frozen=True, gc=False):
    """The bytes of one item as they stand in its payload.

    `payload` is the position of its payload in the step's input bucket, `number` the item's
    number in that payload; both start at 0. A step that builds a new item from an old one keeps
    these two (`item.of(new_bytes)`): they are the item lineage. `others` are further items
    (payload, number) that it was made from.
    """

    raw: bytes
    payload: int
    number: int
    others: tuple[tuple[int, int], ...] = ()

    @property
    def origins(self) -> list[tuple[int, int]]:
        """All input items that it was made from."""
        return [(self.payload, self.number), *self.others]

    def of(self, raw: bytes) -> Item:
        """A new item made from this one."""
        return Item(raw, self.payload, self.number, self.others)
