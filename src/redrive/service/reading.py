"""Reading inside one payload of any size: windows of items, search, selections."""

from __future__ import annotations

import asyncio
import re
import sys
import time
from bisect import bisect_right
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Final, cast

from redrive.core import formats
from redrive.core.formats.item_values import ItemValue, item_value
from redrive.core.ids import to_text
from redrive.core.run import PayloadRow
from redrive.core.selection import Selection, SelectionInvalid, parse
from redrive.engine.contents import StoredContent
from redrive.engine.tracing import failed_items
from redrive.errors import PayloadError, PayloadGone, UsageError
from redrive.sdk.content import CHUNK_BYTES
from redrive.service.kernel import Kernel, number_of, unknown
from redrive.service.marks import Given, Markers, Marks, items_from
from redrive.service.masked_items import masked
from redrive.service.reading_views import Hit, HitPage, ItemText, ItemWindow, Picked
from redrive.service.veil import Veil, any_rules, of_payload, require_seen, veil
from redrive.store import payloads as store
from redrive.store import runs as run_store

TRIMMED: Final = "[trimmed]"
MAX_ITEMS: Final = 1_000
MAX_WINDOW_BYTES: Final = 4 << 20
MAX_ITEM_BYTES: Final = 32 << 20
"""An item that is larger than this is read as bytes only: cutting it out would take as much memory."""
MAX_RANGES: Final = 5_000
MAX_HITS: Final = 200
AROUND_BYTES: Final = 60
SEARCH_S: Final = 1.0
MAX_SOUGHT: Final = 1_000


class Reading:
    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel
        self._markers = Markers()

    async def _payload(self, payload_id: str) -> PayloadRow:
        number = number_of("p", payload_id, "payload")
        found = await self._kernel.deps.reader.run(lambda rows: store.get_payload(rows, number))
        if found is None:
            raise unknown("payload", payload_id)
        require_kept(found)
        return found

    async def _veil(self, payload: PayloadRow) -> Veil:
        """What of a payload who acts may see, by the rules of its flow."""
        if not await any_rules(self._kernel):
            return Veil(None)

        flow = await self._kernel.deps.reader.run(lambda rows: of_payload(rows, payload))
        return await veil(self._kernel, flow)

    def _note(self, action: str, payload_id: str, over: Veil, **data: object) -> None:
        """A line of the audit log; where rules would hide something from others, it says so."""
        self._kernel.note(action, payload_id, {**data, "revealed": over.revealed})

    def _content(self, payload: PayloadRow) -> StoredContent:
        return self._kernel.deps.contents.known(payload.digest, payload.size_bytes)

    def _marks(self, payload: PayloadRow) -> Marks:
        return self._markers.of(self._content(payload), payload.media_type, payload.items_path)

    def _items(self, payload: PayloadRow, start: int = 0) -> AsyncGenerator[Given]:
        """Errors: `payload.invalid`, `payload.too_large`."""
        if payload.size_bytes > MAX_ITEM_BYTES * max(1, payload.items or 1):
            raise PayloadError(
                f"the items of payload {to_text('p', payload.id)} are too large to be shown one by one",
                code="payload.too_large",
                at=to_text("p", payload.id),
                hint="Look at it as text, or download it.",
            )
        return items_from(
            self._content(payload), payload.media_type, payload.items_path, self._marks(payload), start
        )

    # ---- windows

    async def window(self, payload_id: str, start: int, stop: int, *, item_bytes: int = 65_536) -> ItemWindow:
        """Items `start` to before `stop`, each cut at `item_bytes`; at most 1,000 items and 4 MiB.

        Errors: `payload.unknown`, `payload.expired`, `payload.invalid`, `payload.too_large`.
        """
        payload = await self._payload(payload_id)
        over = await self._veil(payload)
        self._note("payload.view", payload_id, over, items=f"{start}:{stop}")
        marks = self._marks(payload)
        csv = formats.is_csv(payload.media_type)
        stop = min(stop, start + MAX_ITEMS)
        if payload.items is not None:
            stop = min(stop, payload.items)
        found: list[ItemText] = []
        size = 0
        if start < stop:
            async with aclosing(self._items(payload, start)) as chunks:
                async for given in chunks:
                    chosen = given.raws[max(0, start - given.first) : max(0, stop - given.first)]
                    for number, raw in enumerate(chosen, max(start, given.first)):
                        size += min(len(raw), item_bytes)
                        if found and size > MAX_WINDOW_BYTES:
                            break
                        head = marks.prefix if csv else b""
                        shown = masked(over, payload.media_type, payload.items_path, head, raw)
                        found.append(_text_of(number, shown, item_bytes))
                    if size > MAX_WINDOW_BYTES or given.first + len(given.raws) >= stop:
                        break
        names = marks.prefix.decode("utf-8", "replace") if csv else None
        return ItemWindow(
            payload=payload_id,
            start=start,
            stop=start + len(found),
            total=payload.items,
            single=marks.single or not formats.item_reader(payload.media_type).separator,
            head=names,
            items=found,
        )

    # ---- search

    async def search(
        self, payload_id: str, text: str, *, start: int = 0, most: int = MAX_HITS, items: bool = True
    ) -> HitPage:
        """Where a text stands in the bytes, from byte `start` on; the case of ASCII letters does not count.

        It ends after `most` hits or about a second, and `next` says where to go on. Where masking rules
        hold, it looks through the items as they are shown: one hit for each, where the item begins.
        Errors: as `window`.
        """
        payload = await self._payload(payload_id)
        sought = text.encode("utf-8", "surrogatepass")
        if not sought or len(text) > MAX_SOUGHT:
            raise UsageError(
                f"a text of 1 to {MAX_SOUGHT} characters can be searched for", code="search.invalid"
            )
        over = await self._veil(payload)
        self._note("payload.search", payload_id, over)
        content = self._content(payload)
        if over.mask is not None:
            return await self._search_shown(payload, over, text, start, max(1, min(most, MAX_HITS)))
        offsets, searched = await _offsets(content, sought, start, max(1, min(most, MAX_HITS)))
        numbers = await self._items_at(payload, offsets) if items else [None] * len(offsets)
        hits = [
            await _hit(content, offset, len(sought), item)
            for offset, item in zip(offsets, numbers, strict=True)
        ]
        return self._hits(payload, hits, searched, searched if searched < content.size_bytes else None)

    async def _search_shown(
        self, payload: PayloadRow, over: Veil, text: str, start: int, most: int
    ) -> HitPage:
        marks, content = self._marks(payload), self._content(payload)
        sought = re.compile(re.escape(text), re.IGNORECASE | re.ASCII)
        until = time.monotonic() + SEARCH_S
        first, end = marks.at_byte(start)
        hits: list[Hit] = []
        searched = False
        csv = formats.is_csv(payload.media_type)
        async with aclosing(self._items(payload, first)) as chunks:
            async for given in chunks:
                head = marks.prefix if csv else b""
                number = given.first
                async for begin, stop in _places(content, end or len(marks.prefix), given.raws):
                    end = stop
                    if begin >= start:
                        if len(hits) == most or (searched and time.monotonic() > until):
                            return self._hits(payload, hits, begin, begin)
                        raw = given.raws[number - given.first]
                        shown = masked(over, payload.media_type, payload.items_path, head, raw)
                        if hit := _hit_in(shown.decode("utf-8", "replace"), sought, begin, number):
                            hits.append(hit)
                        searched = True
                    number += 1
                await asyncio.sleep(0)
        return self._hits(payload, hits, content.size_bytes, None)

    def _hits(self, payload: PayloadRow, hits: list[Hit], searched: int, following: int | None) -> HitPage:
        return HitPage(
            payload=to_text("p", payload.id),
            hits=hits,
            searched_bytes=searched,
            size_bytes=payload.size_bytes,
            next=following,
        )

    async def _items_at(self, payload: PayloadRow, offsets: list[int]) -> list[int | None]:
        """The items that hold these bytes (in order); None: none does, or the payload is not read as items.

        What is passed on the way is marked, so the next time nothing is read twice.
        """
        marks = self._marks(payload)
        content = self._content(payload)
        found: list[int | None] = []
        while len(found) < len(offsets):
            first, begin = marks.at_byte(offsets[len(found)])
            try:
                async with aclosing(self._items(payload, first)) as chunks:
                    async for given in chunks:
                        places = [
                            place async for place in _places(content, begin or len(marks.prefix), given.raws)
                        ]
                        begin = places[-1][1] if places else content.size_bytes
                        while len(found) < len(offsets) and offsets[len(found)] < begin:
                            found.append(_number_at(places, given.first, offsets[len(found)]))
                        if len(found) == len(offsets) or marks.at_byte(offsets[len(found)])[1] > begin:
                            break
                    else:
                        break
            except PayloadError:
                break
        return found + [None] * (len(offsets) - len(found))

    # ---- selections

    async def pick(
        self,
        payload_id: str,
        expression: str,
        *,
        run: str | None = None,
        step: str | None = None,
        after: bool = False,
    ) -> Picked:
        """Which items a selection takes. `failed` wants the run, and the step at (or after) which it begins.

        Errors: `items.invalid`, and as `window`.
        """
        payload = await self._payload(payload_id)
        selection = selection_of(expression)
        require_seen(await self._veil(payload), selection, payload.items_path)
        allowed = await self._failed(payload, run, step, after) if selection.failed else None
        fits = selection.matcher()
        value: ItemValue | None = None
        count = 0
        ranges: list[list[int]] = []
        more = False
        async with aclosing(self._items(payload)) as chunks:
            async for given in chunks:
                try:
                    if value is None:
                        prefix = self._marks(payload).prefix
                        value = item_value(payload.media_type, prefix, given.raws[0])
                    numbers = _fitting(given, selection, value, fits, allowed)
                except ValueError as error:
                    raise PayloadError(f"payload {payload_id}: {error}") from None
                for number in numbers:
                    count += 1
                    if ranges and ranges[-1][1] == number:
                        ranges[-1][1] += 1
                    elif len(ranges) < MAX_RANGES:
                        ranges.append([number, number + 1])
                    else:
                        more = True
        return Picked(payload=payload_id, count=count, total=payload.items, ranges=ranges, more=more)

    async def _failed(self, payload: PayloadRow, run: str | None, step: str | None, after: bool) -> set[int]:
        if run is None or step is None:
            raise UsageError("`failed` needs the run and the step", code="items.invalid", at="failed")
        number = number_of("r", run, "run")
        source = await self._kernel.deps.reader.run(lambda rows: run_store.get_run(rows, number))
        if source is None:
            raise unknown("run", run)
        found = await failed_items(self._kernel.deps, source, step, after=after)
        return found.get(payload.id, set())


def selection_of(expression: str) -> Selection:
    """Errors: `items.invalid`."""
    try:
        return parse(expression)
    except SelectionInvalid as error:
        raise UsageError(
            f"the selection {expression!r} cannot be read: {error}",
            code="items.invalid",
            hint="Write FIELD = V, FIELD in V,V, #0,3:5 or failed, joined by and.",
        ) from None


def _fitting(
    given: Given,
    selection: Selection,
    value: ItemValue,
    fits: Callable[[bytes], bool],
    allowed: set[int] | None,
) -> list[int]:
    return [
        number
        for number, raw in enumerate(given.raws, given.first)
        if selection.numbered(number) and (allowed is None or number in allowed) and fits(value(raw))
    ]


def _text_of(number: int, raw: bytes, most: int) -> ItemText:
    if len(raw) <= most:
        return ItemText(number=number, size_bytes=len(raw), text=raw.decode("utf-8", "replace"))
    text = raw[:most].decode("utf-8", "ignore")
    return ItemText(number=number, size_bytes=len(raw), text=text + TRIMMED, trimmed=True)


async def _offsets(content: StoredContent, sought: bytes, start: int, most: int) -> tuple[list[int], int]:
    """Where the text begins, and how far the bytes were searched."""
    sought = sought.lower()
    until = time.monotonic() + SEARCH_S
    found: list[int] = []
    kept = b""
    at = start
    fed = cast("AsyncGenerator[bytes]", content.stream(start, chunk_bytes=CHUNK_BYTES))
    async with aclosing(fed):
        async for data in fed:
            window = kept + data.lower()
            base = at - len(kept)
            pos = window.find(sought)
            while pos >= 0:
                found.append(base + pos)
                if len(found) == most:
                    return found, base + pos + 1
                pos = window.find(sought, pos + len(sought))
            at += len(data)
            kept = window[-(len(sought) - 1) :] if len(sought) > 1 else b""
            if found and found[-1] + len(sought) > at - len(kept):
                kept = window[found[-1] + len(sought) - base :]
            if time.monotonic() > until:
                return found, max(at - len(kept), start + 1)
    return found, content.size_bytes


async def _hit(content: StoredContent, offset: int, length: int, item: int | None) -> Hit:
    first = max(0, offset - AROUND_BYTES)
    around = await content.read(first, min(content.size_bytes, offset + length + AROUND_BYTES))
    return Hit(
        offset=offset,
        length=length,
        item=item,
        before=around[: offset - first].decode("utf-8", "ignore"),
        text=around[offset - first : offset - first + length].decode("utf-8", "replace"),
        after=around[offset - first + length :].decode("utf-8", "ignore"),
    )


def _hit_in(shown: str, sought: re.Pattern[str], begin: int, number: int) -> Hit | None:
    found = sought.search(shown)
    if found is None:
        return None
    first, last = found.span()
    return Hit(
        offset=begin,
        length=len(found[0].encode()),
        item=number,
        before=shown[max(0, first - AROUND_BYTES) : first],
        text=found[0],
        after=shown[last : last + AROUND_BYTES],
    )


def _number_at(places: list[tuple[int, int]], number: int, offset: int) -> int | None:
    at = bisect_right(places, (offset, sys.maxsize)) - 1
    return number + at if at >= 0 and offset < places[at][1] else None


async def _places(
    content: StoredContent, begin: int, raws: list[bytes]
) -> AsyncGenerator[tuple[int, int], None]:
    """Where items that follow each other stand: between them are blanks and separators only."""
    data = b""
    base = begin
    at = 0
    for raw in raws:
        while (pos := data.find(raw, at)) < 0:
            more = await content.read(
                base + len(data), min(content.size_bytes, base + len(data) + CHUNK_BYTES)
            )
            if not more:
                return
            base, data, at = base + at, data[at:] + more, 0
        yield base + pos, base + pos + len(raw)
        at = pos + len(raw)


def require_kept(payload: PayloadRow) -> None:
    """Errors: `payload.expired`."""
    if not payload.digest:
        text = to_text("p", payload.id)
        raise PayloadGone(
            f"payload {text} has expired or was erased: only its record is kept",
            at=text,
            hint="Logs outlive payloads; give the data with --payload to run with it again.",
        )
