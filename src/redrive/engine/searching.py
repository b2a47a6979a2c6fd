"""Makes sure of what the search index takes for possible: finds the items and fields that hold a value.

Whatever the index says, only what stands in the bytes of a payload that is still kept is found.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from typing import Final, NamedTuple

from redrive.core import formats
from redrive.core.run import PayloadRow
from redrive.core.searching import Match, Query, header_of, matches, values_of
from redrive.engine.buckets import as_payload
from redrive.engine.deps import Deps
from redrive.errors import PayloadError, RedriveError
from redrive.store import search_queue as queue
from redrive.store.search_index import Document, Part, Payloads, SearchIndex, Window

CANDIDATES: Final = 32
MOST_BYTES: Final = 8 << 20
MOST_S: Final = 0.15
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


class Found(NamedTuple):
    """`next` is where to go on: a document, and how many of its hits were given. None: that was all."""

    hits: list[Hit]
    next: tuple[int, int] | None


class Searching:
    """One search. The index is asked in threads, contents are read as always."""

    def __init__(self, deps: Deps, index: SearchIndex, query: Query, field: str | None) -> None:
        self._deps = deps
        self._index = index
        self._query = query
        self._field = field
        self._bytes = 0

    async def find(self, place: tuple[int, int], at_most: int) -> Found:
        """Up to so many hits from a place on, the newest document first; fewer where much is to be read."""
        hits: list[Hit] = []
        document, skip = place
        until = time.monotonic() + MOST_S
        while True:
            found = await asyncio.to_thread(self._index.find, self._query, document + 1, CANDIDATES)
            for candidate in found:
                given = 0
                async for hit in self._in_document(candidate):
                    given += 1
                    if candidate.id == document and given <= skip:
                        continue
                    if len(hits) == at_most:
                        return Found(hits, (candidate.id, given - 1))
                    hits.append(hit._replace(number=given))
                if len(hits) >= at_most or self._bytes > MOST_BYTES or time.monotonic() > until:
                    return Found(hits, (candidate.id - 1, 0))
            if len(found) < CANDIDATES:
                return Found(hits, None)
            document, skip = found[-1].id - 1, 0

    async def _in_document(self, document: Document) -> AsyncIterator[Hit]:
        number = 0
        for part in document.parts:
            for payload in await self._payloads(part):
                try:
                    async for item, match in self._in_payload(part, payload):
                        if self._field is None or match.field == self._field:
                            number += 1
                            yield Hit(document.id, number, payload, item, match)
                except RedriveError:
                    continue  # gone, or damaged: not to be found

    async def _payloads(self, part: Part) -> list[PayloadRow]:
        first, stop = (
            (part.first, part.stop) if isinstance(part, Payloads) else (part.position, part.position + 1)
        )
        found = await self._deps.reader.run(
            lambda rows: queue.payloads_of(rows, part.bucket, first, stop, stop - first)
        )
        return [payload for payload in found if payload.digest and payload.size_bytes]

    async def _in_payload(self, part: Part, payload: PayloadRow) -> AsyncIterator[tuple[int, Match]]:
        content = self._deps.contents.known(payload.digest, payload.size_bytes)
        if isinstance(part, Window):
            self._bytes += part.stop - part.start
            data = await content.read(part.start, min(part.stop, payload.size_bytes))
            for found in await self._in_window(part, payload, data):
                yield found
            return
        self._bytes += payload.size_bytes
        data = await content.read()
        if not any(map(self._query.fits, values_of(data, payload.media_type))):
            return
        header = header_of(data[:HEAD_BYTES].split(b"\n", 1)[0], payload.media_type)
        hit = False
        try:
            async for items in as_payload(payload.position, payload, content).chunks():
                for item in items:
                    for match in matches(item.raw, payload.media_type, self._query, header):
                        hit = True
                        yield item.number, match
        except PayloadError:
            hit = False  # not what its media type says
        if not hit:
            for match in matches(data, payload.media_type, self._query):
                yield NO_ITEM, match

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


EVERYWHERE: Final = (1 << 40, 0)
"""The place before the newest document."""
