"""Two payloads beside each other, item by item, whatever their size."""

from __future__ import annotations

import asyncio
from collections import defaultdict, deque
from collections.abc import Callable, Iterable
from contextlib import aclosing
from typing import Final

import msgspec
from blake3 import blake3

from redrive.core import formats
from redrive.core.formats.item_values import item_value
from redrive.core.ids import to_text
from redrive.core.masking import HIDDEN
from redrive.core.paths import Fields, Path
from redrive.core.run import PayloadRow
from redrive.errors import PayloadError, UsageError
from redrive.service.masked_items import masked
from redrive.service.reading import Reading
from redrive.service.reading_views import ItemDifference, PayloadDiff
from redrive.service.veil import Veil

MOST_ITEMS: Final = 1_000_000
MOST_DIFFERENCES: Final = 2_000
MOST_KEY_BYTES: Final = 200
KEYS: Final = ("id", "key", "sku", "order_id", "number", "name")
"""Fields that are taken for the key of an item where none is named."""


class Known(msgspec.Struct, gc=False):
    """An item: the hash of its bytes, and its key as spelt."""

    digest: bytes
    key: str | None


class Comparing(Reading):
    async def compare(self, before: str, after: str, *, key: str | None = None) -> PayloadDiff:
        """What is in one payload and not, or not alike, in the other. `key`: the field that names an item.

        Errors: `payload.unknown`, `payload.expired`, `payload.invalid`, `payload.too_large`, `path.invalid`.
        """
        first, second = await self._payload(before), await self._payload(after)
        overs = await self._veil(first), await self._veil(second)
        hidden = any(over.mask is not None for over in overs)
        old: list[Known] = []
        new: list[Known] = []
        if first.digest != second.digest or hidden:
            key = key or await self._key_of(first, overs[0])
            old = await self._known(first, key, overs[0])
            new = await self._known(second, key, overs[1])
        left, right, equal = _without_equal(old, new)
        found = list(_paired(old, new, left, right))
        kinds = [one.kind for one in found]
        return PayloadDiff(
            before=to_text("p", first.id),
            after=to_text("p", second.id),
            same=not found if hidden else first.digest == second.digest,
            equal=equal if old or new else first.items or 0,
            changed=kinds.count("changed"),
            added=kinds.count("added"),
            removed=kinds.count("removed"),
            key=key,
            differences=found[:MOST_DIFFERENCES],
            more=len(found) > MOST_DIFFERENCES,
        )

    async def _key_of(self, payload: PayloadRow, over: Veil) -> str | None:
        """The first of the usual names of keys that the first item has."""
        async with aclosing(self._items(payload)) as chunks:
            async for given in chunks:
                try:
                    value = item_value(payload.media_type, self._marks(payload).prefix, given.raws[0])
                    found = Fields([Path.parse(name) for name in KEYS]).read_raw(value(given.raws[0]))
                except ValueError:
                    return None
                spelt = (
                    name
                    for name, raw in zip(KEYS, found, strict=True)
                    if _spelt(raw) is not None and over.tells(Path.parse(name), payload.items_path)
                )
                return next(spelt, None)
        return None

    async def _known(self, payload: PayloadRow, key: str | None, over: Veil) -> list[Known]:
        try:
            fields = Fields([Path.parse(key)]) if key else None
        except ValueError as error:
            raise UsageError(f"{key!r} is not a path: {error}", code="path.invalid", at="key") from None
        found: list[Known] = []
        read: Callable[[bytes], str | None] | None = None
        async with aclosing(self._items(payload)) as chunks:
            async for given in chunks:
                raws = given.raws
                if over.mask is not None:  # as they are shown: nothing else of them is told
                    head = self._marks(payload).prefix if formats.is_csv(payload.media_type) else b""
                    raws = [masked(over, payload.media_type, payload.items_path, head, raw) for raw in raws]
                    await asyncio.sleep(0)
                if read is None:
                    read = self._reader(payload, fields, raws[0])
                found += [Known(blake3(raw).digest(16), read(raw)) for raw in raws]
                if len(found) > MOST_ITEMS:
                    raise PayloadError(
                        f"payload {to_text('p', payload.id)} has more than {MOST_ITEMS:,} items",
                        code="payload.too_large",
                        hint="Compare what a selection takes of it, or download both.",
                    )
        return found

    def _reader(
        self, payload: PayloadRow, fields: Fields | None, first: bytes
    ) -> Callable[[bytes], str | None]:
        if fields is None:
            return lambda _raw: None
        value = item_value(payload.media_type, self._marks(payload).prefix, first)
        plain = formats.is_json(payload.media_type) or formats.is_ndjson(payload.media_type)

        def read(raw: bytes) -> str | None:
            try:
                return _spelt(fields.read_raw(raw if plain else value(raw))[0])
            except ValueError:
                return None

        return read


def _spelt(raw: object) -> str | None:
    if not isinstance(raw, msgspec.Raw):
        return None
    text = bytes(raw)
    if text[:1] in b"[{" or len(text) > MOST_KEY_BYTES or text == b"null":
        return None
    spelt = text.decode("utf-8", "replace").strip('"')
    return None if spelt == HIDDEN else spelt


def _without_equal(old: list[Known], new: list[Known]) -> tuple[list[int], list[int], int]:
    """The numbers of the items whose bytes the other one has not (so often), and how many it has."""
    there: dict[bytes, list[int]] = defaultdict(list)
    for number, item in enumerate(new):
        there[item.digest].append(number)
    for numbers in there.values():
        numbers.reverse()
    left: list[int] = []
    taken: set[int] = set()
    for number, item in enumerate(old):
        same = there.get(item.digest)
        if same:
            taken.add(same.pop())
        else:
            left.append(number)
    return left, [number for number in range(len(new)) if number not in taken], len(taken)


def _paired(
    old: list[Known], new: list[Known], left: list[int], right: list[int]
) -> Iterable[ItemDifference]:
    """Changed items first by their key, the others in their order; then what is only on one side."""
    keyed = {key: number for number in reversed(right) if (key := new[number].key)}
    free = set(right)
    pairs: dict[int, int] = {}
    for number in left:
        other = keyed.get(old[number].key or "")
        if other is not None and other in free:
            pairs[number] = other
            free.discard(other)
    unkeyed = deque(number for number in right if number in free and not new[number].key)
    for number in left:
        if number not in pairs and not old[number].key and unkeyed:
            pairs[number] = other = unkeyed.popleft()
            free.discard(other)
    for number in left:
        other = pairs.get(number)
        yield ItemDifference(
            kind="removed" if other is None else "changed", before=number, after=other, key=old[number].key
        )
    for number in right:
        if number in free:
            yield ItemDifference(kind="added", before=None, after=number, key=new[number].key)
