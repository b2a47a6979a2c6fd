"""Reading the parts of a JSON item that a path names, as the bytes or the text that stand there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from redrive.core.items import Item
from redrive.core.jsonvalue import MISSING, decode, encode
from redrive.core.members import elements, members
from redrive.core.paths import Each, Fields, Path, Segment
from redrive.errors import PayloadError

MAX_INDEXED_CHARACTERS: Final = 1_000
MAX_INDEXED_BYTES: Final = 2_000


def unreadable(item: Item, error: Exception) -> PayloadError:
    """The error for an item whose bytes are not what they should be."""
    return PayloadError(
        f"payload {item.payload}, item {item.number}: {error}",
        at=f"/{item.number}",
        hint="Edit the payload, or filter such items out before this step.",
    )


def raw_below(raw: bytes, segments: Sequence[Segment]) -> list[bytes]:
    """The bytes of every value that the segments of a path find in a JSON value, in order.

    Errors: `ValueError` if it is not JSON.
    """
    found = [raw]
    for segment in segments:
        below: list[bytes] = []
        for value in found:
            if isinstance(segment, str):
                if (member := (members(value) or {}).get(segment)) is not None:
                    below.append(bytes(member))
            elif isinstance(segment, Each):
                parts = elements(value)
                if parts is None:
                    parts = list((members(value) or {}).values())
                below += map(bytes, parts)
            else:
                parts = elements(value) or []
                if -len(parts) <= segment < len(parts):
                    below.append(bytes(parts[segment]))
        found = below
    return found


class RawReader:
    """Reads what several paths find in one JSON value, each list on the way only once.

    `paths` are segments, each with the number of lists (`[]`) on the way that are kept apart:
    these give (nested) Python lists with one entry for each element, what further ones find is
    one JSON list. A value is its `bytes`; None stands where nothing is found.
    """

    def __init__(self, paths: Sequence[tuple[Sequence[Segment], int]]) -> None:
        starts: dict[tuple[Segment, ...], int] = {}
        self._plain: list[tuple[int, int]] = []
        self._other: list[tuple[int, int, tuple[Segment, ...]]] = []
        below: dict[int, list[tuple[int, tuple[Segment, ...], int]]] = {}
        for number, (segments, lists) in enumerate(paths):
            length = next((at for at, one in enumerate(segments) if isinstance(one, Each)), len(segments))
            rest = tuple(segments[length:])
            start = starts.setdefault(tuple(segments[:length]), len(starts))
            if not rest:
                self._plain.append((number, start))
            elif lists:
                below.setdefault(start, []).append((number, rest[1:], lists - 1))
            else:
                self._other.append((number, start, rest))
        self._count = len(paths)
        # Each path has its own single value: nothing is to be put in order.
        self._flat = (
            [start for _, start in self._plain] == list(range(len(paths))) == list(range(len(starts)))
        )
        self._fields = Fields([Path.of(start) for start in starts])
        self._lists = [
            (
                start,
                [number for number, _, _ in group],
                RawReader([(rest, lists) for _, rest, lists in group]),
            )
            for start, group in below.items()
        ]

    def read(self, raw: Any) -> list[Any]:
        """What each path finds. Errors: `ValueError` if the value is not JSON."""
        raws = self._fields.read_raw(raw)
        if self._flat:
            return [None if value is MISSING else bytes(value) for value in raws]
        found: list[Any] = [None] * self._count
        for number, start in self._plain:
            value = raws[start]
            if value is not MISSING:
                found[number] = bytes(value)
        for start, numbers, inner in self._lists:
            if (parts := self._parts(raws[start])) is not None:
                rows = [inner.read(part) for part in parts]
                for column, number in enumerate(numbers):
                    found[number] = [row[column] for row in rows]
        for number, start, rest in self._other:
            if self._parts(raws[start]) is not None:
                found[number] = b"[" + b",".join(raw_below(bytes(raws[start]), rest)) + b"]"
        return found

    @staticmethod
    def _parts(raw: Any) -> list[Any] | None:
        """The elements of a list, or the values of an object; None for all else."""
        if raw is MISSING:
            return None
        parts = elements(raw)
        if parts is None and (named := members(raw)):
            return list(named.values())
        return parts


class Elements:
    """Takes what stands at a path out of items: the elements of a list, or the value itself.

    Each part keeps its bytes and the origin of its item. (What only a JSONPath with a filter or a
    descent can find is written anew: its numbers keep their value, not their spelling.)
    """

    def __init__(self, path: Path, *, whole: bool = False) -> None:
        """`whole`: a list is one part, as it stands."""
        self._path = path
        self._whole = whole
        self._fields = Fields([path])

    def of(self, item: Item) -> list[Item]:
        """The parts of one item; none where the path finds nothing. Errors: `payload.invalid`."""
        try:
            parts: list[Item] = []
            for found in self._found(item.raw):
                inside = None if self._whole else elements(found)
                if inside is None:
                    parts.append(item.of(found))
                else:
                    parts += [item.of(bytes(one)) for one in inside]
        except ValueError as error:
            raise unreadable(item, error) from None
        return parts

    def _found(self, raw: bytes) -> list[bytes]:
        if self._path.single:
            (found,) = self._fields.read_raw(raw)
            return [] if found is MISSING else [bytes(found)]
        if self._path.segments is not None:
            return raw_below(raw, self._path.segments)
        return [encode(value) for value in self._path.find(decode(raw))]


def indexable(value: str) -> bool:
    """Whether a value is short enough to be a key of a record: an index of a database holds no more."""
    if len(value) > MAX_INDEXED_CHARACTERS:
        return False
    return len(value) <= MAX_INDEXED_BYTES // 4 or len(value.encode(errors="replace")) <= MAX_INDEXED_BYTES


def spelt(raw: bytes) -> str | None:
    """A JSON value as text: the characters of a string, a number as it is spelt, "" for null.

    None for an object or a list. Delivery keys and tracked values are texts of this kind.
    Errors: `ValueError` if it is not JSON.
    """
    text = raw.strip()
    if text.startswith((b"{", b"[")):
        return None
    if text == b"null":
        return ""
    return str(decode(text)) if text.startswith(b'"') else text.decode()


class TextFields:
    """Reads the values of some paths as texts (see `spelt`)."""

    def __init__(self, paths: Sequence[Path]) -> None:
        self._paths = tuple(paths)
        self._single = Fields([path for path in paths if path.single])
        self._none: tuple[Any, ...] = ()

    def of(self, item: Item) -> list[list[str | None]]:
        """For each path the texts that it finds; the elements of a list one by one.

        Errors: `payload.invalid`.
        """
        try:
            single = iter(self._single.read_raw(item.raw) if self._single.paths else self._none)
            return [self._texts(path, item.raw, single) for path in self._paths]
        except ValueError as error:
            raise unreadable(item, error) from None

    def _texts(self, path: Path, raw: bytes, single: Any) -> list[str | None]:
        if path.single:
            found = next(single)
            values = [] if found is MISSING else [bytes(found)]
        elif path.segments is not None:
            values = raw_below(raw, path.segments)
        else:
            values = [encode(value) for value in path.find(decode(raw))]
        texts: list[str | None] = []
        for value in values:
            inside = elements(value)
            texts += [spelt(bytes(one)) for one in ([value] if inside is None else inside)]
        return texts
