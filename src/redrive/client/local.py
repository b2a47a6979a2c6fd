"""The service's nouns on a home folder, in this process."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import BinaryIO

from redrive.errors import StateConflict
from redrive.service.interface import CheckedServices
from redrive.service.kept_views import RestoredHome
from redrive.service.views import ContentsChecked, Finding, Health, MoveView, Page, RunRow, SettingView
from redrive.settings import Settings


class LocalClient:
    """The nouns are the service's own; what differs from a server stands here."""

    in_process = True

    def __init__(self, service: CheckedServices, home: Path, settings: Settings) -> None:
        self._service = service
        self._settings = settings
        self.where = str(home)
        self.flows = service.flows
        self.connectors = service.connectors
        self.runs = service.runs
        self.payloads = service.payloads
        self.redrives = service.redrives
        self.bulks = service.bulks
        self.search = service.search
        self.ledger = service.ledger
        self.retention = service.retention
        self.backups = service.backups
        self.erasures = service.erasures
        self.lookups = service.lookups
        self.pools = service.pools
        self.caches = service.caches
        self.groups = service.groups
        self.secrets = service.secrets
        self.tokens = service.tokens
        self.accounts = service.accounts
        self.sessions = service.sessions
        self.audit = service.audit
        self.masks = service.masks
        self.tests = service.tests
        self.triggers = service.triggers
        self.queue = service.queue
        self.insights = service.insights

    async def health(self) -> Health:
        return await self._service.health()

    async def doctor(self) -> Sequence[Finding]:
        return await self._service.doctor()

    async def check_contents(self, after: str | None = None, *, repair: bool = False) -> ContentsChecked:
        return await self._service.check_contents(after, repair=repair)

    async def settings(self) -> Page[SettingView]:
        return Page[SettingView](items=[SettingView.model_validate(row) for row in self._settings.rows()])

    async def finish(self, run_id: str) -> RunRow:
        return await self._service.execute_until(run_id)

    async def login_link(self) -> str:
        raise StateConflict(
            f"No server runs on {self.where}", code="server.needed", hint="Start one: `redrive up`."
        )


def open_home(
    home: Path, settings: Settings, *, serve: bool = False, actor: str = "local"
) -> AbstractAsyncContextManager[CheckedServices]:
    """The service of a home; with `serve` as its runner for as long as it is open."""
    from redrive.service.app import open_service  # noqa: PLC0415  # the engine is loaded to execute only

    return open_service(home, settings, serve=serve, actor=actor)


async def move_home(
    home: Path,
    settings: Settings,
    *,
    store: str | None,
    objects: str | None,
    told: Callable[[str, int], None],
) -> MoveView:
    """Copy the records and objects of a home, which nobody executes meanwhile, to other stores."""
    from redrive.service.moving import move  # noqa: PLC0415  # it loads both stores

    return await move(home, settings, store=store, objects=objects, told=told)


@asynccontextmanager
async def open_local(home: Path, settings: Settings, *, actor: str) -> AsyncIterator[LocalClient]:
    async with open_home(home, settings, actor=actor) as service:
        yield LocalClient(service, home, settings)


async def restore_home(file: BinaryIO, home: Path, store: str | None = None) -> RestoredHome:
    """A new home from a backup, its records in the empty database `store` or in a file of the home.

    Errors: `home.not_empty`, `store.not_empty`, `home.locked`, `backup.damaged`, …
    """
    from redrive.engine.clock import instant  # noqa: PLC0415  # the engine is loaded to restore only
    from redrive.engine.restore import restore  # noqa: PLC0415
    from redrive.store.opening import open_database  # noqa: PLC0415

    database = open_database(home, store) if store is not None else None
    done = await restore(file, home, store=database)
    return RestoredHome(
        home=str(home),
        store=str(database) if database is not None else None,
        left_out=done.left_out,
        made_at=instant(done.made_at),
        rows=done.rows,
        objects=done.objects,
        stopped=done.stopped,
        unknown=done.unknown,
        secrets=done.secrets,
    )
