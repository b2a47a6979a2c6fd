"""Keeps an output that a helper process has located in its input: as ranges of that, without its bytes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

from redrive.core import ranges
from redrive.core.ranges import SegmentWriter
from redrive.engine.contents import ContentStore, StoredContent
from redrive.engine.locating import Found, all_joined, joined
from redrive.engine.sharing import sharing_with
from redrive.sdk.content import Content
from redrive.store.contents import RECIPE, SEGMENTS


async def put_found(
    contents: ContentStore,
    found: AsyncIterator[Found],
    base: Content,
    told: Callable[[], tuple[bytes, int]],
    *,
    whole: bool,
) -> StoredContent:
    """As `ContentStore.put_like` (`whole`: it is one segment) or `put_pieces`, of what was located already.

    told: its hash and size, known when all of it was found.
    """
    sharing = await sharing_with(base) if isinstance(base, StoredContent) else None
    if sharing is None:
        return await contents.put(all_joined(base, found))
    if whole:
        (one,) = [segment async for segment in found]
        digest, size = told()
        written = ranges.encode(await sharing.translated(one.parts))
        if len(written) * ranges.LEAST_GAIN > size:
            return await contents.put(await joined(base, one.parts))
        return contents.made_from(sharing, (digest, size, RECIPE, written))
    writer = SegmentWriter()

    async def recipe() -> AsyncIterator[bytes]:
        async for parts, size, check in found:
            yield writer.add(await sharing.translated(parts), size, check)
        yield writer.finish()

    own = await contents.put(recipe())
    digest, size = told()
    made = contents.made_from(sharing, (digest, size, SEGMENTS, own.digest), more=own.rows)
    made.written = own
    return made
