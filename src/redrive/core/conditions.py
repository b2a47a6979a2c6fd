"""Conditions on items: what filters, routes, asserts and response rules decide by.

    {field: total, gt: 100}
    {all: [{field: tags, contains: vip}, {any: [...]}, {not: {field: email, exists: true}}]}

An object is either `all`, `any` or `not`, or a comparison: `field` (a path, or a template such as
`{{ vars.country }}`) and one or more operators, which must all hold. Values may be templates.

- A field that is missing makes every comparison false, except `exists: false`; under `not` the
  result is turned round. Null is a value: it exists, and it `is: null`.
- A path that may find several values (`line_items.*.sku`) holds if one of them does; with `is_not`
  and `not_in`, if all do.
- `is`: numbers by value (5 is 5.0), a text and a number by spelling ("5" is 5, "005" is not).
- `gt gte lt lte`: where the value is a number (or a text that spells one) the field must be one
  too, and they are compared exactly; else as dates, if the value is an ISO 8601 date; else as texts,
  by code point.
- `in`, `not_in`: a list, or a text with commas. `contains`: an element of a list, or a part of a text.
- `contains starts ends matches` see numbers, true and false as they are spelt. `matches` is a
  regular expression that may be found anywhere in the text; those that may take for ever are refused
  (see `core.patterns`).
- `before after within`: ISO 8601 dates; without an offset they are UTC, a day is its midnight.
  Besides a date: `{ago: {days: 2}}`, `{in: {hours: 3}}`, counted from the run's clock; units seconds
  minutes hours days weeks, several add up. `within: {last: {days: 7}}`, `{next: {hours: 3}}` or
  `{from: …, to: …}`:
  both ends are included, and a `to` that is a day includes that whole day.
- A value whose template gives null is met by `is` and `in` as null, and never by an order or a date.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import msgspec

from redrive.core.compare import as_text
from redrive.core.invalid import Invalid, kind_of, trimmed
from redrive.core.jsonvalue import MISSING, decode
from redrive.core.nearest import nearest
from redrive.core.operators import MEANT, OPERATORS, Operator, Test, as_exists, is_relative
from redrive.core.paths import Fields, Path, PathInvalid
from redrive.core.template import (
    FLOW_ROOTS,
    Scope,
    Template,
    Templated,
    TemplateInvalid,
    TemplateMissing,
    compile_value,
)

DEEPEST: Final = 32
_GROUPS: Final = ("all", "any", "not")
_FORM: Final = "{field: …, is: …}, {all: [...]}, {any: [...]} or {not: …}"
_NO_SCOPE: Final[Scope] = {}
# Any instant does: it only shows whether the value can be read at all.
_TRIAL: Final = datetime.fromisoformat("2000-01-01T00:00:00+00:00")


class ConditionInvalid(Invalid):
    """A document that is not a condition. `setting` is the dotted place in it (`all[0].gt`)."""


class Compared(msgspec.Struct, frozen=True):
    """One comparison as it came out: for the diff of an assert and for previews.

    kind: what the field was (`text`, `a number`, `missing`, …). actual: the value itself, trimmed,
    where it is a single one; "" for lists, objects and what is missing.
    """

    field: str
    operator: str
    expected: str
    kind: str
    actual: str
    held: bool


class Condition:
    """A compiled condition.

    `paths`: the fields that it reads from the item; `roots`: the template roots that it needs.
    """

    __slots__ = ("_fields", "_node", "paths", "roots", "source")

    def __init__(self, source: Any, node: _Node, paths: tuple[Path, ...], roots: frozenset[str]) -> None:
        self.source = source
        self.paths = paths
        self.roots = roots
        self._node = node
        self._fields = Fields(paths)

    @staticmethod
    def parse(document: Any, roots: tuple[str, ...] = FLOW_ROOTS) -> Condition:
        """Errors: `ConditionInvalid`."""
        parser = _Parser(roots)
        node = parser.node(document, "", 1)
        return Condition(document, node, tuple(parser.paths), frozenset(parser.read))

    def test(self, raw: Any, scope: Scope = _NO_SCOPE) -> bool:
        """Whether it holds for the bytes of an item.

        Errors: `ValueError` (the bytes are not JSON; a template gives a value that the operator
        cannot take), `TemplateMissing` (a template of a value finds nothing).
        """
        return self._node.holds(self._fields.read(raw), scope)

    def explain(self, raw: Any, scope: Scope = _NO_SCOPE) -> list[Compared]:
        """Every comparison that stands in it, in order, and how it came out. Errors: as `test`."""
        found: list[Compared] = []
        self._node.explain(self._fields.read(raw), scope, found)
        return found

    def __repr__(self) -> str:
        return f"Condition({trimmed(repr(self.source))})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Condition) and other.source == self.source

    def __hash__(self) -> int:
        return hash(repr(self.source))


class _Node:
    def holds(self, values: tuple[Any, ...], scope: Scope) -> bool:
        raise NotImplementedError

    def explain(self, values: tuple[Any, ...], scope: Scope, found: list[Compared]) -> None:
        raise NotImplementedError


class _All(_Node):
    def __init__(self, parts: list[_Node]) -> None:
        self._parts = parts

    def holds(self, values: tuple[Any, ...], scope: Scope) -> bool:
        return all(part.holds(values, scope) for part in self._parts)

    def explain(self, values: tuple[Any, ...], scope: Scope, found: list[Compared]) -> None:
        for part in self._parts:
            part.explain(values, scope, found)


class _Any(_All):
    def holds(self, values: tuple[Any, ...], scope: Scope) -> bool:
        return any(part.holds(values, scope) for part in self._parts)


class _Not(_Node):
    def __init__(self, part: _Node) -> None:
        self._part = part

    def holds(self, values: tuple[Any, ...], scope: Scope) -> bool:
        return not self._part.holds(values, scope)

    def explain(self, values: tuple[Any, ...], scope: Scope, found: list[Compared]) -> None:
        self._part.explain(values, scope, found)


class _Field:
    """Where the value to compare comes from: one of the paths, or a template."""

    def __init__(self, text: str, position: int, single: bool, template: Template | None) -> None:
        self.text = text
        self._position = position
        self._single = single
        self._template = template

    def found(self, values: tuple[Any, ...], scope: Scope) -> list[Any] | tuple[Any, ...]:
        if self._template is None:
            value = values[self._position]
            if value is MISSING:
                return ()
            return (value,) if self._single else value
        try:
            value = self._template.render(scope)
        except TemplateMissing:
            return ()
        return (_plain(value),)


def _plain(value: Any) -> Any:
    if isinstance(value, msgspec.Raw):
        return decode(bytes(value))
    return value


class _Comparison(_Node):
    """One operator on one field."""

    def __init__(self, field: _Field, operator: Operator, expected: Templated, place: str) -> None:
        self._field = field
        self._operator = operator
        self._expected = expected
        self._place = place
        self._relative = operator.name in ("before", "after", "within") and is_relative(expected.source)
        self._every = operator.every
        self._is_exists = operator.name == "exists"
        self._constant: Test | None = None
        if expected.constant:
            test = operator.prepare(expected.render(_NO_SCOPE), _TRIAL)
            self._constant = None if self._relative else test
        # The latest test made for a value that is not constant, with what it was made from.
        self._latest: tuple[Any, Any, Test] | None = None

    @property
    def relative(self) -> bool:
        return self._relative

    def holds(self, values: tuple[Any, ...], scope: Scope) -> bool:
        found = self._field.found(values, scope)
        if self._is_exists:
            return as_exists(self._expected.render(scope)) is bool(found)
        if not found:
            return False
        test = self._constant or self._prepared(scope)
        if self._every:
            return all(map(test, found))
        return any(map(test, found))

    def explain(self, values: tuple[Any, ...], scope: Scope, found: list[Compared]) -> None:
        actual = self._field.found(values, scope)
        one = actual[0] if len(actual) == 1 else MISSING
        found.append(
            Compared(
                field=self._field.text,
                operator=self._operator.name,
                expected=trimmed(_shown(self._expected.render(scope))),
                kind=kind_of(one) if len(actual) < 2 else f"{len(actual)} values",
                actual=trimmed(as_text(one) or ""),
                held=self.holds(values, scope),
            )
        )

    def _prepared(self, scope: Scope) -> Test:
        expected = self._expected.render(scope)
        now = scope.get("now") if self._relative else None
        latest = self._latest
        if latest is not None and latest[0] is expected and latest[1] is now:
            return latest[2]
        try:
            test = self._operator.prepare(_plain(expected), now)
        except Invalid as error:
            raise ValueError(f"the condition {self._field.text} {self._operator.name}: {error}") from None
        self._latest = (expected, now, test)
        return test


def _shown(value: Any) -> str:
    return value if isinstance(value, str) else compact(value)


def compact(value: Any) -> str:
    """Compact JSON of any value that a condition or template holds."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{name}: {compact(one)}" for name, one in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(compact(one) for one in value) + "]"
    return "null" if value is None else as_text(value) or kind_of(value)


class _Parser:
    """Compiles a document and gathers the paths and roots that it reads."""

    def __init__(self, roots: tuple[str, ...]) -> None:
        self._roots = roots
        self._positions: dict[Path, int] = {}
        self.read: set[str] = set()

    @property
    def paths(self) -> list[Path]:
        return list(self._positions)

    def node(self, document: Any, place: str, depth: int) -> _Node:
        if depth > DEEPEST:
            raise ConditionInvalid(
                f"more than {DEEPEST} levels", setting=place, expected="a flatter condition"
            )
        if not isinstance(document, Mapping):
            raise ConditionInvalid(f"{kind_of(document)} is not a condition", setting=place, expected=_FORM)
        groups = [name for name in _GROUPS if name in document]
        if not groups:
            return self._comparison(document, place)
        if len(document) > 1:
            others = ", ".join(str(name) for name in document if name != groups[0])
            raise ConditionInvalid(
                f"{groups[0]!r} stands beside {others}",
                setting=place,
                expected="one of them; put several conditions into all: [...]",
            )
        name = groups[0]
        below = _below(place, name)
        if name == "not":
            return _Not(self.node(document["not"], below, depth + 1))
        parts = document[name]
        if not isinstance(parts, list | tuple):
            raise ConditionInvalid(
                f"{kind_of(parts)} is not a list", setting=below, expected="a list of conditions"
            )
        if not parts:
            raise ConditionInvalid("the list is empty", setting=below, expected="at least one condition")
        nodes = [self.node(part, f"{below}[{number}]", depth + 1) for number, part in enumerate(parts)]
        return _All(nodes) if name == "all" else _Any(nodes)

    def _comparison(self, document: Mapping[Any, Any], place: str) -> _Node:
        for name in document:
            if name != "field" and name not in OPERATORS:
                raise self._unknown(str(name), place)
        if "field" not in document:
            raise ConditionInvalid("the condition names no field", setting=place, expected=_FORM)
        field = self._field(document["field"], _below(place, "field"))
        nodes: list[_Node] = [
            self._operator(field, OPERATORS[name], value, _below(place, name))
            for name, value in document.items()
            if name != "field"
        ]
        if not nodes:
            raise ConditionInvalid(
                f"the field {trimmed(field.text)!r} is compared with nothing",
                setting=place,
                expected=f"an operator: {' '.join(OPERATORS)}",
            )
        return nodes[0] if len(nodes) == 1 else _All(nodes)

    def _unknown(self, name: str, place: str) -> ConditionInvalid:
        known = ("field", *_GROUPS, *OPERATORS)
        return ConditionInvalid(
            f"unknown operator {trimmed(name)!r}",
            setting=_below(place, name),
            expected=f"one of {' '.join(OPERATORS)}",
            nearest=MEANT.get(name.casefold()) or nearest(name, known),
        )

    def _field(self, text: Any, place: str) -> _Field:
        if not isinstance(text, str):
            raise ConditionInvalid(
                f"{kind_of(text)} is not a field", setting=place, expected="a path such as customer.email"
            )
        try:
            if "{{" in text:
                template = Template.parse(text, self._roots)
                self.read |= template.roots
                return _Field(text, -1, single=True, template=template)
            path = Path.parse(text)
        except (TemplateInvalid, PathInvalid) as error:
            raise _moved(error, place) from None
        position = self._positions.setdefault(path, len(self._positions))
        return _Field(text, position, path.single, None)

    def _operator(self, field: _Field, operator: Operator, value: Any, place: str) -> _Node:
        try:
            expected = compile_value(value, self._roots)
            comparison = _Comparison(field, operator, expected, place)
        except Invalid as error:
            raise _moved(error, place) from None
        self.read |= expected.roots
        if comparison.relative:
            self.read.add("now")
        return comparison


def _moved(error: Invalid, place: str) -> ConditionInvalid:
    return ConditionInvalid(
        error.title, setting=_below(place, error.setting), expected=error.expected, nearest=error.nearest
    )


def _below(place: str, name: str) -> str:
    if not place or not name:
        return place or name
    return f"{place}{name}" if name.startswith("[") else f"{place}.{name}"
