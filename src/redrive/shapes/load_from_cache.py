"""Put out what a cache holds."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, Literal

from redrive.errors import PayloadError
from redrive.sdk import (
    MISSING,
    CachedPayload,
    Example,
    Field,
    Out,
    Payload,
    PlainName,
    Shape,
    StepContext,
    TemplatedValue,
    decode,
    render,
)
from redrive.shapes.add_to_cache import entry_name


class LoadFromCache(Shape, kind="load_from_cache", version=1, group="references"):
    """Put out the pages of a cache entry, in the order in which they were added.

    The step looks once for each input payload (templates see it); an `entry` whose template reads
    `item` looks once for each item. Every page is a payload with the media type and meta that it was
    added with, and counts as made from that payload or item.

    Where the entry is not there, or its time is over, `on_miss` decides: `fail` fails the payload,
    `empty` puts out an empty payload, `pass` puts the input on unchanged (of an entry for each item: the
    item).

    In: any payload; items are read from JSON or NDJSON.  Out: one payload for each page.
    Errors: `cache.miss`, `template.missing`, `key.missing`; none is retried.
    """

    cache: PlainName = Field(help="Name of the cache.")
    entry: TemplatedValue = Field(
        "default", validate_default=True, help="Name of the entry, a template; with item one for each item."
    )
    scope: Literal["run", "flow", "company"] = Field(
        "flow", help="Whose cache: of this run, of the flow, or of all flows."
    )
    pages: Literal["all", "last"] = Field("all", help="All pages of the entry, or the one added last.")
    on_miss: Literal["fail", "empty", "pass"] = Field("fail", help="What to do where the entry is not there.")

    examples = (
        Example(
            "all pages of an entry",
            {"cache": "orders", "entry": "uk"},
            given=[{"start": True}],
            caches={"flow/orders/uk": [[{"id": 1}], [{"id": 2}]]},
            gives=[[{"id": 1}], [{"id": 2}]],
        ),
        Example(
            "the entry that each item names, the last page",
            {"cache": "stock", "entry": "{{ item.sku }}", "scope": "company", "pages": "last"},
            given=[[{"sku": "B"}, {"sku": "A"}]],
            caches={"company/stock/A": [{"free": 1}, {"free": 3}], "company/stock/B": [{"free": 0}]},
            gives=[{"free": 0}, {"free": 3}],
        ),
        Example(
            "go on with what there is",
            {"cache": "orders", "entry": "uk", "on_miss": "pass"},
            given=[[{"id": 9}]],
            gives=[[{"id": 9}]],
        ),
        Example(
            "an entry that is not there", {"cache": "orders", "entry": "uk"}, given=[[]], fails="cache.miss"
        ),
    )

    async def run(self, payload: Payload, ctx: StepContext) -> AsyncIterator[Out]:
        whole = await payload.value() if "payload" in self.entry.roots else None
        scope = dict(ctx.scope(payload, whole))
        if "item" not in self.entry.roots:
            where = f"payload {payload.position}"
            found = await self._pages(ctx, scope, where)
            for page in found or ():
                yield _out(page, payload, None)
            if found == [] and self.on_miss == "pass":
                yield Out(content=payload.content, like=payload)
            elif found == [] and self.on_miss == "empty":
                yield Out(content=b"", like=payload)
            return
        async for items in payload.json_chunks():
            for item in items:
                scope["item"] = decode(item.raw)
                found = await self._pages(ctx, scope, f"payload {item.payload}, item {item.number}")
                for page in found or ():
                    yield _out(page, payload, item.number)
                if found == [] and self.on_miss == "pass":
                    yield Out([item], like=payload)
                elif found == [] and self.on_miss == "empty":
                    yield Out(content=b"", like=payload, from_items=[(item.payload, item.number, 1)])

    async def _pages(self, ctx: StepContext, scope: dict[str, Any], where: str) -> list[CachedPayload] | None:
        """The pages to put out; None where `missing: skip_item` leaves the payload or item out."""
        name = render(self.entry, scope, ctx.missing, where=where, at="entry")
        if name is MISSING:
            return None
        entry = entry_name(name, where)
        found = list(await ctx.cache(self.cache, self.scope).get(entry))
        if not found and self.on_miss == "fail":
            raise PayloadError(
                f"{where}: the cache {self.cache!r} of scope {self.scope} has no entry of that name",
                code="cache.miss",
                at="entry",
                hint="Let a flow add it, or set on_miss to empty or pass.",
            )
        return found[-1:] if self.pages == "last" else found


def _out(page: CachedPayload, payload: Payload, item: int | None) -> Out:
    return Out(
        content=page.content,
        media_type=page.media_type,
        items_path=page.items_path,
        meta=page.meta,
        from_items=None if item is None else [(payload.position, item, 1)],
    )
