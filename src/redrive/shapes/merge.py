"""Put all payloads of a bucket together into one list."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Final, Literal, Self

from pydantic import model_validator

from redrive.errors import PayloadError
from redrive.sdk import (
    JSON,
    Bucket,
    Elements,
    Envelope,
    Example,
    Field,
    GatherShape,
    Item,
    Out,
    PathText,
    Payload,
    StepContext,
    elements,
    encode,
    members,
    spelt,
    unreadable,
)

MAX_HELD_BYTES: Final = 64 << 20
MAX_KEYS: Final = 1_000_000
_DEEPEST: Final = 64


class Merge(GatherShape, kind="merge", version=1, group="flow control"):
    """Put the items of all payloads of the bucket together into one list, order kept.

    With `by` the items that have the same key become one, at the place of the first: `deep` joins
    objects member by member (of two values that are not both objects or both lists the later stands,
    lists are joined), `first` and `last` keep one of them, `group` makes a list of them. A key
    compares as text, as it is spelt; where an item has none (nothing, null or ""), the step's
    `missing` decides: `error`, `empty` (the item stays by itself) or `skip_item`.

    In: the whole bucket. JSON and NDJSON go together; CSV with one header; XML with one root. With
    `by`, JSON or NDJSON.
    Out: one payload, with the meta that all payloads have in common; none where there is no item.
    JSON: a plain list unless `wrap` is set, items with their own bytes. Every item counts as made
    from all items that went into it.
    Errors: `payload.invalid` for payloads that do not go together or do not parse; `key.missing`;
    `payload.too_large` where `by` would hold more than 64 MiB, or a million keys; not retried.
    """

    by: PathText | None = Field(None, help="Path of the key, relative to the item.")
    combine: Literal["deep", "first", "last", "group"] = Field(
        "deep", help="What becomes of items that have the same key."
    )
    wrap: str | None = Field(
        None,
        pattern=r"^[^.\[\]*$\"'\s]+(\.[^.\[\]*$\"'\s]+)*$",
        help='Put the list into an object under this name: orders gives {"orders": […]}.',
    )

    examples = (
        Example("two pages become one", {}, given=[[1, 2], [3]], gives=[[1, 2, 3]]),
        Example(
            "what two systems know of an order",
            {"by": "id"},
            given=[
                [{"id": 1, "total": 5, "customer": {"name": "Ann"}}, {"id": 2}],
                [{"id": 1, "customer": {"email": "ann@example.com"}}],
            ],
            gives=[
                [{"id": 1, "total": 5, "customer": {"name": "Ann", "email": "ann@example.com"}}, {"id": 2}]
            ],
        ),
        Example(
            "the latest of each",
            {"by": "sku", "combine": "last"},
            given=[[{"sku": "a", "qty": 1}, {"sku": "b", "qty": 4}], [{"sku": "a", "qty": 2}]],
            gives=[[{"sku": "a", "qty": 2}, {"sku": "b", "qty": 4}]],
        ),
        Example(
            "the orders of each customer",
            {"by": "customer", "combine": "group"},
            given=[[{"customer": 7, "id": 1}, {"customer": 8, "id": 2}, {"customer": 7, "id": 3}]],
            gives=[[[{"customer": 7, "id": 1}, {"customer": 7, "id": 3}], [{"customer": 8, "id": 2}]]],
        ),
        Example(
            "under a name, bytes kept",
            {"wrap": "orders"},
            given=[b'[{"total": 19.90}]', b'{"total": 5}'],
            gives=[b'{"orders":[{"total": 19.90},{"total": 5}]}'],
        ),
        Example(
            "an item without a key", {"by": "id"}, given=[[{"id": 1}, {"name": "x"}]], fails="key.missing"
        ),
        Example("JSON and plain text", {}, given=[[1], b"not JSON"], fails="payload.invalid"),
    )

    @model_validator(mode="after")
    def _combine_by_a_key(self) -> Self:
        if self.by is None and "combine" in self.model_fields_set:
            raise ValueError("combine says what becomes of items with the same key; expected by, too")
        return self

    @property
    def separable(self) -> bool:
        return True

    async def run(self, bucket: Bucket, ctx: StepContext) -> AsyncIterator[Out]:
        first, meta = await self._look(bucket)
        if first is None:
            return
        if self.by is None:
            out = Out(self._together(bucket, first), like=first, meta=meta)
        elif self.combine == "first":
            out = Out(self._first_of_each(bucket, _Keys(self.by, ctx)), like=first, meta=meta)
        else:
            out = Out(self._grouped(bucket, _Keys(self.by, ctx)), like=first, meta=meta)
        if first.has_json_items:
            out.media_type, out.items_path, out.envelope = JSON, self.wrap or "", Envelope.at(self.wrap or "")
        yield out

    async def _look(self, bucket: Bucket) -> tuple[Payload | None, Mapping[str, str]]:
        """The first payload with a byte, and the meta that all have in common."""
        first: Payload | None = None
        meta: dict[str, str] = {}
        async for payload in bucket.payloads():
            if not payload.size_bytes:
                continue
            if first is None:
                first, meta = payload, dict(payload.meta)
                self._check_first(first)
            else:
                meta = {name: value for name, value in meta.items() if payload.meta.get(name) == value}
        return first, meta

    def _check_first(self, payload: Payload) -> None:
        if not payload.has_json_items and (self.by is not None or self.wrap is not None):
            raise PayloadError(
                f"payload {payload.position} is {payload.media_type}; merge with "
                f"{'by' if self.by is not None else 'wrap'} reads JSON",
                hint="Put a convert step to json before this one.",
            )

    async def _together(self, bucket: Bucket, first: Payload) -> AsyncIterator[Sequence[Item]]:
        opening: Envelope | None = None
        async for payload in bucket.payloads():
            checked = first.has_json_items
            if not checked or not payload.has_json_items:
                self._check_type(first, payload)
            async for items in payload.chunks():
                if not checked:
                    checked = True
                    found = await payload.opening()
                    opening = opening or found
                    self._check_opening(first, payload, opening, found)
                yield items

    def _check_type(self, first: Payload, payload: Payload) -> None:
        if payload.size_bytes and (
            payload.media_type != first.media_type or payload.items_path != first.items_path
        ):
            raise PayloadError(
                f"payload {payload.position} is {payload.media_type} and payload {first.position} "
                f"{first.media_type}, which do not go together",
                hint="Put a convert step to json before this one.",
            )

    def _check_opening(self, first: Payload, payload: Payload, opening: Envelope, found: Envelope) -> None:
        if found.single:
            raise PayloadError(
                f"payload {payload.position} is {payload.media_type} and no list",
                hint="Put a convert step to json before this one.",
            )
        if found.prefix.strip() != opening.prefix.strip():
            raise PayloadError(
                f"payload {payload.position} begins otherwise than payload {first.position} (another header "
                "or root), so their items do not go together",
                hint="Put a convert step to json before this one, and one back behind it.",
            )

    # ---- by a key

    async def _first_of_each(self, bucket: Bucket, keys: _Keys) -> AsyncIterator[list[Item]]:
        seen: set[str] = set()
        async for items in _json_chunks(bucket):
            kept = []
            for item in items:
                key = keys.of(item)
                if key is None:
                    if keys.keeps:
                        kept.append(item)
                elif key not in seen:
                    seen.add(key)
                    _check_count(len(seen), item)
                    kept.append(item)
            yield kept

    async def _grouped(self, bucket: Bucket, keys: _Keys) -> AsyncIterator[list[Item]]:
        groups: dict[Any, list[Item]] = {}
        held = 0
        async for items in _json_chunks(bucket):
            for item in items:
                key = keys.of(item)
                if key is None and not keys.keeps:
                    continue
                # An item without a key is a group of its own, under a key that no text is.
                group = groups.setdefault((item.payload, item.number) if key is None else key, [])
                if self.combine == "last":
                    held -= sum(len(one.raw) for one in group)
                    group.clear()
                group.append(item)
                held += len(item.raw)
                _check_count(len(groups), item)
                if held > MAX_HELD_BYTES:
                    raise PayloadError(
                        f"payload {item.payload}, item {item.number}: the items up to here have more than "
                        f"{MAX_HELD_BYTES} bytes, the most that merge holds to combine them",
                        code="payload.too_large",
                        hint="Map the items to the fields that are needed first, or set combine to first.",
                    )
        yield [self._combined(group) for group in groups.values()]

    def _combined(self, group: list[Item]) -> Item:
        first = group[0]
        if self.combine == "group":
            raw = b"[" + b",".join([item.raw for item in group]) + b"]"
        elif len(group) == 1:
            return first
        else:
            try:
                raw = deep([item.raw for item in group])
            except ValueError as error:
                raise unreadable(first, error) from None
        others = tuple(origin for item in group for origin in item.origins)[1:]
        return Item(raw, first.payload, first.number, others)


class _Keys:
    """The keys of items, by the step's rule for those that have none."""

    def __init__(self, by: PathText, ctx: StepContext) -> None:
        self._by = by
        self._elements = Elements(by, whole=True)
        self._missing = ctx.missing
        self.keeps = ctx.missing == "empty"

    def of(self, item: Item) -> str | None:
        found = self._elements.of(item)
        try:
            key = spelt(found[0].raw) if len(found) == 1 else ""
        except ValueError as error:
            raise unreadable(item, error) from None
        if key:
            return key
        if key is None or len(found) > 1:
            raise PayloadError(
                f"payload {item.payload}, item {item.number}: {self._by} is "
                f"{'a list or an object' if key is None else f'{len(found)} values'}, and a key is one text",
                at=f"/{item.number}",
                hint="Name a path to a single text or number in by.",
            )
        if self._missing == "error":
            raise PayloadError(
                f"payload {item.payload}, item {item.number}: there is no key at {self._by}",
                code="key.missing",
                at=f"/{item.number}",
                hint="Edit the item, or set missing of the step to empty or skip_item.",
            )
        return None


async def _json_chunks(bucket: Bucket) -> AsyncIterator[list[Item]]:
    async for payload in bucket.payloads():
        async for items in payload.json_chunks():
            yield items


def _check_count(count: int, item: Item) -> None:
    if count > MAX_KEYS:
        raise PayloadError(
            f"payload {item.payload}, item {item.number}: there are more than {MAX_KEYS} keys up to here",
            code="payload.too_large",
            hint="Merge fewer payloads at once.",
        )


def deep(values: Sequence[bytes], depth: int = 0) -> bytes:
    """JSON values as one: objects member by member, lists joined, else the last one.

    What is in one of them only keeps its bytes. Errors: `ValueError`.
    """
    last = values[-1]
    if len(values) == 1 or depth > _DEEPEST:
        return last
    alike: list[Any] = []
    parts = members if members(last) is not None else elements
    for value in reversed(values):
        if (part := parts(value)) is None:
            break
        alike.append(part)
    if not alike:
        return last
    alike.reverse()
    if parts is elements:
        return b"[" + b",".join([bytes(value) for part in alike for value in part]) + b"]"
    joined: dict[str, list[bytes]] = {}
    for part in alike:
        for name, value in part.items():
            joined.setdefault(name, []).append(bytes(value))
    return (
        b"{"
        + b",".join([encode(name) + b":" + deep(found, depth + 1) for name, found in joined.items()])
        + b"}"
    )
