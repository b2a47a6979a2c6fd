"""Statements of flows and their versions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, TypeAlias

import msgspec
from sqlalchemy import bindparam, delete, func, or_, select, update

from redrive.store import tables
from redrive.store.committer import Transaction
from redrive.store.database import Rows
from redrive.store.statements import Insert, Statement, row

Source: TypeAlias = Rows | Transaction

DEPLOYED: Final = "deployed"
INACTIVE: Final = "inactive"
# What an INTEGER column holds on every database; a larger number names no version.
_MOST: Final = 2**31 - 1

_f, _v, _e, _r = tables.flows, tables.flow_versions, tables.version_events, tables.runs


class FlowRow(msgspec.Struct, frozen=True, kw_only=True):
    """A flow as it stands in the store. `draft` is the exact text of its document."""

    id: int
    name: str
    enabled: bool
    draft: bytes | None
    draft_file: str | None
    created_at: int
    last_success: int | None


class VersionRow(msgspec.Struct, frozen=True, kw_only=True):
    """A numbered version, without its document. `digest` is the same for equal documents."""

    flow_id: int
    number: int
    state: str
    digest: bytes
    created_at: int


class VersionEvent(msgspec.Struct, frozen=True):
    """That a version was `created`, `deployed` or `restored`: when, by whom, and why."""

    id: int
    number: int
    kind: str
    at: int
    actor: str
    note: str | None


class ListedFlow(msgspec.Struct, frozen=True, kw_only=True):
    """One row of the list of flows; `deployed` is the number of the deployed version."""

    id: int
    name: str
    enabled: bool
    has_draft: bool
    deployed: int | None
    versions: int


_LISTED = select(
    _f.c.id,
    _f.c.name,
    _f.c.enabled,
    _f.c.draft.is_not(None),
    select(func.max(_v.c.number))
    .where(_v.c.flow_id == _f.c.id, _v.c.state == DEPLOYED)
    .correlate(_f)
    .scalar_subquery(),
    select(func.count()).select_from(_v).where(_v.c.flow_id == _f.c.id).correlate(_f).scalar_subquery(),
)
_LIST = Statement(
    _LISTED.where(_f.c.name > bindparam("after")).order_by(_f.c.name).limit(bindparam("at_most"))
)
_LISTED_ONE = Statement(_LISTED.where(_f.c.name == bindparam("name")))
_NAMES = Statement(select(_f.c.name).order_by(_f.c.name))
_BY_NAME = Statement(select(_f).where(_f.c.name == bindparam("name")))
_INSERT = Insert(_f)
_PUT_DRAFT = Statement(
    update(_f)
    .where(_f.c.id == bindparam("flow_id"))
    .values(draft=bindparam("b_draft"), draft_file=bindparam("b_draft_file"))
)
_ENABLE = Statement(update(_f).where(_f.c.id == bindparam("flow_id")).values(enabled=bindparam("b_enabled")))
_DELETE = Statement(delete(_f).where(_f.c.id == bindparam("flow_id")))
_UNFINISHED = Statement(
    select(func.count())
    .select_from(_r)
    .where(or_(_r.c.status == "queued", _r.c.status == "running"), _r.c.flow_id == bindparam("flow_id"))
)

_VERSION = select(_v.c.flow_id, _v.c.number, _v.c.state, _v.c.digest, _v.c.created_at).where(
    _v.c.flow_id == bindparam("flow_id")
)
_VERSIONS = Statement(
    _VERSION.where(_v.c.number < bindparam("before")).order_by(_v.c.number.desc()).limit(bindparam("at_most"))
)
_VERSION_OF = Statement(_VERSION.where(_v.c.number == bindparam("number")))
_DEPLOYED = Statement(_VERSION.where(_v.c.state == DEPLOYED))
_EQUAL = Statement(_VERSION.where(_v.c.digest == bindparam("digest")))
_NEWEST = Statement(select(func.max(_v.c.number)).where(_v.c.flow_id == bindparam("flow_id")))
_DOCUMENT = Statement(
    select(_v.c.document, _v.c.file).where(
        _v.c.flow_id == bindparam("flow_id"), _v.c.number == bindparam("number")
    )
)
_INSERT_EVENT = Insert(_e)
_EVENTS = Statement(
    select(_e.c.id, _e.c.number, _e.c.kind, _e.c.at, _e.c.actor, _e.c.note)
    .where(
        _e.c.flow_id == bindparam("flow_id"),
        _e.c.number >= bindparam("lowest"),
        _e.c.number <= bindparam("highest"),
    )
    .order_by(_e.c.id)
)
_ALL_DEPLOYED = Statement(
    select(_f.c.name, _v.c.number, _v.c.document, _v.c.file)
    .select_from(_v.join(_f, _f.c.id == _v.c.flow_id))
    .where(_v.c.state == DEPLOYED)
    .order_by(_f.c.name)
)
_DEPLOYED_OF = Statement(
    select(_f.c.id, _v.c.number, _v.c.document, _v.c.file)
    .select_from(_f.join(_v, _v.c.flow_id == _f.c.id))
    .where(_f.c.name == bindparam("name"), _v.c.state == DEPLOYED)
)
_INSERT_VERSION = Insert(_v)
_RETIRE = Statement(
    update(_v).where(_v.c.flow_id == bindparam("flow_id"), _v.c.state == DEPLOYED).values(state=INACTIVE)
)
_DEPLOY = Statement(
    update(_v)
    .where(_v.c.flow_id == bindparam("flow_id"), _v.c.number == bindparam("number"))
    .values(state=DEPLOYED)
)


def names(source: Source) -> list[str]:
    return [name for (name,) in source.all(_NAMES)]


def get_flow(source: Source, name: str) -> FlowRow | None:
    found = source.one(_BY_NAME, name=name)
    if found is None:
        return None
    values = dict(zip(FlowRow.__struct_fields__, found, strict=True))
    return FlowRow(**{**values, "enabled": bool(values["enabled"])})


def listed(source: Source, *, after: str, at_most: int) -> list[ListedFlow]:
    """Flows by name, from behind `after`."""
    return [_listed(found) for found in source.all(_LIST, after=after, at_most=at_most)]


def listed_one(source: Source, name: str) -> ListedFlow | None:
    found = source.one(_LISTED_ONE, name=name)
    return _listed(found) if found else None


def _listed(found: Sequence[Any]) -> ListedFlow:
    id_, name, enabled, has_draft, deployed, count = found
    return ListedFlow(
        id=id_,
        name=name,
        enabled=bool(enabled),
        has_draft=bool(has_draft),
        deployed=deployed,
        versions=count,
    )


def insert_flow(transaction: Transaction, flow: FlowRow) -> None:
    transaction.insert(_INSERT, row(flow))


def put_draft(transaction: Transaction, flow_id: int, text: bytes, file: str) -> None:
    transaction.run(_PUT_DRAFT, flow_id=flow_id, b_draft=text, b_draft_file=file)


def enable(transaction: Transaction, flow_id: int, *, enabled: bool) -> None:
    transaction.run(_ENABLE, flow_id=flow_id, b_enabled=enabled)


def unfinished_runs(source: Source, flow_id: int) -> int:
    """How many runs of the flow are queued or running."""
    found = source.one(_UNFINISHED, flow_id=flow_id)
    return int(found[0]) if found else 0


def delete_flow(transaction: Transaction, flow_id: int) -> None:
    """Its versions stay: what a run shows, and a redrive of it, needs them."""
    transaction.run(_DELETE, flow_id=flow_id)


def versions(source: Source, flow_id: int, *, before: int | None, at_most: int) -> list[VersionRow]:
    """Numbered versions, the newest first, from below `before`."""
    most = _MOST if before is None else min(before, _MOST)
    return [_version(found) for found in source.all(_VERSIONS, flow_id=flow_id, before=most, at_most=at_most)]


def get_version(source: Source, flow_id: int, number: int) -> VersionRow | None:
    if not 0 < number < _MOST:
        return None
    found = source.one(_VERSION_OF, flow_id=flow_id, number=number)
    return _version(found) if found else None


def deployed(source: Source, flow_id: int) -> VersionRow | None:
    found = source.one(_DEPLOYED, flow_id=flow_id)
    return _version(found) if found else None


def deployed_of(source: Source, name: str) -> tuple[int, int, bytes, str] | None:
    """Of the deployed version of the flow of that name: the flow, number, exact text and file."""
    found = source.one(_DEPLOYED_OF, name=name)
    return (found[0], found[1], bytes(found[2]), found[3]) if found else None


def equal_version(source: Source, flow_id: int, digest: bytes) -> VersionRow | None:
    found = source.one(_EQUAL, flow_id=flow_id, digest=digest)
    return _version(found) if found else None


def _version(found: Sequence[Any]) -> VersionRow:
    return VersionRow(**dict(zip(VersionRow.__struct_fields__, found, strict=True)))


def newest_number(source: Source, flow_id: int) -> int:
    """The highest number given so far, 0 where there is none."""
    found = source.one(_NEWEST, flow_id=flow_id)
    return int(found[0]) if found and found[0] is not None else 0


def document(source: Source, flow_id: int, number: int) -> tuple[bytes, str] | None:
    """A version's exact text and the name of the file that it came from."""
    found = source.one(_DOCUMENT, flow_id=flow_id, number=number)
    return (bytes(found[0]), found[1]) if found else None


def all_deployed(source: Source) -> list[tuple[str, int, bytes, str]]:
    """Name, number, text and file of everything that is deployed."""
    return [(name, number, bytes(text), file) for name, number, text, file in source.all(_ALL_DEPLOYED)]


def insert_version(transaction: Transaction, version: VersionRow, text: bytes, file: str) -> None:
    transaction.insert(
        _INSERT_VERSION,
        (version.flow_id, version.number, version.state, text, file, version.digest, version.created_at),
    )


def insert_event(transaction: Transaction, flow_id: int, event: VersionEvent) -> None:
    transaction.insert(
        _INSERT_EVENT,
        (event.id, flow_id, event.number, event.kind, event.at, event.actor, event.note),
    )


def events(source: Source, flow_id: int, lowest: int, highest: int) -> list[VersionEvent]:
    """What happened to versions with numbers in a range, oldest first."""
    rows = source.all(_EVENTS, flow_id=flow_id, lowest=lowest, highest=min(highest, _MOST))
    return [VersionEvent(*found) for found in rows]


def set_deployed(transaction: Transaction, flow_id: int, number: int) -> None:
    """The one version that is deployed from now on; the one before becomes inactive."""
    transaction.run(_RETIRE, flow_id=flow_id)
    transaction.run(_DEPLOY, flow_id=flow_id, number=number)
