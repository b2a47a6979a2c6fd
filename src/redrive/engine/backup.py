"""Writes a backup of a home that is in use: one snapshot of all records, and the objects they name.

A thread reads; what it writes waits in a short queue, so memory does not grow. While its record says that
it runs, retention removes no content; objects do not change.
"""

from __future__ import annotations

import asyncio
import contextlib
import queue
import threading
from collections.abc import AsyncGenerator, Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, Final

import msgspec
from sqlalchemy import bindparam, select

from redrive import __version__
from redrive.engine.archive import MANIFEST, Manifest, Packer
from redrive.engine.deps import Deps
from redrive.engine.failpoints import failpoints
from redrive.errors import RedriveError
from redrive.store import backups, tables
from redrive.store.blobs.base import Blobs
from redrive.store.contents import OBJECT
from redrive.store.database import SCHEMA, Rows
from redrive.store.pages import Pages
from redrive.store.statements import Statement

PAGE: Final = 500
PIECE_BYTES: Final = 4 << 20
AHEAD: Final = 4
SETTINGS_FILE: Final = "redrive.toml"
KEY_FILE: Final = "secret.key"

_c = tables.contents
_OBJECTS = Statement(
    select(_c.c.digest, _c.c.size_bytes)
    .where(_c.c.form == bindparam("form"), _c.c.digest > bindparam("after"))
    .order_by(_c.c.digest)
    .limit(bindparam("at_most"))
)
_MOMENT = Statement(select(tables.backups.c.id).limit(1))
ORDER: Final = tuple(tables.metadata.sorted_tables)


class _Stopped(Exception):
    """Nobody takes the backup any more."""


class Backup:
    """One backup; `chunks` is its bytes."""

    def __init__(
        self,
        deps: Deps,
        blobs: Blobs,
        home: Path,
        *,
        name: str,
        actor: str,
        secrets: Callable[[], list[str]] | None,
    ) -> None:
        """`secrets`: with the keys that it gives, those from before the backup's moment among them."""
        self._deps = deps
        self._blobs = blobs
        self._home = home
        self._secrets = secrets is not None
        self._keys: Callable[[], list[str]] = secrets or list
        self._keys_before = self._keys()
        now = deps.clock.micros()
        self.record = backups.Backup(
            id=deps.ids.next(), name=name, actor=actor, state="running", started_at=now, beat_at=now,
            secrets=self._secrets,
        )  # fmt: skip
        self._queue: queue.Queue[bytes | BaseException | None] = queue.Queue(AHEAD)
        self._stop = threading.Event()
        self._rows: dict[str, int] = {}
        self._objects = 0

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        """Errors: `store.io`, `store.corrupt` where an object is damaged; the backup is then broken."""
        record = self.record
        await self._deps.committer.submit(lambda tx: backups.begin(tx, record))
        failpoints.hit("backup.begun")
        beating = asyncio.create_task(self._beat())
        reading = asyncio.get_running_loop().run_in_executor(None, self._read)
        state = "broken"
        size = 0
        try:
            while (chunk := await asyncio.to_thread(self._get)) is not None:
                if isinstance(chunk, BaseException):
                    raise chunk
                size += len(chunk)
                yield chunk
            state = "done"
        finally:
            self._stop.set()
            beating.cancel()
            with contextlib.suppress(queue.Empty):
                while True:
                    self._queue.get_nowait()
            await asyncio.shield(reading)
            rows = sum(self._rows.values())
            now = self._deps.clock.micros()
            with contextlib.suppress(RedriveError):
                await self._deps.committer.submit(
                    lambda tx: backups.end(
                        tx, record.id, now, state, rows=rows, objects=self._objects, size_bytes=size
                    )
                )

    def _get(self) -> bytes | BaseException | None:
        """Not for ever: a thread that nobody waits for any more has to end."""
        while not self._stop.is_set():
            with contextlib.suppress(queue.Empty):
                return self._queue.get(timeout=0.2)
        return None

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(backups.BEAT_S)
            now = self._deps.clock.micros()
            await self._deps.committer.submit(partial(backups.beat, backup_id=self.record.id, at=now))

    # ---- in its thread

    def _read(self) -> None:
        try:
            # All statements see the same commit.
            self._deps.reader.here(self._all)
            self._put(None)
        except _Stopped:
            return
        except BaseException as error:  # noqa: BLE001 - raised where the bytes are taken
            with contextlib.suppress(_Stopped):
                self._put(error)

    def _put(self, chunk: bytes | BaseException | None) -> None:
        while not self._stop.is_set():
            try:
                self._queue.put(chunk, timeout=0.2)
            except queue.Full:
                continue
            return
        raise _Stopped

    def _all(self, rows: Rows) -> None:
        # A transaction sees the commits before its first statement: what comes after the first bytes is
        # not in the backup.
        rows.one(_MOMENT)
        packer = Packer()
        manifest = Manifest(
            release=__version__,
            schema=SCHEMA,
            backup=self.record.id,
            created_at=self.record.started_at,
            secrets=self._secrets,
            tables={str(table.name): [str(column.name) for column in table.columns] for table in ORDER},
        )
        self._put(packer.member(MANIFEST, msgspec.json.encode(manifest)))
        for name in (SETTINGS_FILE, KEY_FILE):
            if name == KEY_FILE and not self._secrets:
                continue
            with contextlib.suppress(FileNotFoundError):
                self._put(packer.member(f"files/{name}", self._file(name)))
        for table in ORDER:
            self._rows[table.name] = 0
            for number, page in enumerate(_pages(rows, Pages(table, list(table.columns)))):
                self._rows[table.name] += len(page)
                name = f"rows/{table.name}/{number}.msgpack.zst"
                self._put(packer.member(name, msgspec.msgpack.encode(page), packed=True))
        after = b""
        while found := rows.all(_OBJECTS, form=OBJECT, after=after, at_most=PAGE):
            for digest, size in found:
                after = bytes(digest)
                self._objects += 1
                reader = self._blobs.open(after)
                for number, start in enumerate(range(0, int(size), PIECE_BYTES)):
                    piece = reader.read(start, min(start + PIECE_BYTES, int(size)))
                    name = f"objects/{after.hex()}/{number}.zst"
                    self._put(packer.member(name, piece, packed=True))
        self._put(packer.end(self._rows, self._objects))

    def _file(self, name: str) -> bytes:
        if name != KEY_FILE:
            return (self._home / name).read_bytes()
        # A rotation may have passed since the moment of the backup.
        if not (keys := dict.fromkeys([*self._keys_before, *self._keys()])):
            raise FileNotFoundError
        return "\n".join(keys).encode()


def _pages(rows: Rows, pages: Pages) -> Iterator[list[Any]]:
    """Rows of a table, so many that they make a member of a good size."""
    after: Any = None
    width = len(pages.key)
    at_most = PAGE
    while page := pages.page(rows, after, at_most):
        after = page[-1][:width]
        whole = [row[width:] for row in page]
        size = sum(len(value) for row in whole for value in row if isinstance(value, (bytes, str)))
        # Rows may be large: keep what is read at once within bounds.
        at_most = max(1, min(PAGE, int(at_most * PIECE_BYTES / (size + 1)))) if size > PIECE_BYTES else PAGE
        yield whole
