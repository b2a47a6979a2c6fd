"""A record store and a store of objects, for tests of what is between them."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from sqlalchemy import select

from redrive.engine.contents import ContentStore, StoredContent
from redrive.engine.rewriting import Rewriter
from redrive.store import contents as store
from redrive.store import tables
from redrive.store.blobs.base import BlobReader
from redrive.store.blobs.memory import MemoryBlobs
from redrive.store.committer import Committer, Transaction
from redrive.store.database import Reader
from redrive.store.sqlite import SqliteDatabase
from redrive.store.statements import Statement


class House:
    """`read` reads as another process does."""

    def __init__(self, folder: Path) -> None:
        path = self.path = folder / "redrive.db"
        database = SqliteDatabase(path)
        database.migrate()
        self.reader = Reader(database)
        self.committer = Committer(database)
        self.blobs = MemoryBlobs()
        self.contents = self.fresh()
        self.rewriter = Rewriter(self.reader, self.contents, self.committer)

    def fresh(self) -> ContentStore:
        """As another process sees it: nothing is answered from memory."""
        return ContentStore(self.reader, self.blobs)

    async def keep(self, *contents: StoredContent) -> None:
        def work(transaction: Transaction) -> None:
            for content in contents:
                store.pin(transaction, content.pins)
                transaction.insert_many(store.INSERT_CONTENT, content.rows)

        await self.committer.submit(work)

    async def row(self, content: StoredContent) -> store.ContentRow:
        row = await self.reader.run(lambda rows: store.get(rows, content.digest))
        assert row is not None
        return row

    async def rows(self) -> list[store.ContentRow]:
        statement = Statement(select(*tables.contents.columns))
        return [store.content_row(row) for row in await self.reader.run(lambda rows: rows.all(statement))]

    async def needed(self) -> set[bytes]:
        """What contents are made from."""
        return {digest for row in await self.rows() for digest in row.needs}

    async def own(self) -> set[bytes]:
        """The contents that hold their own bytes."""
        return {row.digest for row in await self.rows() if row.form in store.OWN}

    def stored_bytes(self) -> int:
        """Of objects and large rows."""
        return sum(blob.stored_bytes for blob in self.blobs.iterate())

    def count_reads(self) -> Counter[bytes]:
        """How often each object is opened from now on."""
        opened: Counter[bytes] = Counter()
        before = self.blobs.open

        def counted(digest: bytes) -> BlobReader:
            opened[digest] += 1
            return before(digest)

        self.blobs.open = counted  # type: ignore[method-assign]
        return opened

    async def delete(self, digest: bytes) -> store.Removed | None:
        return await self.committer.submit(lambda transaction: store.delete(transaction, digest))

    async def read(self, content: StoredContent) -> bytes:
        contents = self.fresh()
        try:
            return await contents.known(content.digest, content.size_bytes).read()
        finally:
            contents.close()

    def close(self) -> None:
        self.committer.close()
        self.contents.close()
        self.reader.close()
