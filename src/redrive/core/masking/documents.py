"""Which masker reads which content; what none can read is withheld as a whole."""

from __future__ import annotations

import codecs
import re
from collections.abc import Sequence
from typing import Final, Protocol

from redrive.core.formats.base import essence, is_csv, is_json, is_ndjson, is_xml, parameter
from redrive.core.masking.csv_mask import CsvMasker
from redrive.core.masking.json_mask import JsonMasker
from redrive.core.masking.rules import HIDDEN, Mask
from redrive.core.masking.text_mask import FormMasker, TextMasker
from redrive.core.masking.xml_mask import XmlMasker

_FORM: Final = "application/x-www-form-urlencoded"
_PLAIN_CHARSETS: Final = frozenset(
    {"utf-8", "utf8", "us-ascii", "ascii", "iso-8859-1", "latin1", "windows-1252"}
)
_SPACE: Final = b" \t\r\n"
_LOOKED_AT: Final = 64
_NAMES: Final = re.compile(r"[^.\[\]$*]+")


class Masker(Protocol):
    """Takes the bytes of a content in pieces, and gives those that may be seen."""

    def feed(self, data: bytes) -> bytes: ...
    def close(self) -> bytes: ...


class _Withheld:
    """Nothing of it may be seen."""

    def __init__(self) -> None:
        self._told = False

    def feed(self, data: bytes) -> bytes:
        if self._told or not data:
            return b""
        self._told = True
        return HIDDEN.encode()

    def close(self) -> bytes:
        return b""


class _Sniffing:
    """Chooses by the first bytes that are no space: systems call JSON text, or nothing at all."""

    def __init__(self, mask: Mask, media_type: str, within: Sequence[str]) -> None:
        self._mask = mask
        self._media_type = media_type
        self._within = within
        self._head = b""
        self._chosen: Masker | None = None

    def feed(self, data: bytes) -> bytes:
        if self._chosen is None:
            self._head += data
            if len(self._head.lstrip(_SPACE)) < _LOOKED_AT:
                return b""
            self._chosen, data = self._choose(), self._head
        return self._chosen.feed(data)

    def close(self) -> bytes:
        if self._chosen is not None:
            return self._chosen.close()
        if not self._head.strip(_SPACE):
            return self._head
        chosen = self._choose()
        return chosen.feed(self._head) + chosen.close()

    def _choose(self) -> Masker:
        # Always by the same bytes, however the content comes in pieces.
        head = self._head[: len(self._head) - len(self._head.lstrip(_SPACE)) + _LOOKED_AT]
        if b"\0" in head or head[:2] in {b"\xff\xfe", b"\xfe\xff"}:
            return _Withheld()
        kind = self._media_type
        if is_json(kind) or is_ndjson(kind):
            return JsonMasker(self._mask, self._within)
        if is_xml(kind):
            return XmlMasker(self._mask, self._within)
        if is_csv(kind):
            return CsvMasker(self._mask, kind)
        if essence(kind) == _FORM:
            return FormMasker(self._mask)
        first = head.lstrip(_SPACE + b"\xef\xbb\xbf")[:1]
        if first in b"{[":
            return JsonMasker(self._mask, self._within)
        if first == b"<" and essence(kind) != "text/html":
            return XmlMasker(self._mask, self._within)
        try:
            codecs.getincrementaldecoder("utf-8")().decode(head)
        except UnicodeDecodeError:
            return _Withheld()
        return TextMasker(self._mask) if essence(kind) in _TEXTS or not kind else _Withheld()


_TEXTS: Final = frozenset({"text/plain", "text/html", "application/octet-stream", "text/markdown"})


def masker(mask: Mask, media_type: str, items_path: str = "") -> Masker:
    """Reads a whole content of that media type; with an items path, one of its items."""
    charset = (parameter(media_type, "charset") or "utf-8").lower()
    if charset not in _PLAIN_CHARSETS:
        return _Withheld()
    within = [name for name in _NAMES.findall(items_path) if not name.isdigit()]
    return _Sniffing(mask, media_type, within)
