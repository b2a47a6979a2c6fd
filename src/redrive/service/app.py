"""Opening a home: its store, its engine, its use cases; and the lock of the one that executes."""

from __future__ import annotations

import asyncio
import contextlib
import os
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec

from redrive import __version__
from redrive.core.jsonvalue import decode
from redrive.core.run import ENDED, Run
from redrive.documents.load import load_one
from redrive.engine.allocator import give_back
from redrive.engine.allowances import allowances
from redrive.engine.apart import Apart
from redrive.engine.clock import Clock, Ids
from redrive.engine.connections import Connections
from redrive.engine.contents import ContentStore
from redrive.engine.deps import Deps
from redrive.engine.dictionaries import Dictionaries
from redrive.engine.failpoints import failpoints
from redrive.engine.flows import FlowCache
from redrive.engine.gates import Gates
from redrive.engine.indexer import Indexer
from redrive.engine.messengers import Messengers
from redrive.engine.notices import Sender
from redrive.engine.runner import Runner
from redrive.engine.scheduler import Scheduler
from redrive.engine.target import LedgerSignal
from redrive.engine.tokens import StoredTokens
from redrive.errors import ConfigInvalid, HomeUnusable, RedriveError, StoreFull
from redrive.log import get_logger
from redrive.registry import Registry
from redrive.sdk.connection import Connection, ConnectionInfo
from redrive.sdk.playback import Playback
from redrive.service.accounts import Accounts
from redrive.service.audit import AuditLog
from redrive.service.backups import Backups
from redrive.service.bulks import Bulks
from redrive.service.caches import Caches
from redrive.service.callbacks import kept_answer
from redrive.service.calls import CalledRuns
from redrive.service.connectors import Connectors
from redrive.service.content_checks import ContentChecks
from redrive.service.doctor import doctor
from redrive.service.erasing import Erasures
from redrive.service.flows import Flows
from redrive.service.flowtests import FlowTests
from redrive.service.groups import Groups
from redrive.service.hook_calls import HookAnswer
from redrive.service.hooks import Hooks
from redrive.service.insights import Insights
from redrive.service.kernel import Kernel, number_of
from redrive.service.ledger import DeliveryLedger
from redrive.service.lookups import Lookups
from redrive.service.masks import Masks
from redrive.service.oidc_sign_in import OidcSignIns
from redrive.service.passwords import Passwords
from redrive.service.payloads import Payloads
from redrive.service.playback import played
from redrive.service.pools import Pools
from redrive.service.queue import Queue
from redrive.service.redrives import Redrives
from redrive.service.retention import Retention, ended
from redrive.service.runlog import RunLog
from redrive.service.search import Search
from redrive.service.secrets import Secrets
from redrive.service.sessions import Sessions
from redrive.service.sign_in import SignIns
from redrive.service.starts import Starts
from redrive.service.tokens import Tokens
from redrive.service.triggers import Triggers
from redrive.service.veil import veil
from redrive.service.views import (
    ContentsChecked,
    Finding,
    Health,
    RunRow,
)
from redrive.settings import Settings
from redrive.store.blobs.opening import open_blobs
from redrive.store.committer import Committer
from redrive.store.database import Database, Reader
from redrive.store.lock import RunnerLock
from redrive.store.numbers import highest
from redrive.store.opening import mark_home, open_database
from redrive.store.search_opening import open_search_index
from redrive.store.secrets import SecretBox

SERVER_FILE = "server.json"
"""Left by `redrive up`: where it listens, and the local token."""
LOCK_POLL_S = 0.1
LEFT_OVER_S = 3600.0
"""Unfinished objects of dead processes are removed by `up` when they are older."""

_log = get_logger(__name__)


class Runs(RunLog, Starts):
    """The noun `runs`: the run log, and what starts, stops and waits."""

    def __init__(self, kernel: Kernel) -> None:
        RunLog.__init__(self, kernel)
        Starts.__init__(self, kernel, self.row)
        self._of_runs = kernel

    async def answer(self, run_id: str) -> HookAnswer:
        """What a run has answered its caller. Errors: `run.unknown`, `answer.none`, `payload.expired`."""
        found = await kept_answer(self._of_runs, run_id)
        over = await veil(self._of_runs, (await self.row(number_of("r", run_id, "run"))).flow)
        if over.mask is None:
            return found
        if isinstance(found.body, bytes):
            body: bytes | AsyncIterator[bytes] = over.content(found.body, found.media_type)
        else:
            body = over.stream(found.body, found.media_type)
        return msgspec.structs.replace(found, body=body, headers=tuple(over.headers(found.headers)))


class Service:
    """All use cases of one opened home. Made by `open_service`."""

    def __init__(self, kernel: Kernel, lock: RunnerLock) -> None:
        self._kernel = kernel
        self._lock = lock
        self._main: asyncio.Task[None] | None = None
        self._schedules: asyncio.Task[None] | None = None
        self._sender: Sender | None = None
        self.flows = Flows(kernel)
        self.runs = Runs(kernel)
        self.payloads = Payloads(kernel)
        self.redrives = Redrives(kernel, self.runs)
        self.bulks = Bulks(kernel, self.runs, self.redrives)
        kernel.deps.calls = CalledRuns(kernel, self.redrives)
        self.connectors = Connectors(kernel, self.flows, self.payloads)
        self.search = Search(kernel)
        self.ledger = DeliveryLedger(kernel)
        self.retention = Retention(kernel, self.runs.row)
        self.backups = Backups(kernel)
        self.erasures = Erasures(kernel)
        self._retaining: asyncio.Task[None] | None = None
        self.lookups = Lookups(kernel)
        self.pools = Pools(kernel)
        self.caches = Caches(kernel)
        self.groups = Groups(kernel)
        self.secrets = Secrets(kernel)
        self.tokens = Tokens(kernel)
        passwords = Passwords()
        self.sessions = Sessions(kernel)
        self.accounts = Accounts(kernel, passwords, self.sessions.forget)
        self.sign_ins = SignIns(kernel, self.sessions, passwords)
        self.oidc = OidcSignIns(kernel, self.sessions, self.accounts)
        self.audit = AuditLog(kernel)
        self.masks = Masks(kernel)
        self.tests = FlowTests(kernel, open_service)
        self.hooks = Hooks(kernel, self.runs)
        self.triggers = Triggers(kernel, self.hooks.doors)
        self.insights = Insights(kernel)
        self._counting: asyncio.Task[None] | None = None
        self.queue = Queue(
            kernel,
            lambda: self.is_runner or lock.held_elsewhere(),
            lambda number: self.runs.pulse(number, ended=False),
        )

    @property
    def kernel(self) -> Kernel:
        """What its use cases share."""
        return self._kernel

    @property
    def is_runner(self) -> bool:
        """Whether this process executes the home's runs."""
        return self._kernel.runner is not None

    @property
    def is_busy(self) -> bool:
        """Whether this process executes a run right now."""
        return self._kernel.runner is not None and self._kernel.runner.busy

    def changed(self, run: Run) -> None:
        """The engine tells of a change of a run's record."""
        self.runs.changed(run)

    async def halted(self) -> RedriveError:
        """Waits until the runner of this process had to give up (a full disk, a broken store)."""
        runner = self._kernel.runner
        if runner is None:
            await asyncio.get_running_loop().create_future()
            raise AssertionError  # nothing ends that future
        return await asyncio.shield(runner.halted)

    async def health(self) -> Health:
        runner = self._kernel.runner
        ready = self._kernel.deps.committer.failed is None
        return Health(
            ready=ready and (runner is None or not runner.halted.done()),
            runner=runner is not None or self._lock.held_elsewhere(),
            version=__version__,
            home=str(self._kernel.home),
        )

    async def doctor(self) -> Sequence[Finding]:
        return await doctor(self._kernel)

    async def check_contents(self, after: str | None = None, *, repair: bool = False) -> ContentsChecked:
        return await ContentChecks(self._kernel, repair=repair).part(after)

    # ---- executing

    def take_lock(self) -> bool:
        """Become the runner if nobody else is."""
        return self._lock.acquire()

    def start_runner(self, up_to: int | None = None) -> Runner:
        """Begin to execute: first the runs that a dead process left. Needs the lock."""
        runner = self._kernel.runner = Runner(
            self._kernel.deps, self.changed, up_to=up_to, pressed=self.hooks.pressed
        )
        self._sender = Sender(self._kernel.deps, Messengers(self._kernel.secrets))
        self._sender.start()
        self._lock.on_lost = runner.give_up
        self._main = asyncio.create_task(runner.main(), name="redrive-runner")
        return runner

    def start_schedules(self) -> None:
        """Begin to start runs by their schedules: where the home is served."""
        scheduler = Scheduler(self._kernel.deps, self._queued, self.runs.refuse_when_full)
        self._schedules = asyncio.create_task(scheduler.main(), name="redrive-schedules")

    def _queued(self, run: Run) -> None:
        self.runs.changed(run)
        self._kernel.wake()

    def start_retention(self) -> None:
        """In the background take away what is no longer to be kept, count how past runs ended, and go on
        with bulk.
        """
        self._counting = asyncio.create_task(self.insights.main(), name="redrive-insights")
        self._retaining = asyncio.create_task(self._retain(), name="redrive-retention")

    async def _retain(self) -> None:
        await self.bulks.go_on()  # what a dead process left
        try:
            await self.erasures.resume()  # what a dead process left
        except RedriveError as error:
            _log.error("erasing.failed", code=error.code, detail=error.detail)
        await self.retention.main()

    async def stop_retention(self) -> None:
        await self.bulks.close()
        if self._counting is not None:
            await ended(self._counting)
            self._counting = None
        if self._retaining is not None:
            await ended(self._retaining)
            self._retaining = None

    async def end(self) -> None:
        """Let go of all that goes on by itself."""
        if (runner := self._kernel.runner) is not None:
            runner.suspend()  # before anything is waited for: no further request is begun
        await self.stop_retention()
        if self.is_runner:
            await self.stop_runner()

    async def stop_runner(self, *, patient: bool = False) -> None:
        """Let go of all runs (see `Runner.close`) and of the lock."""
        if self._schedules is not None:
            schedules, self._schedules = self._schedules, None
            schedules.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await schedules
        runner, self._kernel.runner = self._kernel.runner, None
        if runner is not None:
            await runner.close(patient=patient)
        if self._main is not None:
            await self._main
            self._main = None
        if self._sender is not None:
            # A command that has executed its own run tells of it before it ends.
            await self._sender.close(last_words=patient)
            self._sender = None
        self._lock.release()

    async def execute_until(self, run_id: str) -> RunRow:
        """Wait for the end of a run; execute it, and what is queued before it, whenever no other
        process holds the runner lock. Errors: those that halt a runner (`store.full`, …).
        """
        number = number_of("r", run_id, "run")
        while True:
            row = await self.runs.wait(run_id, None if self.is_runner else 0.0)
            if row.status in ENDED:
                return row
            if not self.take_lock():
                await self.runs.wait(run_id, LOCK_POLL_S)
                continue
            runner = self.start_runner(up_to=number)
            waiting = asyncio.ensure_future(self.runs.wait(run_id))
            ended = False
            ends: tuple[asyncio.Future[Any], ...] = (waiting, runner.halted)
            try:
                await asyncio.wait([*ends], return_when=asyncio.FIRST_COMPLETED)
                if not waiting.done() and runner.halted.done():
                    raise runner.halted.result()
                row = await waiting
                ended = True
            finally:
                waiting.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await waiting
                # A request of another run that is under way is not cut off for the sake of this one.
                await self.stop_runner(patient=ended)
            return row


def _prepare(home: Path, database: Database) -> None:
    """Make the folder and check that it can be written; bring the records to the schema of this
    release. Errors: `home.unusable`, `home.newer`, those of opening the store.
    """
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=home):
            pass
    except OSError as error:
        raise HomeUnusable(
            f"the home {home} cannot be written: {error.strerror or error}",
            code="home.not_writable",
            hint="Name another folder with --home or REDRIVE_HOME, or mend its permissions.",
        ) from None
    try:
        database.migrate()
        mark_home(home, database)
    except OSError as error:
        raise StoreFull(f"the home {home} cannot be opened: {error}") from None


def _is_served(home: Path) -> bool:
    """Whether an `up` holds the home; what a dead one left behind does not count."""
    try:
        pid = int(decode((home / SERVER_FILE).read_bytes())["pid"])
        if os.name == "posix":  # elsewhere signal 0 would end it
            os.kill(pid, 0)
    except PermissionError:
        return True  # it lives, and belongs to another user
    except (OSError, ValueError, KeyError, TypeError, OverflowError):
        return False
    return True


async def _become_runner(home: Path, database: Database, lock: RunnerLock) -> None:
    """Take the lock; a command that only executes its own run is waited for."""
    said = False
    while not lock.acquire(serve=True):
        if _is_served(home):
            raise HomeUnusable(
                f"the home {home} is in use by another `redrive up`",
                code="home.locked",
                hint="Use that one, stop it, or name another home.",
            )
        if lock.served():
            raise HomeUnusable(
                f"the store {database} is in use by another `redrive up`",
                code="home.locked",
                hint="Use that one, stop it, or name another store.",
            )
        if not said:
            said = True
            _log.info("home.busy", home=str(home), waiting_for="a command that executes its own run")
        await asyncio.sleep(LOCK_POLL_S)


def _secrets(home: Path, settings: Settings) -> SecretBox:
    box = SecretBox(home, settings.secret_key_from, settings.secret_key)
    if (settings.secret_key_from or "").startswith("keyring"):
        with contextlib.suppress(ConfigInvalid):  # what is wrong is told where the key is wanted
            box.keys()  # a keyring may take its time: not later, in the loop
    return box


@asynccontextmanager
async def open_service(
    home: Path,
    settings: Settings,
    *,
    serve: bool = False,
    actor: str = "local",
    registry: Registry | None = None,
    clock: Clock | None = None,
    playback: Playback | None = None,
) -> AsyncIterator[Service]:
    """Open a home. With `serve` this process becomes its runner for as long as it is open; with
    `playback` its connections get recorded answers from there, and nothing leaves the machine.

    Errors: `home.not_writable`, `home.newer`, `home.locked` (serve, and somebody else runs it),
    and those of `open_blobs`.
    """
    if serve:
        give_back()
    database = open_database(home, settings.store)
    await asyncio.to_thread(_prepare, home, database)
    blobs = await asyncio.to_thread(
        open_blobs,
        home,
        settings.objects,
        key=settings.objects_key,
        secret=settings.objects_secret,
        failpoint=failpoints.hit,
        zstd_level=settings.zstd_level,
    )
    lock = database.runner_lock()
    if serve:
        await _become_runner(home, database, lock)
    clock = clock or Clock()
    registry = registry or Registry.discover()
    reader = Reader(database)
    contents = ContentStore(
        reader, blobs, inline_bytes=settings.inline_payload_bytes, zstd_level=settings.zstd_level
    )
    secrets = await asyncio.to_thread(_secrets, home, settings)

    def parse(document: bytes, file: str) -> Any:
        return load_one(document.decode(), file).data

    def open_connection(info: ConnectionInfo) -> Connection:
        protocol = registry.protocol(str(info.document.get("protocol", "http")))
        return protocol.open(info) if playback is None else played(protocol, info, playback)

    committer = Committer(database, failpoints.hit)

    def tokens(connection: str) -> StoredTokens:
        return StoredTokens(connection, reader, committer, secrets, clock.micros)

    dictionaries = Dictionaries(reader, committer, contents.packing, contents.look_ahead, clock.micros)
    contents.families = dictionaries
    told: list[Service] = []
    connections = Connections(
        reader,
        secrets,
        parse,
        open_connection,
        tokens=tokens,
        # Whoever holds the runner lock executes alone: its limits need no store.
        allowances=allowances(committer, clock.micros, lambda: told[0].is_runner),
        allowed_hosts=tuple((settings.allowed_hosts or "").replace(",", " ").split()),
    )
    deps = Deps(
        committer=committer,
        reader=reader,
        contents=contents,
        connections=connections,
        flows=FlowCache(reader, registry),
        ids=Ids(clock, await asyncio.to_thread(reader.here, highest)),
        clock=clock,
        signal=LedgerSignal(),
        settings=settings,
        gates=Gates(reader, committer, clock, settings, enabled=playback is None),
        apart=Apart(settings.helpers),
        changed=lambda run: told[0].changed(run),  # noqa: PLW0108 - not there yet
    )
    service = Service(
        Kernel(deps=deps, home=home, owner=actor, registry=registry, secrets=secrets, blobs=blobs),
        lock,
    )
    told.append(service)
    index = open_search_index(database)
    indexer = service.kernel.indexer = Indexer(
        deps, index, enabled=settings.search, busy=lambda: service.is_busy
    )
    try:
        if serve:
            indexer.start()
            await asyncio.to_thread(blobs.sweep_temp, LEFT_OVER_S)
            service.start_runner()
            service.start_schedules()
            service.start_retention()
        yield service
    finally:
        await service.end()
        await indexer.close()
        await connections.close()
        await deps.sandbox.close()
        await deps.apart.close()
        await dictionaries.close()
        await asyncio.to_thread(committer.close)
        contents.close()
        reader.close()
        lock.close()
