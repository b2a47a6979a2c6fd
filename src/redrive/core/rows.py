"""Reads what stands at plain paths of a JSON value, and of the objects in its lists, by one decode."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import Any, Final

import msgspec

from redrive.core.paths import decodable

NULL: Final = b"null"

Names = tuple[str, ...]
"""The names that lead to a value, from object to object."""

# Names to what stands below them: None where the value is wanted.
_Tree = dict[str, "_Tree | _List | None"]


class _List:
    """A list of objects, of which some values are wanted."""

    def __init__(self, below: Sequence[Names]) -> None:
        self.tree: _Tree = {}
        for names in below:
            _plant(self.tree, names, None)
        self.paths = below


class Rows:
    """For values of the form that most have; those of another form give None, and are read in another way.

    `paths`: of single values, and of lists of objects with the paths below them.
    """

    __slots__ = ("_decode", "_each", "_get", "cells")

    def __init__(self, paths: Sequence[tuple[Names, Sequence[Names] | None]]) -> None:
        """Errors: `ValueError` where a path leads through a value that another one wants."""
        tree: _Tree = {}
        for names, below in paths:
            _plant(tree, names, None if below is None else _List(below))
        self._decode = msgspec.json.Decoder(_record_type(tree)).decode
        self._each = [
            (attrgetter(_attribute(tree, names)), NULL if below is None else None) for names, below in paths
        ]
        self._get: Callable[[Any], Any] | None = (
            attrgetter(*(_attribute(tree, names) for names, _ in paths)) if len(paths) > 1 else None
        )
        self.cells = [None if below is None else _cells(tree, names) for names, below in paths]
        """For each list: what gives the values of one of its objects, one as it is, several as a tuple.
        It raises `AttributeError` for an object of another form.
        """

    def read(self, raw: bytes) -> Sequence[Any] | None:
        """The bytes of each value (null where there is none); of a list its objects (None: no list)."""
        try:
            record = self._decode(raw)
        except (ValueError, RecursionError):  # of another form; or whoever reads it otherwise says what it is
            return None
        if self._get is not None:
            try:
                found: tuple[Any, ...] = self._get(record)
            except AttributeError:  # an object on the way is null
                pass
            else:
                return found
        return [_get_or(nothing, get, record) for get, nothing in self._each]


def _get_or(nothing: bytes | None, get: Callable[[Any], Any], record: Any) -> Any:
    try:
        return get(record)
    except AttributeError:
        return nothing


def _plant(tree: _Tree, names: Names, what: _List | None) -> None:
    if not names or decodable(names) != names:
        raise ValueError("not a path of names")
    for name in names[:-1]:
        below = tree.setdefault(name, {})
        if not isinstance(below, dict):
            raise ValueError("another path wants the whole value")
        tree = below
    if tree.setdefault(names[-1], what) is not what:
        raise ValueError("another path wants something else there")


def _record_type(tree: _Tree) -> Any:
    fields: list[tuple[str, Any, Any]] = []
    for number, below in enumerate(tree.values()):
        name = f"f{number}"
        if below is None:
            fields.append((name, msgspec.Raw, NULL))
        elif isinstance(below, _List):
            fields.append((name, list[_record_type(below.tree)] | None, None))  # type: ignore[misc]
        else:
            fields.append((name, _record_type(below) | None, None))
    rename = {f"f{number}": name for number, name in enumerate(tree)}
    return msgspec.defstruct("Row", fields, rename=rename, frozen=True, gc=False)


def _cells(tree: _Tree, names: Names) -> Callable[[Any], Any]:
    below: Any = tree
    for name in names:
        below = below[name]
    return attrgetter(*(_attribute(below.tree, inner) for inner in below.paths))


def _attribute(tree: _Tree, names: Names) -> str:
    parts: list[str] = []
    below: Any = tree
    for name in names:
        parts.append(f"f{list(below).index(name)}")
        below = below[name]
    return ".".join(parts)
