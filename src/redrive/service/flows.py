"""Flows, connectors and connections of a home: in, out, deployed, listed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from functools import partial
from typing import Any, TypeVar

import msgspec

from redrive.core.nearest import nearest
from redrive.documents.flow_document import parse_flow, warnings
from redrive.documents.load import load_one
from redrive.documents.problems import shown
from redrive.documents.schema import connection_schema, connector_schema, flow_schema
from redrive.engine.clock import instant
from redrive.errors import FlowInvalid, NotFound, StateConflict, UsageError
from redrive.registry import Registry
from redrive.service import authorizing, importing
from redrive.service.bundles import Bundles
from redrive.service.connection_text import connection_text, sources_of
from redrive.service.flow_history import FlowHistory
from redrive.service.interface import Document, Kind
from redrive.service.kernel import Kernel
from redrive.service.labels import Labels
from redrive.service.start_forms import StartForms
from redrive.service.versions import (
    digest_of,
    flow_named,
    freeze,
    resolve_version,
    text_of,
    unknown_flow,
    unknown_number,
)
from redrive.service.views import (
    AuthorizationView,
    CheckResult,
    ConnectionView,
    ConnectorView,
    FlowVersionView,
    FlowView,
    Imported,
    Page,
    ProblemView,
    ScheduleTimes,
)
from redrive.store import connections as connection_store
from redrive.store import flows as store
from redrive.store.committer import Transaction
from redrive.store.database import Rows
from redrive.store.flows import ListedFlow, Source, VersionEvent, VersionRow
from redrive.triggers.schedule import Schedule

T = TypeVar("T")

# Warnings of this many deployed versions are kept; a version never changes.
_KEPT = 4096


class _Target(msgspec.Struct, frozen=True):
    """What is to be deployed, as it was when it was checked; `number` None: the draft."""

    flow_id: int
    number: int | None
    text: bytes
    file: str
    digest: bytes


class Flows(FlowHistory, Bundles, StartForms):
    """The noun `flows` on a home in this process."""

    def __init__(self, kernel: Kernel) -> None:
        FlowHistory.__init__(self, kernel)
        Bundles.__init__(self, kernel)
        self._kernel = kernel
        self._warnings: dict[tuple[int, int], list[str]] = {}
        self._labels = Labels(kernel)

    async def import_documents(
        self,
        documents: Sequence[Document],
        *,
        deploy: bool = False,
        rename: Mapping[str, str] | None = None,
        note: str | None = None,
        based_on: Mapping[str, str] | None = None,
    ) -> Sequence[Imported]:
        """Take documents in, all or none; `rename` gives connections other names on the way.

        `based_on`: flows with the tag of the draft that was edited, so that nobody's work is overwritten.
        Errors: `document.invalid` with every problem of every document, `draft.changed`.
        """
        kernel = self._kernel
        prepared = await self._read(lambda rows: importing.prepare(rows, kernel, documents, rename or {}))
        done = await kernel.write(
            lambda transaction: importing.apply(
                transaction, kernel, prepared, deploy=deploy, note=note, based_on=based_on
            )
        )
        kernel.look()
        return done

    async def check(self, documents: Sequence[Document]) -> CheckResult:
        """All problems and warnings, also of names that the home does not know. Nothing is stored."""
        registry = self._kernel.registry
        now = instant(self._kernel.deps.clock.micros())

        def work(rows: Rows) -> CheckResult:
            loaded = importing.read_documents(documents, {}, registry)
            checked = importing.check_with_home(rows, loaded, registry)
            return CheckResult(
                problems=[ProblemView(**asdict(one)) for one in checked.problems],
                warnings=[str(notice) for notice in checked.notices],
                times=[
                    ScheduleTimes(flow=flow.name, rule=schedule.rule, next=schedule.next_times(now))
                    for _, flow in checked.flows.values()
                    for schedule in [Schedule(t.settings) for t in flow.triggers if t.kind == "schedule"]
                ],
            )

        return await self._read(work)

    async def list(self, *, limit: int = 50, cursor: str | None = None) -> Page[FlowView]:
        """Flows by name. A cursor is the last name of the page before."""
        at_most = max(1, limit)

        def work(rows: Rows) -> Page[FlowView]:
            found = store.listed(rows, after=cursor or "", at_most=at_most + 1)
            views = [self._view(rows, flow) for flow in found[:at_most]]
            return Page[FlowView](items=views, next=views[-1].name if len(found) > at_most else None)

        return await self._read(work)

    async def get(self, name: str) -> FlowView:
        return await self._read(lambda rows: self._shown(rows, name))

    async def versions(
        self, name: str, *, limit: int = 50, cursor: str | None = None
    ) -> Page[FlowVersionView]:
        """The numbered versions, the newest first; the draft has no number."""
        at_most, before = max(1, limit), _version_cursor(cursor)

        def work(rows: Rows) -> Page[FlowVersionView]:
            flow = flow_named(rows, name)
            found = store.versions(rows, flow.id, before=before, at_most=at_most + 1)
            shown = found[:at_most]
            events = _events(rows, flow.id, shown)
            views = [_version_view(name, version, events.get(version.number, ())) for version in shown]
            return Page[FlowVersionView](
                items=views, next=str(views[-1].number) if len(found) > at_most else None
            )

        return await self._read(work)

    async def export(self, name: str, *, version: str | None = None) -> bytes:
        """The exact text of the deployed version, else of the draft; or of the version asked for."""

        def work(rows: Rows) -> bytes:
            flow = flow_named(rows, name)
            return text_of(rows, flow, resolve_version(rows, flow, version))[0]

        return await self._read(work)

    async def deploy(
        self, name: str, *, version: int | None = None, note: str | None = None
    ) -> FlowVersionView:
        """Deploy the draft, or a version again. What was deployed becomes inactive. `note` says why.

        Errors: `version.unknown`, `draft.none`, `document.invalid` where it no longer validates.
        """
        while True:
            target = await self._read(lambda rows: self._target(rows, name, version))
            done = await self._kernel.write(partial(self._deploy, name=name, target=target, note=note))
            if done is not None:
                return _version_view(name, *done)

    async def enable(self, name: str, enabled: bool) -> FlowView:
        """Let its triggers start runs, or not; starts by hand are always possible."""

        def work(transaction: Transaction) -> None:
            flow = flow_named(transaction, name)
            if flow.enabled != enabled:
                store.enable(transaction, flow.id, enabled=enabled)
                self._kernel.audit(transaction, "flow.enabled" if enabled else "flow.disabled", name)

        await self._kernel.write(work)
        return await self.get(name)

    async def delete(self, name: str) -> None:
        """Remove a flow. Its runs stay readable under its name, and so does what was delivered.

        Errors: `flow.running` while runs of it are queued or running.
        """

        def work(transaction: Transaction) -> None:
            flow = flow_named(transaction, name)
            count = store.unfinished_runs(transaction, flow.id)
            if count:
                runs = "1 run that has" if count == 1 else f"{count} runs that have"
                raise StateConflict(
                    f"the flow {name!r} has {runs} not ended",
                    code="flow.running",
                    hint="Wait for the end, or stop them with `redrive stop RUN`.",
                )
            store.delete_flow(transaction, flow.id)
            self._kernel.audit(transaction, "flow.deleted", name)

        await self._kernel.write(work)

    async def connectors(self) -> Page[ConnectorView]:
        return await self._read(
            lambda rows: Page[ConnectorView](
                items=[
                    ConnectorView(
                        name=one.name,
                        digest=one.digest.hex(),
                        endpoints={
                            endpoint: str(about.get("direction", ""))
                            for endpoint, about in importing.endpoints_of(one).items()
                        },
                    )
                    for one in connection_store.connectors(rows)
                ]
            )
        )

    async def connections(self) -> Page[ConnectionView]:
        return await self._read(
            lambda rows: Page[ConnectionView](
                items=[
                    ConnectionView(
                        name=one.name,
                        connector=one.connector,
                        settings=one.settings,
                        secrets=sources_of(one),
                    )
                    for one in connection_store.connections(rows)
                ]
            )
        )

    async def export_connector(self, name: str) -> bytes:
        """The exact text of its document."""

        def work(rows: Rows) -> bytes:
            found = connection_store.get_connector(rows, name)
            if found is None:
                raise _unknown("connector", name, [one.name for one in connection_store.connectors(rows)])
            return found.document

        return await self._read(work)

    async def export_connection(self, name: str) -> bytes:
        """A document of it without the values of its secrets: what is stored has to be given again."""

        def work(rows: Rows) -> bytes:
            found = connection_store.get_connection(rows, name)
            if found is None:
                raise _unknown("connection", name, [one.name for one in connection_store.connections(rows)])
            return connection_text(found).encode()

        return await self._read(work)

    async def authorize_connection(self, name: str, redirect_uri: str) -> AuthorizationView:
        """The page on which a person agrees that the connection is used; it leads back to `redirect_uri`.

        Errors: `connection.unknown`, `auth.not_needed`.
        """
        return await authorizing.begin(self._kernel, name, redirect_uri)

    async def complete_authorization(self, name: str, url: str) -> AuthorizationView:
        """Take the address that the page led back to, and get the first tokens.

        Errors: `auth.state` (nobody began, or too long ago), `auth.failed`.
        """
        return await authorizing.complete(self._kernel, name, url)

    async def schema(self, kind: Kind) -> dict[str, Any]:
        """The JSON Schema of documents of that kind."""
        registry = self._kernel.registry
        made: dict[str, Callable[[], dict[str, Any]]] = {
            "flow": lambda: flow_schema(registry),
            "connector": lambda: connector_schema(registry),
            "connection": connection_schema,
        }
        if kind not in made:
            raise _unknown("kind of document", kind, [*made], code="schema.unknown")
        return await self._read(lambda _rows: made[kind]())

    async def _read(self, work: Callable[[Rows], T]) -> T:
        return await self._kernel.deps.reader.run(work)

    def _shown(self, source: Source, name: str) -> FlowView:
        found = store.listed_one(source, name)
        if found is None:
            raise unknown_flow(source, name)
        return self._view(source, found)

    def _view(self, source: Source, flow: ListedFlow) -> FlowView:
        return FlowView(
            name=flow.name,
            enabled=flow.enabled,
            deployed=flow.deployed,
            draft=flow.has_draft,
            versions=flow.versions,
            warnings=[*self._deployed_warnings(source, flow.id, flow.deployed)],
            labels=[*self._labels.of(source, flow.id, flow.deployed)],
        )

    def _deployed_warnings(self, source: Source, flow_id: int, number: int | None) -> Sequence[str]:
        if number is None:
            return []
        found = self._warnings.get((flow_id, number))
        if found is None:
            document = store.document(source, flow_id, number)
            assert document is not None
            found = _warnings_of(*document, self._kernel.registry)
            if len(self._warnings) >= _KEPT:
                self._warnings.clear()
            self._warnings[flow_id, number] = found
        return found

    def _target(self, source: Source, name: str, version: int | None) -> _Target:
        flow = flow_named(source, name)
        if version is not None:
            found = store.get_version(source, flow.id, version)
            if found is None:
                raise unknown_number(source, flow, version)
            text, file = text_of(source, flow, ("version", version))
        elif flow.draft is not None:
            text, file = flow.draft, flow.draft_file
        else:
            raise StateConflict(
                f"the flow {name!r} has no draft to deploy",
                code="draft.none",
                hint="Import its document, or name a version: `redrive deploy FLOW --version N`.",
            )
        document = load_one(text.decode(), file)
        parse_flow(document, self._kernel.registry)  # plug-ins may be others than at the import
        return _Target(flow.id, version, text, file or "", digest_of(document))

    def _deploy(
        self, transaction: Transaction, name: str, target: _Target, note: str | None
    ) -> tuple[VersionRow, Sequence[VersionEvent]] | None:
        """None where the flow is no longer what was checked: look again."""
        flow = flow_named(transaction, name)
        if flow.id != target.flow_id or (target.number is None and flow.draft != target.text):
            return None
        number = target.number
        if number is None:
            number = freeze(transaction, self._kernel, flow.id, target.text, target.file, target.digest)
        importing.set_deployed(transaction, self._kernel, flow, number, note)
        found = store.get_version(transaction, flow.id, number)
        assert found is not None
        return found, store.events(transaction, flow.id, number, number)


def _warnings_of(text: bytes, file: str | None, registry: Registry) -> list[str]:
    try:
        flow = parse_flow(load_one(text.decode(), file), registry)
    except FlowInvalid as error:
        return [f"the deployed version does not validate any more: {error.detail}"]
    return [str(notice) for notice in warnings(flow, file=file)]


def _events(source: Source, flow_id: int, versions: Sequence[VersionRow]) -> dict[int, list[VersionEvent]]:
    found: dict[int, list[VersionEvent]] = {}
    if versions:
        numbers = [version.number for version in versions]
        for event in store.events(source, flow_id, min(numbers), max(numbers)):
            found.setdefault(event.number, []).append(event)
    return found


def _version_view(name: str, version: VersionRow, events: Sequence[VersionEvent]) -> FlowVersionView:
    """With who made it, and who deployed it last; the note is the latest one."""
    created = next((event for event in events if event.kind == "created"), None)
    deployed = next((event for event in reversed(events) if event.kind == "deployed"), None)
    note = next((event.note for event in reversed(events) if event.note), None)
    return FlowVersionView.model_validate(
        {
            "created_by": created.actor if created else None,
            "deployed_at": instant(deployed.at) if deployed else None,
            "deployed_by": deployed.actor if deployed else None,
            "note": note,
            "flow": name,
            "number": version.number,
            "state": version.state,
            "created_at": instant(version.created_at),
            "digest": version.digest.hex(),
        }
    )


def _version_cursor(cursor: str | None) -> int | None:
    if cursor is None:
        return None
    if not (cursor.isascii() and cursor.isdecimal() and len(cursor) < 10):
        raise UsageError(f"{shown(cursor)} is not a cursor of this list", code="cursor.invalid")
    return int(cursor)


def _unknown(noun: str, name: str, known: Sequence[str], *, code: str | None = None) -> NotFound:
    near = nearest(name, known)
    return NotFound(
        f"there is no {noun} {shown(name)}",
        code=code or f"{noun}.unknown",
        hint=f"Did you mean {near!r}?" if near else f"Known are: {', '.join(known) or 'none'}.",
    )
