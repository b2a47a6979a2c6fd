"""Where a run puts bytes and gets them back: rows for small contents, objects for large ones.

`put` never waits for the database. A small content becomes a row that is committed together with
whatever refers to it first; a large one is a durable object in the blob store before `put` ends.
Until its commit, and for some time after, a small content is served from memory.
"""

from __future__ import annotations

import asyncio
import threading
from collections import OrderedDict
from collections.abc import AsyncIterable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import zstandard
from blake3 import blake3
from sqlalchemy import bindparam, select

from redrive.core.ranges import cooked, recipe
from redrive.errors import PayloadGone, StoreCorrupt
from redrive.sdk.content import Content, MemoryContent
from redrive.store import tables
from redrive.store.blobs.base import Blobs
from redrive.store.database import Reader, Rows
from redrive.store.statements import Insert, Statement

T = TypeVar("T")

PLAIN, ZSTD, OBJECT, RANGE, RECIPE = 0, 1, 2, 3, 4
# Larger than this goes to the blob store without a try at compressing it into a row.
MAX_ROW_PLAIN_BYTES = 256 << 10
CACHE_BYTES = 32 << 20
LEAST_RECIPE_BYTES = 512

INSERT_CONTENT = Insert(tables.contents, conflict="share")
_GET = Statement(
    select(
        tables.contents.c.size_bytes,
        tables.contents.c.form,
        tables.contents.c.data,
        tables.contents.c.base,
        tables.contents.c.base_offset,
    ).where(tables.contents.c.digest == bindparam("digest"))
)

Row = tuple[bytes, int, int, bytes | None, bytes | None, int | None]


class StoredContent(Content):
    """Content in the store, or on its way there. `rows` are what a commit that refers to it has
    to write first (nothing where it was read from the store).
    """

    __slots__ = ("_store", "base", "data", "digest", "form", "offset", "rows", "size_bytes")

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

    async def read(self, start: int = 0, stop: int | None = None) -> bytes:
        end = self.size_bytes if stop is None else min(stop, self.size_bytes)
        return await self._store.read(self, start, max(start, end))


class ContentStore:
    """One per process; safe to use from one event loop."""

    def __init__(
        self, reader: Reader, blobs: Blobs, *, inline_bytes: int = 32 << 10, zstd_level: int = 1
    ) -> None:
        self._reader = reader
        self._blobs = blobs
        self._inline_bytes = inline_bytes
        self._level = zstd_level
        self._local = threading.local()
        self._cache: OrderedDict[bytes, bytes] = OrderedDict()
        self._cached_bytes = 0
        self._threads = ThreadPoolExecutor(2, "redrive-blobs")

    def close(self) -> None:
        self._threads.shutdown(wait=True)

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
                row: Row = (digest, len(whole), RECIPE, written, root.digest, shift)
                return StoredContent(self, digest, len(whole), RECIPE, rows=(*root.rows, row), data=whole)
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
        row: Row = (digest, stop - start, RANGE, None, base.digest, offset)
        rows = (*getattr(base, "rows", ()), row)
        return StoredContent(
            self, digest, stop - start, RANGE, base=base, offset=offset, rows=rows, data=data
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
        found = rows.one(_GET, digest=digest)
        if found is None or found[1] not in {PLAIN, ZSTD}:
            return None
        return self._plain(digest, *found[:3])

    def known(self, digest: bytes, size_bytes: int, data: bytes | None = None) -> StoredContent:
        """Content that a record names. Whether it is still kept shows when it is read."""
        return StoredContent(self, digest, size_bytes, -1, data=data)

    def _as_row(self, data: bytes) -> StoredContent | None:
        packed = self._compressor().compress(data) if len(data) > 64 else data
        form = ZSTD
        if len(packed) >= len(data):
            packed, form = data, PLAIN
        if len(packed) > self._inline_bytes:
            return None
        digest = blake3(data).digest()
        row: Row = (digest, len(data), form, packed, None, None)
        return StoredContent(self, digest, len(data), form, rows=(row,), data=data)

    def _compressor(self) -> zstandard.ZstdCompressor:
        # One for each thread: a shared one crashes the process.
        found: zstandard.ZstdCompressor | None = getattr(self._local, "compressor", None)
        if found is None:
            found = self._local.compressor = zstandard.ZstdCompressor(
                level=self._level, write_checksum=False, write_content_size=True
            )
        return found

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
        row: Row = (blob.digest, blob.size_bytes, OBJECT, None, None, None)
        return StoredContent(self, blob.digest, blob.size_bytes, OBJECT, rows=(row,))

    # ---- out

    async def read(self, content: StoredContent, start: int, stop: int) -> bytes:
        data = content.data or self._recall(content.digest)
        if data is not None:
            return data if start == 0 and stop >= len(data) else data[start:stop]
        if start >= stop:
            return b""
        if content.base is not None and isinstance(content.base, StoredContent):
            return await self.read(content.base, content.offset + start, content.offset + stop)
        if content.form == OBJECT:
            return await self._in_thread(lambda: self._blobs.open(content.digest).read(start, stop))
        found = await self._reader.run(lambda rows: rows.one(_GET, digest=content.digest))
        if found is None:
            raise PayloadGone(
                f"the content {content.digest.hex()[:12]} has expired or was erased",
                hint="Logs outlive payloads; give the data with --payload to run with it again.",
            )
        size, form, packed, base, offset = found
        if form in (PLAIN, ZSTD):
            data = self._plain(content.digest, size, form, packed)
            self._remember(content.digest, data)
            return data[start:stop]
        if form == RECIPE:
            return (await self._cook(content.digest, packed, base, offset))[start:stop]
        content.form = form
        if form == OBJECT:
            return await self.read(content, start, stop)
        content.base = StoredContent(self, base, offset + size, -1)
        content.offset = offset
        return await self.read(content, start, stop)

    async def _cook(self, digest: bytes, written: bytes, base: bytes, offset: int) -> bytes:
        source = self.known(base, MAX_ROW_PLAIN_BYTES)
        try:
            data = cooked(written, await source.read(offset))
        except ValueError:
            data = b""
        if blake3(data).digest() != digest:
            raise _damaged(digest)
        self._remember(digest, data)
        return data

    def _plain(self, digest: bytes, size: int, form: int, packed: bytes) -> bytes:
        data = bytes(packed) if form == PLAIN else self._unpack(digest, packed, size)
        if blake3(data).digest() != digest:
            raise _damaged(digest)
        return data

    def _unpack(self, digest: bytes, packed: bytes, size: int) -> bytes:
        try:
            return zstandard.ZstdDecompressor().decompress(packed, max_output_size=size)
        except zstandard.ZstdError as error:
            raise StoreCorrupt(f"the content {digest.hex()[:12]} is damaged: {error}") from None

    async def _in_thread(self, function: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, function)

    def _remember(self, digest: bytes, data: bytes) -> None:
        if len(data) > CACHE_BYTES // 8 or digest in self._cache:
            return
        self._cache[digest] = data
        self._cached_bytes += len(data)
        while self._cached_bytes > CACHE_BYTES:
            _, old = self._cache.popitem(last=False)
            self._cached_bytes -= len(old)

    def forget(self) -> None:
        """Let go of what is held in memory: it may have been erased."""
        self._cache.clear()
        self._cached_bytes = 0

    def _recall(self, digest: bytes) -> bytes | None:
        return self._cache.get(digest)


def _damaged(digest: bytes) -> StoreCorrupt:
    return StoreCorrupt(
        f"the content {digest.hex()[:12]} does not match its hash",
        hint="Run `redrive doctor`, and restore a backup if it cannot be mended.",
    )
