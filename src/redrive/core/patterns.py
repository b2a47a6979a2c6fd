"""Regular expressions of users, with those refused that may take for ever on a short text.

Python's engine backtracks. `(a+)+b` on thirty letters `a` runs for minutes, and nothing in the
process can stop it. What makes it so is a choice (how much a repeat takes, which alternative) that
the next character does not decide, repeated: so no such choice may stand within a repeat. `(a+,)+`
has none, as the comma says where the letters end; `(a+,?)+` has one, and may be written with `a++`,
which gives nothing back. What is merely slow (`.*a.*b` is quadratic in the length of a line)
remains possible; so only short patterns with few such choices are taken, and texts longer than
`LONGEST_TEXT` are refused. A linear engine (RE2) would need no such rule, and would know neither
look-around nor back-references.
"""

from __future__ import annotations

import re
import warnings
from math import inf
from typing import Final, NamedTuple

LONGEST_PATTERN: Final = 1_000
LONGEST_TEXT: Final = 100_000

# So few choices, repeated as often as their repeats say, are merely slow.
_FEW: Final = 4
_MOST: Final = 5
_SAMPLES: Final = frozenset((*map(chr, range(1, 128)), "é", "Ж", "中", "🙂"))


def compile_pattern(text: str) -> re.Pattern[str]:
    """A compiled pattern, found to be safe enough to run. Errors: `ValueError`."""
    if len(text) > LONGEST_PATTERN:
        raise ValueError(f"the pattern has more than {LONGEST_PATTERN} characters")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)
            compiled = re.compile(text)
    except (re.error, RecursionError, OverflowError) as error:
        raise ValueError(f"the pattern is not a regular expression: {error}") from None
    if compiled.flags & re.VERBOSE:
        raise ValueError("the pattern uses the flag x, which is not taken")
    if _Guard(text).alternatives(0).choices > _MOST:
        raise ValueError(
            "the pattern holds so many repeats that run into each other that it may take for ever"
        )
    return compiled


def search(pattern: re.Pattern[str], text: str) -> bool:
    """Whether the pattern matches anywhere. Errors: `ValueError` for a text that is too long."""
    if len(text) > LONGEST_TEXT:
        raise ValueError(f"a text of more than {LONGEST_TEXT} characters is not searched by a pattern")
    return pattern.search(text) is not None


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
