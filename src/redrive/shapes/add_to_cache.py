"""Keep payloads, or items, in a cache for later steps, runs and flows."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any, Literal

from redrive.errors import PayloadError
from redrive.sdk import (
    JSON,
    MISSING,
    Cache,
    CachedPayload,
    Duration,
    Example,
    Field,
    Item,
    Out,
    Payload,
    PlainName,
    Shape,
    StepContext,
    TemplatedValue,
    as_text,
    decode,
    render,
)

WHOLE = -1


def entry_name(value: Any, where: str) -> str:
    """The name of an entry from what its template gives. Errors: `key.missing`."""
    text = "" if value is None else as_text(value)
    if not text:
        raise PayloadError(
            f"{where}: the template of entry gives nothing, so the cache entry has no name",
            code="key.missing",
            at="entry",
            hint="Edit the payload, or give the template a default.",
        )
    return text


class AddToCache(Shape, kind="add_to_cache", version=1, group="references"):
    """Keep each payload in a cache entry, or each item in an entry of its own, and pass the payload on.

    An `entry` whose template reads `item` makes one entry for each item; else the whole payload is one
    page of the entry. Several payloads of the bucket under one name are its pages, in order. Without
    `append` they replace what was there before; with it they come after that. The content is kept by
    reference: nothing is stored twice. Media type and meta are kept with it. What the step adds is
    durable together with the step, and there for later steps at once.

    A retry or redrive sees, in a cache of scope `run`, what the kept steps of its source had added.

    In: any payload; items are read from JSON or NDJSON.  Out: the same payload.
    Errors: `template.missing`, `key.missing` where the name is empty, `key.too_long` above 2,000 bytes;
    `cache.full` beyond 10,000 pages or 1 GiB in one entry; none is retried.
    """

    cache: PlainName = Field(help="Name of the cache; it is made when it is first used.")
    entry: TemplatedValue = Field(
        "default", validate_default=True, help="Name of the entry, a template; with item one for each item."
    )
    scope: Literal["run", "flow", "company"] = Field(
        "flow", help="Who shares the cache: this run, all runs of the flow, or all flows."
    )
    append: bool = Field(False, help="Add pages behind those that are there, instead of replacing them.")
    ttl: Duration | None = Field(
        None, unit="seconds", help="How long a page is kept, by the wall clock: seconds, or 30m, 12h, 7d."
    )

    examples = (
        Example(
            "the whole payload under one name",
            {"cache": "products", "entry": "all"},
            given=[[{"sku": "A"}, {"sku": "B"}]],
            gives=[[{"sku": "A"}, {"sku": "B"}]],
        ),
        Example(
            "an entry for each item, for a day",
            {"cache": "stock", "entry": "{{ item.sku }}", "ttl": "1d", "scope": "company"},
            given=[[{"sku": "A", "free": 3}, {"sku": "B", "free": 0}]],
            gives=[[{"sku": "A", "free": 3}, {"sku": "B", "free": 0}]],
        ),
        Example(
            "pages of several runs, one after the other",
            {"cache": "orders", "entry": "{{ meta.shop }}", "append": True},
            given=[[{"id": 1}], [{"id": 2}]],
            meta={"shop": "uk"},
            gives=[[{"id": 1}], [{"id": 2}]],
        ),
        Example(
            "an item without a name",
            {"cache": "stock", "entry": "{{ item.sku }}"},
            given=[[{"free": 3}]],
            fails="template.missing",
        ),
    )

    async def run(self, payload: Payload, ctx: StepContext) -> AsyncIterator[Out]:
        cache = ctx.cache(self.cache, self.scope)
        whole = await payload.value() if "payload" in self.entry.roots else None
        scope = ctx.scope(payload, whole)
        if "item" in self.entry.roots:
            await self._each(payload, ctx, cache, scope)
        else:
            where = f"payload {payload.position}"
            name = render(self.entry, scope, ctx.missing, where=where, at="entry")
            if name is not MISSING:
                page = CachedPayload(payload.content, payload.media_type, payload.items_path, payload.meta)
                await cache.add(
                    entry_name(name, where),
                    page,
                    item=(payload.position, WHOLE),
                    append=self.append,
                    ttl_s=self.ttl,
                )
        yield Out(content=payload.content, like=payload)

    async def _each(self, payload: Payload, ctx: StepContext, cache: Cache, scope: Mapping[str, Any]) -> None:
        roots = dict(scope)
        named: list[tuple[str, Item]] = []
        async for items in payload.json_chunks():
            for item in items:
                roots["item"] = decode(item.raw)
                where = f"payload {item.payload}, item {item.number}"
                name = render(self.entry, roots, ctx.missing, where=where, at="entry")
                if name is not MISSING:
                    named.append((entry_name(name, where), item))
            for name, item in named:
                page = CachedPayload(await ctx.store(item.raw), JSON, "", payload.meta, 1)
                await cache.add(
                    name, page, item=(item.payload, item.number), append=self.append, ttl_s=self.ttl
                )
            named.clear()
