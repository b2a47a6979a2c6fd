"""What every reader of items offers, and the names of the media types that have one."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from functools import lru_cache
from typing import Final

JSON: Final = "application/json"
NDJSON: Final = "application/x-ndjson"
CSV: Final = "text/csv"
XML: Final = "application/xml"
TEXT: Final = "text/plain"
BYTES: Final = "application/octet-stream"

BOM: Final = b"\xef\xbb\xbf"

# How much is collected before items are cut off it, and so the most that a reader holds of a
# document whose items are small.
WINDOW_BYTES: Final = 1 << 20

_NDJSON_NAMES = frozenset({NDJSON, "application/ndjson", "application/jsonl", "application/jsonlines"})
_CSV_NAMES = frozenset({CSV, "application/csv"})
_PARAMETER = re.compile(r';\s*([\w.-]+)\s*=\s*("(?:[^"\\]|\\.)*"|[^;\s]*)')


class ItemsInvalid(ValueError):
    """The document does not parse, or has no list where its items should be.

    The message says where (a position in bytes from the start of the document); `hint` how to
    get out. Neither holds any of the document's bytes.
    """

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.hint = hint


def essence(media_type: str) -> str:
    """The media type without its parameters, in lower case."""
    return media_type.partition(";")[0].strip().lower()


@lru_cache(maxsize=256)
def parameter(media_type: str, name: str) -> str | None:
    """A parameter of a media type, such as the charset of `text/csv; charset=utf-16`."""
    for found in _PARAMETER.finditer(media_type):
        if found[1].lower() == name:
            value = found[2]
            return re.sub(r"\\(.)", r"\1", value[1:-1]) if value.startswith('"') else value
    return None


def is_json(media_type: str) -> bool:
    """Whether the whole document is one JSON value (so not for NDJSON)."""
    name = essence(media_type)
    return name in {JSON, "text/json"} or name.endswith("+json")


def is_ndjson(media_type: str) -> bool:
    return essence(media_type) in _NDJSON_NAMES


def is_csv(media_type: str) -> bool:
    return essence(media_type) in _CSV_NAMES


def is_xml(media_type: str) -> bool:
    name = essence(media_type)
    return name in {XML, "text/xml"} or name.endswith("+xml")


def is_text(media_type: str) -> bool:
    return essence(media_type) == TEXT


class ItemReader(ABC):
    """Cuts a document, fed piece by piece, into the bytes of its items. Not reusable.

    After `close()` these hold: `prefix` + items joined by `separator` + `suffix` is a document
    with the same items; `start` and `stop` are the byte range of the list in the document that
    was fed (`[` to `]` inclusive in JSON); `single` says that the document is not a list and its
    one item the whole of it. `prefix` and `suffix` are kept in memory.
    """

    prefix: bytes = b""
    separator: bytes = b""
    suffix: bytes = b""
    single: bool = False
    start: int = 0
    stop: int = 0

    @abstractmethod
    def feed(self, data: bytes) -> list[bytes]:
        """Take the next piece; the items that are complete by now, in order (often none)."""

    @abstractmethod
    def close(self) -> list[bytes]:
        """The document has ended; the remaining items."""
