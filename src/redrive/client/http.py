"""The service's nouns on a server over HTTP."""

from __future__ import annotations

import asyncio
from base64 import b64encode
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from redrive.client.bulks import HttpBulks
from redrive.client.connectors import HttpConnectors
from redrive.client.groups import HttpGroups
from redrive.client.insights import HttpInsights
from redrive.client.people import HttpAccounts, HttpAudit, HttpMasks, HttpSessions
from redrive.client.problems import not_redrive
from redrive.client.queue import HttpQueue
from redrive.client.references import HttpCaches, HttpLookups, HttpPools
from redrive.client.transport import Transport
from redrive.core.jsonvalue import decode
from redrive.errors import FlowInvalid, Problem
from redrive.service.flow_views import Bundle, FlowDiff, Restored, ShapeView
from redrive.service.flowtest_views import (
    FlowTestReport,
    MadeTest,
    ReplayView,
    TrialRequest,
    TrialView,
)
from redrive.service.hook_calls import HookAnswer
from redrive.service.interface import Document, Kind, Side, Which
from redrive.service.kept_views import (
    BackupView,
    Deleted,
    DeleteRequest,
    ErasePlan,
    EraseRequest,
    ErasureView,
    RetentionPlan,
    RetentionResult,
)
from redrive.service.reading_views import HitPage, ItemWay, ItemWindow, PayloadDiff, Picked, StartOptions
from redrive.service.secret_views import Rotated, RotateRequest, SecretsStatus
from redrive.service.trigger_views import TriggerView
from redrive.service.views import (
    AuthorizationView,
    CheckResult,
    ConnectionView,
    ConnectorView,
    ContentsChecked,
    DeliveryView,
    ExchangeView,
    Finding,
    FindPage,
    FlowVersionView,
    FlowView,
    Health,
    Imported,
    ItemRange,
    LoginLink,
    LogLine,
    NewToken,
    Overview,
    Page,
    PayloadDetail,
    PayloadView,
    PlanView,
    RedriveRequest,
    RetryRequest,
    RunRow,
    RunView,
    SearchStatus,
    SettingView,
    StartRequest,
    TokenView,
    UploadView,
)

ENDED: Final = frozenset({"success", "partial_success", "failure", "stopped"})
_WAIT_S: Final = 25.0


class _Noun:
    def __init__(self, transport: Transport) -> None:
        self._to = transport


def _texts(documents: Sequence[Document]) -> list[dict[str, str]]:
    problems = []
    texts = []
    for filename, text in documents:
        try:
            texts.append({"filename": filename, "text": text.decode()})
        except UnicodeDecodeError as error:
            line = text.count(b"\n", 0, error.start) + 1
            problems.append(
                Problem(
                    code="document.encoding",
                    title="The file is not UTF-8 text",
                    file=filename,
                    line=line,
                    expected="UTF-8",
                )
            )
    if problems:
        raise FlowInvalid(problems)
    return texts


class _Flows(_Noun):
    async def import_documents(
        self,
        documents: Sequence[Document],
        *,
        deploy: bool = False,
        rename: Mapping[str, str] | None = None,
        note: str | None = None,
        based_on: Mapping[str, str] | None = None,
    ) -> Sequence[Imported]:
        body = {
            "documents": _texts(documents),
            "deploy": deploy,
            "rename": dict(rename or {}),
            "note": note,
            "based_on": dict(based_on or {}),
        }
        return (await self._to.post(Page[Imported], "imports", body=body)).items

    async def check(self, documents: Sequence[Document]) -> CheckResult:
        return await self._to.post(CheckResult, "checks", body={"documents": _texts(documents)})

    async def list(self, *, limit: int = 50, cursor: str | None = None) -> Page[FlowView]:
        return await self._to.get(Page[FlowView], "flows", limit=limit, cursor=cursor)

    async def get(self, name: str) -> FlowView:
        return await self._to.get(FlowView, "flows", name)

    async def versions(
        self, name: str, *, limit: int = 50, cursor: str | None = None
    ) -> Page[FlowVersionView]:
        return await self._to.get(
            Page[FlowVersionView], "flows", name, "versions", limit=limit, cursor=cursor
        )

    async def export(self, name: str, *, version: str | None = None) -> bytes:
        return await self._to.call("GET", ("flows", name, "document"), query={"version": version})

    async def export_all(self, name: str, *, version: str | None = None) -> Bundle:
        return await self._to.get(Bundle, "flows", name, "bundle", version=version)

    async def deploy(
        self, name: str, *, version: int | None = None, note: str | None = None
    ) -> FlowVersionView:
        body = {"version": version, "note": note}
        return await self._to.post(FlowVersionView, "flows", name, "deploy", body=body)

    async def restore(self, name: str, version: int, *, note: str | None = None) -> Restored:
        body = {"version": version, "note": note}
        return await self._to.post(Restored, "flows", name, "restore", body=body)

    async def diff(self, name: str, *, before: str | None = None, after: str | None = None) -> FlowDiff:
        return await self._to.get(FlowDiff, "flows", name, "diff", before=before, after=after)

    async def start_form(self, name: str, *, version: str | None = None) -> StartOptions:
        return await self._to.get(StartOptions, "flows", name, "start-form", version=version)

    async def shapes(self) -> Page[ShapeView]:
        return await self._to.get(Page[ShapeView], "shapes")

    async def shape(self, kind: str) -> ShapeView:
        return await self._to.get(ShapeView, "shapes", kind)

    async def enable(self, name: str, enabled: bool) -> FlowView:
        body = {"enabled": enabled}
        return self._to.read(FlowView, await self._to.call("PATCH", ("flows", name), body=body))

    async def delete(self, name: str) -> None:
        await self._to.call("DELETE", ("flows", name))

    async def connectors(self) -> Page[ConnectorView]:
        return await self._to.get(Page[ConnectorView], "connectors")

    async def connections(self) -> Page[ConnectionView]:
        return await self._to.get(Page[ConnectionView], "connections")

    async def export_connector(self, name: str) -> bytes:
        return await self._to.call("GET", ("connectors", name, "document"))

    async def export_connection(self, name: str) -> bytes:
        return await self._to.call("GET", ("connections", name, "document"))

    async def authorize_connection(self, name: str, redirect_uri: str) -> AuthorizationView:
        body = {"redirect_uri": redirect_uri}
        return await self._to.post(AuthorizationView, "connections", name, "authorizations", body=body)

    async def complete_authorization(self, name: str, url: str) -> AuthorizationView:
        body = {"url": url}
        return await self._to.post(
            AuthorizationView, "connections", name, "authorizations", "complete", body=body
        )

    async def schema(self, kind: Kind) -> dict[str, Any]:
        body = await self._to.call("GET", ("schemas", kind))
        try:
            schema: Any = decode(body)
        except ValueError:
            schema = None
        if not isinstance(schema, dict):
            raise not_redrive(self._to.url, 200)
        return schema


class _Runs(_Noun):
    async def start(
        self,
        flow: str,
        request: StartRequest,
        *,
        trigger: str = "manual",
        idempotency_key: str | None = None,
    ) -> RunRow:
        path = ("flows", flow, "runs")
        return await self._to.post(RunRow, *path, body=request, key=idempotency_key, trigger=trigger)

    async def plan(self, flow: str, request: StartRequest, *, trigger: str = "manual") -> PlanView:
        return await self._to.post(PlanView, "flows", flow, "runs", "plan", body=request, trigger=trigger)

    async def plan_document(self, text: bytes, filename: str, request: StartRequest) -> PlanView:
        body = {**request.model_dump(), "document": _texts([(filename, text)])[0]}
        return await self._to.post(PlanView, "runs", "plan", body=body)

    async def start_document(
        self,
        text: bytes,
        filename: str,
        request: StartRequest,
        *,
        trigger: str = "manual",
        idempotency_key: str | None = None,
    ) -> RunRow:
        body = {**request.model_dump(), "document": _texts([(filename, text)])[0]}
        return await self._to.post(RunRow, "runs", body=body, key=idempotency_key, trigger=trigger)

    async def list(
        self,
        *,
        status: str | None = None,
        flow: str | None = None,
        trigger: str | None = None,
        since: datetime | None = None,
        text: str | None = None,
        version: int | None = None,
        warnings: bool | None = None,
        until: datetime | None = None,
        label: str | None = None,
        value: str | None = None,
        unhealed: bool = False,
        oldest: bool = False,
        brief: bool = False,
        limit: int = 50,
        cursor: str | None = None,
    ) -> Page[RunRow]:
        return await self._to.get(
            Page[RunRow],
            "runs",
            status=status,
            flow=flow,
            trigger=trigger,
            since=since,
            text=text,
            version=version,
            warnings=warnings,
            until=until,
            label=label,
            value=value,
            unhealed=unhealed or None,
            oldest=oldest or None,
            brief=brief or None,
            limit=limit,
            cursor=cursor,
        )

    async def get(self, run_id: str, *, listed: int = 100) -> RunView:
        return await self._to.get(RunView, "runs", run_id, listed=listed)

    async def overview(self) -> Overview:
        return await self._to.get(Overview, "overview")

    async def wait(self, run_id: str, timeout_s: float | None = None) -> RunRow:
        loop = asyncio.get_running_loop()
        until = None if timeout_s is None else loop.time() + timeout_s
        while True:
            left = _WAIT_S if until is None else max(0.0, min(_WAIT_S, until - loop.time()))
            row = await self._to.get(RunRow, "runs", run_id, "wait", timeout_s=left)
            if row.status in ENDED or (until is not None and loop.time() >= until):
                return row

    async def logs(
        self, run_id: str, step: str | None = None, *, limit: int = 100, cursor: str | None = None
    ) -> Page[LogLine]:
        return await self._to.get(
            Page[LogLine], "runs", run_id, "logs", step=step, limit=limit, cursor=cursor
        )

    async def exchanges(
        self, run_id: str, step: str | None = None, *, limit: int = 100, cursor: str | None = None
    ) -> Page[ExchangeView]:
        return await self._to.get(
            Page[ExchangeView], "runs", run_id, "exchanges", step=step, limit=limit, cursor=cursor
        )

    async def payloads(
        self, run_id: str, step: str, side: Side, *, limit: int = 100, cursor: str | None = None
    ) -> Page[PayloadView]:
        path = ("runs", run_id, "steps", step, "payloads", side)
        return await self._to.get(Page[PayloadView], *path, limit=limit, cursor=cursor)

    def exchange_body(self, exchange_id: str, which: Which) -> AsyncGenerator[bytes, None]:
        return self._to.stream("exchanges", exchange_id, which)

    async def answer(self, run_id: str) -> HookAnswer:
        headers, media_type, body = await self._to.answered("runs", run_id, "answer")
        # The others carried the answer here, and are no part of it.
        own = tuple((name, headers[name]) for name in headers["Redrive-Headers"].split(", "))
        return HookAnswer(int(headers["Redrive-Status"]), body, media_type, own)

    async def stop(self, run_id: str, force: bool = False) -> RunRow:
        return await self._to.post(RunRow, "runs", run_id, "stop", body={"force": force})

    async def watch(self, run_id: str | None = None) -> AsyncGenerator[RunRow, None]:
        path = ("runs", "events") if run_id is None else ("runs", run_id, "events")
        async for name, data in self._to.events(*path):
            if name == "run":
                yield self._to.read(RunRow, data)


class _Payloads(_Noun):
    async def get(self, payload_id: str, *, text: bool = True) -> PayloadDetail:
        return await self._to.get(PayloadDetail, "payloads", payload_id, text=text)

    async def items(self, payload_id: str, start: int, stop: int) -> ItemRange:
        return await self._to.get(ItemRange, "payloads", payload_id, "items", start=start, stop=stop)

    async def window(self, payload_id: str, start: int, stop: int, *, item_bytes: int = 65_536) -> ItemWindow:
        path = ("payloads", payload_id, "window")
        return await self._to.get(ItemWindow, *path, start=start, stop=stop, item_bytes=item_bytes)

    async def search(
        self, payload_id: str, text: str, *, start: int = 0, most: int = 200, items: bool = True
    ) -> HitPage:
        path = ("payloads", payload_id, "search")
        return await self._to.get(HitPage, *path, text=text, start=start, limit=most, items=items)

    async def pick(
        self,
        payload_id: str,
        expression: str,
        *,
        run: str | None = None,
        step: str | None = None,
        after: bool = False,
    ) -> Picked:
        path = ("payloads", payload_id, "selection")
        return await self._to.get(Picked, *path, items=expression, run=run, step=step, after=after)

    async def compare(self, before: str, after: str, *, key: str | None = None) -> PayloadDiff:
        return await self._to.get(PayloadDiff, "payloads", before, "diff", after=after, key=key)

    async def way(self, payload_id: str, item: int) -> ItemWay:
        return await self._to.get(ItemWay, "payloads", payload_id, "items", str(item), "way")

    async def stream(
        self, payload_id: str, start: int = 0, stop: int | None = None
    ) -> AsyncGenerator[bytes, None]:
        if stop is not None and stop <= start:
            return
        headers = None
        if start or stop is not None:
            headers = {"Range": f"bytes={start}-{'' if stop is None else stop - 1}"}
        async for chunk in self._to.stream("payloads", payload_id, "content", headers=headers):
            yield chunk

    def items_bytes(self, payload_id: str, start: int, stop: int) -> AsyncGenerator[bytes, None]:
        return self._to.stream("payloads", payload_id, "content", items=f"{start}:{stop}")

    async def upload(
        self,
        chunks: AsyncIterator[bytes],
        *,
        media_type: str | None = None,
        items_path: str | None = None,
        filename: str | None = None,
        like: str | None = None,
    ) -> UploadView:
        query = {"media_type": media_type, "items_path": items_path, "filename": filename, "like": like}
        return self._to.read(UploadView, await self._to.call("POST", ("uploads",), query=query, data=chunks))


class _Redrives(_Noun):
    async def plan_retry(self, run_id: str, request: RetryRequest) -> PlanView:
        return await self._to.post(PlanView, "runs", run_id, "retry", "plan", body=request)

    async def plan(self, run_id: str, request: RedriveRequest) -> PlanView:
        return await self._to.post(PlanView, "runs", run_id, "redrive", "plan", body=request)

    async def retry(
        self, run_id: str, request: RetryRequest, *, idempotency_key: str | None = None
    ) -> RunRow:
        return await self._to.post(RunRow, "runs", run_id, "retry", body=request, key=idempotency_key)

    async def redrive(
        self, run_id: str, request: RedriveRequest, *, idempotency_key: str | None = None
    ) -> RunRow:
        return await self._to.post(RunRow, "runs", run_id, "redrive", body=request, key=idempotency_key)


class _Search(_Noun):
    async def find(
        self,
        value: str,
        *,
        field: str | None = None,
        everywhere: bool = False,
        limit: int = 50,
        cursor: str | None = None,
    ) -> FindPage:
        query = {"value": value, "field": field, "everywhere": everywhere, "limit": limit, "cursor": cursor}
        return await self._to.get(FindPage, "find", **query)

    async def status(self) -> SearchStatus:
        return await self._to.get(SearchStatus, "search", "status")

    async def rebuild(self) -> SearchStatus:
        return await self._to.post(SearchStatus, "search", "rebuild", body={})


class _Ledger(_Noun):
    async def list(
        self,
        *,
        status: str | None = None,
        key: str | None = None,
        limit: int = 50,
        cursor: str | None = None,
    ) -> Page[DeliveryView]:
        return await self._to.get(
            Page[DeliveryView], "deliveries", status=status, key=key, limit=limit, cursor=cursor
        )

    async def get(self, delivery_id: str) -> DeliveryView:
        return await self._to.get(DeliveryView, "deliveries", delivery_id)

    async def resolve(self, delivery_id: str, *, sent: bool, reason: str) -> DeliveryView:
        body = {"sent": sent, "reason": reason}
        return await self._to.post(DeliveryView, "deliveries", delivery_id, "resolve", body=body)


class _Retention(_Noun):
    async def plan(self) -> RetentionPlan:
        return await self._to.get(RetentionPlan, "retention")

    async def run(self, *, compact: bool = False) -> RetentionResult:
        return await self._to.post(RetentionResult, "retention", body={"compact": compact}, patient=True)

    async def pin(self, run_id: str, pinned: bool) -> RunRow:
        return self._to.read(
            RunRow, await self._to.call("PUT" if pinned else "DELETE", ("runs", run_id, "pin"))
        )

    async def delete(self, request: DeleteRequest) -> Deleted:
        return await self._to.post(Deleted, "runs", "delete", body=request, patient=True)


class _Backups(_Noun):
    def create(self, *, name: str = "", secrets: bool = False) -> AsyncGenerator[bytes, None]:
        return self._to.stream("backups", method="POST", name=name, secrets=secrets)

    async def list(self, *, limit: int = 50, cursor: str | None = None) -> Page[BackupView]:
        return await self._to.get(Page[BackupView], "backups", limit=limit, cursor=cursor)


class _Erasures(_Noun):
    async def plan(self, request: EraseRequest) -> ErasePlan:
        return await self._to.post(ErasePlan, "erasures", "plan", body=request, patient=True)

    async def erase(self, request: EraseRequest) -> ErasureView:
        return await self._to.post(ErasureView, "erasures", body=request, patient=True)

    async def list(self, *, limit: int = 50, cursor: str | None = None) -> Page[ErasureView]:
        return await self._to.get(Page[ErasureView], "erasures", limit=limit, cursor=cursor)


class _Secrets(_Noun):
    async def status(self) -> SecretsStatus:
        return await self._to.get(SecretsStatus, "secrets")

    async def rotate(self, request: RotateRequest | None = None) -> Rotated:
        return await self._to.post(
            Rotated, "secrets", "rotate", body=request or RotateRequest(), patient=True
        )


class _Tokens(_Noun):
    async def create(
        self, name: str, *, days: int | None = None, scopes: Sequence[str] | None = None
    ) -> NewToken:
        given = None if scopes is None else list(scopes)
        return await self._to.post(NewToken, "tokens", body={"name": name, "days": days, "scopes": given})

    async def list(self) -> Page[TokenView]:
        return await self._to.get(Page[TokenView], "tokens")

    async def revoke(self, token_id: str) -> None:
        await self._to.call("DELETE", ("tokens", token_id))


class _Triggers(_Noun):
    async def list(
        self, flow: str | None = None, *, limit: int = 100, cursor: str | None = None
    ) -> Page[TriggerView]:
        return await self._to.get(Page[TriggerView], "triggers", flow=flow, limit=limit, cursor=cursor)


class _Tests(_Noun):
    async def run(
        self,
        documents: Sequence[Document],
        *,
        files: Mapping[str, bytes] | None = None,
        only: Sequence[str] = (),
    ) -> FlowTestReport:
        given = [{"name": name, "base64": b64encode(data).decode()} for name, data in (files or {}).items()]
        body = {"documents": _texts(documents), "files": given, "only": list(only)}
        return await self._to.post(FlowTestReport, "tests", body=body)

    async def run_flow(
        self, name: str, *, version: str | None = "draft", only: Sequence[str] = ()
    ) -> FlowTestReport:
        body = {"version": version, "only": list(only)}
        return await self._to.post(FlowTestReport, "flows", name, "tests", body=body)

    async def make(self, run_id: str, *, name: str | None = None, store: bool = False) -> MadeTest:
        return await self._to.post(MadeTest, "runs", run_id, "test", body={"name": name, "store": store})

    async def replay(self, run_id: str, *, version: str = "draft") -> ReplayView:
        return await self._to.post(ReplayView, "runs", run_id, "replay", body={"version": version})

    async def trial(self, request: TrialRequest) -> TrialView:
        return await self._to.post(TrialView, "trials", body=request)


class HttpClient:
    """A client of the server at `url`. `home` is told where the server is known to hold that home."""

    in_process = False

    def __init__(self, url: str, token: str | None = None, *, home: Path | None = None) -> None:
        self._to = Transport(url, token)
        self.home = home
        self.flows = _Flows(self._to)
        self.connectors = HttpConnectors(self._to)
        self.runs = _Runs(self._to)
        self.payloads = _Payloads(self._to)
        self.redrives = _Redrives(self._to)
        self.bulks = HttpBulks(self._to)
        self.search = _Search(self._to)
        self.ledger = _Ledger(self._to)
        self.retention = _Retention(self._to)
        self.backups = _Backups(self._to)
        self.erasures = _Erasures(self._to)
        self.lookups = HttpLookups(self._to)
        self.pools = HttpPools(self._to)
        self.caches = HttpCaches(self._to)
        self.groups = HttpGroups(self._to)
        self.secrets = _Secrets(self._to)
        self.tokens = _Tokens(self._to)
        self.accounts = HttpAccounts(self._to)
        self.sessions = HttpSessions(self._to)
        self.audit = HttpAudit(self._to)
        self.masks = HttpMasks(self._to)
        self.tests = _Tests(self._to)
        self.triggers = _Triggers(self._to)
        self.queue = HttpQueue(self._to)
        self.insights = HttpInsights(self._to)

    @property
    def where(self) -> str:
        return self._to.url

    async def __aenter__(self) -> Self:
        await self._to.open()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._to.close()

    async def health(self) -> Health:
        return await self._to.get(Health, "health")

    async def doctor(self) -> Sequence[Finding]:
        return (await self._to.get(Page[Finding], "doctor")).items

    async def check_contents(self, after: str | None = None, *, repair: bool = False) -> ContentsChecked:
        body = {"after": after, "repair": repair}
        return await self._to.post(ContentsChecked, "doctor/contents", body=body)

    async def settings(self) -> Page[SettingView]:
        return await self._to.get(Page[SettingView], "settings")

    async def finish(self, run_id: str) -> RunRow:
        return await self.runs.wait(run_id)

    async def login_link(self) -> str:
        return (await self._to.post(LoginLink, "login-links", body={})).link
