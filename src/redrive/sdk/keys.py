"""The delivery key of an item, read from its bytes as it is spelt there."""

from __future__ import annotations

from typing import Any

from redrive.core.jsonvalue import MISSING, decode
from redrive.core.paths import Fields, Path

_SPACE = b" \t\r\n"


class KeyInvalid(ValueError):
    """A key that is a list or an object, or an item that is not JSON."""


class KeyReader:
    """Reads the text at a path: of a string its characters, of anything else its spelling.

    So `1042`, `1042.0` and `"1042"` give `1042`, `1042.0` and `1042`.
    """

    __slots__ = ("_fields", "path")

    def __init__(self, path: Path) -> None:
        self.path = path
        self._fields = Fields([path])

    def read(self, raw: Any) -> str | None:
        """The key, or None where the path finds nothing, null or an empty text.

        Errors: `KeyInvalid`.
        """
        try:
            (found,) = self._fields.read_raw(raw)
        except ValueError as error:
            raise KeyInvalid(str(error)) from None
        if found is MISSING:
            return None
        return spelt(bytes(found))


def spelt(raw: bytes) -> str | None:
    """The text of one JSON value; None for null and the empty text. Errors: `KeyInvalid`."""
    text = raw.strip(_SPACE)
    first = text[:1]
    if first in (b"{", b"["):
        raise KeyInvalid("a key is a text or a number, not a list or an object")
    if first == b'"':
        value: str = decode(text)
        return value or None
    return None if text == b"null" else text.decode()
