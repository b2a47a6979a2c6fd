r"""Texts that a database cannot hold as they are.

Half of a surrogate pair is not text for any database: it is kept as its escape, `\ud83d`, for good.
NUL is a character that PostgreSQL refuses; there it is written in another way, and read as it was.
That way keeps what is different different, and the order of texts as it is on SQLite.
"""

from __future__ import annotations

import re

_HALVES = re.compile("[\ud800-\udfff]")


def storable(text: str) -> str:
    """The text with an escape for each half of a surrogate pair."""
    return _HALVES.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def without_nul(text: str) -> str:
    """The text in two-character escapes that begin with U+0001; see `with_nul`."""
    return text.replace("\x01", "\x01\x02").replace("\x00", "\x01\x01")


def with_nul(text: str) -> str:
    """What `without_nul` was given."""
    return text.replace("\x01\x01", "\x00").replace("\x01\x02", "\x01")
