"""Puts a backup into a new home: beside its place first, verified, then in its place with one rename.

Where the records are to be in a database of their own, they go there from the verified file, in one
transaction, before the rename. `engine.restored` says what is settled.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
from pathlib import Path
from typing import BinaryIO, Final

import msgspec
from filelock import FileLock, Timeout

from redrive.engine.archive import END, End, Unpacker, damaged, read_manifest, rows_of
from redrive.engine.clock import Clock, Ids
from redrive.engine.failpoints import failpoints
from redrive.engine.restored import at_home, settle
from redrive.errors import HomeUnusable
from redrive.store import tables
from redrive.store.blobs.base import BlobWriter
from redrive.store.blobs.disk import DiskBlobs
from redrive.store.committer import Committer, Transaction
from redrive.store.database import SCHEMA, Database, Rows
from redrive.store.moving import copy_records, require_empty
from redrive.store.opening import DATABASE, mark_home
from redrive.store.sqlite import SqliteDatabase
from redrive.store.statements import Insert

SETTINGS_FILE: Final = "redrive.toml"
FILES: Final = frozenset({SETTINGS_FILE, "secret.key"})


class Restored(msgspec.Struct, kw_only=True):
    rows: int = 0
    objects: int = 0
    left_out: list[str] = msgspec.field(default_factory=list)
    """Settings of the backup's home that are not taken over."""
    stopped: int = 0
    """Runs that had not ended."""
    unknown: int = 0
    """Deliveries that were under way."""
    made_at: int = 0
    secrets: bool = False


async def restore(
    file: BinaryIO,
    home: Path,
    *,
    store: Database | None = None,
    actor: str = "local",
    clock: Clock | None = None,
) -> Restored:
    """Restore a backup as the home `home`, which must be new or empty. `store`: its records go there, into
    an empty database; none: into a file of the home.

    Errors: `home.not_empty`, `store.not_empty`, `home.locked` (another restore), `backup.damaged`,
    `backup.unknown`, `backup.schema`, those of the database; then nothing has changed.
    """
    _require_empty(home)
    if store is not None:
        await asyncio.to_thread(_require_empty_store, store)
    home.parent.mkdir(parents=True, exist_ok=True)
    beside = home.parent / f".{home.name}.restoring"
    lock = FileLock(home.parent / f".{home.name}.restoring.lock")
    try:
        lock.acquire(blocking=False)
    except Timeout:
        raise HomeUnusable(
            f"another restore into {home} is under way", code="home.locked", hint="Wait for its end."
        ) from None
    try:
        shutil.rmtree(beside, ignore_errors=True)  # of one that was cut off
        beside.mkdir(mode=0o700)
        try:
            restored = await _Restore(beside, actor, clock or Clock()).run(file)
            failpoints.hit("restore.whole")
            _require_empty(home)
            if store is not None:
                await asyncio.to_thread(_pass_on, beside, store)
                failpoints.hit("restore.passed_on")
                _sync(beside)
            beside.replace(home)
            _sync(home.parent)
        finally:
            shutil.rmtree(beside, ignore_errors=True)
    finally:
        lock.release()
        with contextlib.suppress(OSError):
            os.unlink(lock.lock_file)  # noqa: PTH108 - in an async function
    return restored


def _require_empty(home: Path) -> None:
    if home.exists() and (not home.is_dir() or any(home.iterdir())):
        raise HomeUnusable(
            f"{home} is not empty",
            code="home.not_empty",
            hint="Name a folder that does not exist yet, or an empty one, with --home; "
            "then move it where it is to be.",
        )


class _Restore:
    def __init__(self, folder: Path, actor: str, clock: Clock) -> None:
        self._folder = folder
        self._actor = actor
        self._clock = clock
        self._ids = Ids(clock)
        self._writer: tuple[str, BlobWriter] | None = None
        self._counts: dict[str, int] = dict.fromkeys(tables.metadata.tables, 0)
        self._inserts = {name: Insert(table, whole=True) for name, table in tables.metadata.tables.items()}
        self._done = Restored()

    async def run(self, file: BinaryIO) -> Restored:
        database = SqliteDatabase(self._folder / DATABASE)
        await asyncio.to_thread(database.migrate)
        self._blobs = DiskBlobs(self._folder, failpoint=failpoints.hit)
        self._committer = Committer(database, failpoints.hit)
        try:
            await self._take(Unpacker(file))
            await self._committer.submit(self._settle)
            await self._committer.outside(database.empty_log)
        finally:
            if self._writer is not None:
                self._writer[1].abort()
            await asyncio.to_thread(self._committer.close)
        _sync(self._folder)
        return self._done

    async def _take(self, unpacker: Unpacker) -> None:
        members = unpacker.members()
        name, data = await asyncio.to_thread(next, members)
        manifest = read_manifest(name, data, SCHEMA)
        known = {table.name: [c.name for c in table.columns] for table in tables.metadata.sorted_tables}
        if manifest.tables != known:
            raise damaged("its tables are not those of its schema")
        self._done.made_at, self._done.secrets = manifest.created_at, manifest.secrets
        pending: list[asyncio.Future[None]] = []
        while (found := await asyncio.to_thread(next, members, None)) is not None:
            name, data = found
            kind, _, rest = name.partition("/")
            if kind == "rows":
                pending.append(self._rows(rest.partition("/")[0], data))
                if len(pending) > 4:
                    await pending.pop(0)
            elif kind == "objects":
                await asyncio.to_thread(self._object, rest.partition("/")[0], data)
            elif kind == "files" and rest in FILES:
                self._file(rest, data)
            elif name == END:
                await asyncio.gather(*pending)
                await asyncio.to_thread(self._finish_object)
                self._check(data, unpacker.digest)
                return
            else:
                raise damaged(f"it has a member {name!r} that no backup has")

    def _rows(self, table: str, data: bytes) -> asyncio.Future[None]:
        insert = self._inserts.get(table)
        if insert is None:
            raise damaged(f"it has rows of a table {table!r}")
        rows = [tuple(row) for row in rows_of(data)]
        self._counts[table] += len(rows)
        self._done.rows += len(rows)

        def work(transaction: Transaction) -> None:
            transaction.insert_many(insert, rows)

        future = self._committer.submit(work)
        failpoints.hit("restore.rows")
        return future

    def _object(self, name: str, data: bytes) -> None:
        if self._writer is None or self._writer[0] != name:
            self._finish_object()
            self._writer = (name, self._blobs.writer())
        self._writer[1].write(data)

    def _finish_object(self) -> None:
        if self._writer is None:
            return
        name, writer = self._writer
        self._writer = None
        if writer.finish().digest.hex() != name:
            raise damaged(f"the object {name[:12]} does not match its hash")
        self._done.objects += 1

    def _file(self, name: str, data: bytes) -> None:
        path = self._folder / name
        if name == SETTINGS_FILE:
            data, self._done.left_out = at_home(data)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())

    def _check(self, data: bytes, digest: str) -> None:
        try:
            end = msgspec.json.decode(data, type=End)
        except msgspec.MsgspecError as error:
            raise damaged(str(error)) from None
        if end.digest != digest or end.rows != self._counts or end.objects != self._done.objects:
            raise damaged("what it holds is not what its end says")

    def _settle(self, transaction: Transaction) -> None:
        """Nothing of the restored home goes on by itself."""
        now = self._clock.micros()
        done = settle(transaction, now, self._ids.block, actor=self._actor, made_at=self._done.made_at)
        self._done.stopped, self._done.unknown = done.stopped, done.unknown


def _require_empty_store(database: Database) -> None:
    """Before anything is read: a backup may be large."""
    database.migrate()
    connection = database.connect_reader()
    try:
        require_empty(Rows(connection, database.dialect), database)
    finally:
        connection.close()


def _pass_on(folder: Path, target: Database) -> None:
    """The records go to where they are to be, in one transaction; their file in the folder goes."""
    source = SqliteDatabase(folder / DATABASE)
    lock = target.runner_lock()
    try:
        if not lock.acquire():
            raise HomeUnusable(
                f"somebody executes the runs of {target}",
                code="home.locked",
                hint="Name another, empty store.",
            )
        copy_records(source, target, lambda _name, _count: None)
    finally:
        lock.close()
    for name in (DATABASE, f"{DATABASE}-wal", f"{DATABASE}-shm"):
        (folder / name).unlink(missing_ok=True)
    mark_home(folder, target)


def _sync(folder: Path) -> None:
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
