"""Where a run puts bytes and gets them back: rows for small contents, objects for large ones.

`put` never waits for the database. A small content becomes a row that is committed together with
whatever refers to it first; a large one is a durable object in the blob store before `put` ends.
Until its commit, and for some time after, a small content is served from memory.

What holds items of another content in their order is stored as ranges of that one, where that saves room.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Final, TypeVar

from blake3 import blake3

from redrive.core import ranges
from redrive.core.ranges import Part, Parts, Segment, SegmentIndex, SegmentWriter
from redrive.engine.dictionaries import Families
from redrive.engine.handed import Handed
from redrive.engine.locating import CHECK_BYTES, LEAST_RECIPE_BYTES, worth
from redrive.engine.packing import Packing, made_from
from redrive.engine.recent import Recent
from redrive.engine.sharing import Sharing, sharing_with
from redrive.errors import PayloadGone
from redrive.sdk.content import Content, MemoryContent
from redrive.store import contents as store
from redrive.store.blobs.base import Blobs
from redrive.store.contents import OBJECT, OWN, PLAIN, RANGE, RECIPE, SEGMENTS, ZSTD, Row, damaged, gone
from redrive.store.database import Reader, Rows

T = TypeVar("T")

# Larger than this goes to the blob store without a try at compressing it into a row.
MAX_ROW_PLAIN_BYTES: Final = 256 << 10
SMALL_BYTES: Final = 8 << 20
"""Small contents that are answered from memory."""
CHUNKS_BYTES: Final = 8 << 20
"""Parts of large ones."""
CHUNK_BYTES: Final = 1 << 20
HELD_BYTES: Final = 4 << 20
"""An object up to this size stays in memory for a moment after it was written."""
_UNKNOWN: Final = -1
_KEPT_POSITIONS: Final = 64

Piece = tuple[bytes, Sequence[bytes]]
"""Bytes of a content, and the items that stand in them in order."""


class StoredContent(Content):
    """Content in the store, or on its way there. `rows` are what a commit that refers to it has
    to write first (nothing where it was read from the store), `pins` the contents that these rows
    share and do not write (`store.contents.pin`).

    `form` is below 0 until it is known how it is stored; `base`, `offset` and `recipe` go with it.
    `written` holds a recipe of segments until it is committed.
    """

    __slots__ = (
        "_index", "_store", "base", "data", "digest", "form", "offset", "pins", "recipe", "rows",
        "size_bytes", "written",
    )  # fmt: skip

    def __init__(
        self,
        store: ContentStore,
        digest: bytes,
        size_bytes: int,
        form: int,
        *,
        base: StoredContent | None = None,
        offset: int = 0,
        recipe: bytes | None = None,
        rows: tuple[Row, ...] = (),
        pins: tuple[bytes, ...] = (),
        data: bytes | None = None,
    ) -> None:
        self._store = store
        self._index: tuple[StoredContent, SegmentIndex] | None = None
        self.written: StoredContent | None = None
        self.data = data
        self.digest = digest
        self.size_bytes = size_bytes
        self.form = form
        self.base = base
        self.offset = offset
        self.recipe = recipe
        self.rows = rows
        self.pins = pins

    async def read(self, start: int = 0, stop: int | None = None) -> bytes:
        end = self.size_bytes if stop is None else min(stop, self.size_bytes)
        return await self._store.read(self, start, max(start, end))

    async def settle(self) -> bytes | None:
        """Find out how it is stored; its bytes, where they came along.

        Errors: `PayloadGone`, `StoreCorrupt`.
        """
        row, data = await self._store.row(self.digest)
        self.form = row.form
        self.size_bytes = row.size_bytes
        self.base = self._store.known(row.base, 0) if row.base is not None else None
        self.offset = row.base_offset or 0
        self.recipe = row.data if row.form in (RECIPE, SEGMENTS) else None
        self._index = self.written = None
        return data

    async def segments(self) -> SegmentIndex:
        """The index of a recipe of segments. Errors: as `read`."""
        return (await self._indexed())[1]

    async def segment_parts(self, segment: Segment) -> list[Part]:
        recipe, _ = await self._indexed()
        try:
            return ranges.decode(await self._store.read(recipe, segment.begin, segment.end))
        except ValueError as error:
            raise damaged(self.digest, str(error)) from None

    async def _indexed(self) -> tuple[StoredContent, SegmentIndex]:
        if self._index is None:
            recipe = self.written
            if recipe is None:
                recipe = self._store.known(self.recipe or b"", 0)
                await recipe.settle()
            size, trailer = recipe.size_bytes, SegmentIndex.TRAILER_BYTES
            try:
                length = SegmentIndex.length(await recipe.read(max(size - trailer, 0)))
                index = SegmentIndex(await recipe.read(max(size - length, 0)), size)
            except ValueError as error:
                raise damaged(self.digest, str(error)) from None
            if index.size_bytes != self.size_bytes:
                raise damaged(self.digest, "its recipe is that of another content")
            self._index = recipe, index
        return self._index


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
        self._small: Recent[bytes] = Recent(SMALL_BYTES)
        self._chunks: Recent[tuple[bytes, int]] = Recent(CHUNKS_BYTES)
        # Where the last output that shares with a content has ended there; -1: it is not worth a look.
        self._positions: dict[bytes, int] = {}
        self._threads = ThreadPoolExecutor(blobs.parallel, "redrive-blobs")
        self.handed = Handed()

    def close(self) -> None:
        self._threads.shutdown(wait=True)

    def of(self, family: str) -> ContentStore:
        """This store for whoever puts contents that look alike: they are packed with a dictionary."""
        view = object.__new__(ContentStore)
        view.__dict__.update(self.__dict__)
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
        if len(whole) < LEAST_RECIPE_BYTES or not isinstance(base, StoredContent):
            return await self.put(whole)
        position = self._positions.get(base.digest, 0) if base.data is None else 0
        sharing = await sharing_with(base, position) if position >= 0 else None
        if sharing is None:
            return await self.put(whole)
        parts = await sharing.parts(whole, items, strict=True)
        if base.data is None:
            self._positions[base.digest] = sharing.position if parts is not None else -1
            while len(self._positions) > _KEPT_POSITIONS:
                del self._positions[next(iter(self._positions))]
        if parts is None:
            return await self.put(whole)
        written = ranges.encode(await sharing.translated(parts.to))
        if len(written) * ranges.LEAST_GAIN > len(whole):
            return await self.put(whole)
        digest = blake3(whole).digest()
        return self.made_from(sharing, (digest, len(whole), RECIPE, written), data=whole)

    async def put_pieces(self, pieces: AsyncIterator[Piece], base: Content | None) -> StoredContent:
        """Keep a stream of bytes that may hold items of another content, as `put_like` does.

        Memory does not grow with its length. Errors: as `put`.
        """
        sharing = await sharing_with(base) if isinstance(base, StoredContent) else None
        first = await anext(pieces, None)
        if sharing is None or first is None:
            return await self.put(_data_of(first, pieces))
        parts = await sharing.parts(*first)
        if not worth(parts, len(first[0])):
            return await self.put(_data_of(first, pieces))
        hasher, writer = blake3(), SegmentWriter()
        size = 0

        async def segment(data: bytes, parts: Parts | None) -> bytes:
            nonlocal size
            hasher.update(data)
            size += len(data)
            to: list[Part] = [data] if parts is None else await sharing.translated(parts.to)
            return writer.add(to, len(data), blake3(data).digest(length=CHECK_BYTES))

        async def recipe() -> AsyncIterator[bytes]:
            yield await segment(first[0], parts)
            async for data, items in pieces:
                if data:
                    yield await segment(data, await sharing.parts(data, items))
            yield writer.finish()

        written = await self.put(recipe())
        told = (hasher.digest(), size, SEGMENTS, written.digest)
        made = self.made_from(sharing, told, more=written.rows)
        made.written = written
        return made

    async def slice(self, content: Content, start: int, stop: int) -> StoredContent:
        """A range of stored content as content of its own: a reference, not a copy."""
        base = await self.adopt(content)
        if start == 0 and stop == base.size_bytes:
            return base
        if base.form < 0:
            await base.settle()
        if base.form in (RECIPE, SEGMENTS):  # never a reference to a reference
            return await self.put(base.stream(start, stop))
        if base.size_bytes <= MAX_ROW_PLAIN_BYTES:
            data: bytes | None = await base.read(start, stop)
            digest = blake3(data or b"").digest()
        else:
            hasher, data = blake3(), None
            async for chunk in base.stream(start, stop):
                hasher.update(chunk)
            digest = hasher.digest()
        return self.made_from(Sharing(base), (digest, stop - start, RANGE, None), at=start, data=data)

    def made_from(
        self,
        sharing: Sharing,
        told: tuple[bytes, int, int, bytes | None],
        *,
        at: int = 0,
        more: tuple[Row, ...] = (),
        data: bytes | None = None,
    ) -> StoredContent:
        """A content that refers to another one, with what has to be committed or pinned with it."""
        root, offset = sharing.root, sharing.shift + at
        digest, size, form, recipe = told
        row: Row = (digest, size, form, recipe, root.digest, offset, None)
        pins = root.pins if root.rows else (root.digest,)
        return StoredContent(
            self, digest, size, form,
            base=root, offset=offset, recipe=recipe, rows=(*root.rows, *more, row), pins=pins, data=data,
        )  # fmt: skip

    def stored(self, content: Content) -> StoredContent | None:
        return content if isinstance(content, StoredContent) else None

    async def adopt(self, content: Content) -> StoredContent:
        """Content from anywhere as stored content (a no-op where it is that already)."""
        if isinstance(content, StoredContent):
            return content
        if isinstance(content, MemoryContent):
            return await self.put(content.data)
        return await self.put(content.stream())

    def known(self, digest: bytes, size_bytes: int, data: bytes | None = None) -> StoredContent:
        """Content that a record names. Whether it is still kept shows when it is read."""
        return StoredContent(self, digest, size_bytes, _UNKNOWN, data=data)

    def forget(self, digest: bytes | None = None) -> None:
        """Do not answer from memory any more: the content (None: any) was deleted or erased."""
        self._small.forget_if(lambda key: digest in (None, key))
        self._chunks.forget_if(lambda key: digest in (None, key[0]))
        self._positions.clear()
        self.handed.clear()

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
        whole = first[0] if rest is None and len(first[0]) <= HELD_BYTES else b""
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
        for begin in range(0, len(whole), CHUNK_BYTES):  # who goes on with it finds it in memory
            self._chunks.keep((blob.digest, begin), whole[begin : begin + CHUNK_BYTES])
        row: Row = (blob.digest, blob.size_bytes, OBJECT, None, None, None, None)
        return StoredContent(self, blob.digest, blob.size_bytes, OBJECT, rows=(row,))

    # ---- out

    def look_ahead(self, rows: Rows, digest: bytes) -> bytes | None:
        """The plain bytes of a content that is a row of its own; None for others. For the thread
        that reads a page of payloads: a hop for each of them would cost more than the read.
        """
        found = self._row(rows, digest)
        return self.packing.unpack(found) if found is not None and found.form in (PLAIN, ZSTD) else None

    def look_at_small(self, rows: Rows, digest: bytes, held: dict[bytes, bytes]) -> bytes | None:
        """As `look_ahead`, also of what is made from such a row. `held`: what was unpacked before, for a
        caller that reads what belongs together. Errors: `StoreCorrupt`.
        """
        data = held.get(digest)
        if data is not None:
            return data
        found = self._row(rows, digest)
        if found is None:
            return None
        if found.form in (PLAIN, ZSTD):
            data = self.packing.unpack(found)
        elif found.form in (RANGE, RECIPE) and found.size_bytes <= MAX_ROW_PLAIN_BYTES:
            whole = self.look_at_small(rows, found.base, held) if found.base is not None else None
            if whole is None:
                return None
            data = made_from(found, whole)
        else:
            return None
        held[digest] = data
        return data

    async def row(self, digest: bytes) -> tuple[store.ContentRow, bytes | None]:
        """How a content is stored, and its plain bytes if it is a row of its own.

        Errors: `PayloadGone`, `StoreCorrupt`.
        """
        found = await self._reader.run(lambda rows: self._row(rows, digest))
        if found is None:
            raise gone(digest)
        if found.form not in (PLAIN, ZSTD):
            return found, None
        data = self.packing.unpack(found)
        self._small.keep(digest, data)
        return found, data

    def _row(self, rows: Rows, digest: bytes) -> store.ContentRow | None:
        """A row, with what it takes to unpack it."""
        found = store.get(rows, digest)
        if found is not None:
            self.packing.load(rows, found)
        return found

    async def read(self, content: StoredContent, start: int, stop: int) -> bytes:
        """The bytes of a range; checked. Errors: `PayloadGone`, `StoreCorrupt`."""
        data = content.data or self._small.get(content.digest)
        if data is None and start >= stop:
            return b""
        if data is None and content.form not in (OBJECT, RANGE, RECIPE, SEGMENTS):
            data = await content.settle()
        if data is not None:
            return data if start == 0 and stop >= len(data) else data[start:stop]
        try:
            return await self._read(content, start, stop)
        except PayloadGone:
            if content.form in OWN:
                raise
            # It may have been stored in another way since it was looked at.
            content.form = _UNKNOWN
            data = await content.settle()
            return data[start:stop] if data is not None else await self._read(content, start, stop)

    async def _read(self, content: StoredContent, start: int, stop: int) -> bytes:
        base = content.base
        if content.form == OBJECT:
            return await self._object(content.digest, start, stop)
        if base is None:
            raise damaged(content.digest, "its record does not say what it is made from")
        if content.form == RANGE:
            return await self.read(base, content.offset + start, content.offset + stop)
        if content.form == RECIPE:
            return (await self._recipe(content, base))[start:stop]
        pieces = []
        index = await content.segments()
        for segment in index.segments(start, min(stop, index.size_bytes)):
            data = await self._segment(content, base, segment)
            pieces.append(data[max(start - segment.start, 0) : stop - segment.start])
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    async def _object(self, digest: bytes, start: int, stop: int) -> bytes:
        """From an object, by whole chunks: who reads on, or looks a second time, finds them in memory."""
        pieces = []
        for number in range(start // CHUNK_BYTES, (stop - 1) // CHUNK_BYTES + 1):
            begin = number * CHUNK_BYTES
            data = self._chunks.get((digest, begin))
            if data is None:
                data = await self._in_thread(partial(self._chunk, digest, begin))
                self._chunks.keep((digest, begin), data)
            pieces.append(data[max(start - begin, 0) : stop - begin])
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def _chunk(self, digest: bytes, begin: int) -> bytes:
        return self._blobs.open(digest).read(begin, begin + CHUNK_BYTES)

    async def _recipe(self, content: StoredContent, base: StoredContent) -> bytes:
        known = self._chunks.get((content.digest, 0))
        if known is not None:
            return known
        try:
            data = await self._cook(base, content.offset, ranges.decode(content.recipe or b""))
        except ValueError:
            data = b""
        if blake3(data).digest() != content.digest:
            raise damaged(content.digest)
        if len(data) <= MAX_ROW_PLAIN_BYTES:
            self._small.keep(content.digest, data)
        else:
            self._chunks.keep((content.digest, 0), data)
        return data

    async def _segment(self, content: StoredContent, base: StoredContent, segment: Segment) -> bytes:
        known = self._chunks.get((content.digest, segment.start))
        if known is not None:
            return known
        where = f"bytes {segment.start} to {segment.stop} do not match their checksum"
        try:
            data = await self._cook(base, content.offset, await content.segment_parts(segment))
        except ValueError:
            raise damaged(content.digest, where) from None
        if blake3(data).digest(length=CHECK_BYTES) != segment.check:
            raise damaged(content.digest, where)
        self._chunks.keep((content.digest, segment.start), data)
        return data

    async def _cook(self, base: StoredContent, offset: int, parts: Sequence[Part]) -> bytes:
        held = []
        for start, stop in ranges.windows(parts):
            held.append((start, await self.read(base, offset + start, offset + stop)))
        return ranges.joined(parts, held)

    async def _in_thread(self, function: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, function)


async def _data_of(first: Piece | None, pieces: AsyncIterator[Piece]) -> AsyncIterator[bytes]:
    if first is not None:
        yield first[0]
        async for data, _ in pieces:
            yield data
