"""Regular expressions of users, with those refused that may take for ever on a short text.

Python's engine backtracks. `(a+)+b` on thirty letters `a` runs for minutes, and nothing in the
process can stop it. What makes it so is a choice (how much a repeat takes, which alternative) that
the next character does not decide, repeated: so no such choice may stand within a repeat. `(a+,)+`
has none, as the comma says where the letters end; `(a+,?)+` has one, and may be written with `a++`,
which gives nothing back. What is left takes a power of the text's length (`.*a.*b` its cube): where
that could be much, the text is searched by an engine that knows the time (`regex`), and given up after
`LONGEST_S`. A linear engine (RE2) would need no such rule, and would know neither look-around nor
back-references.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable
from functools import lru_cache
from math import inf
from typing import Any, Final, NamedTuple

import regex

LONGEST_PATTERN: Final = 1_000
LONGEST_TEXT: Final = 100_000
LONGEST_S: Final = 0.5
# Steps that Python's own engine, which cannot be stopped, may take at the most: some milliseconds.
_MOST_STEPS: Final = 1_000_000

# So few choices, repeated as often as their repeats say, are merely slow.
_FEW: Final = 4
_MOST: Final = 5
_SAMPLES: Final = frozenset((*map(chr, range(1, 128)), "é", "Ж", "中", "🙂"))


class Pattern:
    """A compiled pattern, safe enough to run: nothing it does takes much more than `LONGEST_S`."""

    __slots__ = ("_bounded", "_quick", "_short")

    def __init__(self, quick: re.Pattern[str], bounded: Any, choices: float) -> None:
        self._quick = quick
        self._bounded = bounded
        # A search begins at each character, and each choice multiplies by the length once more.
        self._short = _MOST_STEPS ** (1 / (choices + 2))

    def search(self, text: str) -> bool:
        """Whether it matches anywhere. Errors: `ValueError` for a text that is too long or takes too long."""
        if len(text) <= self._short:
            return self._quick.search(text) is not None
        return self._in_time(text, lambda: self._bounded.search(text, timeout=LONGEST_S)) is not None

    def replace(self, put: str, text: str) -> str:
        """The text with every match replaced. Errors: as `search`; also a group that there is not."""
        try:
            if len(text) <= self._short:
                return self._quick.sub(put, text)
            replaced: str = self._in_time(text, lambda: self._bounded.sub(put, text, timeout=LONGEST_S))
        except (re.error, regex.error, IndexError):
            raise ValueError("put names a group that the pattern does not have") from None
        return replaced

    def _in_time(self, text: str, work: Callable[[], Any]) -> Any:
        if len(text) > LONGEST_TEXT:
            raise ValueError(f"a text of more than {LONGEST_TEXT} characters is not searched by a pattern")
        try:
            return work()
        except TimeoutError:
            raise ValueError(
                f"the pattern takes more than {LONGEST_S} s on a text of {len(text)} characters; "
                "let it begin with ^, or repeat less"
            ) from None


@lru_cache(maxsize=512)
def compile_pattern(text: str) -> Pattern:
    """Errors: `ValueError` for what is no pattern, or may take for ever."""
    if len(text) > LONGEST_PATTERN:
        raise ValueError(f"the pattern has more than {LONGEST_PATTERN} characters")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            compiled = re.compile(text)
            bounded = regex.compile(text, regex.V0)
    except (re.error, regex.error, RecursionError, OverflowError) as error:
        raise ValueError(f"the pattern is not a regular expression: {error}") from None
    if compiled.flags & re.VERBOSE:
        raise ValueError("the pattern uses the flag x, which is not taken")
    choices = _Guard(text).alternatives(0).choices
    if choices > _MOST:
        raise ValueError(
            "the pattern holds so many repeats that run into each other that it may take for ever"
        )
    return Pattern(compiled, bounded, choices)


_ATOM = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|[^()|]", re.DOTALL)
_OPEN = re.compile(r"\((?P<kind>\?(?:#[^)]*|P<\w+>|P=\w+|<[=!]|[:=!>]|\(\w+\)|[aiLmsux-]+:?))?")
_REPEAT = re.compile(r"(?:(?P<sign>[*+?])|\{(?P<low>\d*)(?P<range>,)?(?P<high>\d*)\})(?P<mode>[+?])?")
_ZERO_WIDTH: Final = frozenset(("^", "$", r"\b", r"\B", r"\A", r"\Z"))

# Characters that something may begin with; None where that is not known.
_Begin = frozenset[str] | None


class _Piece(NamedTuple):
    """What is known of a part of a pattern."""

    end: int
    """Its end in the text of the pattern."""
    choices: float
    """How many choices it holds that the next character does not decide, counting their repeats."""
    begin: _Begin
    tail: _Begin
    """Characters with which it could go on at its end (empty: none); what follows must differ."""


_NONE: Final[frozenset[str]] = frozenset()


def _clash(left: _Begin, right: _Begin) -> bool:
    """Whether the next character may leave it open which of two goes on."""
    if left is None or right is None:
        return _NONE not in (left, right)
    return bool(left & right)


def _both(left: _Begin, right: _Begin) -> _Begin:
    return None if left is None or right is None else left | right


class _Guard:
    """Walks a pattern that compiles."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.samples = _SAMPLES | set(text)

    def alternatives(self, at: int) -> _Piece:
        """The alternatives from `at` up to `)` or the end."""
        end, choices, begin, tail = self._sequence(at)
        while self.text.startswith("|", end):
            other = self._sequence(end + 1)
            choices += other.choices + _clash(begin, other.begin)
            begin, tail, end = _both(begin, other.begin), _both(tail, other.tail), other.end
        return _Piece(end, choices, begin, tail)

    def _sequence(self, at: int) -> _Piece:
        choices: float = 0
        begin: _Begin = _NONE
        begun = False
        tail: _Begin = _NONE
        while at < len(self.text) and self.text[at] not in ")|":
            start = at
            piece = self._atom(at)
            at, low, high, kept = self._repeat(piece.end)
            if self.text[start:at] in _ZERO_WIDTH:
                continue
            inner = piece.choices + (high > 1 and _clash(piece.tail, piece.begin))
            if inner and high > 1 and not kept and inner * high > _FEW:
                raise ValueError(
                    f"the pattern repeats a choice: {self.text[start:at]!r} may take for ever on some "
                    "texts; repeat once only, or write the inner repeat as (?>…) or with ++"
                )
            choices += (0 if kept or not inner else inner * high) + _clash(tail, piece.begin)
            if not begun:
                begin = _both(begin, piece.begin)
                begun = low > 0
            goes_on = _NONE if kept else piece.tail if low == high else _both(piece.tail, piece.begin)
            tail = goes_on if low > 0 else _both(tail, goes_on)
        return _Piece(at, choices, begin if begun else None, tail)

    def _repeat(self, at: int) -> tuple[int, int, float, bool]:
        """Its end, least and most rounds, and whether it gives nothing back."""
        repeat = _REPEAT.match(self.text, at)
        if repeat is None or not (repeat["sign"] or repeat["low"] or repeat["range"]):
            return at, 1, 1, False
        kept = repeat["mode"] == "+"
        if repeat["sign"]:
            return repeat.end(), int(repeat["sign"] == "+"), 1 if repeat["sign"] == "?" else inf, kept
        low = int(repeat["low"] or 0)
        high = low if not repeat["range"] else int(repeat["high"]) if repeat["high"] else inf
        return repeat.end(), low, high, kept

    def _atom(self, at: int) -> _Piece:
        opened = _OPEN.match(self.text, at)
        if opened is None:
            atom = _ATOM.match(self.text, at)
            assert atom is not None
            return _Piece(atom.end(), choices=0, begin=self._matched(atom.group()), tail=_NONE)
        kind = opened["kind"] or ""
        if kind.startswith(("?#", "?P=")) or (kind and kind[-1].isalpha()):
            return _Piece(opened.end() + 1, choices=0, begin=None, tail=_NONE)
        inside = self.alternatives(opened.end())
        if kind == "?>":
            return _Piece(inside.end + 1, choices=0, begin=inside.begin, tail=_NONE)
        if kind in ("?=", "?!", "?<=", "?<!"):
            return _Piece(inside.end + 1, choices=0, begin=None, tail=_NONE)
        return inside._replace(end=inside.end + 1)

    def _matched(self, atom: str) -> _Begin:
        try:
            compiled = re.compile(atom, re.DOTALL | re.IGNORECASE)
        except re.error:  # a back-reference
            return None
        return frozenset(filter(compiled.fullmatch, self.samples)) or None
