"""Paths to values in JSON documents, and reading only the named fields out of raw bytes.

Two spellings:

- dotted: `customer.email`, `line_items.*.sku`, `items[0].id`, `items[-1]`, `["a.b"].c`.
  A name takes a member of an object, never an element of a list; `[n]` an element of a list
  (negative from the end); `*`, `[*]` and `[]` each element of a list or each value of an object.
  Names that hold `. [ ] { } ( ) | * , ; = < >`, quotes or spaces stand in `["…"]` (JSON escapes) or `['…']`.
- `$…`: RFC 9535 JSONPath; `$` alone is the document itself.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from enum import Enum
from functools import lru_cache
from operator import attrgetter
from typing import Any, Final

import msgspec

from redrive.core.invalid import Invalid, trimmed
from redrive.core.jsonpath import Query
from redrive.core.jsonvalue import MISSING, decode
from redrive.core.members import elements, members


class Each(Enum):
    """The segment that stands for every element or value."""

    EACH = "*"


EACH: Final = Each.EACH
Segment = str | int | Each


class PathInvalid(Invalid):
    """A text that is not a path."""


class Path:
    """A compiled path. Equal paths have equal texts; `str(path)` is the text as it was written.

    `segments`: names, indexes and `EACH`; None for a JSONPath that is more than these.
    `single`: it can find at most one value.
    """

    __slots__ = ("_query", "segments", "single", "text")

    def __init__(self, text: str, segments: tuple[Segment, ...] | None, query: Query | None = None) -> None:
        self.text = text
        self.segments = segments
        self.single = segments is not None and EACH not in segments
        self._query = query

    @staticmethod
    def parse(text: str) -> Path:
        """Errors: `PathInvalid`."""
        return _parse(text)

    @staticmethod
    def of(segments: Sequence[Segment]) -> Path:
        """The path of these segments, spelt in dots."""
        return Path(spell_path(segments), tuple(segments))

    @property
    def roots(self) -> frozenset[str]:
        """The name that it begins with, if it begins with one."""
        names = self.names
        return frozenset(names[:1])

    @property
    def names(self) -> tuple[str, ...]:
        """The names that it begins with, up to the first segment of another kind."""
        if self.segments is None:
            leading = self._query.leading_name if self._query else None
            return () if leading is None else (leading,)
        names: list[str] = []
        for segment in self.segments:
            if not isinstance(segment, str):
                break
            names.append(segment)
        return tuple(names)

    def find(self, value: Any) -> list[Any]:
        """Every value that it finds in a decoded document, in document order."""
        return self.find_below(value, 0)

    def first(self, value: Any) -> Any:
        """The first value that it finds, or MISSING."""
        if self.single:
            return walk(value, self.segments or ())
        found = self.find_below(value, 0)
        return found[0] if found else MISSING

    def value(self, value: Any) -> Any:
        """What it finds: the value if it is `single`, else the list of values; MISSING for none."""
        return self.value_below(value, 0)

    def find_below(self, value: Any, depth: int) -> list[Any]:
        """As `find`, where `value` is what stands at the first `depth` of `names` already."""
        if self.segments is not None:
            return walk_each(value, self.segments[depth:])
        assert self._query is not None
        return self._query.find({self._query.leading_name: value} if depth else value)

    def value_below(self, value: Any, depth: int) -> Any:
        """As `value`, where `value` is what stands at the first `depth` of `names` already."""
        if self.single and self.segments is not None:
            return walk(value, self.segments[depth:])
        return self.find_below(value, depth) or MISSING

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return f"Path({self.text!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Path) and other.text == self.text

    def __hash__(self) -> int:
        return hash(self.text)


# --- spelling ------------------------------------------------------------------------------------

_NAME = re.compile(r"[^\s.\[\]{}()|*,;=<>\"']+")
_BRACKET = re.compile(
    r"""\[\s*(?:(?P<each>\*?)|(?P<index>-?\d{1,9})|(?P<name>"(?:[^"\\]|\\.)*")|'(?P<plain>[^'\\]*)')\s*\]"""
)
_FORM = 'a path such as customer.email, items[0].id, lines.*.sku or ["a.b"]; or $… for JSONPath'


@lru_cache(maxsize=4096)
def _parse(text: str) -> Path:
    if text.startswith("$"):
        query = Query(text)
        if query.steps is None:
            return Path(text, None, query)
        return Path(text, tuple(EACH if step is None else step for step in query.steps))
    if not text.strip():
        raise PathInvalid("the path is empty", expected=f"{_FORM}; $ is the whole value")
    segments, end = scan_path(text, 0)
    if end != len(text):
        raise _wrong(text, end)
    return Path(text, segments)


def scan_path(text: str, start: int) -> tuple[tuple[Segment, ...], int]:
    """The dotted path that begins at `start`, and where it ends. Errors: `PathInvalid`."""
    segments: list[Segment] = []
    at = start
    while True:
        if bracket := _BRACKET.match(text, at):
            segments.append(_bracketed(bracket))
            at = bracket.end()
        else:
            if segments:
                if not text.startswith(".", at):
                    return tuple(segments), at
                at += 1
            if text.startswith("*", at):
                segments.append(EACH)
                at += 1
            elif name := _NAME.match(text, at):
                segments.append(name.group())
                at = name.end()
            else:
                raise _wrong(text, at)


def spell_path(segments: Sequence[Segment]) -> str:
    """The dotted spelling of segments. `scan_path` reads it back."""
    parts: list[str] = []
    for segment in segments:
        if isinstance(segment, int):
            parts.append(f"[{segment}]")
        elif isinstance(segment, Each):
            parts.append(".*" if parts else "*")
        elif _NAME.fullmatch(segment) and (parts or not segment.startswith("$")):
            parts.append(f".{segment}" if parts else segment)
        else:
            parts.append(f"[{msgspec.json.encode(segment).decode()}]")
    return "".join(parts)


def _bracketed(match: re.Match[str]) -> Segment:
    if (index := match["index"]) is not None:
        return int(index)
    if (plain := match["plain"]) is not None:
        return plain
    if (name := match["name"]) is not None:
        try:
            return msgspec.json.decode(name, type=str)
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise PathInvalid(f"the name {name} in the path is not a JSON text", expected=_FORM) from None
    return EACH


def _wrong(text: str, at: int) -> PathInvalid:
    found = f"{text[at]!r} at character {at + 1}" if at < len(text) else "the end"
    return PathInvalid(f"the path {trimmed(text)!r} is not valid: unexpected {found}", expected=_FORM)


# --- walking decoded values ----------------------------------------------------------------------


def child(value: Any, segment: str | int) -> Any:
    """One member or element of a decoded value, or MISSING.

    Raw JSON is decoded on the way; records (`msgspec.Struct`) are read as objects.
    """
    if type(value) is msgspec.Raw:
        value = decode(bytes(value))
    if isinstance(segment, str):
        if isinstance(value, Mapping):
            return value.get(segment, MISSING)
        if isinstance(value, msgspec.Struct) and segment in value.__struct_fields__:
            return getattr(value, segment)
        return MISSING
    if isinstance(value, list | tuple) and -len(value) <= segment < len(value):
        return value[segment]
    return MISSING


def walk(value: Any, segments: Sequence[Segment]) -> Any:
    """The value at names and indexes, or MISSING."""
    for segment in segments:
        if type(value) is dict and type(segment) is str:
            value = value.get(segment, MISSING)
        else:
            assert not isinstance(segment, Each)
            value = child(value, segment)
        if value is MISSING:
            return MISSING
    return value


def walk_each(value: Any, segments: Sequence[Segment]) -> list[Any]:
    """The values at segments, `EACH` among them, in document order."""
    found = [value]
    for segment in segments:
        below: list[Any] = []
        for parent in found:
            if isinstance(segment, Each):
                below += parent if type(parent) is list else _children(parent)
            elif type(parent) is dict and type(segment) is str:
                if segment in parent:
                    below.append(parent[segment])
            elif (one := child(parent, segment)) is not MISSING:
                below.append(one)
        found = below
    return found


def _children(value: Any) -> Sequence[Any]:
    if type(value) is msgspec.Raw:
        value = decode(bytes(value))
    if isinstance(value, list | tuple):
        return value
    return list(value.values()) if isinstance(value, Mapping) else ()


# --- reading raw bytes ---------------------------------------------------------------------------

# Names to the tree below them; None where the value itself is wanted.
_Tree = dict[str, "_Tree | None"]


class Fields:
    """Reads the values of some paths out of the bytes of an item, and decodes nothing else.

    Errors of `read` and `read_raw`: `ValueError` where the bytes are not JSON, or a value that
    is named cannot be decoded. What is wrong inside other values (unpaired surrogates, invalid
    UTF-8, numbers beyond all bounds) does not matter, unless a path looks at the whole item (it
    begins with `*` or an index, or is a JSONPath such as `$..id`). An item that is not what a
    path expects (no object, no list) has nothing there.
    """

    __slots__ = ("_decoded", "_undecoded", "paths")

    def __init__(self, paths: Sequence[Path]) -> None:
        self.paths = tuple(paths)
        self._decoded: _Reader | None = None
        self._undecoded: _Reader | None = None

    def read(self, raw: Any) -> tuple[Any, ...]:
        """The value of each path (a list of values where the path is not `single`), or MISSING."""
        if self._decoded is None:
            self._decoded = _reader(self.paths, Any)
        return self._decoded.read(raw)

    def read_raw(self, raw: Any) -> tuple[Any, ...]:
        """The bytes of each path's value as they stand (`msgspec.Raw`), or MISSING.

        Errors: also `ValueError` if a path is not `single`.
        """
        if self._undecoded is None:
            for path in self.paths:
                if not path.single:
                    raise ValueError(f"the path {path} may find several values; it has no bytes of its own")
            self._undecoded = _reader(self.paths, msgspec.Raw)
        return self._undecoded.read(raw)


class _Reader:
    """One decoder for the fields that the paths begin with; what follows them is walked."""

    __slots__ = ("_attributes", "_decode", "_finish", "_get", "_leaf", "_rests", "_starts", "_tree")

    def __init__(self, paths: tuple[Path, ...], leaf: Any) -> None:
        self._leaf = leaf
        wanted = {decodable(path.names) for path in paths}
        starts = {names: _shortest(names, wanted) for names in wanted}
        # Of `a` and `a.b` only `a` is decoded: `b` is walked to from there.
        self._starts = [starts[decodable(path.names)] for path in paths]
        self._rests = [
            None if path.segments is not None and len(start) == len(path.segments) else path
            for path, start in zip(paths, self._starts, strict=True)
        ]
        self._finish = any(rest is not None for rest in self._rests)
        self._tree: _Tree | None = _tree(set(self._starts))
        self._decode = msgspec.json.Decoder(_record_type(self._tree, leaf), float_hook=Decimal).decode
        self._attributes = [attrgetter(_attribute(self._tree, start)) for start in self._starts if start]
        self._get = (
            attrgetter(*(_attribute(self._tree, start) for start in self._starts))
            if self._tree and len(paths) > 1
            else None
        )

    def read(self, raw: Any) -> tuple[Any, ...]:
        try:
            record = self._decode(raw)
        except (ValueError, ArithmeticError, RecursionError):
            return self._read_carefully(raw)
        if self._get is not None:
            try:
                values = self._get(record)
            except AttributeError:  # an object on the way is null or not there
                values = tuple(_attribute_or_missing(get, record) for get in self._attributes)
        elif self._tree is None:
            values = (record,) * len(self._starts)
        else:
            values = tuple(_attribute_or_missing(get, record) for get in self._attributes)
        return self._rest(values) if self._finish else values

    def _rest(self, values: Sequence[Any]) -> tuple[Any, ...]:
        return tuple(
            value if rest is None or value is MISSING else self._below(rest, value, len(start))
            for value, rest, start in zip(values, self._rests, self._starts, strict=True)
        )

    def _below(self, path: Path, value: Any, depth: int) -> Any:
        if self._leaf is Any:
            return path.value_below(value, depth)
        for segment in (path.segments or ())[depth:]:
            if isinstance(segment, str):
                value = (members(value) or {}).get(segment, MISSING)
            else:
                assert isinstance(segment, int)
                parts = elements(value) or ()
                value = parts[segment] if -len(parts) <= segment < len(parts) else MISSING
            if value is MISSING:
                return MISSING
        return msgspec.Raw(value)

    def _read_carefully(self, raw: Any) -> tuple[Any, ...]:
        """Member by member: for items of another form than expected, and for texts that are not sound."""
        found: dict[tuple[str, ...], Any] = {}
        self._collect(self._tree, raw, (), found)
        values = []
        for start in self._starts:
            value = found.get(start, MISSING)
            values.append(value if value is MISSING else self._leaf_value(value, start))
        return self._rest(values)

    def _leaf_value(self, raw: Any, start: tuple[str, ...]) -> Any:
        if self._leaf is not Any:
            return msgspec.Raw(raw)
        try:
            return decode(bytes(raw))
        except ArithmeticError:
            reason = "a number is beyond all bounds"
        except ValueError as error:
            # What msgspec says of these ("truncated") would send the reader the wrong way.
            halves = _SURROGATE.search(bytes(raw))
            reason = "a text holds half of a character (an unpaired surrogate)" if halves else str(error)
        name = spell_path(start)
        raise ValueError(f"{name}: {reason}" if name else f"not readable as JSON: {reason}") from None

    def _collect(
        self, tree: _Tree | None, raw: Any, at: tuple[str, ...], found: dict[tuple[str, ...], Any]
    ) -> None:
        if tree is None:
            found[at] = raw
            return
        parts = members(raw)
        if parts is None:
            return
        for name, below in tree.items():
            if name in parts:
                self._collect(below, parts[name], (*at, name), found)


# The fields of a step's settings are made for each payload; their record types are not.
_reader = lru_cache(maxsize=1024)(_Reader)

_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
_UNDECODABLE = re.compile(r'[\x00-\x1f"\\\ud800-\udfff]')


def decodable(names: tuple[str, ...]) -> tuple[str, ...]:
    """The first of `names` that can be fields of a msgspec record."""
    for count, name in enumerate(names):
        if _UNDECODABLE.search(name):
            return names[:count]
    return names


def _shortest(names: tuple[str, ...], wanted: set[tuple[str, ...]]) -> tuple[str, ...]:
    return next(names[:count] for count in range(len(names) + 1) if names[:count] in wanted)


def _tree(starts: set[tuple[str, ...]]) -> _Tree | None:
    if starts == {()}:
        return None
    tree: _Tree = {}
    for start in sorted(starts):
        node = tree
        for name in start[:-1]:
            below = node.setdefault(name, {})
            assert below is not None
            node = below
        node[start[-1]] = None
    return tree


def _record_type(tree: _Tree | None, leaf: Any) -> Any:
    if tree is None:
        return leaf
    fields: list[tuple[str, Any, Any]] = []
    for number, below in enumerate(tree.values()):
        kind = _record_type(below, leaf)
        fields.append((f"f{number}", kind, MISSING) if below is None else (f"f{number}", kind | None, None))
    rename = {f"f{number}": name for number, name in enumerate(tree)}
    return msgspec.defstruct("Named", fields, rename=rename, frozen=True, gc=False)


def _attribute(tree: _Tree | None, names: tuple[str, ...]) -> str:
    parts: list[str] = []
    for name in names:
        assert tree is not None
        parts.append(f"f{list(tree).index(name)}")
        tree = tree[name]
    return ".".join(parts)


def _attribute_or_missing(get: Any, record: Any) -> Any:
    try:
        return get(record)
    except AttributeError:
        return MISSING


__all__ = [
    "EACH",
    "MISSING",
    "Each",
    "Fields",
    "Path",
    "PathInvalid",
    "Segment",
    "child",
    "scan_path",
    "spell_path",
    "walk",
    "walk_each",
]
