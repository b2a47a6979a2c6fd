"""Looks at the bytes of an upload while they pass into the store: what they are, how many items."""

from __future__ import annotations

import codecs
from collections.abc import AsyncIterator

from redrive.core.formats import (
    BYTES,
    JSON,
    ItemReader,
    ItemsInvalid,
    is_csv,
    is_json,
    is_ndjson,
    is_xml,
    item_reader,
)
from redrive.errors import PayloadError

MAX_HELD_BYTES = 64 << 20
"""A document without a list is read whole; a larger one is taken as it says it is, unread."""


class Checked:
    """`chunks` gives the bytes on; when they have ended, `media_type` and `items` are known.

    `media_type` None: JSON if the bytes parse as that, else plain bytes. With `strict`, bytes that
    do not parse as what they were said to be end the stream.
    """

    def __init__(
        self,
        chunks: AsyncIterator[bytes],
        media_type: str | None,
        items_path: str,
        *,
        strict: bool,
        name: str | None,
    ) -> None:
        self._chunks = chunks
        self._told = media_type is not None or bool(items_path)
        self._strict = strict
        self._name = name
        self._path = items_path
        self._size = 0
        self._reader: ItemReader | None = None
        self._utf8 = codecs.getincrementaldecoder("utf-8")()
        self.media_type = media_type or JSON
        self.items: int | None = None
        self._has_items = (
            is_json(self.media_type)
            or is_ndjson(self.media_type)
            or is_csv(self.media_type)
            or (is_xml(self.media_type) and bool(items_path))
        )

    async def chunks(self) -> AsyncIterator[bytes]:
        """Errors: `payload.invalid`."""
        try:
            if self._has_items:
                self._reader = item_reader(self.media_type, self._path)
                self.items = 0
        except ItemsInvalid as error:
            self._fault(error)
        async for chunk in self._chunks:
            self._look(chunk)
            yield chunk
        self._end()

    def _look(self, chunk: bytes) -> None:
        self._size += len(chunk)
        if self._reader is None:
            return
        try:
            self._decode(chunk, final=False)
            self.items = (self.items or 0) + len(self._reader.feed(chunk))
        except ItemsInvalid as error:
            self._fault(error)
            return
        if not self.items and self._size > MAX_HELD_BYTES:
            self._reader, self.items = None, None

    def _end(self) -> None:
        if self._reader is not None:
            try:
                self._decode(b"", final=True)
                self.items = (self.items or 0) + len(self._reader.close())
            except ItemsInvalid as error:
                self._fault(error)
        if not self._has_items:
            self.items = 1 if self._size else 0

    def _decode(self, chunk: bytes, *, final: bool) -> None:
        if is_csv(self.media_type) or is_xml(self.media_type):
            return  # rows in other encodings pass through as they are; XML names its own
        try:
            self._utf8.decode(chunk, final)
        except UnicodeDecodeError as error:
            raise ItemsInvalid(
                f"not UTF-8: {error.reason}", hint="Convert it to UTF-8, or name another media type."
            ) from None

    def _fault(self, error: ItemsInvalid) -> None:
        self._reader, self.items = None, None
        if not self._told:
            self.media_type, self._has_items = BYTES, False
        elif self._strict:
            named = f" {self._name}" if self._name else ""
            raise PayloadError(
                f"the payload{named} is said to be {self.media_type}, but {error}",
                at=self._path or self._name,
                hint=error.hint or "Mend it, or name the media type that it has.",
            ) from None
