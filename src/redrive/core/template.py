r"""Templates: `{{ … }}` in the settings of steps, connectors and connections.

Inside the braces stands one of

- a path that begins with a root: `{{ payload.customer.email }}`, `{{ vars.order_id }}`;
- `now`, or `now` with an offset: `{{ now - 2 days }}` (seconds minutes hours days weeks);

and after it, if wanted, `| default(x)`: x is a JSON value, a text in single quotes, or again a path
or `now ± …`, and stands in where the path finds nothing or null. Nothing else is possible.

A value that is one template and nothing else keeps its type: number, list, object, null, date.
Within a longer text, values are spelt as in JSON, texts without quotes: numbers exactly, `true` and
`false`, null as the empty text, lists and objects as compact JSON, dates as `2026-05-04T10:00:00Z`.
A path that may find several values (`payload.*.id`) gives the list of them.

`\{{` is the two characters `{{`; `\\{{` is one backslash and then a template.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec

from redrive.core.dates import UNITS, as_offset, spell_instant
from redrive.core.invalid import Invalid, trimmed
from redrive.core.jsonvalue import MISSING, decode, encode
from redrive.core.nearest import nearest
from redrive.core.paths import Each, PathInvalid, Segment, scan_path, walk, walk_each

FLOW_ROOTS: Final = ("payload", "item", "meta", "vars", "run", "now", "last_success")
CONNECTOR_ROOTS: Final = (*FLOW_ROOTS, "with", "connection", "response", "page")
SIGNING_ROOTS: Final = ("connection", "request", "signature")

Scope = Mapping[str, Any]
"""Root -> value. It may compute a value when it is asked for; a root it lacks finds nothing."""


class Lenient(Mapping[str, Any]):
    """A scope in which a path that finds nothing gives null (`missing: empty`)."""

    __slots__ = ("_scope",)

    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    def __getitem__(self, root: str) -> Any:
        return self._scope.get(root)

    def __iter__(self) -> Iterator[str]:
        return iter(self._scope)

    def __len__(self) -> int:
        return len(self._scope)


class TemplateInvalid(Invalid):
    """A text with `{{ … }}` that is not a template."""


class TemplateMissing(Exception):
    """A path of a template found nothing and has no default. The caller decides what follows."""

    def __init__(self, path: str) -> None:
        super().__init__(f"the template {{{{ {path} }}}} finds nothing")
        self.path = path


class Templated:
    """A compiled JSON value whose texts may be templates.

    `roots`: the roots that it reads; `constant`: it reads none, so `render({})` is always the
    same; `source`: what it was compiled from.
    """

    __slots__ = ("_render", "constant", "roots", "source")

    def __init__(self, source: Any, roots: frozenset[str], render: Callable[[Scope], Any] | None) -> None:
        self.source = source
        self.roots = roots
        self.constant = not roots
        self._render = render

    @property
    def untouched(self) -> bool:
        """Whether `render` gives `source` itself, whatever the scope."""
        return self._render is None

    def render(self, scope: Scope) -> Any:
        """The value with its templates filled in. Errors: `TemplateMissing`."""
        return self.source if self._render is None else self._render(scope)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({trimmed(repr(self.source))})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Templated) and other.source == self.source

    def __hash__(self) -> int:
        return hash(repr(self.source))


class Template(Templated):
    """A compiled text. `whole`: it is one template and nothing else, so it keeps the value's type."""

    __slots__ = ("whole",)

    whole: bool

    @staticmethod
    def parse(text: str, roots: tuple[str, ...] = FLOW_ROOTS) -> Template:
        """Errors: `TemplateInvalid`."""
        parts = _parts(text, roots)
        operands = [part for part in parts if isinstance(part, _Operand)]
        read = frozenset(name for operand in operands for name in operand.roots)
        if not operands:
            literal = "".join(part for part in parts if isinstance(part, str))
            template = Template(text, read, None if literal == text else lambda _scope: literal)
            template.whole = False
            return template
        template = Template(text, read, operands[0].value if len(parts) == 1 else _joined(parts))
        template.whole = len(parts) == 1
        return template


def compile_value(value: Any, roots: tuple[str, ...] = FLOW_ROOTS) -> Templated:
    """Compile any JSON value; texts in lists and in the values of objects may be templates.

    The keys of objects are taken as they stand. Errors: `TemplateInvalid`; its `setting` is the
    dotted place in `value`.
    """
    if isinstance(value, str):
        return Template.parse(value, roots)
    if isinstance(value, list | tuple):
        each = [_placed(f"[{number}]", one, roots) for number, one in enumerate(value)]
        if all(one.untouched for one in each):
            return Templated(value, frozenset(), None)
        return Templated(value, _union(each), lambda scope: [one.render(scope) for one in each])
    if isinstance(value, Mapping):
        named = {key: _placed(str(key), one, roots) for key, one in value.items()}
        if all(one.untouched for one in named.values()):
            return Templated(value, frozenset(), None)
        return Templated(
            value,
            _union(named.values()),
            lambda scope: {key: one.render(scope) for key, one in named.items()},
        )
    return Templated(value, frozenset(), None)


def spell(value: Any) -> str:
    """A value as it stands within a text: as in JSON, texts without quotes, null as nothing."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return spell_instant(value)
    if isinstance(value, msgspec.Raw):
        raw = bytes(value)
        if raw[:1] == b'"':
            return str(decode(raw))
        return "" if raw == b"null" else raw.decode()
    return encode(value).decode()


def _placed(place: str, value: Any, roots: tuple[str, ...]) -> Templated:
    try:
        return compile_value(value, roots)
    except TemplateInvalid as error:
        below = error.setting
        separator = "." if below and not below.startswith("[") else ""
        error.setting = f"{place}{separator}{below}"
        raise


def _union(parts: Any) -> frozenset[str]:
    return frozenset(name for part in parts for name in part.roots)


def _joined(parts: list[str | _Operand]) -> Callable[[Scope], str]:
    def render(scope: Scope) -> str:
        return "".join(part if isinstance(part, str) else spell(part.value(scope)) for part in parts)

    return render


# --- operands ------------------------------------------------------------------------------------


class _Operand:
    """What stands between the braces."""

    roots: frozenset[str] = frozenset()

    def value(self, scope: Scope) -> Any:
        """Errors: `TemplateMissing`."""
        raise NotImplementedError


class _Literal(_Operand):
    def __init__(self, value: Any) -> None:
        self._value = value

    def value(self, scope: Scope) -> Any:
        return self._value


class _Lookup(_Operand):
    def __init__(self, text: str, root: str, segments: tuple[Segment, ...]) -> None:
        self._text = text
        self._root = root
        self._segments = segments
        self._single = not any(isinstance(segment, Each) for segment in segments)
        self.roots = frozenset((root,))

    def value(self, scope: Scope) -> Any:
        try:
            value = scope[self._root]
        except KeyError:
            raise TemplateMissing(self._text) from None
        if self._segments:
            if self._single:
                value = walk(value, self._segments)
            else:
                value = walk_each(value, self._segments) or MISSING
        if value is MISSING:
            if isinstance(scope, Lenient):
                return None
            raise TemplateMissing(self._text)
        return value


class _Clock(_Operand):
    roots = frozenset(("now",))

    def __init__(self, offset: timedelta) -> None:
        self._offset = offset

    def value(self, scope: Scope) -> Any:
        try:
            return scope["now"] + self._offset
        except KeyError:
            raise TemplateMissing("now") from None
        except OverflowError:
            raise ValueError("a date in a template lies outside the years 1 to 9999") from None


class _Default(_Operand):
    def __init__(self, wanted: _Operand, otherwise: _Operand) -> None:
        self._wanted = wanted
        self._otherwise = otherwise
        self.roots = wanted.roots | otherwise.roots

    def value(self, scope: Scope) -> Any:
        try:
            value = self._wanted.value(scope)
        except TemplateMissing:
            return self._otherwise.value(scope)
        if value is None or (isinstance(value, msgspec.Raw) and bytes(value) == b"null"):
            return self._otherwise.value(scope)
        return value


# --- parsing -------------------------------------------------------------------------------------

_OPEN = re.compile(r"(\\*)\{\{")
_SPACE = re.compile(r"\s*")
_OFFSET = re.compile(r"now\s*([+-])\s*(\d{1,9})\s*([A-Za-z]+)")
_DEFAULT = re.compile(r"\|\s*default\s*\(")
_FILTER = re.compile(r"\|\s*([\w-]*)")
_QUOTED = re.compile(r"""'(?P<plain>[^'\\]*)'|(?P<json>"(?:[^"\\]|\\.)*")""")
_SCALAR = re.compile(r"-?\d[\d.eE+-]*|true\b|false\b|null\b")
_FORM = "a path such as payload.id, now - 2 days, or either with | default(x)"


def _parts(text: str, roots: tuple[str, ...]) -> list[str | _Operand]:
    """Literal texts and operands, in order; no literal is empty."""
    parts: list[str | _Operand] = []
    at = 0
    literal = ""
    while match := _OPEN.search(text, at):
        backslashes = match[1]
        literal += text[at : match.start()] + "\\" * (len(backslashes) // 2)
        if len(backslashes) % 2:
            literal += "{{"
            at = match.end()
            continue
        if literal:
            parts.append(literal)
            literal = ""
        operand, at = _Parser(text, match.end(), roots).inside()
        parts.append(operand)
    literal += text[at:]
    if literal:
        parts.append(literal)
    return parts


class _Parser:
    """Reads one `{{ … }}`; `at` stands behind the opening braces."""

    def __init__(self, text: str, at: int, roots: tuple[str, ...]) -> None:
        self.text = text
        self.start = at
        self.at = at
        self.roots = roots

    def inside(self) -> tuple[_Operand, int]:
        self._space()
        if self.text.startswith("}}", self.at):
            raise self._invalid("is empty", expected=_FORM)
        operand = self._operand()
        self._space()
        if default := _DEFAULT.match(self.text, self.at):
            self.at = default.end()
            self._space()
            operand = _Default(operand, self._default())
            self._space()
            if not self.text.startswith(")", self.at):
                raise self._invalid(
                    "has a default(…) that is not closed", expected="one value in the brackets"
                )
            self.at += 1
            self._space()
        if not self.text.startswith("}}", self.at):
            raise self._trailing()
        return operand, self.at + 2

    def _trailing(self) -> TemplateInvalid:
        if self.at >= len(self.text):
            return self._invalid("is not closed", expected=r"}} at its end; a literal {{ is written \{{")
        if unknown := _FILTER.match(self.text, self.at):
            name = unknown[1]
            if name == "default":
                return self._invalid("has a default without a value, or two", expected="| default(x), once")
            return self._invalid(f"uses {name!r} after |", expected="default(x); nothing else is possible")
        return self._invalid(f"has {self.text[self.at]!r} where it should end", expected=_FORM)

    def _operand(self) -> _Operand:
        if offset := _OFFSET.match(self.text, self.at):
            unit = offset[3].lower()
            if unit not in UNITS:
                raise self._invalid(
                    f"uses the unit {offset[3]!r}",
                    expected="seconds, minutes, hours, days or weeks",
                    near=nearest(unit, UNITS),
                )
            self.at = offset.end()
            try:
                distance = as_offset({unit: int(offset[2])})
            except ValueError as error:
                raise self._invalid(f"counts too far: {error}", expected="a smaller number") from None
            return _Clock(distance if offset[1] == "+" else -distance)
        begin = self.at
        try:
            segments, self.at = scan_path(self.text, self.at)
        except PathInvalid:
            raise self._invalid("does not hold a path", expected=_FORM) from None
        path = self.text[begin : self.at]
        root = segments[0]
        if root not in self.roots or not isinstance(root, str):
            raise self._unknown(path, root)
        if root == "now" and len(segments) > 1:
            raise self._invalid(f"reads {path!r}; now has no fields", expected="now, or now - 2 days")
        return _Lookup(path, root, segments[1:])

    def _default(self) -> _Operand:
        if quoted := _QUOTED.match(self.text, self.at):
            self.at = quoted.end()
            return _Literal(quoted["plain"] if quoted["plain"] is not None else self._json(quoted["json"]))
        if self.text[self.at : self.at + 1] in ("[", "{"):
            return self._container()
        if scalar := _SCALAR.match(self.text, self.at):
            self.at = scalar.end()
            return _Literal(self._json(scalar.group()))
        return self._operand()

    def _container(self) -> _Operand:
        begin, depth = self.at, 0
        pieces = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{}]')
        for piece in pieces.finditer(self.text, begin):
            depth += {"[": 1, "{": 1, "]": -1, "}": -1}.get(piece.group(), 0)
            if depth == 0:
                self.at = piece.end()
                return _Literal(self._json(self.text[begin : self.at]))
        raise self._invalid("has a default(…) that is not closed", expected="a JSON value in the brackets")

    def _json(self, text: str) -> Any:
        try:
            return decode(text)
        except (ValueError, ArithmeticError):
            raise self._invalid(
                f"has the default {trimmed(text)!r}", expected="a JSON value, a text in quotes, or a path"
            ) from None

    def _unknown(self, path: str, root: Segment) -> TemplateInvalid:
        known = ", ".join(self.roots)
        if self.roots == SIGNING_ROOTS and root in CONNECTOR_ROOTS:
            return self._invalid(
                f"reads {path!r}; {root} cannot be read where a request is signed", expected=f"one of {known}"
            )
        if isinstance(root, str) and root in CONNECTOR_ROOTS:
            return self._invalid(
                f"reads {path!r}; {root} exists in connector documents only", expected=f"one of {known}"
            )
        return self._invalid(
            f"reads {path!r}, which begins with no known root",
            expected=f"one of {known}",
            near=nearest(root, self.roots) if isinstance(root, str) else None,
        )

    def _space(self) -> None:
        match = _SPACE.match(self.text, self.at)
        assert match is not None
        self.at = match.end()

    def _invalid(self, what: str, *, expected: str | None = None, near: str | None = None) -> TemplateInvalid:
        end = self.text.find("}}", self.start)
        shown = self.text[self.start - 2 : end + 2 if end >= 0 else len(self.text)]
        return TemplateInvalid(f"the template {trimmed(shown)} {what}", expected=expected, nearest=near)
