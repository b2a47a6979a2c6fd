"""Moving a home's records to another store; nobody executes its runs meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from redrive.errors import HomeUnusable, UsageError
from redrive.service.views import MovedTable, MoveView
from redrive.settings import Settings
from redrive.store.database import Database
from redrive.store.moving import copy_records
from redrive.store.opening import FILE, open_database


async def move(home: Path, settings: Settings, store: str, told: Callable[[str, int], None]) -> MoveView:
    """Copy all records of a home to `store`: an address, or `file` for the file in the home.

    Errors: `home.locked` while somebody executes, `store.not_empty`, those of opening either store.
    """
    source = open_database(home, settings.store, moving=True)
    target = open_database(home, None if store == FILE else store, moving=True)
    if str(source) == str(target):
        raise UsageError(f"the records are in {source} already", at="--store")
    return await asyncio.to_thread(_move, home, source, target, told)


def _move(home: Path, source: Database, target: Database, told: Callable[[str, int], None]) -> MoveView:
    if not source.exists():
        raise HomeUnusable(
            f"there is nothing to move: the home {home} has no records in {source}",
            hint="Name the home with --home, and its present store in REDRIVE_STORE.",
        )
    source.migrate()
    target.migrate()
    with ExitStack() as held:
        for database in (source, target):
            lock = database.runner_lock()
            held.callback(lock.close)
            if not lock.acquire():
                raise HomeUnusable(
                    f"somebody executes the runs of {database}",
                    code="home.locked",
                    hint="End `redrive up`, and wait for the commands that execute.",
                )
        copied = copy_records(source, target, told)
    return MoveView(
        source=str(source),
        target=str(target),
        tables=[MovedTable(name=one.name, rows=one.count, digest=one.digest) for one in copied],
    )
