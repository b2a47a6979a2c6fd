"""RFC 9535 queries whose number literals compare exactly with decoded numbers."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from jsonpath import JSONPath, JSONPathEnvironment, JSONPathError
from jsonpath.filter import FilterExpressionLiteral
from jsonpath.parse import Parser
from jsonpath.selectors import IndexSelector, NameSelector, WildcardSelector
from jsonpath.stream import TokenStream

from redrive.core.invalid import Invalid


class _Number(FilterExpressionLiteral[Decimal]):
    """A number of a filter. The library's own literals pass through `float`: 0.1 is then not 0.1."""


class _Parser(Parser):
    def parse_integer_literal(self, stream: TokenStream) -> Any:
        return _number(super().parse_integer_literal, stream)

    def parse_float_literal(self, stream: TokenStream) -> Any:
        return _number(super().parse_float_literal, stream)


class _Environment(JSONPathEnvironment):
    parser_class = _Parser


def _number(check: Any, stream: TokenStream) -> _Number:
    text = stream.current().value
    check(stream)
    return _Number(value=Decimal(text))


_environment = _Environment(strict=True)


class Query:
    """One compiled query. `steps`: names, indexes and `*` (None) if it is made of nothing else."""

    __slots__ = ("_compiled", "leading_name", "steps")

    def __init__(self, text: str) -> None:
        try:
            compiled = _environment.compile(text)
        except (JSONPathError, RecursionError, ArithmeticError, ValueError) as error:
            reason = error.message if isinstance(error, JSONPathError) else "it is too large"
            raise Invalid(
                f"the JSONPath {text!r} is not valid: {reason}",
                expected="an RFC 9535 query such as $.items[?@.total > 100].id",
            ) from None
        assert isinstance(compiled, JSONPath)
        self._compiled = compiled
        self.steps = _plain_steps(compiled)
        self.leading_name = _leading_name(compiled, text)

    def find(self, value: Any) -> list[Any]:
        """Every value that it finds in a decoded document, in order."""
        if not isinstance(value, dict | list):
            # The library looks into texts as if they were lists, and parses a text at the root.
            return [value] if not self._compiled.segments else []
        try:
            return list(self._compiled.findall(value))
        except (JSONPathError, RecursionError):
            raise ValueError(f"the JSONPath {self._compiled} is too deep for this value") from None


def _plain_steps(compiled: JSONPath) -> tuple[str | int | None, ...] | None:
    steps: list[str | int | None] = []
    for segment in compiled.segments:
        if str(segment).startswith("..") or len(segment.selectors) != 1:
            return None
        selector = segment.selectors[0]
        if isinstance(selector, NameSelector):
            steps.append(selector.name)
        elif isinstance(selector, IndexSelector):
            steps.append(selector.index)
        elif isinstance(selector, WildcardSelector):
            steps.append(None)
        else:
            return None
    return tuple(steps)


def _leading_name(compiled: JSONPath, text: str) -> str | None:
    # A second `$` may be a filter that looks at the whole document, so nothing is left out then.
    if not compiled.segments or text.count("$") != 1:
        return None
    first = compiled.segments[0]
    if str(first).startswith("..") or len(first.selectors) != 1:
        return None
    selector = first.selectors[0]
    return selector.name if isinstance(selector, NameSelector) else None
