"""Records of the store as the views that people and scripts get."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, cast

import msgspec

from redrive.core.flow import StepNode
from redrive.core.ids import to_text
from redrive.core.jsonvalue import decode
from redrive.core.run import PayloadRow, Plan, Run, StepRun
from redrive.engine.clock import instant
from redrive.service.views import (
    DeliveryCounts,
    ErrorView,
    ExchangeView,
    LogLine,
    PayloadView,
    RunBrief,
    RunRow,
    StepRunView,
)
from redrive.store.runlog import ExchangeRow, LogRow

Lists = dict[str, Any]
"""The fields of a step's view that list payloads, each with its cursor."""

NO_LISTS: Lists = {"payloads_in": [], "payloads_out": [], "failed_payloads": []}


def run_row(
    run: Run, redrives: list[int], now: int, healed_by: int | None = None, brief: RunBrief | None = None
) -> RunRow:
    """`now` ends the duration of a run that has not ended."""
    return RunRow(**run_fields(run, redrives, now, healed_by), brief=brief)


def run_fields(run: Run, redrives: list[int], now: int, healed_by: int | None = None) -> dict[str, Any]:
    plan = plan_of(run)
    variables = decode(run.variables) if run.variables else {}
    return {
        "id": to_text("r", run.id),
        "flow": run.flow,
        "version": run.version,
        "status": run.status,
        "trigger": run.trigger,
        "warnings": run.warnings,
        "summary": run.summary,
        "queued_at": instant(run.queued_at),
        "started_at": _instant(run.started_at),
        "finished_at": _instant(run.finished_at),
        "duration_s": _duration(run.started_at, run.finished_at, now),
        "clock": instant(run.clock),
        "variables": {**variables, **(plan.asked.get("variables") or {} if plan else {})},
        "source_run": to_text("r", run.source_run) if run.source_run else None,
        "start_step": run.start_step,
        "redrives": [to_text("r", number) for number in redrives],
        "parent_run": to_text("r", run.parent_run) if run.parent_run else None,
        "parent_step": run.parent_step,
        "healed_by": to_text("r", healed_by) if healed_by is not None else None,
        "pinned": run.pinned,
        "payloads_expired": run.retention != 0,
    }


def plan_of(run: Run) -> Plan | None:
    return msgspec.json.decode(run.plan, type=Plan) if run.plan else None


def plan_view(run: Run) -> dict[str, Any] | None:
    """The plan that a run was started with, in the words of whoever asked for it."""
    plan = plan_of(run)
    if plan is None:
        return None
    asked = decode(run.plan).get("asked", {}) if run.plan else {}  # numbers as they were spelt
    return {
        **asked,
        "start": plan.start,
        "step": plan.step,
        "skips": plan.skips,
        "delivery": plan.delivery,
        "reason": plan.reason,
    }


def pending_step(node: StepNode) -> StepRunView:
    """A step that the run has not reached."""
    return StepRunView(
        step=node.id,
        shape=node.shape,
        name=node.name or None,
        status="pending",
        attempts=0,
        warnings=0,
        **NO_LISTS,
    )


def step_view(step: StepRun, run: Run, lists: Lists, now: int, called: Sequence[int] = ()) -> StepRunView:
    ended = step.finished_at
    if ended is None and step.status != "running":
        ended = step.started_at
    return StepRunView(
        step=step.step,
        shape=step.shape,
        name=step.name,
        status=cast("Any", step.status),
        attempts=step.attempts,
        started_at=_instant(step.started_at),
        duration_s=_duration(step.started_at, ended, run.finished_at or now),
        warnings=step.warnings,
        counts={
            "payloads_in": step.payloads_in,
            "items_in": step.items_in,
            "bytes_in": step.bytes_in,
            "payloads_out": step.payloads_out,
            "items_out": step.items_out,
            "bytes_out": step.bytes_out,
            "failed_payloads": step.failed,
        },
        deliveries=DeliveryCounts(
            delivered=step.delivered, skipped=step.skipped, rejected=step.rejected, unknown=step.unknown
        ),
        error=ErrorView.model_validate(decode(step.error)) if step.error else None,
        next_attempt_at=_instant(step.next_attempt_at),
        waits=msgspec.json.decode(step.waits) if step.waits else None,
        called=[to_text("r", one) for one in called],
        **lists,
    )


def inputs_of(step: StepRun) -> list[int]:
    """The buckets of a step's input; none where a start without data gave it one empty payload."""
    buckets: list[int] | None = msgspec.json.decode(step.inputs)
    return buckets or []


def outputs_of(step: StepRun) -> list[int]:
    """The buckets that a step has put out; while it runs, the one that it writes."""
    buckets: list[int] | None = msgspec.json.decode(step.outputs)
    return buckets or ([step.bucket] if step.bucket is not None else [])


def payload_fields(payload: PayloadRow) -> dict[str, Any]:
    return {
        "id": to_text("p", payload.id),
        "items": payload.items,
        "size_bytes": payload.size_bytes,
        "media_type": payload.media_type,
        "meta": decode(payload.meta) if payload.meta else {},
        "expired": not payload.digest,
    }


def payload_view(payload: PayloadRow, healed_by: int | None = None) -> PayloadView:
    healed = to_text("r", healed_by) if healed_by is not None else None
    return PayloadView(**payload_fields(payload), healed_by=healed)


def healed_view(view: StepRunView, healed: Mapping[int, int | None]) -> StepRunView:
    """The step with what was made good of its failed payloads, by their ids."""
    names = {to_text("p", payload): to_text("r", by) for payload, by in healed.items() if by is not None}
    failed = [one.model_copy(update={"healed_by": names.get(one.id)}) for one in view.failed_payloads]
    whole = to_text("r", max(by for by in healed.values() if by)) if len(names) == len(healed) else None
    return view.model_copy(update={"failed_payloads": failed, "healed_by": whole})


def log_line(row: LogRow, names: dict[int, str]) -> LogLine:
    return LogLine(
        at=instant(row.at),
        level=cast("Literal['info', 'warning', 'error']", row.level),
        step=names.get(row.position),
        message=row.message,
        data=decode(row.data) if row.data else {},
    )


def exchange_view(row: ExchangeRow, names: dict[int, str]) -> ExchangeView:
    """Bodies are named by their hash; `exchange_body` gives their bytes."""
    request = decode(row.request)
    response = decode(row.response) if row.response else {}
    return ExchangeView(
        id=to_text("x", row.id),
        step=names.get(row.position, ""),
        payload=to_text("p", row.payload_id) if row.payload_id else None,
        attempt=row.attempt,
        method=request["method"],
        url=request["url"],
        request_headers=request.get("headers", []),
        request_body=row.request_body.hex() if row.request_body else None,
        request_bytes=row.request_bytes,
        status=row.status,
        response_headers=response.get("headers", []),
        response_body=row.response_body.hex() if row.response_body else None,
        response_bytes=row.response_bytes,
        error=response.get("error"),
        at=instant(row.at),
        duration_ms=row.duration_us / 1000 if row.duration_us is not None else None,
    )


def media_type_of(side: bytes | None) -> str:
    """What a request or an answer says that its body is."""
    headers = decode(bytes(side)).get("headers", []) if side else []
    return next((value for name, value in headers if name.lower() == "content-type"), "")


def _instant(micros: int | None) -> Any:
    return instant(micros) if micros is not None else None


def _duration(started: int | None, finished: int | None, now: int) -> float | None:
    if started is None:
        return None
    ended = finished if finished is not None else now
    return max(0, ended - started) / 1_000_000  # the clock may have been set back
