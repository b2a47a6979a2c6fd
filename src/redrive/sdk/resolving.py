"""Look-ups of transforms: what is not at hand is noted, and fetched for many items at once.

resolver = Resolver(ctx)
scope["references"] = resolver          # transforms raise `Asked` for what is not at hand
await resolver.fetch()                  # then apply them again
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from redrive.core.functions import Asked, as_script
from redrive.core.jsonvalue import MISSING, decode, encode
from redrive.core.paths import Path
from redrive.errors import PayloadError
from redrive.sdk.context import StepContext
from redrive.sdk.scripting import KEPT, Script

MAX_KEPT = 50_000
MAX_DOCUMENT_BYTES = 1 << 20

_Asking = tuple[str, str, str]


class Resolver:
    """Implements `redrive.core.functions.References` for one step."""

    def __init__(self, ctx: StepContext) -> None:
        self._ctx = ctx
        self._found: dict[_Asking, dict[str, str | None]] = {}
        self._wanted: dict[_Asking, dict[str, None]] = {}
        self._pages: dict[_Asking, Any] = {}
        self._wanted_pages: dict[_Asking, None] = {}
        self._kept = 0
        self._values: dict[tuple[str, bytes], Any] = {}
        self._wanted_values: dict[str, dict[bytes, None]] = {}

    def lookup(self, table: str, direction: str, match: str, value: str) -> str | None:
        asking = (table, direction, match)
        known = self._found.get(asking)
        if known is not None and value in known:
            return known[value]
        self._wanted.setdefault(asking, {})[value] = None
        raise Asked

    def cached(self, cache: str, scope: str, entry: str, at: str) -> Any:
        asking = (cache, scope, entry)
        if asking not in self._pages:
            self._wanted_pages[asking] = None
            raise Asked
        document = self._pages[asking]
        if document is MISSING or not at:
            return document
        return _path(at).first(document)

    def scripted(self, code: str, value: Any) -> Any:
        raw = encode(value)
        if (code, raw) not in self._values:
            self._wanted_values.setdefault(code, {})[raw] = None
            raise Asked
        return self._values[code, raw]

    def forget(self) -> None:
        """Between two groups of items: what is kept does not grow without end."""
        if self._kept > MAX_KEPT:
            self._found.clear()
            self._pages.clear()
            self._values.clear()
            self._kept = 0

    async def fetch(self) -> None:
        """Fetch what was asked for.

        Errors: `lookup.unknown`, `cache.too_large`, `payload.invalid`, and those of scripts.
        """
        wanted, self._wanted = self._wanted, {}
        for asking, values in wanted.items():
            table, direction, match = asking
            lookup = await self._ctx.lookup(table)
            found: Mapping[str, str] = await lookup.find(values, direction=direction, match=match)  # type: ignore[arg-type]
            self._found.setdefault(asking, {}).update({value: found.get(value) for value in values})
            self._kept += len(values)
        pages, self._wanted_pages = self._wanted_pages, {}
        for one in pages:
            self._pages[one] = await self._document(*one)
            self._kept += 1
        scripts, self._wanted_values = self._wanted_values, {}
        for code, raws in scripts.items():
            await self._run(code, list(raws))

    async def _run(self, code: str, raws: list[bytes]) -> None:
        source, before = as_script(code)
        async with self._ctx.script(Script(source, lines_before=before)) as session:
            results = await session.each(raws, where="a script of a transform", noun="value")
        for raw, result in zip(raws, results, strict=True):
            kept = raw if result is KEPT else result
            self._values[code, raw] = decode(kept) if isinstance(kept, bytes) else None
        self._kept += len(raws)

    async def _document(self, name: str, scope: str, entry: str) -> Any:
        cache = self._ctx.cache(name, scope)  # type: ignore[arg-type]
        pages = await cache.get(entry)
        if not pages:
            return MISSING
        content = pages[-1].content
        if content.size_bytes > MAX_DOCUMENT_BYTES:
            raise PayloadError(
                f"an entry of the cache {name!r} has {content.size_bytes} bytes; a transform reads at most "
                f"{MAX_DOCUMENT_BYTES}",
                code="cache.too_large",
                hint="Keep one entry per item: a template with item as `entry` of add_to_cache.",
            )
        try:
            return decode(await content.read())
        except ValueError as error:
            raise PayloadError(
                f"an entry of the cache {name!r} is no JSON, which cache_lookup reads: {error}"
            ) from None


@lru_cache(256)
def _path(text: str) -> Path:
    return Path.parse(text)
