"""How a value is matched with the rows of a lookup: kinds of matching, and the number to find rows by."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final

MATCHES: Final = ("exact", "trimmed", "case_insensitive", "loose", "prefix")
MAX_PREFIX_CHARACTERS: Final = 200

_FORMS: Final[Mapping[str, Callable[[str], str]]] = {
    "exact": str,
    "trimmed": str.strip,
    "case_insensitive": str.casefold,
    "loose": lambda text: text.strip().casefold(),
    "prefix": str,
}


def number_of(text: str) -> int:
    """A signed 64-bit hash of the text without outer blanks and case.

    Texts that any kind of matching holds for equal have the same number; others may have it too.
    """
    digest = hashlib.blake2b(_FORMS["loose"](text).encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)


def candidates(value: str, match: str) -> Iterator[str]:
    """The texts that rows may hold for this value, the best first: itself, or its beginnings."""
    if match != "prefix":
        yield value
        return
    for length in range(min(len(value), MAX_PREFIX_CHARACTERS), 0, -1):
        yield value[:length]


def pick(value: str, match: str, rows: Mapping[int, Iterable[tuple[str, str]]]) -> str | None:
    """What stands beside the value: of the first row, in the order given, that matches.

    `rows`: by number, (what is compared, what it gives). Of prefixes the longest row counts.
    """
    form = _FORMS[match]
    for candidate in candidates(value, match):
        wanted = form(candidate)
        for compared, given in rows.get(number_of(candidate), ()):
            if form(compared) == wanted:
                return given
    return None
