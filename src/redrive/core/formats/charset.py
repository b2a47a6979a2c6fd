"""The character encoding of a document: found by its first bytes, and read or written in pieces."""

from __future__ import annotations

import codecs
from collections.abc import Callable
from typing import Final

from redrive.core.formats.base import ItemsInvalid

UTF_8: Final = "utf-8"

_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# Codecs of Python that are no character encodings of documents, or hide characters that end lines.
_REFUSED: Final = frozenset(
    {"idna", "punycode", "unicode_escape", "raw_unicode_escape", "undefined", "utf-7", "mbcs", "oem"}
)
_ASCII: Final = bytes(range(0x20, 0x7F)) + b"\t\r\n"


def known_encoding(name: str) -> str:
    """The encoding's usual name. Errors: `ValueError` where there is none of this name."""
    try:
        info = codecs.lookup(name)
    except (LookupError, ValueError):
        info = None
    if info is None or info.name in _REFUSED or not getattr(info, "_is_text_encoding", True):
        raise ValueError(f"there is no encoding {name!r}; expected one such as utf-8, utf-16 or windows-1252")
    return {"utf-8-sig": UTF_8, "cp1252": "windows-1252"}.get(info.name, info.name)


def marked(head: bytes) -> str | None:
    """The encoding that the byte order mark at the beginning of a document stands for."""
    return next((name for mark, name in _MARKS if head.startswith(mark)), None)


def keeps_ascii(encoding: str) -> bool:
    """Whether each ASCII character is its own byte, so that lines and quotes are found in bytes."""
    try:
        return _ASCII.decode("ascii").encode(encoding) == _ASCII and not encoding.startswith(
            ("iso2022", "hz")
        )
    except (UnicodeError, LookupError):
        return False


def to_utf8(encoding: str) -> Callable[[bytes, bool], bytes]:
    """Takes the pieces of a document (and whether it is the last) and gives the same text in UTF-8.

    Errors: `ItemsInvalid` for bytes that the encoding does not have.
    """
    decoder = codecs.getincrementaldecoder(encoding)("strict")
    fed = 0

    def piece(data: bytes, last: bool) -> bytes:
        nonlocal fed
        try:
            text = decoder.decode(data, last)
        except UnicodeDecodeError as error:
            raise ItemsInvalid(
                f"not {encoding} at byte {fed + error.start}", hint="Name the encoding in read.encoding."
            ) from None
        fed += len(data)
        return text.encode("utf-8", "surrogatepass")

    return piece


def is_single_byte(encoding: str) -> bool:
    """Whether each character is one byte (windows-1252, iso8859-1)."""
    try:
        return len(bytes(range(256)).decode(encoding, "replace")) == 256
    except LookupError:
        return False
