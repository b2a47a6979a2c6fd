"""Takes an erased value out of the records: replaces it in texts from outside, removes rows it is the key of.

Where it looks is decided for each table in `store.keeping`: names and states of ours are never taken for it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping
from functools import partial
from typing import Any, Final

from redrive.core.erasing import Wanted
from redrive.core.jsonvalue import decode, encode
from redrive.engine.deps import Deps
from redrive.store import erasures as store
from redrive.store.keeping import KEPT, columns_of
from redrive.store.pages import Pages

PAGE: Final = 200


async def walk(deps: Deps, pages: Pages, *, with_key: bool = False) -> AsyncIterator[tuple[Any, ...]]:
    """All rows, a page in memory."""
    width = len(pages.key)
    after: Any = None
    while page := await deps.reader.run(partial(pages.page, after=after, at_most=PAGE)):
        after = page[-1][:width]
        for row in page:
            yield row if with_key else row[width:]
        await asyncio.sleep(0)


async def scrub(deps: Deps, wanted: Wanted, places: Collection[tuple[int, int]], *, dry: bool) -> int:
    """How many records held it. `places`: the items that are erased, as (payload, item)."""
    found = 0
    for texts in store.texts():
        members = columns_of(texts.table.name)
        removed = KEPT[texts.table.name].removed
        width = len(texts.pages.key)
        async for row in walk(deps, texts.pages, with_key=True):
            key = row[:width]
            changes = {
                column.name: new
                for column, value in zip(texts.columns, row[width:], strict=True)
                if (new := scrubbed(wanted, value, members[column.name])) is not value
            }
            gone = not changes.keys().isdisjoint(removed)
            if texts.table.name == "tracked":
                at = dict(zip(texts.key_names, key, strict=True))
                gone = gone or (at["payload_id"], at["item"]) in places
            if not gone and not changes:
                continue
            found += 1
            if dry:
                continue
            if gone:
                await deps.committer.submit(partial(texts.remove, key=key))
            else:
                await deps.committer.submit(partial(texts.put, key=key, values=changes))
    return found


def scrubbed(wanted: Wanted, value: Any, members: Collection[str] = ()) -> Any:
    """The value itself where there is nothing to scrub; `members`: of a JSON object only these, and no
    name (`*`: each).
    """
    if isinstance(value, str):
        return wanted.scrub_text(value) if wanted.in_text(value) else value
    if value is None:
        return value
    data = bytes(value)
    if not wanted.may_hold(data):
        return value
    try:
        document = decode(data)
    except ValueError:
        return data.replace(wanted.value.encode(), b"*")
    if members and isinstance(document, Mapping):
        new = {
            name: wanted.scrub_value(one) if name in members or "*" in members else one
            for name, one in document.items()
        }
    else:
        new = wanted.scrub_value(document)
    return encode(new) if new != document else value
