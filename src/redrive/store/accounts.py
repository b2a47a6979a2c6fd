"""Statements of accounts and of their sessions. Of a session's text only the hash is kept."""

from __future__ import annotations

from typing import Any, TypeAlias

import msgspec
from sqlalchemy import BigInteger, bindparam, delete, func, select, update

from redrive.store import tables
from redrive.store.committer import Transaction
from redrive.store.database import Rows
from redrive.store.statements import Insert, Statement, row

Source: TypeAlias = Rows | Transaction

_a, _s = tables.accounts, tables.sessions


class AccountRow(msgspec.Struct, frozen=True, kw_only=True):
    id: int
    name: str
    folded: str
    role: str
    reveal: bool
    enabled: bool
    password: str | None
    issuer: str | None
    subject: str | None
    created_at: int
    signed_in_at: int | None


class SessionRow(msgspec.Struct, frozen=True, kw_only=True):
    """A session of no account is the local administrator's."""

    id: int
    digest: bytes
    account_id: int | None
    way: str
    address: str | None
    agent: str | None
    created_at: int
    seen_at: int
    expires_at: int


_PUT = Insert(_a, conflict="replace")
_LIST = Statement(
    select(_a).where(_a.c.folded > bindparam("after")).order_by(_a.c.folded).limit(bindparam("at_most"))
)
_BY_NAME = Statement(select(_a).where(_a.c.folded == bindparam("folded")))
_BY_ID = Statement(select(_a).where(_a.c.id == bindparam("account_id")))
_BY_SUBJECT = Statement(
    select(_a).where(_a.c.issuer == bindparam("issuer"), _a.c.subject == bindparam("subject"))
)
_COUNT = Statement(select(func.count()).select_from(_a))
_ADMINS = Statement(select(func.count()).where(_a.c.role == "admin", _a.c.enabled.is_(True)))
_SIGNED_IN = Statement(
    update(_a)
    .where(_a.c.id == bindparam("account_id"))
    .values(signed_in_at=bindparam("now", type_=BigInteger))
)
_DELETE = Statement(delete(_a).where(_a.c.id == bindparam("account_id")))

_INSERT_SESSION = Insert(_s)
_SESSION = Statement(select(_s).where(_s.c.digest == bindparam("digest")))
_SESSION_BY_ID = Statement(select(_s).where(_s.c.id == bindparam("session_id")))
_SESSIONS = Statement(select(_s).order_by(_s.c.id.desc()))
_SEEN = Statement(
    update(_s).where(_s.c.id == bindparam("session_id")).values(seen_at=bindparam("now", type_=BigInteger))
)
_END = Statement(delete(_s).where(_s.c.id == bindparam("session_id")))
_END_OF = Statement(delete(_s).where(_s.c.account_id == bindparam("account_id"), _s.c.id != bindparam("but")))
_EXPIRED = Statement(
    delete(_s).where((_s.c.expires_at <= bindparam("now")) | (_s.c.seen_at <= bindparam("idle_since")))
)


def _account(found: tuple[Any, ...] | None) -> AccountRow | None:
    if found is None:
        return None
    fields = dict(zip(AccountRow.__struct_fields__, found, strict=True))
    return AccountRow(**fields | {"reveal": bool(fields["reveal"]), "enabled": bool(fields["enabled"])})


def _session(found: tuple[Any, ...]) -> SessionRow:
    fields = dict(zip(SessionRow.__struct_fields__, found, strict=True))
    return SessionRow(**fields | {"digest": bytes(fields["digest"])})


# ---- accounts


def put_account(transaction: Transaction, account: AccountRow) -> None:
    """A new account, or what one has become."""
    transaction.insert(_PUT, row(account))


def accounts(source: Source, after: str, at_most: int) -> list[AccountRow]:
    """In the order of their names, from behind `after`."""
    found = source.all(_LIST, after=after, at_most=at_most)
    return [account for one in found if (account := _account(one)) is not None]


def account(source: Source, folded: str) -> AccountRow | None:
    return _account(source.one(_BY_NAME, folded=folded))


def account_of(source: Source, account_id: int) -> AccountRow | None:
    return _account(source.one(_BY_ID, account_id=account_id))


def account_by_subject(source: Source, issuer: str, subject: str) -> AccountRow | None:
    return _account(source.one(_BY_SUBJECT, issuer=issuer, subject=subject))


def count(source: Source) -> int:
    found = source.one(_COUNT)
    return int(found[0]) if found else 0


def admins(source: Source) -> int:
    """How many administrators can sign in."""
    found = source.one(_ADMINS)
    return int(found[0]) if found else 0


def signed_in(transaction: Transaction, account_id: int, now: int) -> None:
    transaction.run(_SIGNED_IN, account_id=account_id, now=now)


def delete_account(transaction: Transaction, account_id: int) -> None:
    transaction.run(_DELETE, account_id=account_id)


# ---- sessions


def insert_session(transaction: Transaction, session: SessionRow) -> None:
    transaction.insert(_INSERT_SESSION, row(session))


def session(source: Source, digest: bytes) -> SessionRow | None:
    found = source.one(_SESSION, digest=digest)
    return _session(found) if found is not None else None


def session_of(source: Source, session_id: int) -> SessionRow | None:
    found = source.one(_SESSION_BY_ID, session_id=session_id)
    return _session(found) if found is not None else None


def sessions(source: Source) -> list[SessionRow]:
    """All of them, the newest first."""
    return [_session(one) for one in source.all(_SESSIONS)]


def seen(transaction: Transaction, session_id: int, now: int) -> None:
    transaction.run(_SEEN, session_id=session_id, now=now)


def end_session(transaction: Transaction, session_id: int) -> bool:
    """Whether there was one."""
    return transaction.run(_END, session_id=session_id) > 0


def end_sessions(transaction: Transaction, account_id: int, but: int = 0) -> int:
    """End the sessions of an account, all `but` one; how many."""
    return transaction.run(_END_OF, account_id=account_id, but=but)


def forget_sessions(transaction: Transaction, now: int, idle_since: int) -> int:
    """Remove those whose time is over; how many."""
    return transaction.run(_EXPIRED, now=now, idle_since=idle_since)
