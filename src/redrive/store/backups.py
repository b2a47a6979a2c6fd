"""Statements of backups: which were made, and whether one is under way."""

from __future__ import annotations

from typing import Final, TypeAlias

import msgspec
from sqlalchemy import bindparam, select, update

from redrive.store import tables
from redrive.store.committer import Transaction
from redrive.store.database import Rows
from redrive.store.statements import Insert, Statement, row

Source: TypeAlias = Rows | Transaction

BEAT_S: Final = 10
STALE_S: Final = 120
"""A backup whose process has said nothing for so long is not under way any more."""

_b = tables.backups


class Backup(msgspec.Struct, kw_only=True):
    id: int
    name: str
    actor: str
    state: str
    started_at: int
    beat_at: int
    finished_at: int | None = None
    rows: int = 0
    objects: int = 0
    size_bytes: int = 0
    secrets: bool = False


_INSERT = Insert(_b)
_RUNNING = Statement(
    select(_b.c.id).where(_b.c.state == "running", _b.c.beat_at > bindparam("since")).limit(1)
)
_BEAT = Statement(update(_b).where(_b.c.id == bindparam("backup_id")).values(beat_at=bindparam("b_at")))
_END = Statement(
    update(_b)
    .where(_b.c.id == bindparam("backup_id"))
    .values(
        state=bindparam("b_state"),
        finished_at=bindparam("b_at"),
        beat_at=bindparam("b_at"),
        rows=bindparam("b_rows"),
        objects=bindparam("b_objects"),
        size_bytes=bindparam("b_size_bytes"),
    )
)
_LIST = Statement(
    select(_b).where(_b.c.id < bindparam("before")).order_by(_b.c.id.desc()).limit(bindparam("at_most"))
)


def begin(transaction: Transaction, backup: Backup) -> None:
    transaction.insert(_INSERT, row(backup))


def beat(transaction: Transaction, backup_id: int, at: int) -> None:
    """Its process lives: no object is removed meanwhile."""
    transaction.run(_BEAT, backup_id=backup_id, b_at=at)


def end(
    transaction: Transaction, backup_id: int, at: int, state: str, *, rows: int, objects: int, size_bytes: int
) -> None:
    transaction.run(
        _END,
        backup_id=backup_id,
        b_at=at,
        b_state=state,
        b_rows=rows,
        b_objects=objects,
        b_size_bytes=size_bytes,
    )


def is_running(source: Source, now: int) -> bool:
    """Whether a backup is being made, so that what it may still read has to stay."""
    return source.one(_RUNNING, since=now - STALE_S * 1_000_000) is not None


def listed(source: Source, before: int, at_most: int) -> list[Backup]:
    """The newest first."""
    names = Backup.__struct_fields__
    found = [
        Backup(**dict(zip(names, values, strict=True)))
        for values in source.all(_LIST, before=before, at_most=at_most)
    ]
    for backup in found:
        backup.secrets = bool(backup.secrets)
    return found
