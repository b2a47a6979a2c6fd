"""Statements of lookups: cross-reference tables, their generations and entries.

An import writes a new generation of entries and then makes it the current one; a change of a single
entry ends the row that stood and adds another under the next revision. A reader that holds on to
(generation, revision) therefore sees one state, for as long as the rows are kept: `KEPT_S`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import bindparam, delete, func, or_, select, update

from redrive.core.matching import number_of
from redrive.store import tables
from redrive.store.committer import Transaction
from redrive.store.database import Rows
from redrive.store.statements import Insert, Statement

AT_ONCE = 100
KEPT_S = 86_400
"""How long rows stay that have been replaced: a step may still be reading them."""

_l, _g, _e = tables.lookups, tables.lookup_generations, tables.lookup_entries

INSERT = Insert(_l)
INSERT_GENERATION = Insert(_g)
INSERT_ENTRY = Insert(_e)
GET = Statement(select(_l).where(_l.c.name == bindparam("name")))
DELETE = Statement(delete(_l).where(_l.c.id == bindparam("lookup_id")))
GENERATION = Statement(select(_g.c.id).where(_g.c.id == bindparam("generation")))
REPLACE_GENERATION = Statement(
    update(_g).where(_g.c.id == bindparam("generation")).values(replaced_at=bindparam("b_at"))
)
DELETE_GENERATION = Statement(delete(_g).where(_g.c.id == bindparam("generation")))
CHANGE = Statement(
    update(_l)
    .where(_l.c.id == bindparam("lookup_id"))
    .values(
        source_name=bindparam("b_source_name"),
        target_name=bindparam("b_target_name"),
        generation=bindparam("b_generation"),
        revision=bindparam("b_revision"),
        entries=bindparam("b_entries"),
        updated_at=bindparam("b_updated_at"),
    )
)
_SEEN = (
    _e.c.generation == bindparam("generation"),
    _e.c.since <= bindparam("revision"),
    or_(_e.c.until.is_(None), _e.c.until > bindparam("revision")),
)
_KEYS = [bindparam(f"k{n}", type_=_e.c.source_key.type) for n in range(AT_ONCE)]
_FORWARD = Statement(
    select(_e.c.source_key, _e.c.source, _e.c.target)
    .where(*_SEEN, _e.c.source_key.in_(_KEYS))
    .order_by(_e.c.number)
)
_BACKWARD = Statement(
    select(_e.c.target_key, _e.c.target, _e.c.source)
    .where(*_SEEN, _e.c.target_key.in_(_KEYS))
    .order_by(_e.c.number)
)
_CURRENT = (_e.c.generation == bindparam("generation"), _e.c.until.is_(None))
OF_SOURCE = Statement(
    select(_e.c.number, _e.c.source, _e.c.target)
    .where(*_CURRENT, _e.c.source_key == bindparam("source_key"))
    .order_by(_e.c.number)
)
END_ENTRY = Statement(
    update(_e)
    .where(_e.c.generation == bindparam("generation"), _e.c.number == bindparam("number"))
    .values(until=bindparam("b_until"))
)
LAST_NUMBER = Statement(select(func.max(_e.c.number)).where(_e.c.generation == bindparam("generation")))
ENTRIES_FROM = Statement(
    select(_e.c.number, _e.c.source, _e.c.target)
    .where(*_CURRENT, _e.c.number > bindparam("after"))
    .order_by(_e.c.number)
    .limit(bindparam("at_most"))
)
_TWINS = Statement(
    select(_e.c.source_key)
    .where(_e.c.generation == bindparam("generation"), _e.c.source_key > bindparam("after"))
    .group_by(_e.c.source_key)
    .having(func.count() > 1)
    .order_by(_e.c.source_key)
    .limit(bindparam("at_most"))
)
DROP_ENTRY = Statement(
    delete(_e).where(_e.c.generation == bindparam("generation"), _e.c.number == bindparam("number"))
)
_DROP_UP_TO = Statement(
    delete(_e).where(_e.c.generation == bindparam("generation"), _e.c.number <= bindparam("number"))
)
_NUMBER_AT = Statement(
    select(_e.c.number)
    .where(_e.c.generation == bindparam("generation"))
    .order_by(_e.c.number)
    .limit(1)
    .offset(bindparam("at"))
)
DROP_ENDED = Statement(
    delete(_e).where(
        _e.c.generation == bindparam("generation"),
        _e.c.until.is_not(None),
        _e.c.until < bindparam("before"),
    )
)
_OLD_GENERATIONS = Statement(
    select(_g.c.id)
    .select_from(_g.outerjoin(_l, _l.c.generation == _g.c.id))
    .where(_l.c.id.is_(None), func.coalesce(_g.c.replaced_at, _g.c.created_at) < bindparam("before"))
    .order_by(_g.c.id)
)


class LookupRow(msgspec.Struct, frozen=True):
    id: int
    name: str
    source_name: str
    target_name: str
    generation: int
    revision: int
    entries: int
    created_at: int
    updated_at: int


class EntryRow(msgspec.Struct, frozen=True):
    number: int
    source: str
    target: str


def get(source: Rows | Transaction, name: str) -> LookupRow | None:
    found = source.one(GET, name=name)
    return LookupRow(*found) if found else None


def lookups_page(rows: Rows, after: str | None, at_most: int) -> list[LookupRow]:
    """By name."""
    query = select(_l).order_by(_l.c.name).limit(at_most)
    if after is not None:
        query = query.where(_l.c.name > after)
    return [LookupRow(*row) for row in rows.query(query)]


def entries_page(
    rows: Rows, generation: int, text: str | None, after: int | None, at_most: int
) -> list[EntryRow]:
    """The current entries in their order; with `text` those that hold it, whatever its case."""
    query = (
        select(_e.c.number, _e.c.source, _e.c.target)
        .where(_e.c.generation == generation, _e.c.until.is_(None))
        .order_by(_e.c.number)
        .limit(at_most)
    )
    if text is not None:
        query = query.where(
            or_(
                func.lower(_e.c.source).contains(text.lower(), autoescape=True),
                func.lower(_e.c.target).contains(text.lower(), autoescape=True),
            )
        )
    if after is not None:
        query = query.where(_e.c.number > after)
    return [EntryRow(*row) for row in rows.query(query)]


def rows_of(
    rows: Rows, generation: int, revision: int, numbers: Sequence[int], *, backward: bool
) -> dict[int, list[tuple[str, str]]]:
    """By number (`core.matching`), what is compared and what it gives, in the order of the table."""
    found: dict[int, list[tuple[str, str]]] = {}
    statement = _BACKWARD if backward else _FORWARD
    for start in range(0, len(numbers), AT_ONCE):
        part = numbers[start : start + AT_ONCE]
        keys = {f"k{n}": part[min(n, len(part) - 1)] for n in range(AT_ONCE)}
        for number, compared, given in rows.all(statement, generation=generation, revision=revision, **keys):
            found.setdefault(number, []).append((compared, given))
    return found


def entry_row(generation: int, number: int, source: str, target: str, since: int) -> tuple[Any, ...]:
    return (generation, number, source, target, number_of(source), number_of(target), since, None)


def twins(
    rows: Rows, generation: int, after: int | None, at_most: int
) -> tuple[list[list[EntryRow]], int | None]:
    """Entries of a generation under construction with the same source: groups in order of their
    lines, and where to go on (None: these were all).
    """
    least = -(1 << 63)
    found = rows.all(_TWINS, generation=generation, after=least if after is None else after, at_most=at_most)
    groups: list[list[EntryRow]] = []
    for (key,) in found:
        same: dict[str, list[EntryRow]] = {}
        for row in rows.all(OF_SOURCE, generation=generation, source_key=key):
            same.setdefault(row[1], []).append(EntryRow(*row))
        groups += [group for group in same.values() if len(group) > 1]
    return groups, found[-1][0] if len(found) == at_most else None


def drop_some(transaction: Transaction, generation: int, at_most: int) -> bool:
    """Remove entries of a generation from its beginning; True while there are more."""
    found = transaction.one(_NUMBER_AT, generation=generation, at=at_most - 1)
    if found is None:
        found = transaction.one(LAST_NUMBER, generation=generation)
        if found is not None and found[0] is not None:
            transaction.run(_DROP_UP_TO, generation=generation, number=found[0])
        transaction.run(DELETE_GENERATION, generation=generation)
        return False
    transaction.run(_DROP_UP_TO, generation=generation, number=found[0])
    return True


def old_generations(rows: Rows, before: int) -> list[int]:
    """Those that are no longer current, or never became so, since before that instant."""
    return [row[0] for row in rows.all(_OLD_GENERATIONS, before=before)]
