"""A content without the items that hold a value: tombstones in their places, everything else as it stood.

Without a store to put it in (`contents` None) it is only looked how much there is.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

import msgspec

from redrive.core.erasing import ERASED, Wanted, tombstone
from redrive.core.formats import JSON, is_csv, is_json, is_ndjson
from redrive.core.items import Item
from redrive.engine.contents import ContentStore, StoredContent
from redrive.errors import PayloadError
from redrive.sdk.payload import Payload
from redrive.sdk.shape import Out
from redrive.sdk.writing import Writing

MAX_HELD_BYTES = 64 << 20
"""A document without a list of items is read whole; a larger one that holds the value goes as a whole."""


class Rewritten(msgspec.Struct):
    content: StoredContent
    items: list[int]
    """The numbers of the items that were erased."""


async def without_items(
    contents: ContentStore | None, wanted: Wanted, content: StoredContent, media_type: str, items_path: str
) -> Rewritten | None:
    """The content of a payload; None where none of its items holds the value."""
    payload = Payload(content, media_type=media_type, items_path=items_path)
    erased: list[int] = []
    try:
        header = (await payload.opening()).prefix if is_csv(media_type) else b""
        items = _tombstoned(payload, wanted, header, erased)
        if contents is None:
            async for _ in items:
                pass
            return Rewritten(content, erased) if erased else None
        writing = await Writing.begin(Out(items=items, like=payload))
        if writing is None:
            return None
        if writing.whole is not None:
            new = await contents.put(_clean(writing.whole, wanted, media_type))
        else:
            new = await contents.put(_bytes_of(writing))
    except PayloadError:
        # It does not parse as what it is said to be: an edit that was forced.
        return await _whole(contents, wanted, content, media_type)
    if not erased and new.digest == content.digest:
        return None
    return Rewritten(new, erased)


async def _tombstoned(
    payload: Payload, wanted: Wanted, header: bytes, erased: list[int]
) -> AsyncIterator[list[Item]]:
    async for items in payload.chunks():
        kept = []
        for item in items:
            if wanted.in_item(item.raw, payload.media_type):
                erased.append(item.number)
                raw = tombstone(item.raw, payload.media_type, header)
                kept.append(Item(raw, item.payload, item.number))
            else:
                kept.append(item)
        yield kept


async def _bytes_of(writing: Writing) -> AsyncIterator[bytes]:
    async for piece in writing.pieces():
        yield piece.data


def _clean(data: bytes, wanted: Wanted, media_type: str) -> bytes:
    """What stands outside of the items may hold it too."""
    if wanted.by_field or not wanted.may_hold(data):
        return data
    if is_json(media_type) or is_ndjson(media_type):
        return wanted.scrub_bytes(data)
    try:
        return wanted.scrub_text(data.decode()).encode()
    except UnicodeDecodeError:
        return data


async def _whole(
    contents: ContentStore | None, wanted: Wanted, content: StoredContent, media_type: str
) -> Rewritten | None:
    if content.size_bytes <= MAX_HELD_BYTES:
        data = await content.read()
        if not wanted.may_hold(data):
            return None
        if not wanted.in_text(data.decode("utf-8", "replace")):
            return None
    return Rewritten(await _put(contents, content, tombstone(b"", media_type)), [0])


async def without_records(
    contents: ContentStore | None, wanted: Wanted, content: StoredContent
) -> Rewritten | None:
    """A body of which nobody says where its items are: the elements of its outermost lists are them, or it
    is one itself. None where it does not hold the value.
    """
    if content.size_bytes > MAX_HELD_BYTES:
        return Rewritten(await _put(contents, content, ERASED.encode()), [])
    data = await content.read()
    if not wanted.may_hold(data):
        return None
    lists = wanted.lists(data)
    if lists is None:  # no JSON
        if not wanted.in_text(data.decode("utf-8", "replace")):
            return None
        return Rewritten(await _put(contents, content, ERASED.encode()), [])
    if not wanted.in_item(data, JSON) and not lists:
        return None
    erased = 0
    for path in lists:
        found = await without_items(contents, wanted, content, JSON, path)
        if found is not None:
            content, erased = found.content, erased + len(found.items)
    if not lists:
        return Rewritten(await _put(contents, content, tombstone(data, JSON)), [0])
    return Rewritten(content, list(range(erased))) if erased else None


async def _put(contents: ContentStore | None, old: StoredContent, data: bytes) -> StoredContent:
    return await contents.put(data) if contents is not None else old
