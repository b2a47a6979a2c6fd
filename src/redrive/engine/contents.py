"""Where a run puts bytes and gets them back: rows for small contents, objects for large ones.

`put` never waits for the database. A small content becomes a row that is committed together with
whatever refers to it first; a large one is a durable object in the blob store before `put` ends.
Until its commit, and for some time after, a small content is served from memory.
"""

from __future__ import annotations

import asyncio
import copy
from collections import OrderedDict
from collections.abc import AsyncIterable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from blake3 import blake3

from redrive.core.ranges import cooked, recipe
from redrive.engine.dictionaries import Families
from redrive.engine.packing import Packing
from redrive.errors import PayloadGone
from redrive.sdk.content import Content, MemoryContent
from redrive.store import contents as store
from redrive.store.blobs.base import Blobs
from redrive.store.contents import OBJECT, PLAIN, RANGE, RECIPE, ZSTD, Row, damaged, gone
from redrive.store.database import Reader, Rows

T = TypeVar("T")

# Larger than this goes to the blob store without a try at compressing it into a row.
MAX_ROW_PLAIN_BYTES = 256 << 10
CACHE_BYTES = 32 << 20
LEAST_RECIPE_BYTES = 512


class StoredContent(Content):
    """Content in the store, or on its way there. `rows` are what a commit that refers to it has
    to write first (nothing where it was read from the store), `pins` the contents that these rows
    share and do not write (`store.contents.pin`).
    """

    __slots__ = ("_store", "base", "data", "digest", "form", "offset", "pins", "rows", "size_bytes")

    def __init__(
        self,
        store: ContentStore,
        digest: bytes,
        size_bytes: int,
        form: int,
        *,
        base: Content | None = None,
        offset: int = 0,
        rows: tuple[Row, ...] = (),
        pins: tuple[bytes, ...] = (),
        data: bytes | None = None,
    ) -> None:
        self._store = store
        self.data = data
        self.digest = digest
        self.size_bytes = size_bytes
        self.form = form
        self.base = base
        self.offset = offset
        self.rows = rows
        self.pins = pins

    async def read(self, start: int = 0, stop: int | None = None) -> bytes:
        end = self.size_bytes if stop is None else min(stop, self.size_bytes)
        return await self._store.read(self, start, max(start, end))


class ContentStore:
    """One per process; safe to use from one event loop. `families`, where there are any, say which
    dictionary a content is packed with.
    """

    def __init__(
        self, reader: Reader, blobs: Blobs, *, inline_bytes: int = 32 << 10, zstd_level: int = 1
    ) -> None:
        self._reader = reader
        self._blobs = blobs
        self._inline_bytes = inline_bytes
        self.packing = Packing(zstd_level)
        self.families: Families | None = None
        self.family: str | None = None
        self._cache = _Cache()
        self._threads = ThreadPoolExecutor(blobs.parallel, "redrive-blobs")

    def close(self) -> None:
        self._threads.shutdown(wait=True)

    def of(self, family: str) -> ContentStore:
        """This store for whoever puts contents that look alike: they are packed with a dictionary."""
        view = copy.copy(self)
        view.family = family
        return view

    # ---- in

    async def put(self, data: bytes | AsyncIterable[bytes]) -> StoredContent:
        """Keep bytes. Errors: `StoreFull`, and whatever the stream raises."""
        if isinstance(data, bytes):
            if len(data) <= MAX_ROW_PLAIN_BYTES and (small := self._as_row(data)) is not None:
                return small
            return await self._put_object([data], None)
        held: list[bytes] = []
        size = 0
        chunks = aiter(data)
        async for chunk in chunks:
            held.append(chunk)
            size += len(chunk)
            if size > MAX_ROW_PLAIN_BYTES:
                return await self._put_object(held, chunks)
        whole = b"".join(held)
        small = self._as_row(whole)
        return small if small is not None else await self._put_object([whole], None)

    async def put_like(self, whole: bytes, items: Sequence[bytes], base: Content) -> StoredContent:
        """Keep bytes that hold items of another content: as ranges of it, where that saves room."""
        held = base.data if isinstance(base, StoredContent) else None
        if isinstance(base, StoredContent) and held is not None and len(whole) >= LEAST_RECIPE_BYTES:
            root, shift = base, 0
            if base.form == RANGE and isinstance(base.base, StoredContent):
                root, shift = base.base, base.offset
            # Never a reference to a reference, and only to what is certain to be whole.
            if root.form in {PLAIN, ZSTD} and (written := recipe(whole, items, held)) is not None:
                digest = blake3(whole).digest()
                row: Row = (digest, len(whole), RECIPE, written, root.digest, shift, None)
                rows, pins = _shared(root, row)
                return StoredContent(self, digest, len(whole), RECIPE, rows=rows, pins=pins, data=whole)
        return await self.put(whole)

    async def slice(self, content: Content, start: int, stop: int) -> StoredContent:
        """A range of stored content as content of its own: a reference, not a copy."""
        if start == 0 and stop == content.size_bytes and isinstance(content, StoredContent):
            return content
        if content.size_bytes <= MAX_ROW_PLAIN_BYTES:
            part = await content.read(start, stop)
            digest = blake3(part).digest()
            data = part
        else:
            hasher, data = blake3(), None
            async for chunk in content.stream(start, stop):
                hasher.update(chunk)
            digest = hasher.digest()
        base, offset = content, start
        if isinstance(content, StoredContent) and content.base is not None:
            base, offset = content.base, content.offset + start  # never a reference to a reference
        row: Row = (digest, stop - start, RANGE, None, base.digest, offset, None)
        rows, pins = _shared(base, row)
        return StoredContent(
            self, digest, stop - start, RANGE, base=base, offset=offset, rows=rows, pins=pins, data=data
        )

    def stored(self, content: Content) -> StoredContent | None:
        return content if isinstance(content, StoredContent) else None

    async def adopt(self, content: Content) -> StoredContent:
        """Content from anywhere as stored content (a no-op where it is that already)."""
        if isinstance(content, StoredContent):
            return content
        if isinstance(content, MemoryContent):
            return await self.put(content.data)
        return await self.put(content.stream())

    def look_ahead(self, rows: Rows, digest: bytes) -> bytes | None:
        """The plain bytes of a content that is a row of its own; None for others. For the thread
        that reads a page of payloads: a hop for each of them would cost more than the read.
        """
        found = self._row(rows, digest)
        if found is None or found.form not in {PLAIN, ZSTD}:
            return None
        return self.packing.unpack(found)

    def _row(self, rows: Rows, digest: bytes) -> store.ContentRow | None:
        """A row, with what it takes to unpack it."""
        found = store.get(rows, digest)
        if found is not None:
            self.packing.load(rows, found)
        return found

    def known(self, digest: bytes, size_bytes: int, data: bytes | None = None) -> StoredContent:
        """Content that a record names. Whether it is still kept shows when it is read."""
        return StoredContent(self, digest, size_bytes, -1, data=data)

    def _as_row(self, data: bytes) -> StoredContent | None:
        family, families = self.family, self.families
        learnt = families.dictionary(family) if families is not None and family is not None else None
        form, packed, number = self.packing.pack(data, learnt)
        if len(packed) > self._inline_bytes:
            return None
        digest = blake3(data).digest()
        if families is not None and family is not None:
            families.note(family, digest, len(data), len(packed))
        row: Row = (digest, len(data), form, packed, None, None, number)
        return StoredContent(self, digest, len(data), form, rows=(row,), data=data)

    async def _put_object(self, first: list[bytes], rest: AsyncIterable[bytes] | None) -> StoredContent:
        loop = asyncio.get_running_loop()
        writer = self._blobs.writer()
        try:
            for chunk in first:
                await loop.run_in_executor(self._threads, writer.write, chunk)
            first.clear()
            if rest is not None:
                async for chunk in rest:
                    await loop.run_in_executor(self._threads, writer.write, chunk)
            blob = await loop.run_in_executor(self._threads, writer.finish)
        except BaseException:
            await asyncio.shield(loop.run_in_executor(self._threads, writer.abort))
            raise
        row: Row = (blob.digest, blob.size_bytes, OBJECT, None, None, None, None)
        return StoredContent(self, blob.digest, blob.size_bytes, OBJECT, rows=(row,))

    # ---- out

    async def read(self, content: StoredContent, start: int, stop: int) -> bytes:
        data = content.data or self._cache.get(content.digest)
        if data is not None:
            return data if start == 0 and stop >= len(data) else data[start:stop]
        if start >= stop:
            return b""
        if content.base is not None or content.form == OBJECT:
            try:
                if isinstance(content.base, StoredContent):
                    return await self.read(content.base, content.offset + start, content.offset + stop)
                return await self._in_thread(lambda: self._blobs.open(content.digest).read(start, stop))
            except PayloadGone:
                # It may have been stored in another way since this was found out.
                if content.form == OBJECT:
                    raise
                content.base, content.form = None, -1
        found = await self._reader.run(lambda rows: self._row(rows, content.digest))
        if found is None:
            raise gone(content.digest)
        if found.form in (PLAIN, ZSTD):
            data = self.packing.unpack(found)
            self._cache.remember(content.digest, data)
            return data[start:stop]
        assert found.form == OBJECT or found.base is not None
        if found.form == RECIPE:
            return (await self._cook(found))[start:stop]
        content.form = found.form
        if found.form == OBJECT:
            return await self.read(content, start, stop)
        offset = found.base_offset or 0
        content.base = StoredContent(self, found.base or b"", offset + found.size_bytes, -1)
        content.offset = offset
        return await self.read(content, start, stop)

    async def _cook(self, row: store.ContentRow) -> bytes:
        source = self.known(row.base or b"", MAX_ROW_PLAIN_BYTES)
        try:
            data = cooked(row.data or b"", await source.read(row.base_offset or 0))
        except ValueError:
            data = b""
        if blake3(data).digest() != row.digest:
            raise damaged(row.digest)
        self._cache.remember(row.digest, data)
        return data

    def forget(self, digest: bytes) -> None:
        """Do not answer from memory any more: the content was deleted or erased."""
        self._cache.forget(digest)

    async def _in_thread(self, function: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, function)


class _Cache:
    """Plain bytes of small contents that were read of late."""

    def __init__(self) -> None:
        self._held: OrderedDict[bytes, bytes] = OrderedDict()
        self._bytes = 0

    def get(self, digest: bytes) -> bytes | None:
        return self._held.get(digest)

    def remember(self, digest: bytes, data: bytes) -> None:
        if len(data) > CACHE_BYTES // 8 or digest in self._held:
            return
        self._held[digest] = data
        self._bytes += len(data)
        while self._bytes > CACHE_BYTES:
            _, old = self._held.popitem(last=False)
            self._bytes -= len(old)

    def forget(self, digest: bytes) -> None:
        if (data := self._held.pop(digest, None)) is not None:
            self._bytes -= len(data)


def _shared(base: Content, row: Row) -> tuple[tuple[Row, ...], tuple[bytes, ...]]:
    """The rows and pins of a content that is made from `base`."""
    rows: tuple[Row, ...] = getattr(base, "rows", ())
    return (*rows, row), (getattr(base, "pins", ()) if rows else (base.digest,))
