"""Lookups, data pools and caches of a server, over its HTTP API."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from redrive.client.transport import Transport
from redrive.sdk.references import Direction, Match
from redrive.service.csv_table import Form
from redrive.service.interface import Duplicates
from redrive.service.reference_views import (
    CacheEntryView,
    CachePageView,
    CacheView,
    LookupAnswer,
    LookupEntry,
    LookupView,
    PoolEntryView,
    PoolView,
    Removed,
    TableImported,
)
from redrive.service.views import Page


def _query(form: Form | None) -> dict[str, Any]:
    form = form or Form()
    return {
        "header": form.header,
        "column": list(form.columns) or None,
        "delimiter": form.delimiter,
        "encoding": form.encoding,
        "filename": form.filename,
    }


class _Noun:
    def __init__(self, transport: Transport) -> None:
        self._to = transport

    async def _delete(self, *path: str, query: Mapping[str, Any] | None = None) -> Removed:
        return self._to.read(Removed, await self._to.call("DELETE", path, query=query))

    async def _import(
        self, noun: str, name: str, chunks: AsyncIterator[bytes], query: Mapping[str, Any]
    ) -> TableImported:
        body = await self._to.call("POST", (noun, name, "import"), query=query, data=chunks)
        return self._to.read(TableImported, body)


class HttpLookups(_Noun):
    """Implements `redrive.service.interface.Lookups`."""

    async def list(self, *, limit: int = 50, cursor: str | None = None) -> Page[LookupView]:
        return await self._to.get(Page[LookupView], "lookups", limit=limit, cursor=cursor)

    async def get(self, name: str) -> LookupView:
        return await self._to.get(LookupView, "lookups", name)

    async def entries(
        self, name: str, *, text: str | None = None, limit: int = 50, cursor: str | None = None
    ) -> Page[LookupEntry]:
        return await self._to.get(
            Page[LookupEntry], "lookups", name, "entries", text=text, limit=limit, cursor=cursor
        )

    async def find(
        self, name: str, value: str, *, direction: Direction = "forward", match: Match = "exact"
    ) -> LookupAnswer:
        query = {"value": value, "direction": direction, "match": match}
        return await self._to.get(LookupAnswer, "lookups", name, "find", **query)

    async def set(self, name: str, source: str, target: str) -> LookupView:
        entry = LookupEntry.model_validate({"from": source, "to": target})
        body = await self._to.call("PUT", ("lookups", name, "entries"), body=entry)
        return self._to.read(LookupView, body)

    async def remove(self, name: str, source: str) -> Removed:
        return await self._delete("lookups", name, "entries", query={"from": source})

    async def import_(
        self,
        name: str,
        chunks: AsyncIterator[bytes],
        *,
        form: Form | None = None,
        duplicates: Duplicates = "refuse",
    ) -> TableImported:
        return await self._import("lookups", name, chunks, {**_query(form), "duplicates": duplicates})

    def export(self, name: str) -> AsyncGenerator[bytes, None]:
        return self._to.stream("lookups", name, "export")

    async def clear(self, name: str) -> Removed:
        return await self._to.post(Removed, "lookups", name, "clear", body={})

    async def delete(self, name: str) -> Removed:
        return await self._delete("lookups", name)


class HttpPools(_Noun):
    """Implements `redrive.service.interface.Pools`."""

    async def list(self, *, limit: int = 50, cursor: str | None = None) -> Page[PoolView]:
        return await self._to.get(Page[PoolView], "pools", limit=limit, cursor=cursor)

    async def get(self, name: str, *, flow: str | None = None) -> PoolView:
        return await self._to.get(PoolView, "pools", name, flow=flow)

    async def entries(
        self,
        name: str,
        *,
        flow: str | None = None,
        text: str | None = None,
        before: datetime | None = None,
        limit: int = 50,
        cursor: str | None = None,
    ) -> Page[PoolEntryView]:
        query = {"flow": flow, "text": text, "before": before, "limit": limit, "cursor": cursor}
        return await self._to.get(Page[PoolEntryView], "pools", name, "entries", **query)

    async def add(self, name: str, keys: Sequence[str], *, flow: str | None = None) -> PoolView:
        body = await self._to.call(
            "PUT", ("pools", name, "entries"), query={"flow": flow}, body={"keys": list(keys)}
        )
        return self._to.read(PoolView, body)

    async def remove(self, name: str, keys: Sequence[str], *, flow: str | None = None) -> Removed:
        return await self._delete("pools", name, "entries", query={"key": list(keys), "flow": flow})

    async def clear(self, name: str, *, flow: str | None = None, before: datetime | None = None) -> Removed:
        return await self._to.post(Removed, "pools", name, "clear", body={}, flow=flow, before=before)

    async def delete(self, name: str, *, flow: str | None = None) -> Removed:
        return await self._delete("pools", name, query={"flow": flow})

    async def import_(
        self, name: str, chunks: AsyncIterator[bytes], *, flow: str | None = None, form: Form | None = None
    ) -> TableImported:
        return await self._import("pools", name, chunks, {**_query(form), "flow": flow})

    def export(self, name: str, *, flow: str | None = None) -> AsyncGenerator[bytes, None]:
        return self._to.stream("pools", name, "export", flow=flow)


class HttpCaches(_Noun):
    """Implements `redrive.service.interface.Caches`."""

    async def list(
        self,
        *,
        scope: str | None = None,
        name: str | None = None,
        limit: int = 50,
        cursor: str | None = None,
    ) -> Page[CacheView]:
        query = {"scope": scope, "name": name, "limit": limit, "cursor": cursor}
        return await self._to.get(Page[CacheView], "caches", **query)

    async def get(self, cache: str) -> CacheView:
        return await self._to.get(CacheView, "caches", cache)

    async def entries(
        self, cache: str, *, text: str | None = None, limit: int = 50, cursor: str | None = None
    ) -> Page[CacheEntryView]:
        return await self._to.get(
            Page[CacheEntryView], "caches", cache, "entries", text=text, limit=limit, cursor=cursor
        )

    async def pages(self, cache: str, entry: str) -> Page[CachePageView]:
        return await self._to.get(Page[CachePageView], "caches", cache, "pages", entry=entry)

    def content(self, cache: str, entry: str, number: int = -1) -> AsyncGenerator[bytes, None]:
        return self._to.stream("caches", cache, "content", entry=entry, page=number)

    async def remove(self, cache: str, entry: str) -> Removed:
        return await self._delete("caches", cache, "entries", query={"entry": entry})

    async def clear(self, cache: str, *, expired: bool = False) -> Removed:
        return await self._to.post(Removed, "caches", cache, "clear", body={}, expired=expired)

    async def delete(self, cache: str) -> Removed:
        return await self._delete("caches", cache)
