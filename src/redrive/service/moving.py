"""Moving a home's records and objects to other stores; nobody executes its runs meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from redrive.errors import HomeUnusable, UsageError
from redrive.service.views import Moved, MoveView
from redrive.settings import Settings
from redrive.store.blobs.base import Blobs
from redrive.store.blobs.opening import FormerBlobs, open_blobs
from redrive.store.database import Database
from redrive.store.moving import Copied, copy_objects, copy_records
from redrive.store.opening import FILE, open_database

Told = Callable[[str, int], None]


async def move(
    home: Path, settings: Settings, *, store: str | None, objects: str | None, told: Told
) -> MoveView:
    """Copy all records of a home to `store` (an address, or `file` for the file in the home), and all
    its objects to `objects` (an address). What is copied is compared; the home itself stays as it is.

    Errors: `home.locked` while somebody executes, `store.not_empty`, `store.corrupt`, those of opening
    a store.
    """
    if store is None and objects is None:
        raise UsageError(
            "nothing to move: name a new store", hint="Give --store ADDRESS, --objects ADDRESS or both."
        )
    source = open_database(home, settings.store, moving=store is not None)
    target = None
    if store is not None:
        target = open_database(home, None if store == FILE else store, moving=True)
        if str(source) == str(target):
            raise UsageError(f"the records are in {source} already", at="--store")
    return await asyncio.to_thread(_move, home, settings, source, target, objects, told)


def _move(
    home: Path, settings: Settings, source: Database, target: Database | None, objects: str | None, told: Told
) -> MoveView:
    if not source.exists():
        raise HomeUnusable(
            f"there is nothing to move: the home {home} has no records in {source}",
            hint="Name the home with --home, and its present store in REDRIVE_STORE.",
        )
    copied: list[Copied] = []
    with ExitStack() as held:
        for database in (source, target):
            if database is not None:
                database.migrate()
                _hold(database, held)
        if objects is not None:
            copied.append(_move_objects(home, settings, objects, held, told))
        if target is not None:
            copied += copy_records(source, target, told)
    return MoveView(
        source=str(source),
        target=str(target) if target is not None else None,
        moved=[Moved(name=one.name, count=one.count, digest=one.digest) for one in copied],
    )


def _hold(database: Database, held: ExitStack) -> None:
    lock = database.runner_lock()
    held.callback(lock.close)
    if not lock.acquire():
        raise HomeUnusable(
            f"somebody executes the runs of {database}",
            code="home.locked",
            hint="End `redrive up`, and wait for the commands that execute.",
        )


def _move_objects(home: Path, settings: Settings, address: str, held: ExitStack, told: Told) -> Copied:
    opened = partial(open_blobs, key=settings.objects_key, secret=settings.objects_secret)
    source = opened(home, settings.objects)
    # In a folder of its own: the home is told of its new store by whoever sets it.
    scratch = held.enter_context(TemporaryDirectory(prefix=".moving-", dir=home))
    target: Blobs = opened(Path(scratch), address, zstd_level=settings.zstd_level)
    if isinstance(target, FormerBlobs):
        target = target.present
    return copy_objects(source, target, told)
