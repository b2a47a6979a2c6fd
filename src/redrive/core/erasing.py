"""What holds a value that is to be erased, and what stands in its place. Pure.

An item holds the value if one of its texts does, as a whole word (so 1042 does not stand in 10420), or one
of its numbers is spelt so. With a field, an item holds it where that field is the value.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from typing import Any, Final

from redrive.core.formats import is_csv, is_json, is_ndjson
from redrive.core.jsonvalue import decode
from redrive.core.paths import Path
from redrive.core.selection import Selection, Term

ERASED: Final = "[erased]"
LEAST_NUMBER: Final = 4
"""Numbers of records (not of items) are only taken for the value if it has so many characters."""
_TOKEN: Final = re.compile(rb'"(?:[^"\\]|\\.)*"|-?[0-9][0-9.eE+-]*', re.DOTALL)
_ESCAPE: Final = re.compile(rb'\\(?:u([0-9a-fA-F]{4})(?:\\u([dD][c-fC-F][0-9a-fA-F]{2}))?|(["\\/]))')
_SEPARATORS: Final = (b",", b";", b"\t", b"|")


def masked(data: bytes, secret: bytes) -> bytes:
    """A keyed hash: the same data gives the same, and without the key nothing can be tried out."""
    return hashlib.blake2b(data, key=secret, digest_size=32).digest()


def masked_key(key: str, secret: bytes) -> str:
    """What stands in the ledger for the key of an erased item."""
    return f"erased:{masked(key.encode('utf-8', 'surrogatepass'), secret).hex()}"


class Wanted:
    """A value to be erased, and how it is recognised."""

    def __init__(self, value: str, field: str | None = None) -> None:
        self.value = value
        self._bytes = value.encode()
        before = r"(?<!\w)" if value[:1].isalnum() or value[:1] == "_" else ""
        after = r"(?!\w)" if value[-1:].isalnum() or value[-1:] == "_" else ""
        self._word = re.compile(before + re.escape(value) + after)
        self._fits: Callable[[bytes], bool] | None = None
        if field is not None:
            self._fits = Selection((Term(Path.parse(field), frozenset({value})),)).matcher()

    @property
    def by_field(self) -> bool:
        """Only items with that field are meant; elsewhere the same text may be something else."""
        return self._fits is not None

    # ---- is it there

    def may_hold(self, data: bytes) -> bool:
        """Whether bytes hold the value in any spelling. Never no where it is there."""
        if self._bytes in data:
            return True
        return b"\\" in data and self._bytes in _ESCAPE.sub(_unescaped, data)

    def in_text(self, text: str) -> bool:
        return self._word.search(text) is not None

    def in_item(self, raw: bytes, media_type: str) -> bool:
        """Whether an item is to be erased."""
        if not self.may_hold(raw):
            return False
        if not (is_json(media_type) or is_ndjson(media_type)):
            return self.in_text(raw.decode("utf-8", "replace"))
        if self._fits is not None:
            return self._fits(raw)
        return any(self._is(token) for token in _TOKEN.findall(raw))

    def _is(self, token: bytes) -> bool:
        if token[:1] != b'"':
            return token == self._bytes
        try:
            return self.in_text(json.loads(token))
        except ValueError:
            return self.in_text(token.decode("utf-8", "replace"))

    # ---- what stands in its place

    def scrub_text(self, text: str) -> str:
        return self._word.sub(ERASED, text)

    def scrub_value(self, value: Any) -> Any:
        """A value of JSON with the value replaced in every text, name and number."""
        if isinstance(value, str):
            return self.scrub_text(value)
        if isinstance(value, list):
            return [self.scrub_value(one) for one in value]
        if isinstance(value, dict):
            return {self.scrub_text(name): self.scrub_value(one) for name, one in value.items()}
        if value is not None and not isinstance(value, bool) and len(self.value) >= LEAST_NUMBER:
            return None if str(value) == self.value else value
        return value

    def scrub_bytes(self, data: bytes) -> bytes:
        """Texts and numbers of a document that hold the value, replaced; all else as it stands."""

        def replaced(found: re.Match[bytes]) -> bytes:
            token = found[0]
            if not self._is(token):
                return token
            if token[:1] != b'"':
                return b"null"
            try:
                return json.dumps(self.scrub_text(json.loads(token)), ensure_ascii=False).encode()
            except ValueError:
                return b'"%s"' % ERASED.encode()

        return _TOKEN.sub(replaced, data)

    def lists(self, data: bytes) -> list[str] | None:
        """The paths of the outermost lists of a JSON document in which an element holds the value; none
        where it stands in no list. None where the document cannot be read.
        """
        try:
            value = decode(data)
        except ValueError:
            return None
        found: list[str] = []
        return found if self._find(value, (), found) else []

    def _find(self, value: Any, path: tuple[str, ...], found: list[str]) -> bool:
        """False where the value stands outside of any list: then lists are not all."""
        if isinstance(value, list):
            if any(self._held(one) for one in value):
                found.append(".".join(path))
            return True
        if isinstance(value, dict):
            inside = True
            for name, one in value.items():
                if self.in_text(name):
                    return False
                if self._held(one):
                    plain = re.fullmatch(r"[A-Za-z_][A-Za-z0-9_-]*", name) is not None
                    inside = plain and self._find(one, (*path, name), found) and inside
                    if not inside:
                        return False
            return inside
        return not self._held(value)

    def _held(self, value: Any) -> bool:
        if isinstance(value, str):
            return self.in_text(value)
        if isinstance(value, list):
            return any(self._held(one) for one in value)
        if isinstance(value, dict):
            return any(self.in_text(name) or self._held(one) for name, one in value.items())
        return value is not None and not isinstance(value, bool) and str(value) == self.value


def tombstone(raw: bytes, media_type: str, header: bytes = b"") -> bytes:
    """What stands where an item stood, in its form."""
    if is_json(media_type) or is_ndjson(media_type):
        return b'{"_erased":true}'
    if is_csv(media_type):
        line = header.strip().split(b"\n")[-1] or raw
        separator = max(_SEPARATORS, key=line.count)
        return ERASED.encode() + separator * line.count(separator)
    return ERASED.encode()


def _unescaped(found: re.Match[bytes]) -> bytes:
    if found[3]:
        return found[3]
    text = chr(int(found[1], 16))
    if found[2]:
        text += chr(int(found[2], 16))
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace").encode()
