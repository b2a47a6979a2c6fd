"""Makes documents for the search index out of the payloads of a run: reads them, takes their tokens.

A document holds so many bytes at most: what a search has to read to be sure of it. Larger payloads
are cut into windows, between items where they are a list, and are never held as a whole.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator
from typing import Final

import msgspec

from redrive.core import formats
from redrive.core.run import PayloadRow
from redrive.core.searching import tokens, values_of
from redrive.errors import RedriveError
from redrive.store.search_index import Entry, Part, Payloads, Window

DOCUMENT_BYTES: Final = 256 << 10
DOCUMENT_VALUES: Final = 20_000
CHUNK_BYTES: Final = 1 << 20
MOST_WHOLE_BYTES: Final = 16 << 20
"""A document without a list is taken apart by its reader up to this size only."""

Read = Callable[[PayloadRow, int, int], bytes]
"""Bytes of a payload's content. Errors: those of `ContentStore.read`."""


class TakingUp:
    """The documents of one run. `done` is how many payloads of each bucket are in them."""

    def __init__(self, run_id: int, read: Read, *, old: bool) -> None:
        self._run_id = run_id
        self._read = read
        self._old = old
        self._parts: list[Part] = []
        self._values: set[str] = set()
        self._seen: set[bytes] = set()
        self._bytes = 0
        self.unreadable = 0

    def add(self, payload: PayloadRow) -> Iterator[Entry]:
        """Take up a payload; documents that are full by then."""
        if not payload.digest or not payload.size_bytes:
            return  # expired, or empty
        try:
            if payload.size_bytes > DOCUMENT_BYTES:
                yield from self.finish()
                yield from self._windows(payload)
                return
            if self._bytes + payload.size_bytes > DOCUMENT_BYTES or len(self._values) > DOCUMENT_VALUES:
                yield from self.finish()
            if payload.digest not in self._seen:
                data = self._read(payload, 0, payload.size_bytes)
                self._values.update(values_of(data, payload.media_type))
                self._seen.add(payload.digest)
                self._bytes += payload.size_bytes
        except RedriveError:
            self.unreadable += 1  # gone meanwhile, or damaged: `doctor` tells of that
            return
        self._place(payload)

    def _place(self, payload: PayloadRow) -> None:
        last = self._parts[-1] if self._parts else None
        if isinstance(last, Payloads) and (last.bucket, last.stop) == (payload.bucket, payload.position):
            self._parts[-1] = msgspec.structs.replace(last, stop=payload.position + 1)
        else:
            self._parts.append(Payloads(payload.bucket, payload.position, payload.position + 1))

    def finish(self) -> Iterator[Entry]:
        """The document that was begun, if there is something in it."""
        if self._parts:
            yield Entry(self._run_id, tuple(self._parts), _packed(tokens(self._values)), self._old)
        self._parts, self._values, self._bytes = [], set(), 0
        self._seen.clear()

    # ---- large ones

    def _windows(self, payload: PayloadRow) -> Iterator[Entry]:
        head = self._read(payload, 0, 1024)
        windows = self._items(payload) if _is_list(payload, head) else self._pieces(payload)
        for window, data in windows:
            found = _packed(tokens(values_of(data, payload.media_type)))
            yield Entry(self._run_id, (window,), found, self._old)

    def _chunks(self, payload: PayloadRow) -> Iterator[bytes]:
        for start in range(0, payload.size_bytes, CHUNK_BYTES):
            yield self._read(payload, start, min(start + CHUNK_BYTES, payload.size_bytes))

    def _pieces(self, payload: PayloadRow) -> Iterator[tuple[Window, bytes]]:
        """Of a document that is no list: cut where a value seems to end."""
        start, held = 0, b""
        for chunk in self._chunks(payload):
            held += chunk
            while len(held) > DOCUMENT_BYTES:
                cut = max(held.rfind(end, 0, DOCUMENT_BYTES) for end in (b"\n", b",", b" ")) + 1
                cut = cut or DOCUMENT_BYTES
                yield Window(payload.bucket, payload.position, -1, start, start + cut), held[:cut]
                start, held = start + cut, held[cut:]
        if held:
            yield Window(payload.bucket, payload.position, -1, start, start + len(held)), held

    def _items(self, payload: PayloadRow) -> Iterator[tuple[Window, bytes]]:
        """Of a list: cut between items. Where it does not parse, the rest is taken as it is."""
        reader = formats.item_reader(payload.media_type, payload.items_path)
        held = bytearray()  # what was read and is in no window yet
        base = number = first = end = 0
        start = -1

        def take(raws: list[bytes]) -> Iterator[tuple[Window, bytes]]:
            nonlocal base, number, first, start, end
            for raw in raws:
                at = held.find(raw, max(end - base, 0))
                if at < 0:
                    raise formats.ItemsInvalid("an item that is not in the document")
                if start >= 0 and base + at + len(raw) - start > DOCUMENT_BYTES:
                    yield self._window(payload, first, start, end), bytes(held[start - base : end - base])
                    del held[: end - base]
                    at, base = at - (end - base), end
                    start = -1
                if start < 0:
                    start, first = base + at, number
                end = base + at + len(raw)
                number += 1

        try:
            for chunk in self._chunks(payload):
                held += chunk
                yield from take(reader.feed(chunk))
            yield from take(reader.close())
        except formats.ItemsInvalid:
            start = base if start < 0 else start
            end = payload.size_bytes
            yield from self._pieces(payload)
            return
        if start >= 0:
            yield self._window(payload, first, start, end), bytes(held[start - base : end - base])

    def _window(self, payload: PayloadRow, first: int, start: int, stop: int) -> Window:
        return Window(payload.bucket, payload.position, first, start, stop)


def _packed(found: set[int]) -> array[int]:
    # A change of the index waits for many documents: a twentieth of what the set takes.
    return array("I", sorted(found))


def _is_list(payload: PayloadRow, head: bytes) -> bool:
    """Whether its items can be read one after another without holding all of it."""
    media = payload.media_type
    if formats.is_json(media):
        begins = head.lstrip(b"\xef\xbb\xbf \t\r\n")[:1]
        return bool(payload.items_path) or begins == b"[" or payload.size_bytes <= MOST_WHOLE_BYTES
    return (
        formats.is_ndjson(media)
        or formats.is_csv(media)
        or (formats.is_xml(media) and bool(payload.items_path))
    )


__all__ = ["Read", "TakingUp"]
