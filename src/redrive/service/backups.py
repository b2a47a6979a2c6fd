"""Backups as people ask for them: a stream of one file, and the list of those that were made."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from functools import partial

from redrive.core.ids import to_text
from redrive.engine.backup import Backup
from redrive.engine.clock import instant
from redrive.errors import UsageError
from redrive.service.cursors import cursor_of, page, page_size, place_of, storable
from redrive.service.kept_views import BackupView
from redrive.service.kernel import Kernel
from redrive.service.views import Page
from redrive.store import backups as store
from redrive.store.retention import MOST
from redrive.store.secrets import SecretBox

MAX_NAME = 500


class Backups:
    """Implements `redrive.service.interface.Backups`."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel

    async def create(self, *, name: str = "", secrets: bool = False) -> AsyncGenerator[bytes, None]:
        """The bytes of a backup of this moment, while runs go on. `name` is where it is kept: an erasing
        lists the backups that still hold what was erased. `secrets`: with the key of stored secrets.

        Errors: `store.corrupt` where an object is damaged, `store.io`.
        """
        if not storable(name) or len(name) > MAX_NAME:
            raise UsageError(
                "the name of the backup is not text, or too long", code="name.invalid", at="name"
            )
        kernel = self._kernel
        backup = Backup(
            kernel.deps,
            kernel.blobs,
            kernel.home,
            name=name,
            actor=kernel.actor,
            secrets=partial(_keys, kernel.secrets) if secrets else None,
        )
        await kernel.write(
            lambda tx: kernel.audit(
                tx, "home.backup", to_text("b", backup.record.id), name=name, secrets=secrets
            )
        )
        async with aclosing(backup.chunks()) as chunks:
            async for chunk in chunks:
                yield chunk

    async def list(self, *, limit: int = 50, cursor: str | None = None) -> Page[BackupView]:
        """Backups that were made of this home, the newest first."""
        size = page_size(limit)
        place = place_of(cursor, int)
        before = place[0] if place else MOST
        found = await self._kernel.deps.reader.run(partial(store.listed, before=before, at_most=size + 1))
        return page(found, size, backup_view, lambda one: cursor_of(one.id))


def backup_view(backup: store.Backup) -> BackupView:
    return BackupView(
        id=to_text("b", backup.id),
        name=backup.name,
        actor=backup.actor,
        state=backup.state,
        started_at=instant(backup.started_at),
        finished_at=instant(backup.finished_at) if backup.finished_at is not None else None,
        rows=backup.rows,
        objects=backup.objects,
        size_bytes=backup.size_bytes,
        secrets=backup.secrets,
    )


def _keys(box: SecretBox) -> list[str]:
    return [key.text for key in box.keys(anew=True)]
