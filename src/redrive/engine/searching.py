"""Makes sure of what the search index takes for possible: finds the items and fields that hold a value.

Whatever the index says, only what stands in the bytes of a payload that is still kept is found.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from functools import partial
from typing import Final, NamedTuple

from redrive.core import formats
from redrive.core.run import PayloadRow
from redrive.core.searching import Match, Query, header_of, matches, values_of
from redrive.engine.buckets import as_payload
from redrive.engine.contents import StoredContent
from redrive.engine.deps import Deps
from redrive.engine.taking_up import DOCUMENT_BYTES
from redrive.errors import PayloadError, RedriveError
from redrive.store import search_queue as queue
from redrive.store.database import Rows
from redrive.store.search_index import Document, Part, Payloads, SearchIndex, Window

CANDIDATES: Final = 32
MOST_BYTES: Final = 8 << 20
MOST_S: Final = 0.08
"""A call that has found nothing for so long says where it stands, and the next one goes on there."""
HEAD_BYTES: Final = 64 << 10
NO_ITEM: Final = -1


class Hit(NamedTuple):
    """A value in an item of a payload (`NO_ITEM`: beside the items)."""

    document: int
    number: int
    """Of the hit in its document."""
    payload: PayloadRow
    item: int
    match: Match


Spot = tuple[int, int, int]
"""Where to go on: the stage, a document, and how many of its hits were given."""


class Found(NamedTuple):
    """`next` None: that was all."""

    hits: list[Hit]
    next: Spot | None


class Searching:
    """One search. The index is asked in threads, contents are read as always."""

    def __init__(self, deps: Deps, index: SearchIndex, query: Query, field: str | None) -> None:
        self._deps = deps
        self._index = index
        self._stages = query.stages()
        self._query = query
        self._field = field
        self._bytes = 0
        self._until = 0.0

    async def find(self, spot: Spot, at_most: int) -> Found:
        """Up to so many hits from a place on; of each stage the newest document first. Fewer where much
        is to be read.
        """
        hits: list[Hit] = []
        self._until = time.monotonic() + MOST_S
        stage, document, given = spot
        while stage < len(self._stages):
            self._query = self._stages[stage]
            at = await self._stage(hits, document, given, at_most)
            if at is not None:
                return Found(hits, (stage, *at))
            stage, (_, document, given) = stage + 1, EVERYWHERE
        return Found(hits, None)

    async def _stage(self, hits: list[Hit], document: int, skip: int, at_most: int) -> tuple[int, int] | None:
        while True:
            found = await asyncio.to_thread(self._index.find, self._query, document + 1, CANDIDATES)
            for candidate in found:
                given = 0
                async for hit in self._in_document(candidate):
                    given += 1
                    if candidate.id == document and given <= skip:
                        continue
                    if len(hits) == at_most:
                        return candidate.id, given - 1
                    hits.append(hit)
                if len(hits) >= at_most or self._bytes > MOST_BYTES or time.monotonic() > self._until:
                    return candidate.id - 1, 0
            if len(found) < CANDIDATES:
                return None
            document, skip = found[-1].id - 1, 0

    async def _in_document(self, document: Document) -> AsyncIterator[Hit]:
        number = 0
        for part, payload, held in await self._deps.reader.run(partial(self._look, document)):
            if held is not False:
                try:
                    async for item, match in self._in_payload(part, payload, held):
                        if self._field is None or match.field == self._field:
                            number += 1
                            yield Hit(document.id, number, payload, item, match)
                except RedriveError:
                    continue  # gone, or damaged: not to be found

    def _look(self, document: Document, rows: Rows) -> list[tuple[Part, PayloadRow, bytes | bool | None]]:
        """The payloads of a document, with their bytes where they are rows: False where they do not hold
        it, None where they are not known here. In a thread, and at once: a hop for each costs more.
        """
        found: list[tuple[Part, PayloadRow, bytes | bool | None]] = []
        seen: dict[bytes, bytes | bool | None] = {}
        for part in document.parts:
            whole = isinstance(part, Payloads)
            first, stop = (part.first, part.stop) if isinstance(part, Payloads) else _alone(part)
            for payload in queue.payloads_of(rows, part.bucket, first, stop, stop - first):
                if not payload.digest or not payload.size_bytes:
                    continue
                held = seen.get(payload.digest) if whole else None
                if held is None and whole and payload.size_bytes <= DOCUMENT_BYTES:
                    held = self._held(rows, payload)
                    seen[payload.digest] = held
                found.append((part, payload, held))
        return found

    def _held(self, rows: Rows, payload: PayloadRow) -> bytes | bool | None:
        try:
            data = self._deps.contents.look_ahead(rows, payload.digest)
        except RedriveError:
            return False
        if data is None:
            return None
        self._bytes += len(data)
        return data if any(map(self._query.fits, values_of(data, payload.media_type))) else False

    async def _in_payload(
        self, part: Part, payload: PayloadRow, held: bytes | bool | None
    ) -> AsyncIterator[tuple[int, Match]]:
        known = held if isinstance(held, bytes) else None
        content = self._deps.contents.known(payload.digest, payload.size_bytes, known)
        if isinstance(part, Window):
            self._bytes += part.stop - part.start
            data = await content.read(part.start, min(part.stop, payload.size_bytes))
            for found in await self._in_window(part, payload, data):
                yield found
            return
        data = await content.read()
        if known is None:
            self._bytes += payload.size_bytes
            if not any(map(self._query.fits, values_of(data, payload.media_type))):
                return
        hit = False
        async for item, match in self._in_items(payload, content, data):
            hit = True
            yield item, match
        if not hit:
            for match in matches(data, payload.media_type, self._query):
                yield NO_ITEM, match

    async def _in_items(
        self, payload: PayloadRow, content: StoredContent, data: bytes
    ) -> AsyncIterator[tuple[int, Match]]:
        header = header_of(data[:HEAD_BYTES].split(b"\n", 1)[0], payload.media_type)
        try:
            async for items in as_payload(payload.position, payload, content).chunks():
                for item in items:
                    for match in matches(item.raw, payload.media_type, self._query, header):
                        yield item.number, match
        except PayloadError:
            return  # not what its media type says: what was found until there counts

    async def _in_window(self, window: Window, payload: PayloadRow, data: bytes) -> list[tuple[int, Match]]:
        media = payload.media_type
        raws: Sequence[bytes] = [data]
        header: list[str] = []
        first = NO_ITEM
        if not window.bare:
            content = self._deps.contents.known(payload.digest, payload.size_bytes)
            line = b""
            if formats.is_csv(media):
                line = (await content.read(0, HEAD_BYTES)).split(b"\n", 1)[0]
                header = header_of(line, media)
            try:
                raws, first = _items(data, payload, line), window.item
            except formats.ItemsInvalid:
                raws, header = [data], []
        return [
            (NO_ITEM if first == NO_ITEM else first + number, match)
            for number, raw in enumerate(raws)
            for match in matches(raw, media, self._query, header)
        ]


def _alone(window: Window) -> tuple[int, int]:
    return window.position, window.position + 1


def _items(data: bytes, payload: PayloadRow, header: bytes) -> list[bytes]:
    """The items in a piece of a document that was cut between them. Errors: `ItemsInvalid`."""
    media, path = payload.media_type, ""
    if formats.is_json(media):
        data = b"[" + data + b"]"
    elif formats.is_csv(media):
        data = header + b"\n" + data
    elif formats.is_xml(media):
        names = payload.items_path.encode().split(b".")[:-1]
        data = b"".join([b"<" + name + b">" for name in names]) + data
        data += b"".join([b"</" + name + b">" for name in reversed(names)])
        path = payload.items_path
    reader = formats.item_reader(media, path)
    return reader.feed(data) + reader.close()


EVERYWHERE: Final[Spot] = (0, 1 << 40, 0)
"""The place before the newest document."""
