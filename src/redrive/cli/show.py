"""The verb show, and how a run is printed wherever one is."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import TYPE_CHECKING, Annotated, Any, Final

from cyclopts import Parameter

from redrive.cli.output import Output, cell, instant, seconds, size, visible
from redrive.cli.session import Injected
from redrive.client.records import ExchangeView, HookAnswer, LogLine, PayloadView, RunView, StepRunView
from redrive.core.nearest import nearest
from redrive.errors import NotFound, PayloadGone

if TYPE_CHECKING:
    from redrive.client import Client

_SAID_BYTES: Final = 2048
_MOST_SAID: Final = 20


async def show(
    run: Annotated[str, Parameter(help="Id of the run.")],
    /,
    *,
    step: Annotated[str | None, Parameter(help="Only this step, with its payloads.")] = None,
    logs: Annotated[bool, Parameter(help="With its log lines.")] = False,
    exchanges: Annotated[
        bool, Parameter(help="With the requests and answers of its connector steps.")
    ] = False,
    answer: Annotated[bool, Parameter(help="Only what a callback step has answered its caller.")] = False,
    session: Injected,
) -> None:
    """Show one run: its step runs, payloads, log lines and exchanges; or its answer.

    An answer goes out as its exact bytes; on a terminal as text.
    """
    output = session.output
    async with session.connect() as client:
        if answer:
            await _print_answer(output, run, await client.runs.answer(run))
            return
        found = await client.runs.get(run)
        if step is not None:
            found = found.model_copy(update={"steps": [_step(found, step)]})
        lines = await client.runs.logs(run, step, limit=500) if logs else None
        calls = await client.runs.exchanges(run, step, limit=500) if exchanges else None
        said = await _said(client, calls.items) if calls is not None else {}
    if session.json:
        document: dict[str, Any] = found.model_dump(by_alias=True)
        if lines is not None:
            document |= {"logs": lines.model_dump()["items"], "logs_next": lines.next}
        if calls is not None:
            listed = [call.model_dump() | {"said": said.get(call.id)} for call in calls.items]
            document |= {"exchanges": listed, "exchanges_next": calls.next}
        output.value(document)
        return
    print_run(output, found, payloads=step is not None)
    if lines is not None:
        _print_logs(output, lines.items, cut=lines.next is not None)
    if calls is not None:
        _print_exchanges(output, calls.items, said, cut=calls.next is not None)


async def _print_answer(output: Output, run: str, found: HookAnswer) -> None:
    body = found.body
    chunks = _one(body) if isinstance(body, bytes) else body
    if not output.json and not output.on_terminal:
        async for chunk in chunks:
            output.bytes(chunk)
        return
    data = b"".join([chunk async for chunk in chunks])
    if output.json:
        try:
            text = data.decode()
        except UnicodeDecodeError:
            text = None
        output.value(
            {
                "run": run,
                "status": found.status,
                "media_type": found.media_type,
                "headers": dict(found.headers),
                "text": text,
                "base64": b64encode(data).decode() if text is None else None,
            }
        )
        return
    output.note(visible(f"{found.status}  {found.media_type}  {size(len(data))}"))
    for name, value in found.headers:
        output.note(visible(f"{name}: {value}"))
    output.text(visible(data.decode(errors="replace"), lines=True))


async def _one(data: bytes) -> AsyncIterator[bytes]:
    yield data


async def _said(client: Client, calls: list[ExchangeView]) -> dict[str, str]:
    """What systems answered to requests that were no success, by exchange: the beginning of each body."""
    refused = [call for call in calls if call.response_body and (call.error or (call.status or 0) >= 400)]
    said = {}
    for call in refused[:_MOST_SAID]:
        body = b""
        async with aclosing(client.runs.exchange_body(call.id, "response")) as chunks:
            try:
                async for chunk in chunks:
                    body += chunk
                    if len(body) > _SAID_BYTES:
                        break
            except PayloadGone:
                continue
        trimmed = "[trimmed]" if len(body) > _SAID_BYTES else ""
        said[call.id] = body[:_SAID_BYTES].decode(errors="replace") + trimmed
    return said


def _step(run: RunView, step: str) -> StepRunView:
    for one in run.steps:
        if one.step == step:
            return one
    near = nearest(step, [one.step for one in run.steps])
    raise NotFound(
        f"Run {run.id} has no step {step}",
        code="step.unknown",
        at=step,
        hint=f"Did you mean {near}?" if near else "`redrive show RUN` lists its steps.",
    )


def print_run(output: Output, run: RunView, *, payloads: bool = False) -> None:
    """One run: as its object with `--json`, else its facts, steps and errors."""
    if output.json:
        output.view(run)
        return
    output.facts(
        [
            ("run", run.id),
            ("flow", f"{run.flow} version {run.version}"),
            ("status", run.status),
            ("summary", run.summary or None),
            ("trigger", run.trigger),
            ("queued", run.queued_at),
            ("started", run.started_at),
            ("finished", run.finished_at),
            ("duration", seconds(run.duration_s)),
            ("clock", run.clock),
            ("variables", run.variables or None),
            ("source run", run.source_run),
            ("called by", f"step {run.parent_step} of run {run.parent_run}" if run.parent_run else None),
            ("start", run.start_step),
            ("redrives", ", ".join(run.redrives) or None),
            ("healed by", run.healed_by),
            ("warnings", run.warnings or None),
        ]
    )
    output.text()
    output.table(
        ("step", "shape", "status", "attempts", "duration", "in", "out", "failed", "deliveries", "warnings"),
        [_row(step) for step in run.steps],
        empty="No steps.",
    )
    for step in run.steps:
        if step.waits:
            output.text()
            output.text(f"{visible(step.step)}: waits {visible(_waits(step.waits))}")
        if step.called:
            output.text()
            output.text(f"{visible(step.step)}: started {', '.join(step.called)}")
        if step.error is not None:
            output.text()
            output.text(f"{visible(step.step)}: {visible(step.error.detail)} ({visible(step.error.code)})")
            if step.error.at:
                output.text(f"  at: {visible(step.error.at)}")
            if step.error.hint:
                output.text(f"  hint: {visible(step.error.hint)}")
    if payloads:
        for step in run.steps:
            _print_payloads(output, step)


def _row(step: StepRunView) -> tuple[object, ...]:
    return (
        step.step if step.name is None else f"{step.step} ({step.name})",
        step.shape,
        step.status,
        step.attempts,
        seconds(step.duration_s),
        _amount(step, "payloads_in", step.payloads_in, step.payloads_in_next),
        _amount(step, "payloads_out", step.payloads_out, step.payloads_out_next),
        _amount(step, "failed_payloads", step.failed_payloads, step.failed_payloads_next)
        + (f", healed by {step.healed_by}" if step.healed_by else ""),
        _deliveries(step),
        step.warnings or "",
    )


def _amount(step: StepRunView, side: str, listed: list[PayloadView], after: str | None) -> str:
    """How many payloads and bytes; the lists hold the first 100, the counts tell of all."""
    count = step.counts.get(side, len(listed))
    if not count:
        return "0"
    known = step.counts.get(f"bytes_{side.removeprefix('payloads_')}")
    if known is not None:
        return f"{count} ({size(known)})"
    return (
        f"{count}{'+' if after else ''} ({size(sum(one.size_bytes for one in listed))}{'+' if after else ''})"
    )


def _deliveries(step: StepRunView) -> str:
    counts = step.deliveries.model_dump()
    return ", ".join(f"{count} {name}" for name, count in counts.items() if count)


def _print_payloads(output: Output, step: StepRunView) -> None:
    for title, payloads, after in (
        ("payloads in", step.payloads_in, step.payloads_in_next),
        ("payloads out", step.payloads_out, step.payloads_out_next),
        ("failed payloads", step.failed_payloads, step.failed_payloads_next),
    ):
        if not payloads:
            continue
        output.text()
        output.text(f"{title}{' (the first 100)' if after else ''}")
        healed = [one.healed_by or "" for one in payloads] if any(one.healed_by for one in payloads) else []
        rows = [(one.id, one.items, size(one.size_bytes), one.media_type, one.meta or "") for one in payloads]
        output.table(
            ("payload", "items", "size", "media type", "meta", *(["healed by"] if healed else [])),
            [(*row, by) for row, by in zip(rows, healed, strict=True)] if healed else rows,
            empty="",
        )


def _print_logs(output: Output, lines: list[LogLine], *, cut: bool) -> None:
    output.text()
    for line in lines:
        step = f" {visible(line.step)}" if line.step else ""
        data = f" {cell(line.data)}" if line.data else ""
        output.text(f"{instant(line.at)} {line.level}{step}: {visible(line.message)}{data}")
    if not lines:
        output.note("No log lines.")
    if cut:
        output.note("There are more log lines; --step narrows them.")


def _print_exchanges(output: Output, calls: list[ExchangeView], said: dict[str, str], *, cut: bool) -> None:
    output.text()
    output.table(
        ("exchange", "step", "payload", "attempt", "request", "sent", "status", "received", "took", "error"),
        [
            (
                call.id,
                call.step,
                call.payload,
                call.attempt,
                f"{call.method} {call.url}",
                size(call.request_bytes),
                call.status,
                size(call.response_bytes),
                "-" if call.duration_ms is None else f"{call.duration_ms:.0f} ms",
                call.error or "",
            )
            for call in calls
        ],
        empty="No exchanges.",
    )
    for id, text in said.items():
        output.text()
        output.text(f"{id} was answered: {visible(text)}")
    if cut:
        output.note("There are more exchanges; --step narrows them.")


def _waits(waits: dict[str, str]) -> str:
    """What a running step waits for."""
    if "circuit" in waits:
        return f"for the target of connection {waits['circuit']}, which is down; next try at {waits['until']}"
    if "paused" in waits:
        return f"because the {waits['paused']} is paused"
    return f"for run {waits['run']}" if "run" in waits else f"until {waits['until']}"
