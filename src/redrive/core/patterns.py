"""Regular expressions of users, with those refused that may take for ever on a short text.

Python's engine backtracks. `(a+)+b` on thirty letters `a` runs for minutes, and nothing in the
process can stop it. So a repeat without bound may not stand in another one, nor alternatives that
may begin alike, unless what is inside cannot be given back (`a++`, `(?>a+)`). Patterns that are
merely slow (`.*a.*b` is quadratic in the length of a line) remain possible; only short patterns
are taken, and texts longer than `LONGEST_TEXT` are refused. A linear engine (RE2) would need neither rule,
and would know neither look-around nor back-references.
"""

from __future__ import annotations

import re
import warnings
from typing import Final

LONGEST_PATTERN: Final = 1_000
LONGEST_TEXT: Final = 100_000

_SAMPLES: Final = (*map(chr, range(1, 128)), "é", "Ж", "中", "🙂")
_MANY: Final = 20


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
    _Guard(text).sequence(0)
    return compiled


def search(pattern: re.Pattern[str], text: str) -> bool:
    """Whether the pattern matches anywhere. Errors: `ValueError` for a text that is too long."""
    if len(text) > LONGEST_TEXT:
        raise ValueError(f"a text of more than {LONGEST_TEXT} characters is not searched by a pattern")
    return pattern.search(text) is not None


_ATOM = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|[^()|]", re.DOTALL)
_OPEN = re.compile(r"\((?P<kind>\?(?:#[^)]*|P<\w+>|P=\w+|<[=!]|[:=!>|]|\(\w+\)|[aiLmsux-]+:?))?")
_REPEAT = re.compile(r"(?:(?P<sign>[*+?])|\{(?P<low>\d*)(?P<range>,)?(?P<high>\d*)\})(?P<mode>[+?])?")


class _Guard:
    """Walks a pattern that compiles. Every method takes and gives back positions in the text."""

    def __init__(self, text: str) -> None:
        self.text = text

    def sequence(self, at: int) -> tuple[int, bool, list[str]]:
        """Alternatives up to `)` or the end: where they end, whether one holds a repeat without
        bound that can be given back, and the first atom of each alternative (`""`: unknown).
        """
        loops = False
        firsts: list[str] = []
        first: str | None = None
        while at < len(self.text) and self.text[at] != ")":
            if self.text[at] == "|":
                firsts.append(first or "")
                first = None
                at += 1
                continue
            begin = at
            at, atom_loops, atom = self._atom(at)
            if (repeat := _REPEAT.match(self.text, at)) and (
                repeat["sign"] or repeat["low"] or repeat["range"]
            ):
                at = repeat.end()
                if _unbounded(repeat):
                    if atom_loops:
                        raise ValueError(
                            f"the pattern repeats a repeat: {self.text[begin:at]!r} may take for ever on "
                            "some texts; repeat it once only, or write the inner one as (?>…) or with ++"
                        )
                    atom_loops = repeat["mode"] != "+"
                if _optional(repeat):
                    atom = ""
                if repeat["mode"] == "+":
                    atom_loops = False
            loops = loops or atom_loops
            first = atom if first is None else first
        firsts.append(first or "")
        return at, loops, firsts

    def _atom(self, at: int) -> tuple[int, bool, str]:
        opened = _OPEN.match(self.text, at)
        if opened is None:
            atom = _ATOM.match(self.text, at)
            assert atom is not None
            return atom.end(), False, atom.group()
        kind = opened["kind"] or ""
        if kind.startswith(("?#", "?P=")) or (kind and kind[-1].isalpha()):
            return opened.end() + 1, False, ""
        end, loops, firsts = self.sequence(opened.end())
        if kind == "?>":
            return end + 1, False, ""
        # An ambiguous choice is as bad inside a repeat as a repeat is.
        return end + 1, loops or _alike(firsts), firsts[0] if len(firsts) == 1 else ""


def _unbounded(repeat: re.Match[str]) -> bool:
    if repeat["sign"]:
        return repeat["sign"] != "?"
    high = repeat["high"] if repeat["range"] else repeat["low"]
    return not high or int(high) > _MANY


def _optional(repeat: re.Match[str]) -> bool:
    return repeat["sign"] in ("*", "?") or (not repeat["sign"] and int(repeat["low"] or 0) == 0)


def _alike(firsts: list[str]) -> bool:
    """Whether two alternatives may begin with the same character (or one of them is unknown)."""
    if len(firsts) < 2:
        return False
    seen: set[str] = set()
    for first in firsts:
        if not first:
            return True
        try:
            atom = re.compile(first, re.DOTALL | re.IGNORECASE)
        except re.error:
            return True
        matched = {sample for sample in _SAMPLES if atom.fullmatch(sample)}
        if len(first) == 1:
            matched.add(first.casefold())
        if seen & matched:
            return True
        seen |= matched
    return False
