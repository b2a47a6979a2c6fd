"""Statements of erasing: what is under way, the places of erased items, moving references."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeAlias

import msgspec
from sqlalchemy import Column, Table, bindparam, delete, select, text, update

from redrive.store import tables
from redrive.store.committer import Transaction
from redrive.store.database import Rows
from redrive.store.keeping import columns_of
from redrive.store.pages import Pages
from redrive.store.statements import Insert, Statement, row
from redrive.store.sweep import condemn

Source: TypeAlias = Rows | Transaction

_e, _i, _p, _c, _d = (
    tables.erasures,
    tables.erased_items,
    tables.payloads,
    tables.contents,
    tables.deliveries,
)


class Erasure(msgspec.Struct, kw_only=True):
    id: int
    at: int
    finished_at: int | None = None
    actor: str
    reason: str
    field: str | None
    value: bytes | None
    value_hash: bytes
    counts: bytes | None = None


_INSERT = Insert(_e)
_OPEN = Statement(select(_e).where(_e.c.value.is_not(None)).order_by(_e.c.id).limit(1))
_LIST = Statement(
    select(_e).where(_e.c.id < bindparam("before")).order_by(_e.c.id.desc()).limit(bindparam("at_most"))
)
_END = Statement(
    update(_e)
    .where(_e.c.id == bindparam("erasure_id"))
    .values(value=None, finished_at=bindparam("b_at"), counts=bindparam("b_counts"))
)
_PUT_ITEM = Insert(_i, conflict="ignore")
_FORGET_ITEMS = Statement(delete(_i).where(_i.c.erasure_id == bindparam("erasure_id")))
_MOVE = Statement(
    update(_p)
    .where(_p.c.id == bindparam("payload_id"), _p.c.digest == bindparam("old"))
    .values(digest=bindparam("b_digest"), size_bytes=bindparam("b_size_bytes"))
)
_MOVE_CACHED = Statement(
    update(tables.cache_pages)
    .where(tables.cache_pages.c.id == bindparam("page_id"), tables.cache_pages.c.digest == bindparam("old"))
    .values(digest=bindparam("b_digest"), size_bytes=bindparam("b_size_bytes"))
)
_SIZE = Statement(select(_c.c.size_bytes).where(_c.c.digest == bindparam("digest")))
_MASK = Statement(
    update(_d)
    .where(_d.c.id == bindparam("delivery_id"))
    .values(
        key=bindparam("b_key"), digest=bindparam("b_digest"), delivered_digest=bindparam("b_delivered_digest")
    )
)


def begin(transaction: Transaction, erasure: Erasure) -> None:
    transaction.insert(_INSERT, row(erasure))


def end(transaction: Transaction, erasure_id: int, at: int, counts: bytes) -> None:
    """It is done: the value is not known here any more."""
    transaction.run(_FORGET_ITEMS, erasure_id=erasure_id)
    transaction.run(_END, erasure_id=erasure_id, b_at=at, b_counts=counts)


def under_way(source: Source) -> Erasure | None:
    found = source.one(_OPEN)
    return Erasure(**dict(zip(Erasure.__struct_fields__, found, strict=True))) if found else None


def listed(source: Source, before: int, at_most: int) -> list[Erasure]:
    names = Erasure.__struct_fields__
    return [
        Erasure(**dict(zip(names, values, strict=True)))
        for values in source.all(_LIST, before=before, at_most=at_most)
    ]


def put_items(transaction: Transaction, erasure_id: int, payload_id: int, items: Sequence[int]) -> None:
    transaction.insert_many(_PUT_ITEM, [(payload_id, item, erasure_id) for item in items])


def move_payload(transaction: Transaction, payload_id: int, old: bytes, new: bytes, size: int) -> bool:
    return bool(transaction.run(_MOVE, payload_id=payload_id, old=old, b_digest=new, b_size_bytes=size))


def move_cached(transaction: Transaction, page_id: int, old: bytes, new: bytes, size: int) -> None:
    transaction.run(_MOVE_CACHED, page_id=page_id, old=old, b_digest=new, b_size_bytes=size)


def size_of(source: Source, digest: bytes) -> int | None:
    found = source.one(_SIZE, digest=digest)
    return int(found[0]) if found else None


def mask_delivery(
    transaction: Transaction, delivery_id: int, key: str, digest: bytes | None, delivered: bytes | None
) -> None:
    transaction.run(_MASK, delivery_id=delivery_id, b_key=key, b_digest=digest, b_delivered_digest=delivered)


class Texts:
    """The texts of one table in which something may stand: read in pages, written back or deleted by key."""

    def __init__(self, table: Table, columns: Sequence[Column[Any]]) -> None:
        self.table = table
        self.columns = columns
        self.pages = Pages(table, self.columns)
        key = [column == bindparam(f"key_{column.name}") for column in self.pages.key]
        self._delete = Statement(delete(table).where(*key))
        self._set = {
            column.name: Statement(update(table).where(*key).values({column: bindparam("b_value")}))
            for column in table.columns
            if not column.primary_key
        }
        self._contents = [column.name for column in table.columns if column.info.get("content")]
        named = [table.c[name] for name in self._contents] or self.pages.key
        self._named = Statement(select(*named).where(*key))

    @property
    def key_names(self) -> list[str]:
        return [column.name for column in self.pages.key]

    def put(self, transaction: Transaction, key: Sequence[Any], values: Mapping[str, Any]) -> None:
        for name, value in values.items():
            transaction.run(self._set[name], b_value=value, **self._of(key))

    def remove(self, transaction: Transaction, key: Sequence[Any]) -> None:
        """And what only it named."""
        if self._contents and (found := transaction.one(self._named, **self._of(key))) is not None:
            condemn(transaction, [bytes(digest) for digest in found if digest])
        if transaction.run(self._delete, **self._of(key)) and self.table is tables.lookup_entries:
            transaction.run(_LESS, generation=key[0])

    def _of(self, key: Sequence[Any]) -> dict[str, Any]:
        return {f"key_{name}": value for name, value in zip(self.key_names, key, strict=True)}


_l = tables.lookups
# Whoever holds its entries in memory looks again.
_LESS = Statement(
    update(_l)
    .where(_l.c.generation == bindparam("generation"))
    .values(revision=_l.c.revision + text("1"), entries=_l.c.entries - text("1"))
)


def texts() -> list[Texts]:
    """As `store.keeping` has decided of each table."""
    looked_at = ((table, columns_of(table.name)) for table in tables.metadata.sorted_tables)
    return [Texts(table, [table.columns[name] for name in names]) for table, names in looked_at if names]


EVENTS: Final = Pages(
    tables.delivery_events,
    [
        tables.delivery_events.c.delivery_id,
        tables.delivery_events.c.payload_id,
        tables.delivery_events.c["item"],
    ],
)
DELIVERIES: Final = Pages(
    _d, [_d.c.id, _d.c.key, _d.c.payload_id, _d.c["item"], _d.c.digest, _d.c.delivered_digest]
)
TRACKED: Final = Pages(tables.tracked, [tables.tracked.c.payload_id, tables.tracked.c["item"]])
ITEMS: Final = Pages(_i, [_i.c.payload_id, _i.c["item"]])
PAYLOADS: Final = Pages(_p, [_p.c.id, _p.c.digest, _p.c.size_bytes, _p.c.media_type, _p.c.items_path])
_n = tables.cache_pages
CACHED: Final = Pages(_n, [_n.c.id, _n.c.digest, _n.c.size_bytes, _n.c.media_type, _n.c.items_path])
CONTENTS: Final = Pages(_c, [_c.c.digest, _c.c.size_bytes])
