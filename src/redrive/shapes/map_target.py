"""The form of a mapped record: a tree of objects and lists, written as JSON bytes.

A target path such as `lines[].sku` gives an object with a list whose elements are objects. What
is found for a target is `bytes` (one JSON value) or, for each `[]` of the target that the source
follows, a list of these: the lists of one target are paired by index, a single value stands in
every element.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from redrive.sdk import Each, Path, Segment, elements, encode, members

NULL = b"null"

Found = Any
"""`bytes`, a list of `Found`, or None where nothing was found."""

Places = tuple[int, ...]
"""The index in each list of the target that is being written."""

Write = Callable[[int, Places], bytes]
"""Writes the value of field number n at these places."""


class TargetInvalid(ValueError):
    """Two targets that cannot both be, or one that has no form."""


class Leaf:
    """A place that one field fills. `plain`: with the bytes of its only source, or null."""

    __slots__ = ("field", "plain")

    def __init__(self, field: int, *, plain: bool) -> None:
        self.field = field
        self.plain = plain

    def write(self, found: Sequence[Found], places: Places, write: Write, base: Any) -> bytes:
        if not self.plain:
            return write(self.field, places)
        value = found[self.field][0]
        for place in places:
            if type(value) is not list:
                break
            value = value[place] if place < len(value) else None
        return value or NULL

    @property
    def fields(self) -> list[int]:
        return [self.field]


class Record:
    """An object with named members. Over an object that is there already it changes these only."""

    __slots__ = ("_flat", "_form", "members")

    def __init__(self) -> None:
        self.members: dict[str, Node] = {}
        self._flat: list[tuple[int, Leaf | Series | None]] = []
        """The slots of `form`: a plain leaf as its field and None, others with -1."""
        self._form: tuple[bytes, list[Leaf | Series]] | None = None

    def add(self, segments: Sequence[Segment], leaf: Leaf) -> None:
        """Makes a place for a field. Errors: `TargetInvalid`."""
        name, *rest = segments
        if not isinstance(name, str):
            raise TargetInvalid("a record has named members")
        self.members[name] = _grown(self.members.get(name), rest, leaf)

    def write(self, found: Sequence[Found], places: Places, write: Write, base: Any) -> bytes:
        there = None if base is None else members(base)
        if there is None:
            form, slots = self.form()
            if places:
                return form % tuple([slot.write(found, places, write, None) for slot in slots])
            # Most leaves of most records are plain: without a call for each.
            return form % tuple(
                [
                    (found[field][0] or NULL) if slot is None else slot.write(found, places, write, None)
                    for field, slot in self._flat
                ]
            )
        parts = []
        for name, raw in there.items():
            node = self.members.get(name)
            value = bytes(raw) if node is None else node.write(found, places, write, raw)
            parts.append(encode(name) + b":" + value)
        parts += [
            encode(name) + b":" + node.write(found, places, write, None)
            for name, node in self.members.items()
            if name not in there
        ]
        return b"{" + b",".join(parts) + b"}"

    def form(self) -> tuple[bytes, list[Leaf | Series]]:
        """The record as a format with a slot for each leaf and list, objects within it unfolded."""
        if self._form is None:
            parts: list[bytes] = []
            slots: list[Leaf | Series] = []
            for name, node in self.members.items():
                inner = b"%b"
                if isinstance(node, Record):
                    inner, below = node.form()
                    slots += below
                else:
                    slots.append(node)
                parts.append(encode(name).replace(b"%", b"%%") + b":" + inner)
            self._form = b"{" + b",".join(parts) + b"}", slots
            self._flat = [
                (slot.field, None) if isinstance(slot, Leaf) and slot.plain else (-1, slot) for slot in slots
            ]
        return self._form

    @property
    def fields(self) -> list[int]:
        return [field for node in self.members.values() for field in node.fields]


class Series:
    """A list, as long as the longest that its fields found (or that is there already)."""

    __slots__ = ("_fields", "_form", "_plain", "element")

    def __init__(self, element: Node) -> None:
        self.element = element
        self._form = b"%b"
        self._plain: list[int] | None = None
        self._fields: list[int] | None = None

    def write(self, found: Sequence[Found], places: Places, write: Write, base: Any) -> bytes:
        there = None if base is None else elements(base)
        count = max(len(there or ()), self._length(found, places))
        if there is None and (columns := self._columns(found, places, count)) is not None:
            form = self._form
            return b"[" + b",".join([form % row for row in zip(*columns, strict=True)]) + b"]"
        parts = [
            self.element.write(
                found, (*places, number), write, there[number] if there and number < len(there) else None
            )
            for number in range(count)
        ]
        return b"[" + b",".join(parts) + b"]"

    def row(self) -> tuple[bytes, list[Leaf]]:
        """An element as a format with a slot for each leaf. Errors: `ValueError` where it holds lists."""
        form, slots = self.element.form() if isinstance(self.element, Record) else (b"%b", [self.element])
        leaves = [slot for slot in slots if isinstance(slot, Leaf)]
        if len(leaves) < len(slots):
            raise ValueError("an element holds a list")
        return form, leaves

    def _columns(self, found: Sequence[Found], places: Places, count: int) -> list[list[bytes]] | None:
        """The values of each slot of the elements, where all of these are plain."""
        if self._plain is None:
            self._plain = []
            with suppress(ValueError):
                self._form, leaves = self.row()
                if all(leaf.plain for leaf in leaves):
                    self._plain = [leaf.field for leaf in leaves]
        if not self._plain:
            return None
        columns = []
        for field in self._plain:
            here = at_places(found[field][0], places)
            if isinstance(here, list):
                column = [value or NULL for value in here] + [NULL] * (count - len(here))
            else:
                column = [here or NULL] * count
            columns.append(column)
        return columns

    def _length(self, found: Sequence[Found], places: Places) -> int:
        """Of the lists that were found here; 1 where there is only a single value."""
        if self._fields is None:
            self._fields = self.element.fields
        lists = 0
        single = False
        listed = False
        for field in self._fields:
            for value in found[field]:
                here = at_places(value, places)
                if isinstance(here, list):
                    listed = True
                    lists = max(lists, len(here))
                elif here is not None:
                    single = True
        return lists if listed else int(single)

    @property
    def fields(self) -> list[int]:
        return self.element.fields


Node = Leaf | Record | Series


def at_places(found: Found, places: Places) -> Found:
    """What was found for an element: its own value, or the single one that all share."""
    for place in places:
        if not isinstance(found, list):
            break
        found = found[place] if place < len(found) else None
    return found


def target_segments(path: Path) -> tuple[Segment, ...]:
    """The segments of a target. Errors: `TargetInvalid`."""
    segments = path.segments
    if segments is None or not segments or not isinstance(segments[0], str):
        raise TargetInvalid(f"the target {path} does not begin with a name")
    if any(isinstance(segment, int) for segment in segments):
        raise TargetInvalid(f"the target {path} names one element of a list; [] stands for all of them")
    return segments


def depth(segments: Sequence[Segment]) -> int:
    """How many lists the segments go through."""
    return sum(isinstance(segment, Each) for segment in segments)


def _grown(node: Node | None, rest: Sequence[Segment], leaf: Leaf) -> Node:
    if not rest:
        if node is not None:
            raise TargetInvalid("another field fills it, or a part of it")
        return leaf
    if isinstance(node, Leaf):
        raise TargetInvalid("another field fills all of it")
    if isinstance(rest[0], Each):
        if isinstance(node, Record):
            raise TargetInvalid("it is an object for another field and a list for this one")
        if node is None:
            return Series(_grown(None, rest[1:], leaf))
        node.element = _grown(node.element, rest[1:], leaf)
        return node
    if isinstance(node, Series):
        raise TargetInvalid("it is a list for another field and an object for this one")
    record = node or Record()
    record.add(rest, leaf)
    return record
