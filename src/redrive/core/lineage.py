"""Where the items of an output payload came from, as a compact column of bytes.

The column is a format byte and then operations, read in order, each about the next items of the
output. Numbers are LEB128 varints; signed ones are zigzag. `next` is the item behind the last one
named, 0 after a change of payload; `payload` begins as the one the column is relative to.

    first varint, low 2 bits   rest        then
    0  ONE                     gap         one item, made from item next + gap
    1  RUN                     gap         count: so many items, made from that one and those after it
    2  REPEAT                  gap         count: so many items, all made from that one
    3  rest 0: PAYLOAD                     change: the payload's position changes by that much
       rest 1: MANY                        count, ranges, then for each range: change of payload,
                                           first, length: so many items, each made from all of these
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from redrive.core.items import Item

_FORMAT = b"\x01"
_ONE, _RUN, _REPEAT, _OTHER = range(4)
_PAYLOAD, _MANY = 0 << 2 | _OTHER, 1 << 2 | _OTHER

Origin = tuple[int, int]
Range = tuple[int, int, int]


class Segment(NamedTuple):
    """`items` output items from `item` on. `rising`: each comes from the next input item.

    Otherwise each comes from all of `ranges` (payload, first item, how many).
    """

    item: int
    items: int
    rising: bool
    ranges: tuple[Range, ...]


class LineageBuilder:
    """Takes the origins of an output's items in order; holds no more than the encoded column.

    `payload` is the position of the input payload that the record of the output names anyway.
    """

    def __init__(self, payload: int = 0) -> None:
        self._home = payload
        self._out = bytearray(_FORMAT)
        self._at_payload = payload
        self._next = 0
        # The operation that may still grow: from _first to _last, and how it steps (None: open).
        self._payload = payload
        self._first = 0
        self._last = 0
        self._count = 0
        self._step: int | None = None
        self.items = 0

    def add(self, payload: int, number: int) -> None:
        """The next output item was made from this input item."""
        self.items += 1
        if self._count and payload == self._payload:
            step = number - self._last
            if step in (0, 1) and self._step in (None, step):
                self._step = step
                self._last = number
                self._count += 1
                return
        self._flush()
        self._payload, self._first, self._last, self._count, self._step = payload, number, number, 1, None

    def add_items(self, items: Iterable[Item]) -> None:
        """The next output items keep the origins that they carry."""
        last, payload, grown = self._last, self._payload, 0
        rising = self._count > 0 and self._step != 0
        for item in items:
            if rising and item.number == last + 1 and item.payload == payload and not item.others:
                last += 1
                grown += 1
                continue
            self._grow(last, grown)
            if item.others:
                self.add_all([(source, number, 1) for source, number in item.origins])
            else:
                self.add(item.payload, item.number)
            last, payload, grown = self._last, self._payload, 0
            rising = self._count > 0 and self._step != 0
        self._grow(last, grown)

    def add_range(self, payload: int, first: int, count: int) -> None:
        """The next `count` output items were made one by one from that input item and those after it."""
        if count <= 0:
            return
        self.add(payload, first)
        if count > 1 and self._step == 0:
            # It went on with a repetition of one item; what rises begins behind that.
            first, count = first + 1, count - 1
            self.add(payload, first)
        self._grow(first + count - 1, count - 1)

    def add_all(self, ranges: Iterable[Range], items: int = 1) -> None:
        """The next `items` output items were each made from all of these: (payload, first, how many)."""
        self._flush()
        kept = [one for one in ranges if one[2] > 0]
        if items <= 0:
            return
        self.items += items
        out = self._out
        _put(out, _MANY)
        _put(out, items)
        _put(out, len(kept))
        for payload, first, length in kept:
            _put(out, _zigzag(payload - self._at_payload))
            _put(out, first)
            _put(out, length)
            self._at_payload = payload
        self._next = 0

    def encode(self) -> bytes | None:
        """The column; None where output item k was made from item k of `payload`, for all items."""
        plain = self._payload == self._home and self._first == 0 and (self._count == 1 or self._step == 1)
        if len(self._out) == len(_FORMAT) and (plain or not self._count):
            return None
        kept, place = len(self._out), (self._at_payload, self._next)
        count = self._count
        self._flush()
        encoded = bytes(self._out)
        # More items may still be added: the last operation stays open.
        del self._out[kept:]
        (self._at_payload, self._next), self._count = place, count
        return encoded

    def _grow(self, last: int, grown: int) -> None:
        if grown:
            self._last, self._step = last, 1
            self._count += grown
            self.items += grown

    def _flush(self) -> None:
        if not self._count:
            return
        out = self._out
        if self._payload != self._at_payload:
            _put(out, _PAYLOAD)
            _put(out, _zigzag(self._payload - self._at_payload))
            self._at_payload, self._next = self._payload, 0
        gap = _zigzag(self._first - self._next) << 2
        if self._count == 1:
            _put(out, gap | _ONE)
        else:
            _put(out, gap | (_REPEAT if self._step == 0 else _RUN))
            _put(out, self._count)
        self._next = self._last + 1
        self._count = 0


class Lineage:
    """A column of origins, read from its encoded form each time; nothing is unpacked beforehand."""

    def __init__(self, data: bytes | None, *, items: int, payload: int = 0) -> None:
        self._data = data
        self._payload = payload
        self.items = items

    @classmethod
    def decode(cls, data: bytes | None, *, items: int, payload: int = 0) -> Lineage:
        """`items` is how many items the output has; `payload` as the builder was given it.

        Errors: `ValueError` if the bytes are not a column of that many items.
        """
        lineage = cls(data, items=items, payload=payload)
        if sum(segment.items for segment in lineage.segments()) != items:
            raise ValueError(f"the lineage does not cover {items} items")
        return lineage

    def segments(self) -> Iterator[Segment]:
        """The column from the first output item to the last, in a stream."""
        if self._data is None:
            if self.items:
                yield Segment(0, self.items, rising=True, ranges=((self._payload, 0, self.items),))
        else:
            yield from _segments(self._data, self._payload)

    def origins(self, item: int) -> list[Origin]:
        """The input items that output item `item` was made from; none if there is no such item."""
        for segment in self.segments():
            if segment.item <= item < segment.item + segment.items:
                if segment.rising:
                    payload, first, _ = segment.ranges[0]
                    return [(payload, first + item - segment.item)]
                return [
                    (payload, number)
                    for payload, first, length in segment.ranges
                    for number in range(first, first + length)
                ]
        return []

    def outputs_of(self, payload: int, number: int) -> list[int]:
        """The output items made from that input item, in order."""
        found: list[int] = []
        for segment in self.segments():
            for source, first, length in segment.ranges:
                if source == payload and first <= number < first + length:
                    if segment.rising:
                        found.append(segment.item + number - first)
                    else:
                        found += range(segment.item, segment.item + segment.items)
                    break
        return found

    def outputs_of_many(self, wanted: Iterable[Origin]) -> list[int]:
        """The output items made from any of these input items, in order, in one pass."""
        by_payload: dict[int, list[int]] = {}
        for payload, number in wanted:
            by_payload.setdefault(payload, []).append(number)
        for numbers in by_payload.values():
            numbers.sort()
        found: list[int] = []
        for segment in self.segments():
            for payload, first, length in segment.ranges:
                numbers = by_payload.get(payload, [])
                begin = bisect_left(numbers, first)
                end = bisect_left(numbers, first + length)
                if begin == end:
                    continue
                if segment.rising:
                    found += (segment.item + number - first for number in dict.fromkeys(numbers[begin:end]))
                else:
                    found += range(segment.item, segment.item + segment.items)
                    break
        return found

    def inputs(self) -> list[Range]:
        """Every input item that went into the output, as (payload, first, how many), sorted, merged."""
        merged: list[Range] = []
        for payload, first, length in sorted(_joined(self.segments())):
            if merged and merged[-1][0] == payload and first <= merged[-1][1] + merged[-1][2]:
                begin = merged[-1][1]
                merged[-1] = (payload, begin, max(merged[-1][2], first + length - begin))
            else:
                merged.append((payload, first, length))
        return merged


def _joined(segments: Iterable[Segment]) -> Iterator[Range]:
    """The ranges of the segments, neighbours joined, so that few are left to sort."""
    payload, first, length = 0, 0, 0
    for segment in segments:
        for one in segment.ranges:
            if length and one[0] == payload and one[1] == first + length:
                length += one[2]
                continue
            if length:
                yield payload, first, length
            payload, first, length = one
    if length:
        yield payload, first, length


def _segments(data: bytes, payload: int) -> Iterator[Segment]:
    if data[: len(_FORMAT)] != _FORMAT:
        raise ValueError("the lineage is of an unknown format")
    pos, size = len(_FORMAT), len(data)
    item = upcoming = 0
    while pos < size:
        head, pos = _get(data, pos)
        kind = head & 3
        if head == _PAYLOAD:
            change, pos = _get(data, pos)
            payload += _unzigzag(change)
            upcoming = 0
            continue
        if head == _MANY:
            count, pos = _get(data, pos)
            ranges, payload, pos = _ranges(data, pos, payload)
            upcoming = 0
            yield Segment(item, count, rising=False, ranges=ranges)
        elif kind == _OTHER:
            raise ValueError("the lineage has an unknown operation")
        else:
            first = upcoming + _unzigzag(head >> 2)
            count = 1
            if kind != _ONE:
                count, pos = _get(data, pos)
            length = count if kind == _RUN else 1
            upcoming = first + length
            yield Segment(item, count, rising=kind != _REPEAT, ranges=((payload, first, length),))
        item += count


def _ranges(data: bytes, pos: int, payload: int) -> tuple[tuple[Range, ...], int, int]:
    many, pos = _get(data, pos)
    ranges: list[Range] = []
    for _ in range(many):
        change, pos = _get(data, pos)
        first, pos = _get(data, pos)
        length, pos = _get(data, pos)
        payload += _unzigzag(change)
        ranges.append((payload, first, length))
    return tuple(ranges), payload, pos


def _zigzag(number: int) -> int:
    return number << 1 if number >= 0 else ~(number << 1)


def _unzigzag(number: int) -> int:
    return number >> 1 if not number & 1 else ~(number >> 1)


def _put(out: bytearray, number: int) -> None:
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    out.append(number)


def _get(data: bytes, pos: int) -> tuple[int, int]:
    number = shift = 0
    try:
        while True:
            byte = data[pos]
            pos += 1
            number |= (byte & 127) << shift
            if byte < 128:
                return number, pos
            shift += 7
    except IndexError:
        raise ValueError("the lineage is cut off") from None
