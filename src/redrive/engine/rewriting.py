"""Storing a content on its own that was stored as a part of another one, so that the other may go.

Safe against a crash at any point: the bytes are durable as a row or an object before the row is
changed, in one statement, and a content reads the same before and after. Repeating it does nothing.
"""

from __future__ import annotations

from functools import partial

from redrive.engine.contents import ContentStore
from redrive.store import contents as store
from redrive.store.committer import Committer
from redrive.store.database import Reader

AT_ONCE = 100


class Rewriter:
    """What retention needs before it deletes; memory does not grow with the size of a content."""

    def __init__(self, reader: Reader, contents: ContentStore, committer: Committer) -> None:
        self._reader = reader
        self._contents = contents
        self._committer = committer

    async def rewrite(self, digest: bytes) -> bool:
        """Store one content on its own; False where it is that already, or is not there.

        Errors: `StoreCorrupt` where it or what it is made from is damaged; nothing is changed then.
        """
        row = await self._reader.run(lambda rows: store.get(rows, digest))
        if row is None or row.form in store.OWN:
            return False
        content = self._contents.known(digest, row.size_bytes)
        own = await self._contents.put(content.stream())
        if own.digest != digest:
            raise store.damaged(digest)
        return await self._committer.submit(lambda transaction: store.replace(transaction, own.rows[-1]))

    async def free(self, digest: bytes) -> int:
        """Rewrite all that is made from a content; how many. Then `store.contents.delete` can remove it
        (which looks again: something new may be made from it at any time until then).
        """
        count = 0
        after = b""
        while page := await self._reader.run(
            partial(store.dependents, digest=digest, after=after, at_most=AT_ONCE)
        ):
            for dependent, _ in page:
                count += await self.rewrite(dependent)
            after = page[-1][0]
        return count
