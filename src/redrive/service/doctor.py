"""Looks at a home and says what is not as it should be, and how to mend it. Changes nothing.

Of the contents it reads the newest; `service.content_checks` reads them all.
"""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Final

from blake3 import blake3

from redrive.documents.check import check
from redrive.documents.load import Loaded, load_one
from redrive.engine.clock import instant
from redrive.engine.contents import ContentStore
from redrive.errors import FlowInvalid, PayloadGone, RedriveError, StoreCorrupt
from redrive.service.importing import endpoints_of
from redrive.service.kernel import Kernel
from redrive.service.search import at_least
from redrive.service.views import Finding
from redrive.store import checks
from redrive.store import connections as connection_store
from redrive.store import flows as flow_store
from redrive.store import lookups as lookup_store
from redrive.store import notices as notice_store
from redrive.store.connections import ConnectionRow
from redrive.store.database import SCHEMA, Rows
from redrive.store.secrets import KEY_FILE

SAMPLE: Final = 32
"""How many of the newest contents are read."""

_NAMED: Final = 3

_Check = Callable[[Kernel], Awaitable[Sequence[Finding]]]


async def doctor(kernel: Kernel) -> list[Finding]:
    """Every check, in a fixed order. One that cannot be carried out is a finding too."""
    checklist: Sequence[tuple[str, _Check]] = (
        ("home", _home),
        ("disk", _disk),
        ("schema", _schema),
        ("database", _database),
        ("contents", _contents),
        ("plug-ins", _plugins),
        ("connections", _connections),
        ("flows", _flows),
        ("runner", _runner),
        ("deliveries", _deliveries),
        ("search", _search),
        ("notices", _notices),
    )
    findings: list[Finding] = []
    for name, look in checklist:
        try:
            findings.extend(await look(kernel))
        except RedriveError as error:
            findings.append(Finding(ok=False, name=name, detail=error.detail, hint=error.hint))
    return findings


async def _home(kernel: Kernel) -> Sequence[Finding]:
    home = kernel.home
    found = []
    if not os.access(home, os.R_OK | os.W_OK | os.X_OK):
        found.append(_bad("home", f"the home {home} cannot be written", "Mend its permissions or its owner."))
    if os.name == "posix":
        private = [(home, 0o700), (home / KEY_FILE, 0o600), (home / "server.json", 0o600)]
        found.extend(
            _bad(
                "home",
                f"other users of this machine have access to {path} (mode {mode:04o})",
                f"chmod {wanted:o} {path}",
            )
            for path, wanted in private
            if (mode := _mode(path)) is not None and mode & 0o077
        )
    return found or [_good("home", f"{home} is writable, and private to its owner")]


def _mode(path: Path) -> int | None:
    try:
        return stat.S_IMODE(path.stat().st_mode)
    except OSError:
        return None


async def _disk(kernel: Kernel) -> Sequence[Finding]:
    usage = shutil.disk_usage(kernel.home)
    percent = usage.free * 100 / usage.total
    least = kernel.deps.settings.free_disk_percent
    detail = f"{usage.free / (1 << 30):.1f} GiB ({percent:.0f} %) of the disk are free"
    if percent < least:
        return [
            _bad(
                "disk",
                f"{detail}; below {least:g} % no new run is started",
                "Free some space, or lower the setting free_disk_percent.",
            )
        ]
    return [_good("disk", detail)]


async def _schema(kernel: Kernel) -> Sequence[Finding]:
    present = await kernel.deps.reader.run(checks.schema)
    if present == SCHEMA:
        return [_good("schema", f"the records have schema {present}")]
    return [
        _bad(
            "schema",
            f"the records have schema {present or 'none'}, this release works with {SCHEMA}",
            "Install the newest of the releases that were used on this home.",
        )
    ]


async def _database(kernel: Kernel) -> Sequence[Finding]:
    reader = kernel.deps.reader
    damage = await reader.run(reader.database.complaints)
    if not damage:
        return [_good("database", f"the record store is whole: {reader.database}")]
    return [
        _bad(
            "database",
            f"{reader.database}: {'; '.join(damage[:_NAMED])}",
            reader.database.remedy,
        )
    ]


async def _contents(kernel: Kernel) -> Sequence[Finding]:
    # A store of its own: one in use would answer from memory.
    store = ContentStore(kernel.deps.reader, kernel.blobs)
    newest = await kernel.deps.reader.run(lambda rows: checks.newest_contents(rows, SAMPLE))
    try:
        bad = [digest.hex()[:12] for digest, size in newest if not await _is_whole(store, digest, size)]
    finally:
        store.close()
    if not newest:
        return [_good("contents", "nothing is stored yet")]
    if not bad:
        return [_good("contents", f"{len(newest)} of the newest contents read, each matches its hash")]
    named = ", ".join(bad[:_NAMED]) + (", …" if len(bad) > _NAMED else "")
    return [
        _bad(
            "contents",
            f"of {len(newest)} newest contents {len(bad)} cannot be read as stored: {named}",
            "`redrive doctor` without --quick says which payloads have them, and --repair mends what it can.",
        )
    ]


async def _is_whole(store: ContentStore, digest: bytes, size: int) -> bool:
    hasher, length = blake3(), 0
    try:
        async for chunk in store.known(digest, size).stream():
            hasher.update(chunk)
            length += len(chunk)
    except (PayloadGone, StoreCorrupt):
        return False
    return length == size and hasher.digest() == digest


async def _plugins(kernel: Kernel) -> Sequence[Finding]:
    registry = kernel.registry
    if registry.broken:
        return [
            _bad("plug-ins", str(plugin), f"Mend or remove the package {plugin.package}.")
            for plugin in registry.broken
        ]
    return [_good("plug-ins", f"{len(registry.shapes)} shapes, {len(registry.protocols)} protocols")]


async def _connections(kernel: Kernel) -> Sequence[Finding]:
    def work(rows: Rows) -> Sequence[Finding]:
        connectors = {one.name for one in connection_store.connectors(rows)}
        connections = connection_store.connections(rows)
        found = [bad for one in connections for bad in _of_connection(kernel, one, connectors)]
        return found or [
            _good(
                "connections",
                f"{_count(len(connections), 'connection', 'connections')}; connectors and secrets are there",
            )
        ]

    return await kernel.deps.reader.run(work)


def _of_connection(kernel: Kernel, connection: ConnectionRow, connectors: set[str]) -> Sequence[Finding]:
    found = []
    if connection.connector not in connectors:
        found.append(
            _bad(
                "connections",
                f"the connection {connection.name!r} names the connector {connection.connector!r}, "
                "which does not exist",
                "Import the connector's document.",
            )
        )
    for name, where in connection.secrets.items():
        try:
            kernel.deps.connections.secret(connection.name, name, where)
        except RedriveError as error:
            found.append(_bad("connections", error.detail, error.hint))
    return found


async def _flows(kernel: Kernel) -> Sequence[Finding]:
    def work(rows: Rows) -> Sequence[Finding]:
        deployed = flow_store.all_deployed(rows)
        connections = {one.name: one.connector for one in connection_store.connections(rows)}
        endpoints = {one.name: endpoints_of(one) for one in connection_store.connectors(rows)}
        missing = {"connection.unknown": "connection", "lookup.unknown": "lookup"}
        found: list[Finding] = []
        for name, number, text, file in deployed:
            try:
                documents = [load_one(text.decode(), file)]
                checked = check(
                    Loaded(documents),
                    kernel.registry,
                    connections=connections,
                    endpoints=endpoints,
                    lookups=lambda lookup: lookup_store.get(rows, lookup) is not None,
                )
                checked.raise_if_any()
            except FlowInvalid as error:
                detail = f"version {number} of {name}, which is deployed, does not validate any more"
                found.append(
                    _bad("flows", f"{detail}: {error.detail}", "Mend the document, import and deploy it.")
                )
                continue
            found.extend(
                _bad(
                    "flows",
                    f"{name}, version {number}: {notice}",
                    f"Import that {notice.code.partition('.')[0]}.",
                )
                for notice in checked.notices
                if notice.code in missing
            )
        return found or [_good("flows", f"{_count(len(deployed), 'flow', 'flows')} deployed, all valid")]

    return await kernel.deps.reader.run(work)


async def _runner(kernel: Kernel) -> Sequence[Finding]:
    def counts(rows: Rows) -> tuple[int, int]:
        return checks.count_runs(rows, "running"), checks.count_runs(rows, "queued")

    running, queued = await kernel.deps.reader.run(counts)
    state = f"{_count(running, 'run', 'runs')} under way, {queued} queued"
    if kernel.runner is not None:
        return [_good("runner", f"this process executes; {state}")]
    if _locked(kernel):
        return [_good("runner", f"another process executes; {state}")]
    if running:
        return [
            _bad(
                "runner",
                f"nobody executes; interrupted: {_count(running, 'run', 'runs')}, queued: {queued}",
                "Start `redrive up`, or any run: they go on where they stopped.",
            )
        ]
    return [_good("runner", f"nobody executes; {_count(queued, 'run', 'runs')} queued")]


def _locked(kernel: Kernel) -> bool:
    """Whether a process holds the runner lock."""
    lock = kernel.deps.reader.database.runner_lock()
    try:
        return lock.held_elsewhere()
    finally:
        lock.close()


async def _notices(kernel: Kernel) -> Sequence[Finding]:
    failed = await kernel.deps.reader.run(notice_store.count_failed)
    if not failed:
        return [_good("notices", "every notice was sent, or waits for its time")]
    return [
        _bad(
            "notices",
            f"{_count(failed, 'notice was', 'notices were')} given up",
            "`redrive groups sent --status failed` says why; `redrive groups test NAME` tries a group.",
        )
    ]


async def _deliveries(kernel: Kernel) -> Sequence[Finding]:
    count = await kernel.deps.reader.run(checks.count_unknown_deliveries)
    if not count:
        return [_good("deliveries", "it is known of every delivery how it ended")]
    return [
        _bad(
            "deliveries",
            f"{_count(count, 'delivery', 'deliveries')} may have been carried out or not: nobody knows, "
            "and nothing is sent again until it is settled",
            "`redrive deliveries --status unknown` lists them, `redrive resolve` settles one.",
        )
    ]


async def _search(kernel: Kernel) -> Sequence[Finding]:
    if kernel.indexer is None or not kernel.deps.settings.search:
        return [_good("search", "off: only delivery keys and tracked values are found")]
    lag = await kernel.indexer.lag()
    if not lag.built:
        detail = "the index is not built yet: `redrive up` does so, and the first `redrive find`"
    elif lag.complete:
        detail = f"the index is complete: {_count(lag.documents, 'document', 'documents')}"
    else:
        runs = f"{at_least(lag.runs)} {'run' if lag.runs == 1 else 'runs'}"
        since = f" since {instant(lag.since):%Y-%m-%d %H:%M} UTC" if lag.since is not None else ""
        older = f", {at_least(lag.older)} older to take up" if lag.older else ""
        detail = (
            f"the index lags: {runs} with {_count(lag.payloads, 'payload', 'payloads')} wait{since}{older}"
        )
    return [_good("search", detail)]


def _count(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"


def _good(name: str, detail: str) -> Finding:
    return Finding(ok=True, name=name, detail=detail)


def _bad(name: str, detail: str, hint: str | None = None) -> Finding:
    return Finding(ok=False, name=name, detail=detail, hint=hint)
