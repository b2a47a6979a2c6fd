"""Notification groups, and the outbox of notices: written with what they tell, sent afterwards."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias

import msgspec
from sqlalchemy import bindparam, delete, func, or_, select, update

from redrive.core.notices import Group, due_at, wanted
from redrive.store import tables
from redrive.store.committer import Transaction
from redrive.store.database import Rows
from redrive.store.statements import Insert, Statement

Source: TypeAlias = Rows | Transaction

_g, _n, _r = tables.notification_groups, tables.notices, tables.runs
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

WAITING, SENT, FAILED = "waiting", "sent", "failed"
KEPT_US = 30 * 86_400_000_000
"""How long one that was sent, or given up, can be looked at."""


class GroupRow(msgspec.Struct, frozen=True):
    name: str
    settings: Group
    urls: list[dict[str, str]]
    """Each {env|file|sealed: text}."""
    updated_at: int


class Notice(msgspec.Struct, kw_only=True):
    """Fields stand in the order of the table's columns."""

    id: int
    group: str
    signature: str
    """Equal notices have equal ones."""
    level: str
    title: str
    message: str
    flow: str
    run_id: int | None = None
    step: str | None = None
    at: int
    """When the first of those that it stands for came up."""
    count: int = 1
    status: str = WAITING
    due_at: int
    """When it is sent; once that was tried, when it is tried again."""
    first_due_at: int
    tries: int = 0
    left: bytes | None = None
    """JSON: the places of the URLs that are still to be reached; None: all."""
    error: str | None = None
    sent_at: int | None = None


_PUT_GROUP = Insert(_g, conflict="replace")
_DELETE_GROUP = Statement(delete(_g).where(_g.c.name == bindparam("name")))
_GET_GROUP = Statement(select(_g).where(_g.c.name == bindparam("name")))
_GROUPS = Statement(
    select(_g).where(_g.c.name > bindparam("after")).order_by(_g.c.name).limit(bindparam("at_most"))
)
_ALL_GROUPS = Statement(select(_g).order_by(_g.c.name))
_INSERT = Insert(_n)
_LATEST = Statement(
    select(_n.c.id, _n.c.status, _n.c.tries, _n.c.due_at, _n.c.first_due_at)
    .where(_n.c.group_name == bindparam("group"), _n.c.signature == bindparam("signature"))
    .order_by(_n.c.id.desc())
    .limit(1)
)
_FOLD = Statement(
    update(_n)
    .where(_n.c.id == bindparam("notice_id"))
    .values(
        count=_n.c["count"] + 1,
        level=bindparam("b_level"),
        title=bindparam("b_title"),
        message=bindparam("b_message"),
        run_id=bindparam("b_run_id"),
    )
)
_DUE = Statement(
    select(_n)
    .where(_n.c.status == WAITING, _n.c.due_at <= bindparam("now"))
    .order_by(_n.c.due_at, _n.c.id)
    .limit(bindparam("at_most"))
)
_NEXT_DUE = Statement(select(func.min(_n.c.due_at)).where(_n.c.status == WAITING))
_UPDATE = Statement(
    update(_n)
    .where(_n.c.id == bindparam("notice_id"))
    .values(
        status=bindparam("b_status"),
        due_at=bindparam("b_due_at"),
        tries=bindparam("b_tries"),
        left=bindparam("b_left"),
        error=bindparam("b_error"),
        sent_at=bindparam("b_sent_at"),
    )
)
_AGAIN = Statement(
    update(_n)
    .where(_n.c.id == bindparam("notice_id"), _n.c.status == FAILED)
    .values(status=WAITING, due_at=bindparam("b_due_at"), tries=0)
)
_GET = Statement(select(_n).where(_n.c.id == bindparam("notice_id")))
_FORGET = Statement(delete(_n).where(_n.c.status != WAITING, _n.c.at < bindparam("before")))
_COUNT_FAILED = Statement(select(func.count()).select_from(_n).where(_n.c.status == FAILED))
_LAST_ENDED = Statement(
    select(_r.c.status)
    .where(
        _r.c.flow_id == bindparam("flow_id"),
        _r.c.id < bindparam("run_id"),
        or_(*(_r.c.status == status for status in ("success", "partial_success", "failure"))),
    )
    .order_by(_r.c.id.desc())
    .limit(1)
)
_FIELDS = Notice.__struct_fields__


def _page_statement(*, group: bool, status: bool) -> Statement:
    found = select(_n).where(_n.c.id < bindparam("before"))
    if group:
        found = found.where(_n.c.group_name == bindparam("group"))
    if status:
        found = found.where(_n.c.status == bindparam("status"))
    return Statement(found.order_by(_n.c.id.desc()).limit(bindparam("at_most")))


_PAGES = {
    (group, status): _page_statement(group=group, status=status)
    for group in (False, True)
    for status in (False, True)
}

# ---- groups


def put_group(transaction: Transaction, group: GroupRow) -> None:
    transaction.insert(
        _PUT_GROUP,
        (
            group.name,
            msgspec.json.encode(group.settings),
            msgspec.json.encode(group.urls),
            group.updated_at,
        ),
    )


def delete_group(transaction: Transaction, name: str) -> bool:
    return transaction.run(_DELETE_GROUP, name=name) > 0


def get_group(source: Source, name: str) -> GroupRow | None:
    found = source.one(_GET_GROUP, name=name)
    return _group(found) if found else None


def groups(source: Source, after: str, at_most: int) -> list[GroupRow]:
    return [_group(row) for row in source.all(_GROUPS, after=after, at_most=at_most)]


def all_groups(source: Source) -> list[GroupRow]:
    return [_group(row) for row in source.all(_ALL_GROUPS)]


def _group(found: Sequence[Any]) -> GroupRow:
    name, settings, urls, updated_at = found
    return GroupRow(
        name,
        msgspec.json.decode(bytes(settings), type=Group),
        msgspec.json.decode(bytes(urls), type=list[dict[str, str]]),
        updated_at,
    )


# ---- the outbox


def put(transaction: Transaction, notice: Notice, *, name: str, reaches: str) -> bool:
    """A notice for one group: to be sent, or folded into an equal one that waits; nothing if `reaches` is
    below the level of the group. False: there is no such group.
    """
    group = get_group(transaction, name)
    if group is None:
        return False
    if not wanted(group.settings, reaches):
        return True
    latest = transaction.one(_LATEST, group=name, signature=notice.signature)
    if latest is not None and latest[1] == WAITING and not latest[2] and latest[3] > notice.at:
        transaction.run(
            _FOLD,
            notice_id=latest[0],
            b_level=notice.level,
            b_title=notice.title,
            b_message=notice.message,
            b_run_id=notice.run_id,
        )
        return True
    last = _instant(latest[4]) if latest is not None else None
    due = (due_at(group.settings, _instant(notice.at), last) - _EPOCH) // timedelta(microseconds=1)
    placed = msgspec.structs.replace(notice, group=name, due_at=due, first_due_at=due)
    transaction.insert(_INSERT, msgspec.structs.astuple(placed))
    return True


def _instant(micros: int) -> datetime:
    return _EPOCH + timedelta(microseconds=micros)


def due(source: Source, now: int, at_most: int) -> list[Notice]:
    return [_notice(row) for row in source.all(_DUE, now=now, at_most=at_most)]


def next_due(source: Source) -> int | None:
    found = source.one(_NEXT_DUE)
    return found[0] if found else None


def update_notice(transaction: Transaction, notice: Notice) -> None:
    transaction.run(
        _UPDATE,
        notice_id=notice.id,
        b_status=notice.status,
        b_due_at=notice.due_at,
        b_tries=notice.tries,
        b_left=notice.left,
        b_error=notice.error,
        b_sent_at=notice.sent_at,
    )


def send_again(transaction: Transaction, notice_id: int, now: int) -> bool:
    """A notice that was given up is tried again."""
    return transaction.run(_AGAIN, notice_id=notice_id, b_due_at=now) > 0


def get_notice(source: Source, notice_id: int) -> Notice | None:
    found = source.one(_GET, notice_id=notice_id)
    return _notice(found) if found else None


def notices_page(
    source: Source, group: str | None, status: str | None, before: int | None, at_most: int
) -> list[Notice]:
    """The newest first."""
    parameters: dict[str, Any] = {"before": before or (1 << 63) - 1, "at_most": at_most}
    if group is not None:
        parameters["group"] = group
    if status is not None:
        parameters["status"] = status
    return [_notice(row) for row in source.all(_PAGES[group is not None, status is not None], **parameters)]


def forget(transaction: Transaction, before: int) -> None:
    """Notices that came up before an instant, and do not wait."""
    transaction.run(_FORGET, before=before)


def count_failed(source: Source) -> int:
    return int((source.one(_COUNT_FAILED) or (0,))[0])


def status_before(source: Source, flow_id: int, run_id: int) -> str | None:
    """How the flow's run before this one ended; stops say nothing of the flow and do not count."""
    found = source.one(_LAST_ENDED, flow_id=flow_id, run_id=run_id)
    return found[0] if found else None


def _notice(found: Sequence[Any]) -> Notice:
    return Notice(**dict(zip(_FIELDS, found, strict=True)))
