"""A run that has ended, as tests and replays need it: what it began with, and what it was answered."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import Any

import msgspec

from redrive.core.ids import to_text
from redrive.core.jsonvalue import decode
from redrive.core.run import ENDED, PayloadRow, Plan, Run, StepRun
from redrive.engine.stored import buckets_of
from redrive.errors import PayloadGone, StateConflict
from redrive.sdk.content import Content
from redrive.sdk.exchange import Request
from redrive.sdk.playback import Played, PlayedFailure
from redrive.service.kernel import Kernel, number_of, unknown
from redrive.service.playback import Recorded, after_host, url_fits
from redrive.store import runlog
from redrive.store import runs as store
from redrive.store.database import Rows
from redrive.store.runlog import ExchangeRow

PAGE = 500


class PastRun(msgspec.Struct):
    """An ordinary run that has ended."""

    run: Run
    plan: Plan
    steps: dict[str, StepRun]
    last_success: int | None

    @property
    def variables(self) -> dict[str, Any]:
        """Those that the start gave."""
        given = decode(self.run.variables) if self.run.variables else {}
        return {**given, **(self.plan.asked.get("variables") or {})}

    @property
    def id(self) -> str:
        return to_text("r", self.run.id)


async def past_run(kernel: Kernel, run_id: str) -> PastRun:
    """Errors: `run.unknown`, `run.not_ended`, `run.not_first` for a retry or redrive."""
    number = number_of("r", run_id, "run")

    def read(rows: Rows) -> PastRun:
        run = store.get_run(rows, number)
        if run is None:
            raise unknown("run", run_id)
        return PastRun(
            run=run,
            plan=msgspec.json.decode(run.plan, type=Plan) if run.plan else Plan(),
            steps={step.step: step for step in store.step_runs(rows, number)},
            last_success=runlog.last_success_before(rows, run),
        )

    past = await kernel.deps.reader.run(read)
    if past.run.status not in ENDED:
        raise StateConflict(
            f"run {run_id} has not ended ({past.run.status})", code="run.not_ended", hint="Wait for its end."
        )
    if past.run.source_run is not None:
        first = to_text("r", past.run.root_run or past.run.source_run)
        raise StateConflict(
            f"run {run_id} was made from another run, and holds only a part of it",
            code="run.not_first",
            hint=f"Take the first run of its lineage: {first}.",
        )
    return past


async def payloads_of(
    kernel: Kernel, buckets: list[int] | None
) -> AsyncIterator[tuple[int, PayloadRow, Content]]:
    """All payloads of buckets, with their numbers. Memory does not grow with their count."""
    contents = kernel.deps.contents
    start = 0
    while buckets:
        page = await kernel.deps.reader.run(partial(_payload_page, buckets, start))
        for number, payload in page:
            yield number, payload, contents.known(payload.digest, payload.size_bytes)
        if len(page) < PAGE:
            return
        start = page[-1][0] + 1


def _payload_page(buckets: list[int], start: int, rows: Rows) -> list[tuple[int, PayloadRow]]:
    return runlog.payloads_page(rows, buckets, start, PAGE)


def _exchange_page(run_id: int, after: tuple[int, int], rows: Rows) -> list[ExchangeRow]:
    return runlog.exchanges_page(rows, run_id, None, after, PAGE)


async def exchanges_of(kernel: Kernel, run_id: int) -> AsyncIterator[ExchangeRow]:
    """All exchanges of a run, by step, in the order in which they were made."""
    after = (-2, -1)
    while True:
        page = await kernel.deps.reader.run(partial(_exchange_page, run_id, after))
        for one in page:
            yield one
        if len(page) < PAGE:
            return
        after = (page[-1].position, page[-1].id)


class Made(msgspec.Struct):
    """One exchange as it was made."""

    id: int
    step: str
    method: str
    url: str
    request_body: bytes | None
    request_bytes: int
    status: int | None
    headers: list[tuple[str, str]]
    body: bytes | None
    body_bytes: int
    failure: PlayedFailure | None


async def made_by(kernel: Kernel, past: PastRun) -> dict[str, list[Made]]:
    """The exchanges of a run by step. Bodies stay in the store."""
    names = {step.position: step.step for step in past.steps.values()}
    found: dict[str, list[Made]] = {}
    async for row in exchanges_of(kernel, past.run.id):
        step = names.get(row.position)
        if step is None:
            continue
        asked = decode(row.request)
        told = decode(row.response) if row.response else {}
        found.setdefault(step, []).append(
            Made(
                id=row.id,
                step=step,
                method=asked["method"],
                url=asked["url"],
                request_body=row.request_body,
                request_bytes=row.request_bytes,
                status=row.status,
                headers=[(name, value) for name, value in told.get("headers", ())],
                body=row.response_body,
                body_bytes=row.response_bytes,
                failure=_failure(row.status, told.get("error"), answered=row.response is not None),
            )
        )
    return found


def _failure(status: int | None, error: str | None, *, answered: bool) -> PlayedFailure | None:
    """How a recorded request failed, by what its record says."""
    if error is None:
        return None if status is not None and answered else "cut"
    if status is None and any(
        part in error for part in ("reached", "no connection was made", "resolved", "TLS", "not a URL")
    ):
        return "unsent"
    return "timeout" if "in time" in error or "ran out" in error else "cut"


def recorded(kernel: Kernel, made: Made) -> Recorded:
    """An exchange of the past as one that may answer."""
    place = after_host(made.url)

    def fits(method: str, url: str) -> bool:
        return method == made.method and url_fits(place if "?" in place else f"{place}?", url)

    async def body_fits(request: Request) -> bool:
        digest = request.body.digest if request.body is not None and request.body.size_bytes else None
        return digest == made.request_body

    return Recorded(
        label=f"{made.method} {place}", fits=fits, body_fits=body_fits, answer=_played(kernel, made)
    )


def _played(kernel: Kernel, made: Made) -> Callable[[], Played]:
    def answer() -> Played:
        body = None
        if made.body is not None:
            body = kernel.deps.contents.known(made.body, made.body_bytes).stream()
        return Played(status=made.status, headers=made.headers, body=body, failure=made.failure)

    return answer


async def readable(past: PastRun, kernel: Kernel) -> None:
    """Errors: `payload.expired` where what the run began with is no longer kept."""
    async for _, payload, content in payloads_of(kernel, past.plan.inputs):
        try:
            await content.read(0, 1)
        except PayloadGone:
            raise PayloadGone(
                f"payload {to_text('p', payload.id)}, which run {past.id} began with, is no longer kept",
                hint="Choose a younger run.",
            ) from None


def outputs(step: StepRun | None) -> list[int]:
    """The buckets that a step has put out."""
    return (buckets_of(step.outputs) or []) if step is not None else []
