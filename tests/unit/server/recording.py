"""A service that records what it is asked and answers with fixed records; it executes nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from redrive.errors import (
    ConfirmationNeeded,
    FlowInvalid,
    NotFound,
    PayloadGone,
    Problem,
    RedriveError,
    StateConflict,
    StoreBusy,
    StoreFull,
    UserError,
)
from redrive.service.actors import Actor
from redrive.service.bulk_views import BulkNote, BulkPlan, BulkRequest, BulkRun, BulkView
from redrive.service.flow_views import Bundle, FlowDiff, Restored, SettingChange, ShapeView, StepDifference
from redrive.service.flowtest_views import (
    Difference,
    FlowTestReport,
    FlowTestResult,
    MadeFile,
    MadeTest,
    ReplayStep,
    ReplayView,
    TrialPayload,
    TrialRequest,
    TrialView,
)
from redrive.service.hook_calls import HookAnswer, HookCall
from redrive.service.kept_views import (
    BackupView,
    Deleted,
    DeleteRequest,
    ErasePlan,
    EraseRequest,
    ErasureView,
    FlowRetention,
    LimitView,
    RetentionPlan,
    RetentionResult,
)
from redrive.service.queue_views import CircuitView, MoveRequest, PauseRequest, PauseView, QueueItem
from redrive.service.reference_views import Removed
from redrive.service.views import (
    AuthorizationView,
    CheckResult,
    ConnectionView,
    ConnectorView,
    ContentsChecked,
    DeliveryEvent,
    DeliveryView,
    ErrorView,
    ExchangeView,
    Finding,
    FindItem,
    FindPage,
    FlowVersionView,
    FlowView,
    Health,
    Imported,
    ItemRange,
    LogLine,
    NewToken,
    Overview,
    Page,
    PayloadDetail,
    PayloadView,
    PlanStep,
    PlanView,
    ProblemView,
    RunRow,
    RunView,
    SearchStatus,
    StepRunView,
    TokenView,
    UploadView,
)
from redrive.triggers.signature import refused
from tests.unit.server.recording_people import Doors, NoAccounts, NoAudit, OneSession

AT = datetime(2026, 11, 20, 9, 15, 2, tzinfo=UTC)
CONTENT = b'[{"id": 1042, "total": 19.90}, {"id": 1043, "note": "\\u001b[31mred"}, {"id": 1044}]'
DIGEST = "b3-0f00"


def row(id: str = "r1", *, status: str = "failure", source: str | None = None, **more: Any) -> RunRow:
    return RunRow.model_validate(
        {
            "id": id,
            "flow": "orders",
            "version": 3,
            "status": status,
            "trigger": "manual",
            "warnings": 0,
            "summary": "send: 10 payloads failed" if status == "failure" else "",
            "queued_at": AT,
            "started_at": AT,
            "finished_at": None if status in {"queued", "running"} else AT,
            "duration_s": 1.25,
            "clock": AT,
            "variables": {"rate": Decimal("1.10")},
            "source_run": source,
            "start_step": "send" if source else None,
            "redrives": [],
            **more,
        }
    )


def payload(id: str = "p1", **more: Any) -> PayloadView:
    facts = {"id": id, "items": 3, "size_bytes": len(CONTENT), "media_type": "application/json", "meta": {}}
    return PayloadView.model_validate({**facts, **more})


def detail(id: str = "p1", **more: Any) -> PayloadDetail:
    facts = {
        **payload(id).model_dump(),
        "run": "r1",
        "step": "send",
        "side": "in",
        "position": 0,
        "items_path": "",
        "digest": DIGEST,
        "text": CONTENT.decode(),
        "trimmed": False,
    }
    return PayloadDetail.model_validate({**facts, **more})


def steps(status: str = "failure") -> list[StepRunView]:
    error = ErrorView(
        code="remote.rejected",
        title="The other system rejected it",
        detail="422: postcode is missing",
        at="/postcode",
        hint="Edit the payload and redrive it.",
    )
    return [
        StepRunView(
            step="pull",
            shape="connector",
            status="success",
            attempts=1,
            duration_s=0.5,
            warnings=0,
            payloads_in=[],
            payloads_out=[payload()],
            failed_payloads=[],
        ),
        StepRunView.model_validate(
            {
                "step": "send",
                "shape": "connector",
                "status": status,
                "attempts": 3,
                "duration_s": 0.7,
                "warnings": 1,
                "payloads_in": [payload()],
                "payloads_out": [],
                "failed_payloads": [payload()] if status == "failure" else [],
                "deliveries": {"delivered": 2, "rejected": 1},
                "error": error if status == "failure" else None,
            }
        ),
    ]


def view(of: RunRow) -> RunView:
    status = "success" if of.status == "success" else "failure"
    return RunView.model_validate({**of.model_dump(), "steps": [one.model_dump() for one in steps(status)]})


class Noun:
    def __init__(self, service: RecordingService) -> None:
        self.service = service

    def note(self, name: str, /, *args: Any, **kwargs: Any) -> None:
        self.service.calls.append((f"{type(self).__name__.lower()}.{name}", args, kwargs))
        if (error := self.service.raising.get(name)) is not None:
            raise error


class Flows(Noun):
    async def import_documents(self, documents: Sequence[Any], **kwargs: Any) -> list[Imported]:
        self.note("import_documents", list(documents), **kwargs)
        self.service.refuse_invalid(documents)
        return [Imported(kind="flow", name="orders", result="created", version=4)]

    async def check(self, documents: Sequence[Any]) -> CheckResult:
        self.note("check", list(documents))
        try:
            self.service.refuse_invalid(documents)
        except FlowInvalid as error:
            return CheckResult(problems=[ProblemView(**one) for one in error.as_dict()["problems"]])
        return CheckResult(problems=[], warnings=["orders: step send is skipped"])

    async def list(self, **kwargs: Any) -> Page[FlowView]:
        self.note("list", **kwargs)
        return Page[FlowView](items=[await self.get("orders")])

    async def get(self, name: str) -> FlowView:
        self.service.known(name, "orders", "flow")
        return FlowView(name=name, enabled=True, deployed=3, draft=True, versions=4)

    async def versions(self, name: str, **kwargs: Any) -> Page[FlowVersionView]:
        self.note("versions", name, **kwargs)
        return Page[FlowVersionView](items=[self._version(3, "deployed")])

    def _version(self, number: int, state: str) -> FlowVersionView:
        return FlowVersionView.model_validate(
            {"flow": "orders", "number": number, "state": state, "created_at": AT, "digest": "d"}
        )

    async def export(self, name: str, *, version: str | None = None) -> bytes:
        self.note("export", name, version=version)
        self.service.known(name, "orders", "flow")
        return b"flow: orders  # as it was\r\nsteps: []\n"

    async def export_all(self, name: str, *, version: str | None = None) -> Bundle:
        self.note("export_all", name, version=version)
        self.service.known(name, "orders", "flow")
        return Bundle(
            flow=name,
            text="flow: orders\n---\nconnection: shop\n",
            documents=["flow orders", "connection shop"],
            needs=["secret token of connection shop"],
        )

    async def restore(self, name: str, version: int, *, note: str | None = None) -> Restored:
        self.note("restore", name, version, note=note)
        self.service.known(name, "orders", "flow")
        return Restored(flow=name, version=version, kept=5)

    async def diff(self, name: str, *, before: str | None = None, after: str | None = None) -> FlowDiff:
        self.note("diff", name, before=before, after=after)
        self.service.known(name, "orders", "flow")
        change = SettingChange(setting="keep.is", kind="changed", old="paid", new="\u001b[31mopen")
        step = StepDifference(step="paid", shape="filter", result="changed", changes=[change])
        return FlowDiff(
            flow=name, before="version 3", after="draft", same=False, steps=[step], flow_changes=[]
        )

    async def shapes(self) -> Page[ShapeView]:
        return Page[ShapeView](items=[await self.shape("filter")])

    async def shape(self, kind: str) -> ShapeView:
        self.service.known(kind, "filter", "shape")
        return ShapeView(
            shape=kind, version=1, group="items", summary="Keep items.", help="Keep items.",
            package="redrive", effects=False, gathers=False, owns_steps=[],
            settings_schema={"properties": {"keep": {"description": "What stays."}}}, examples=[],
        )  # fmt: skip

    async def deploy(
        self, name: str, *, version: int | None = None, note: str | None = None
    ) -> FlowVersionView:
        self.note("deploy", name, version=version, note=note)
        self.service.known(name, "orders", "flow")
        return self._version(version or 4, "deployed")

    async def enable(self, name: str, enabled: bool) -> FlowView:
        self.note("enable", name, enabled)
        return (await self.get(name)).model_copy(update={"enabled": enabled})

    async def delete(self, name: str) -> None:
        self.note("delete", name)
        self.service.known(name, "orders", "flow")

    async def connectors(self) -> Page[ConnectorView]:
        return Page[ConnectorView](
            items=[ConnectorView(name="shop", digest="c0ffee00", endpoints={"list-orders": "receive"})]
        )

    async def connections(self) -> Page[ConnectionView]:
        return Page[ConnectionView](
            items=[
                ConnectionView(
                    name="shop-live",
                    connector="shop",
                    settings={"base_url": "http://127.0.0.1:9001"},
                    secrets={"token": "env:SHOP_TOKEN"},
                )
            ]
        )

    async def export_connector(self, name: str) -> bytes:
        self.service.known(name, "shop", "connector")
        return b"connector: shop\n"

    async def authorize_connection(self, name: str, redirect_uri: str) -> AuthorizationView:
        self.service.known(name, "shop-live", "connection")
        self.note("authorize_connection", name, redirect_uri)
        return AuthorizationView(connection=name, url="https://auth.example/agree")

    async def complete_authorization(self, name: str, url: str) -> AuthorizationView:
        self.service.known(name, "shop-live", "connection")
        self.note("complete_authorization", name, url)
        return AuthorizationView(connection=name, authorized=True)

    async def export_connection(self, name: str) -> bytes:
        self.service.known(name, "shop-live", "connection")
        return b"connection: shop-live\n"

    async def schema(self, kind: str) -> dict[str, Any]:
        return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": kind}


class Runs(Noun):
    async def start(self, flow: str, request: Any, **kwargs: Any) -> RunRow:
        self.note("start", flow, request, **kwargs)
        self.service.known(flow, "orders", "flow")
        return self.service.new_run()

    async def plan(self, flow: str, request: Any, **kwargs: Any) -> PlanView:
        self.note("plan", flow, request, **kwargs)
        self.service.known(flow, "orders", "flow")
        step = PlanStep(step="send", to_send=None, delivered=None, changed=None, unknown=None)
        start = {"from": "start", "step": "pull"}
        return PlanView(
            source_run=None, start=start, version=3, clock=AT, skips=request.skips, steps=[step], warnings=[]
        )

    async def plan_document(self, text: bytes, filename: str, request: Any) -> PlanView:
        self.note("plan_document", text, filename, request)
        self.service.refuse_invalid([(filename, text)])
        return await self.plan("orders", request)

    async def start_document(self, text: bytes, filename: str, request: Any, **kwargs: Any) -> RunRow:
        self.note("start_document", text, filename, request, **kwargs)
        self.service.refuse_invalid([(filename, text)])
        return self.service.new_run()

    async def list(self, *, limit: int = 50, cursor: str | None = None, **kwargs: Any) -> Page[RunRow]:
        self.note("list", limit=limit, cursor=cursor, **kwargs)
        if cursor is not None and not (cursor.isascii() and cursor.isdigit()):
            raise UserError("The cursor is not one of this list", code="cursor.invalid")
        start = int(cursor or 0)
        rows = list(self.service.rows.values())
        after = start + limit
        return Page[RunRow](items=rows[start:after], next=str(after) if after < len(rows) else None)

    async def get(self, run_id: str, *, listed: int = 100) -> RunView:
        return view(self.service.run(run_id))

    async def overview(self) -> Overview:
        return Overview(since=AT, hours=[], counts={"failure": 1}, running=0, queued=1, open_failures=1)

    async def wait(self, run_id: str, timeout_s: float | None = None) -> RunRow:
        self.note("wait", run_id, timeout_s)
        return self.service.run(run_id)

    async def logs(self, run_id: str, step: str | None = None, **kwargs: Any) -> Page[LogLine]:
        self.note("logs", run_id, step, **kwargs)
        self.service.run(run_id)
        hostile = LogLine(at=AT, level="info", step="send", message="say \x1b[2J[bold]hi[/bold]")
        return Page[LogLine](items=[hostile])

    async def exchanges(self, run_id: str, step: str | None = None, **kwargs: Any) -> Page[ExchangeView]:
        self.note("exchanges", run_id, step, **kwargs)
        self.service.run(run_id)
        exchange = ExchangeView(
            id="x1",
            step="send",
            payload="p1",
            attempt=1,
            method="POST",
            url="http://127.0.0.1:9002/orders",
            request_headers=[("Authorization", "********")],
            request_body="x1.request",
            request_bytes=20,
            status=422,
            response_headers=[],
            response_body="x1.response",
            response_bytes=30,
            error=None,
            at=AT,
            duration_ms=4.5,
        )
        return Page[ExchangeView](items=[exchange])

    async def payloads(self, run_id: str, step: str, side: str, **kwargs: Any) -> Page[PayloadView]:
        self.note("payloads", run_id, step, side, **kwargs)
        self.service.run(run_id)
        self.service.known(step, "send", "step")
        return Page[PayloadView](items=[payload()])

    async def exchange_body(self, exchange_id: str, which: str) -> AsyncGenerator[bytes, None]:
        self.note("exchange_body", exchange_id, which)
        self.service.known(exchange_id, "x1", "exchange")
        yield b"body of "
        yield which.encode()

    async def answer(self, run_id: str) -> HookAnswer:
        self.note("answer", run_id)
        self.service.run(run_id)
        headers = (("X-Quote", "19"), ("Redrive-Run", run_id))
        if run_id == "r1":
            return HookAnswer(201, b"answered", "text/plain; charset=utf-8", headers)

        async def large() -> AsyncIterator[bytes]:
            for _ in range(40):
                yield b"\0" * (1 << 16)

        return HookAnswer(200, large(), "application/octet-stream", headers)

    async def stop(self, run_id: str, force: bool = False) -> RunRow:
        self.note("stop", run_id, force)
        found = self.service.run(run_id)
        if found.status in {"success", "failure"}:
            raise StateConflict(f"Run {run_id} has ended", code="run.ended", at=run_id)
        return found.model_copy(update={"status": "stopped"})

    async def watch(self, run_id: str | None = None) -> AsyncGenerator[RunRow, None]:
        self.note("watch", run_id)
        for change in self.service.changes:
            yield change


class Queue(Noun):
    item = QueueItem(
        position=1, run="r9", flow="orders", priority="high", queued_at=AT, reason="overlap: r8 runs",
        kind="overlap", waits_for="r8",
    )  # fmt: skip

    async def list(self, **kwargs: Any) -> Page[QueueItem]:
        self.note("list", **kwargs)
        return Page[QueueItem](items=[self.item])

    async def move(self, run_id: str, request: MoveRequest) -> QueueItem:
        self.note("move", run_id, request)
        self.service.known(run_id, "r9", "run")
        return self.item.model_copy(update={"priority": request.priority or "high"})

    async def pauses(self) -> Page[PauseView]:
        self.note("pauses")
        pause = PauseView(kind="connection", name="erp", reason="moving", actor="ann", at=AT)
        return Page[PauseView](items=[pause])

    async def pause(self, request: PauseRequest) -> PauseView:
        self.note("pause", request)
        return PauseView(kind=request.kind, name=request.name, reason=request.reason, actor="ann", at=AT)

    async def resume(self, kind: str, name: str = "") -> Removed:
        self.note("resume", kind, name)
        return Removed(removed=1 if name == "erp" else 0)

    async def circuits(self) -> Page[CircuitView]:
        self.note("circuits")
        one = CircuitView(
            connection="erp", opened_at=AT, until=AT, failures=10, error="no connection", trying=False
        )
        return Page[CircuitView](items=[one])

    async def reset(self, connection: str) -> Removed:
        self.note("reset", connection)
        return Removed(removed=1 if connection == "erp" else 0)


class Payloads(Noun):
    async def get(self, payload_id: str, *, text: bool = True) -> PayloadDetail:
        if payload_id == "gone":
            raise PayloadGone("Payload gone was kept until yesterday", at="gone")
        found = self.service.details.get(payload_id)
        if found is None:
            raise NotFound(f"There is no payload {payload_id}", code="payload.unknown", at=payload_id)
        return found

    async def items(self, payload_id: str, start: int, stop: int) -> ItemRange:
        self.note("items", payload_id, start, stop)
        await self.get(payload_id)
        every = ['{"id": 1042, "total": 19.90}', '{"id": 1043, "note": "\\u001b[31mred"}', '{"id": 1044}']
        return ItemRange(payload=payload_id, start=start, stop=stop, total=3, items=every[start:stop])

    async def stream(
        self, payload_id: str, start: int = 0, stop: int | None = None
    ) -> AsyncGenerator[bytes, None]:
        self.note("stream", payload_id, start, stop)
        await self.get(payload_id)
        wanted = CONTENT[start:stop]
        for at in range(0, len(wanted), 16):
            yield wanted[at : at + 16]

    async def items_bytes(self, payload_id: str, start: int, stop: int) -> AsyncGenerator[bytes, None]:
        chosen = await self.items(payload_id, start, stop)
        yield ("[" + ",".join(chosen.items) + "]").encode()

    async def upload(self, chunks: AsyncIterator[bytes], **kwargs: Any) -> UploadView:
        data = b"".join([chunk async for chunk in chunks])
        self.note("upload", data, **kwargs)
        self.service.uploads.append(data)
        return UploadView(
            id=f"u{len(self.service.uploads)}",
            size_bytes=len(data),
            media_type=kwargs.get("media_type") or "application/json",
            items_path=kwargs.get("items_path") or "",
            items=1,
        )


class Redrives(Noun):
    def _plan(self, run_id: str, request: Any) -> PlanView:
        source = self.service.run(run_id)
        if request.delivery == "send_all" and not request.reason:
            raise StateConflict("send_all needs a reason", code="delivery.reason")
        after = getattr(request, "after", None)
        at = getattr(request, "at", None)
        for step in (after, at):
            if step is not None:
                self.service.known(step, "send", "step")
        return PlanView(
            source_run=run_id,
            start={"after": after} if after else {"at": at or "send"},
            version=3,
            clock=AT,
            skips=list(getattr(request, "skips", [])),
            steps=[
                PlanStep(step="send", to_send=10, delivered=40, changed=0, unknown=None),
            ],
            warnings=["connector erp has changed"],
            delivery="skip_delivered",
            confirm="40 items were delivered already" if source.status == "success" else None,
        )

    def _start(self, run_id: str, request: Any) -> RunRow:
        plan = self._plan(run_id, request)
        if plan.confirm and not request.confirm:
            raise ConfirmationNeeded(plan.confirm, hint="Give --yes, or confirm in the request.")
        return self.service.new_run(source=run_id)

    async def plan_retry(self, run_id: str, request: Any) -> PlanView:
        self.note("plan_retry", run_id, request)
        return self._plan(run_id, request)

    async def plan(self, run_id: str, request: Any) -> PlanView:
        self.note("plan", run_id, request)
        return self._plan(run_id, request)

    async def retry(self, run_id: str, request: Any, **kwargs: Any) -> RunRow:
        self.note("retry", run_id, request, **kwargs)
        return self._start(run_id, request)

    async def redrive(self, run_id: str, request: Any, **kwargs: Any) -> RunRow:
        self.note("redrive", run_id, request, **kwargs)
        return self._start(run_id, request)


class Search(Noun):
    async def find(self, value: str, **kwargs: Any) -> FindPage:
        self.note("find", value, **kwargs)
        if value != "1042":
            return FindPage(items=[])
        found = FindItem(
            run="r1",
            flow="orders",
            step="send",
            payload="p1",
            item=0,
            field="id",
            value="1042",
            delivery="delivered",
            at=AT,
        )
        return FindPage(items=[found])

    async def status(self) -> SearchStatus:
        self.note("status")
        return SearchStatus(
            enabled=True,
            state="behind",
            waiting_runs=3,
            waiting_payloads=21,
            waiting_since=AT,
            older_runs=0,
            documents=1200,
            size_bytes=4_000_000,
        )

    async def rebuild(self) -> SearchStatus:
        self.note("rebuild")
        return await self.status()


class Ledger(Noun):
    def _delivery(self, status: str = "unknown") -> DeliveryView:
        return DeliveryView.model_validate(
            {
                "id": "d1",
                "ledger": "orders/send",
                "connection": "erp",
                "endpoint": "create-orders",
                "key": "1042",
                "status": status,
                "run": "r1",
                "step": "send",
                "payload": "p1",
                "item": 0,
                "at": AT,
                "history": [DeliveryEvent(run="r1", status="begun", at=AT)],
            }
        )

    async def list(self, **kwargs: Any) -> Page[DeliveryView]:
        self.note("list", **kwargs)
        return Page[DeliveryView](items=[self._delivery()])

    async def get(self, delivery_id: str) -> DeliveryView:
        self.service.known(delivery_id, "d1", "delivery")
        return self._delivery()

    async def resolve(self, delivery_id: str, *, sent: bool, reason: str) -> DeliveryView:
        self.note("resolve", delivery_id, sent=sent, reason=reason)
        self.service.known(delivery_id, "d1", "delivery")
        return self._delivery("delivered" if sent else "rejected")


class Bulks(Noun):
    """One job, which ends at once; `r9` in it is refused."""

    def _view(self, **facts: Any) -> BulkView:
        told = {"state": "ended", "ended_at": AT, "waiting": 0, "started": 1, "refused": 0, "under_way": 0}
        told |= {"id": "k1", "kind": "retry", "actor": "ann", "at": AT, "per_minute": None, "runs": 1}
        return BulkView.model_validate({**told, "success": 1, "failed": 0, **facts})

    async def plan(self, request: BulkRequest) -> BulkPlan:
        self.note("plan", request)
        step = PlanStep(step="send", to_send=10, delivered=40, changed=0, unknown=None)
        note = BulkNote(code="run.not_failed", text="the run ended in success", runs=1, first=["r2"])
        return BulkPlan(runs=2, planned=2, able=1, steps=[step], warnings=[], refused=[note])

    async def start(self, request: BulkRequest, *, idempotency_key: str | None = None) -> BulkView:
        self.note("start", request, idempotency_key=idempotency_key)
        if "r2" in request.runs and not request.confirm:
            raise ConfirmationNeeded("1 of 2 runs did not fail")
        return self._view(state="running", ended_at=None)

    async def get(self, bulk_id: str) -> BulkView:
        self.service.known(bulk_id, "k1", "bulk")
        return self._view()

    async def list(self, **kwargs: Any) -> Page[BulkView]:
        self.note("list", **kwargs)
        return Page[BulkView](items=[self._view()])

    async def runs(self, bulk_id: str, **kwargs: Any) -> Page[BulkRun]:
        self.service.known(bulk_id, "k1", "bulk")
        return Page[BulkRun](items=[BulkRun(source_run="r1", run="r3", status="success")])

    async def pause(self, bulk_id: str) -> BulkView:
        self.note("pause", bulk_id)
        return self._view(state="paused", ended_at=None)

    async def resume(self, bulk_id: str) -> BulkView:
        self.note("resume", bulk_id)
        return self._view(state="running", ended_at=None)

    async def cancel(self, bulk_id: str) -> BulkView:
        self.note("cancel", bulk_id)
        return self._view(state="cancelled")


class Retention(Noun):
    async def plan(self) -> RetentionPlan:
        limit = LimitView(days=30, count=None, size_bytes=1 << 30)
        flow = FlowRetention(
            flow="orders",
            payloads_success=limit,
            payloads_failure=limit,
            runs_success=LimitView(days=None, count=None, size_bytes=None),
            runs_failure=LimitView(days=180, count=10, size_bytes=None),
            expire=3,
            delete=1,
            waiting=0,
            size_bytes=2048,
        )
        return RetentionPlan(flows=[flow], every_s=3600, last_at=AT)

    async def run(self, *, compact: bool = False) -> RetentionResult:
        self.note("run", compact=compact)
        return RetentionResult(
            expired=3,
            deleted=1,
            waiting=2,
            uploads=0,
            start_keys=0,
            contents=9,
            size_bytes=4096,
            objects=1,
            compacted=compact,
        )

    async def pin(self, run_id: str, pinned: bool) -> RunRow:
        self.note("pin", run_id, pinned)
        return self.service.run(run_id).model_copy(update={"pinned": pinned})

    async def delete(self, request: DeleteRequest) -> Deleted:
        self.note("delete", request)
        for run_id in request.runs:
            self.service.run(run_id)
        if not request.confirm:
            raise ConfirmationNeeded("1 run would be deleted for good")
        return Deleted(runs=request.runs, size_bytes=10)


class Backups(Noun):
    async def create(self, *, name: str = "", secrets: bool = False) -> AsyncGenerator[bytes, None]:
        self.note("create", name, secrets=secrets)
        yield b"backup, "
        if "broken" in name:
            raise StoreBusy("the disk went away")
        yield b"whole"

    async def list(self, *, limit: int = 50, cursor: str | None = None) -> Page[BackupView]:
        backup = BackupView(
            id="b1",
            name="/mnt/monday.tar",
            actor="ann",
            state="done",
            started_at=AT,
            finished_at=AT,
            rows=10,
            objects=1,
            size_bytes=2048,
            secrets=False,
        )
        return Page[BackupView](items=[backup])


class Erasures(Noun):
    def found(self) -> ErasePlan:
        backup = BackupView(
            id="b1",
            name="/mnt/monday.tar",
            actor="ann",
            state="done",
            started_at=AT,
            finished_at=AT,
            rows=10,
            objects=1,
            size_bytes=2048,
            secrets=False,
        )
        return ErasePlan(
            payloads=4, items=5, exchanges=2, records=3, deliveries=1, contents=6, backups=[backup]
        )

    def erasure(self) -> ErasureView:
        return ErasureView(
            id="e1",
            at=AT,
            finished_at=AT,
            actor="ann",
            reason="asked for",
            field=None,
            value_hash="00",
            found=self.found(),
        )

    async def plan(self, request: EraseRequest) -> ErasePlan:
        self.note("plan", request)
        return self.found()

    async def erase(self, request: EraseRequest) -> ErasureView:
        self.note("erase", request)
        if not request.confirm:
            raise ConfirmationNeeded("5 items would be erased for good")
        return self.erasure()

    async def list(self, *, limit: int = 50, cursor: str | None = None) -> Page[ErasureView]:
        return Page[ErasureView](items=[self.erasure()])


class Tests(Noun):
    __test__ = False

    def _report(self, *, passed: bool) -> FlowTestReport:
        found = [] if passed else [Difference(step="send", what="items", lines=["expected 1, found 2"])]
        result = FlowTestResult(
            flow="orders", test="paid & open", file="orders.yaml", line=9, passed=passed, duration_s=0.5,
            status="success", differences=found, notes=["nobody asked"],
        )  # fmt: skip
        return FlowTestReport(passed=int(passed), failed=int(not passed), results=[result])

    async def run(self, documents: Sequence[Any], **kwargs: Any) -> FlowTestReport:
        self.note("run", list(documents), **kwargs)
        self.service.refuse_invalid(documents)
        return self._report(passed=self.service.outcome == "success")

    async def run_flow(self, name: str, **kwargs: Any) -> FlowTestReport:
        self.note("run_flow", name, **kwargs)
        self.service.known(name, "orders", "flow")
        return self._report(passed=self.service.outcome == "success")

    async def make(self, run_id: str, **kwargs: Any) -> MadeTest:
        self.note("make", run_id, **kwargs)
        flow = self.service.run(run_id).flow
        document = f"flow: {flow}\nsteps:\n  - {{id: a, shape: filter}}\ntests:\n  - test: one\n"
        return MadeTest(
            flow=flow, run=run_id, test="one", text="  - test: one\n", document=document,
            files=[MadeFile(name="orders.tests/1.json", payload="p1", size_bytes=3)],
            notes=["2 items were left out"], stored=bool(kwargs.get("store")),
        )  # fmt: skip

    async def replay(self, run_id: str, **kwargs: Any) -> ReplayView:
        self.note("replay", run_id, **kwargs)
        run = self.service.run(run_id)
        same = self.service.outcome == "success"
        step = ReplayStep(
            step="send", shape="connector", result="same" if same else "changed", items_before=2,
            items_after=1, lines=["payload 0: 1 item fewer, from item 1 on"],
        )  # fmt: skip
        return ReplayView(
            run=run_id, flow=run.flow, version=3, replayed="draft", same=same, status_before="success",
            status_after="success", clock=AT, steps=[step],
        )  # fmt: skip

    async def trial(self, request: TrialRequest) -> TrialView:
        self.note("trial", request)
        payload = TrialPayload(
            items=1, size_bytes=8, media_type="application/json", meta={}, text='[{"a":1}]'
        )
        return TrialView(
            shape=request.shape or "filter", status=self.service.outcome, payloads=[payload],
            payloads_out=1, items_out=1, failed=0, error=None, logs=[],
        )  # fmt: skip


class Tokens(Noun):
    async def create(
        self, name: str, *, days: int | None = None, scopes: Sequence[str] | None = None
    ) -> NewToken:
        self.note("create", name, days=days, scopes=scopes)
        return NewToken(id="t1", name=name, scopes=["admin"], created_at=AT, token="rd_secret")

    async def list(self) -> Page[TokenView]:
        return Page[TokenView](items=[TokenView(id="t1", name="ci", scopes=["admin"], created_at=AT)])

    async def revoke(self, token_id: str) -> None:
        self.note("revoke", token_id)
        self.service.known(token_id, "t1", "token")

    async def verify(self, token: str, address: str | None = None) -> Actor:
        return await self.service.doors.verify(token, address)


class ClosedHooks:
    """A home without hooks."""

    async def receive(self, call: HookCall) -> HookAnswer:
        raise refused()


class RecordingService:
    def __init__(self) -> None:
        self.calls: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = []
        self.raising: dict[str, Exception] = {}
        self.uploads: list[bytes] = []
        self.changes: list[RunRow] = []
        self.outcome = "success"
        self.rows = {
            one.id: one for one in (row("r1"), row("r2", status="success"), row("r3", status="queued"))
        }
        self.details = {"p1": detail()}
        self.flows = Flows(self)
        self.runs = Runs(self)
        self.payloads = Payloads(self)
        self.redrives = Redrives(self)
        self.bulks = Bulks(self)
        self.search = Search(self)
        self.ledger = Ledger(self)
        self.retention = Retention(self)
        self.backups = Backups(self)
        self.erasures = Erasures(self)
        self.tests = Tests(self)
        self.tokens = Tokens(self)
        self.doors = self.sign_ins = Doors()
        self.sessions = OneSession(self.doors)
        self.oidc = self.doors
        self.accounts = NoAccounts()
        self.audit = NoAudit()
        self.masks = None  # tested on a home of their own
        self.connectors = None
        self.lookups = self.pools = self.caches = self.groups = None  # tested on a home of their own
        self.hooks = ClosedHooks()
        self.triggers = self.secrets = self.insights = None  # tested on a home of their own
        self.queue = Queue(self)
        self.runner = True
        self.halting = asyncio.Event()
        self.findings = [Finding(ok=True, name="disk", detail="40 % free")]
        self.contents_checks: list[tuple[str | None, bool]] = []

    def asked(self, name: str) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """The last call of `noun.method`."""
        return next((args, kwargs) for called, args, kwargs in reversed(self.calls) if called == name)

    def run(self, run_id: str) -> RunRow:
        if run_id not in self.rows:
            raise NotFound(f"There is no run {run_id}", code="run.unknown", at=run_id)
        return self.rows[run_id]

    def known(self, name: str, only: str, kind: str) -> None:
        if name != only:
            raise NotFound(
                f"There is no {kind} {name}; did you mean {only}?", code=f"{kind}.unknown", at=name
            )

    def refuse_invalid(self, documents: Sequence[tuple[str, bytes]]) -> None:
        problems = [
            Problem(
                code="shape.unknown",
                title="There is no shape 'fliter'",
                file=name,
                line=3,
                step="f",
                setting="shape",
                expected="a shape",
                nearest="filter",
            )
            for name, text in documents
            if b"fliter" in text
        ]
        if problems:
            raise FlowInvalid(problems)

    def new_run(self, source: str | None = None) -> RunRow:
        started = row(f"n{len(self.rows)}", status="queued", source=source)
        self.rows[started.id] = row(started.id, status=self.outcome, source=source)
        return started

    async def health(self) -> Health:
        return Health(ready=True, runner=self.runner, version="0.1.0", home="/home/of/redrive")

    async def doctor(self) -> list[Finding]:
        return self.findings

    async def check_contents(self, after: str | None = None, *, repair: bool = False) -> ContentsChecked:
        """Two parts: nothing is wrong in the first; the second has mended something, if it was asked to."""
        self.contents_checks.append((after, repair))
        if after is None:
            return ContentsChecked(findings=[], checked=2, read_bytes=300, total=3, next="ab12")
        found = Finding(ok=repair, name="contents", detail="content ab12", hint="Restore a backup.")
        return ContentsChecked(findings=[found], checked=1, read_bytes=100, total=3)

    async def halted(self) -> RedriveError:
        await self.halting.wait()
        return StoreFull("No room on the disk of the home")

    async def execute_until(self, run_id: str) -> RunRow:
        self.calls.append(("execute_until", (run_id,), {}))
        return self.run(run_id)


class FixedSettings:
    def rows(self) -> list[dict[str, Any]]:
        return [
            {"name": "port", "value": 8765, "source": "default", "unit": None, "help": "Port to listen on."}
        ]
