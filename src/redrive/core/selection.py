"""Which items of a bucket a redrive takes: `FIELD = V`, `FIELD in V,V`, `#0,3`, `failed`, joined by `and`."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterable

import msgspec

from redrive.core.paths import Fields, Path

_TOKEN = re.compile(
    r"""\s*(?:
        (?P<text>"(?:[^"\\]|\\.)*")
      | (?P<comma>,)
      | (?P<equals>=)
      | (?P<word>[^\s,="]+)
    )""",
    re.VERBOSE,
)
_NUMBERS = re.compile(r"(\d{1,15})(?::(\d{1,15}))?")
MAX_NUMBER = 10**15


class SelectionInvalid(ValueError):
    """An expression that cannot be read; the text says where and what was expected."""


class Term(msgspec.Struct, frozen=True):
    """An item fits if the text at `path` is one of `values`."""

    path: Path
    values: frozenset[str]


class Selection(msgspec.Struct, frozen=True):
    """All terms must fit; `failed` also asks that the item failed in the source run.

    `numbers` are half-open ranges, sorted and apart: items with these numbers in their payload. None:
    any number.
    """

    terms: tuple[Term, ...]
    failed: bool = False
    numbers: tuple[tuple[int, int], ...] | None = None

    def numbered(self, number: int) -> bool:
        """Whether the number of an item in its payload is one of those that were asked for."""
        if self.numbers is None:
            return True
        at = bisect_right(self.numbers, (number, MAX_NUMBER + 1)) - 1
        return at >= 0 and number < self.numbers[at][1]

    def matcher(self) -> Callable[[bytes], bool]:
        """A test for the bytes of one item. A field that is missing, or a list, fits nothing."""
        if not self.terms:
            return lambda _raw: True
        fields = Fields([term.path for term in self.terms])
        wanted = [term.values for term in self.terms]

        def fits(raw: bytes) -> bool:
            found = fields.read_raw(raw)
            return all(_spelt(value) in values for value, values in zip(found, wanted, strict=True))

        return fits


def _spelt(raw: object) -> str | None:
    """The value as spelt in the item; of a string its characters."""
    if not isinstance(raw, msgspec.Raw):
        return None
    text = bytes(raw)
    if text[:1] == b'"':
        try:
            return msgspec.json.decode(text, type=str)
        except msgspec.MsgspecError:
            return None
    return None if text[:1] in b"[{" else text.decode()


def parse(expression: str) -> Selection:
    """Read an expression. `"…"` stands where a value holds a comma, a space or a quote.

    Errors: `SelectionInvalid`.
    """
    tokens = _tokens(expression)
    terms: list[Term] = []
    failed = False
    numbers: list[tuple[int, int]] | None = None
    at = 0
    while True:
        if at < len(tokens) and tokens[at][0] == "word" and tokens[at][1].startswith("#"):
            if numbers is not None:
                raise SelectionInvalid("item numbers stand there twice; write them as one list: #0,3,7:9")
            at, numbers = _numbers(tokens, at)
        else:
            at, term = _term(tokens, at)
            if term is None:
                failed = True
            else:
                terms.append(term)
        if at == len(tokens):
            return Selection(tuple(terms), failed, None if numbers is None else _merged(numbers))
        if tokens[at] != ("word", "and"):
            raise SelectionInvalid(f"expected `and` before {tokens[at][1]!r}")
        at += 1


def _tokens(expression: str) -> list[tuple[str, str]]:
    tokens: list[tuple[str, str]] = []
    at = 0
    text = expression.strip()
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None or match.lastgroup is None:
            raise SelectionInvalid(f"cannot read {text[at:]!r}: a quote is not closed")
        value = match.group(match.lastgroup)
        if match.lastgroup == "text":
            value = re.sub(r"\\(.)", r"\1", value[1:-1])
        tokens.append((match.lastgroup, value))
        at = match.end()
    if not tokens:
        raise SelectionInvalid("expected `FIELD = V`, `FIELD in V,V`, `#0,3` or `failed`")
    return tokens


def _term(tokens: list[tuple[str, str]], at: int) -> tuple[int, Term | None]:
    kind, name = _at(tokens, at, "a field or `failed`")
    if kind == "word" and name == "failed" and _at_end_of_term(tokens, at + 1):
        return at + 1, None
    if kind not in {"word", "text"}:
        raise SelectionInvalid(f"expected a field, found {name!r}")
    try:
        path = Path.parse(name)
    except ValueError as error:
        raise SelectionInvalid(f"{name!r} is not a path: {error}") from None
    operator = _at(tokens, at + 1, f"`=` or `in` after {name!r}")
    if operator == ("equals", "="):
        value = _value(tokens, at + 2)
        return at + 3, Term(path, frozenset({value}))
    if operator != ("word", "in"):
        raise SelectionInvalid(f"expected `=` or `in` after {name!r}, found {operator[1]!r}")
    values = {_value(tokens, at + 2)}
    at += 3
    while at < len(tokens) and tokens[at][0] == "comma":
        values.add(_value(tokens, at + 1))
        at += 2
    return at, Term(path, frozenset(values))


def _numbers(tokens: list[tuple[str, str]], at: int) -> tuple[int, list[tuple[int, int]]]:
    """`#0,3,7:9`: items by their numbers, from 0; a range is half-open."""
    ranges = [_range(tokens[at][1][1:])]
    at += 1
    while at < len(tokens) and tokens[at][0] == "comma":
        ranges.append(_range(_value(tokens, at + 1)))
        at += 2
    return at, ranges


def _range(text: str) -> tuple[int, int]:
    found = _NUMBERS.fullmatch(text)
    if found is None:
        raise SelectionInvalid(f"{text!r} is no item number; write #0,3,7:9")
    first = int(found[1])
    stop = first + 1 if found[2] is None else int(found[2])
    if stop <= first:
        raise SelectionInvalid(
            f"the range {text!r} holds no item: it begins at the first number, ends before the last"
        )
    return first, stop


def _merged(ranges: Iterable[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    found: list[tuple[int, int]] = []
    for first, stop in sorted(ranges):
        if found and first <= found[-1][1]:
            found[-1] = (found[-1][0], max(stop, found[-1][1]))
        else:
            found.append((first, stop))
    return tuple(found)


def _at_end_of_term(tokens: list[tuple[str, str]], at: int) -> bool:
    return at == len(tokens) or tokens[at] == ("word", "and")


def _at(tokens: list[tuple[str, str]], at: int, expected: str) -> tuple[str, str]:
    if at >= len(tokens):
        raise SelectionInvalid(f"expected {expected} at the end")
    return tokens[at]


def _value(tokens: list[tuple[str, str]], at: int) -> str:
    kind, value = _at(tokens, at, "a value")
    if kind not in {"word", "text"}:
        raise SelectionInvalid(f"expected a value, found {value!r}")
    return value
