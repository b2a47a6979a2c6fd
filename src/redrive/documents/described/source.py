"""The bytes of a description as a JSON value, with bounds on size, depth and number of values."""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any, Final

import yaml

from redrive.core.jsonvalue import decode
from redrive.documents.described.model import DescriptionInvalid
from redrive.documents.yaml_source import FAST_LOADER

MAX_BYTES: Final = 48 << 20
MAX_DEPTH: Final = 200
MAX_VALUES: Final = 3_000_000
_MAX_DIGITS: Final = 400

_CONSTANTS: Final = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_INT: Final = re.compile(r"[-+]?(0|[1-9][0-9]*)", re.ASCII)
_FLOAT: Final = re.compile(r"[-+]?(\.[0-9]+|[0-9]+\.[0-9]*)([eE][-+]?[0-9]{1,3})?", re.ASCII)


def read(data: bytes, name: str) -> Any:
    """JSON, else YAML. Errors: `description.too_large`, `description.syntax`."""
    if len(data) > MAX_BYTES:
        raise DescriptionInvalid(
            f"{name} has {len(data):,} bytes; a description may have {MAX_BYTES:,}",
            code="description.too_large",
            at=name,
            hint="Take a smaller one: many systems offer one for each of their areas.",
        )
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise _unreadable(name, "it is not UTF-8 text") from None
    if text.lstrip()[:1] in ("{", "["):
        try:
            value = decode(text)
        except ValueError as error:
            as_json = str(error)
        else:
            _bounded(value, name)
            return value
        if text.lstrip().startswith('{"') or text.lstrip()[1:].lstrip().startswith('"'):
            raise _unreadable(name, f"it is not JSON: {as_json}")
    return _Builder(name).run(text)


def _scalar(text: str) -> Any:
    """A plain scalar. What somebody else wrote is taken as meant: 02134 and .inf are texts."""
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    if len(text) <= _MAX_DIGITS:
        if _INT.fullmatch(text):
            return int(text)
        if _FLOAT.fullmatch(text):
            return Decimal(text)
    return text


def _unreadable(name: str, why: str) -> DescriptionInvalid:
    return DescriptionInvalid(
        f"{name} cannot be read as a description: {why}",
        code="description.syntax",
        at=name,
        hint="A description is an OpenAPI 3 document (JSON or YAML) or a Postman collection (JSON).",
    )


def _too_deep(name: str) -> DescriptionInvalid:
    return _unreadable(name, f"it is nested more than {MAX_DEPTH} levels deep")


def _too_many(name: str) -> DescriptionInvalid:
    return _unreadable(name, f"it holds more than {MAX_VALUES:,} values, each use of a YAML alias counted")


def _bounded(value: Any, name: str) -> None:
    level, values = [value], 0
    for _ in range(MAX_DEPTH):
        following: list[Any] = []
        for one in level:
            if isinstance(one, dict):
                following += one.values()
            elif isinstance(one, list):
                following += one
        values += len(following)
        if values > MAX_VALUES:
            raise _too_many(name)
        if not following:
            return
        level = following
    raise _too_deep(name)


class _Builder:
    """Values from the events of a YAML parser; what aliases stand for is shared, and counted in full."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._anchors: dict[str, tuple[Any, int]] = {}
        self._count = 0

    def run(self, text: str) -> Any:
        try:
            events = iter(yaml.parse(text, Loader=FAST_LOADER))
            for event in events:
                if isinstance(event, yaml.DocumentStartEvent):
                    return self._value(next(events), events, 0)
        except yaml.YAMLError as error:
            mark: Any = getattr(error, "problem_mark", None)
            where = f" in line {mark.line + 1}" if mark else ""
            raise _unreadable(
                self._name, f"it is not YAML: {getattr(error, 'problem', error)}{where}"
            ) from None
        raise _unreadable(self._name, "it is empty")

    def _value(self, event: Any, events: Iterator[Any], depth: int) -> Any:
        if depth > MAX_DEPTH:
            raise _too_deep(self._name)
        if isinstance(event, yaml.AliasEvent):
            if event.anchor not in self._anchors:
                raise _unreadable(self._name, f"the alias *{event.anchor} stands before or inside its anchor")
            value, weight = self._anchors[event.anchor]
            self._add(weight)
            return value
        self._add(1)
        before = self._count
        made: Any
        if isinstance(event, yaml.ScalarEvent):
            made = _scalar(event.value) if event.implicit[0] else event.value
        elif isinstance(event, yaml.SequenceStartEvent):
            made = []
            for inner in events:
                if isinstance(inner, yaml.SequenceEndEvent):
                    break
                made.append(self._value(inner, events, depth + 1))
        else:
            made = self._mapping(events, depth)
        if event.anchor is not None:
            self._anchors[event.anchor] = (made, self._count - before + 1)
        return made

    def _mapping(self, events: Iterator[Any], depth: int) -> dict[str, Any]:
        made: dict[str, Any] = {}
        for event in events:
            if isinstance(event, yaml.MappingEndEvent):
                break
            # Names are text as spelt: a status of 200 too.
            self._add(1)
            if not isinstance(event, yaml.ScalarEvent):
                raise _unreadable(self._name, "a name of a mapping is not a text")
            made[event.value] = self._value(next(events), events, depth + 1)
        return made

    def _add(self, values: int) -> None:
        self._count += values
        if self._count > MAX_VALUES:
            raise _too_many(self._name)
