"""The run log: which runs there are, and what each did."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from datetime import datetime
from functools import partial
from typing import Any, get_args

from redrive.core.ids import from_text, to_text
from redrive.core.nearest import nearest
from redrive.core.run import Run, StepRun
from redrive.engine.clock import micros_of
from redrive.engine.flows import BuiltFlow
from redrive.errors import NotFound, PayloadGone, RedriveError, UsageError
from redrive.service import present, veiled
from redrive.service.briefs import brief_of
from redrive.service.cursors import cursor_of, page, page_size, place_of, storable
from redrive.service.healing import Healing
from redrive.service.interface import Side, Which
from redrive.service.kernel import Kernel, number_of, unknown
from redrive.service.labels import Labels
from redrive.service.overview import overview
from redrive.service.veil import veil
from redrive.service.views import (
    ExchangeView,
    LogLine,
    Overview,
    Page,
    PayloadView,
    RunRow,
    RunStatus,
    RunView,
)
from redrive.store import runlog as store
from redrive.store import runs as run_store
from redrive.store.database import Rows

WALK_S = 0.03
"""Of one page, for looking through runs that no index finds."""
LISTED = 100
"""Payloads of each list in a run's view; the rest is behind its cursor."""

MOST_CALLED = 1000

STATUSES: tuple[str, ...] = get_args(RunStatus)


class RunLog:
    """The reading part of the noun `runs`."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel
        self._labels = Labels(kernel)

    # ---- lists

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
        """Runs, newest first, or `oldest` first. `status` may name several, separated by commas; `since` and
        `until` count from when a run was queued; `text` stands in summary, flow name or id, in either
        case; `label` is one of the flow's; `value` was tracked in the run. `unhealed` leaves out the
        failures that a later run has made good. `brief` fills that field.

        No index finds a text or a version: in a long log a page of these may hold fewer runs than asked
        for, or none, and still have a `next`; so may one without healed runs.

        Errors: `status.unknown`, `since.invalid`, `limit.invalid`, `cursor.invalid`.
        """
        size = page_size(limit)
        before = place_of(cursor, int)
        wanted = store.RunFilter(
            statuses=_statuses(status),
            flow=flow,
            trigger=trigger,
            since=_moment("since", since),
            until=_moment("until", until),
            text=text,
            version=version,
            warnings=warnings,
            flow_ids=None if label is None else await self._labels.flows_with(label),
            value=value,
            oldest=oldest,
        )
        if not storable(flow, trigger, text, value) or (version is not None and version >= 1 << 63):
            return Page(items=[])

        place = before[0] if before else None
        while True:
            made, place = await self._page(wanted, place, size, brief=brief)
            shown = (await veiled.runs(self._kernel, made)).items
            items = [
                row
                for row, stored in zip(shown, made.items, strict=True)
                if text is None or row.summary == stored.summary or _holds(row, text)
            ]
            if items or place is None or len(items) == len(shown):
                break  # else all of them hold the text where it is hidden: that must not show
        items = [row for row in items if not unhealed or row.healed_by is None]
        return Page(items=items, next=cursor_of(place) if place is not None else None)

    async def _page(
        self, wanted: store.RunFilter, before: int | None, size: int, *, brief: bool
    ) -> tuple[Page[RunRow], int | None]:
        """Runs, and where to go on."""
        found, further = await self._walk(wanted, before, size + 1)
        redrives = await self._kernel.deps.reader.run(
            lambda rows: store.redrives_of(rows, [run.id for run in found[:size]])
        )
        now = self._kernel.deps.clock.micros()
        healing = Healing(self._kernel.deps)
        healed = {run.id: await healing.healed_by(run) for run in found if run.id in redrives}
        briefs = await self._kernel.deps.reader.run(
            lambda rows: {run.id: brief_of(rows, run) for run in found[:size]} if brief else {}
        )
        made = page(
            found,
            size,
            lambda run: present.run_row(
                run, redrives.get(run.id, []), now, healed.get(run.id), briefs.get(run.id)
            ),
            lambda run: cursor_of(run.id),
        )
        return made, found[size - 1].id if len(found) > size else further

    async def _walk(
        self, wanted: store.RunFilter, before: int | None, at_most: int
    ) -> tuple[Sequence[Run], int | None]:
        """Runs that fit; and, where the time for one page was over before all were looked at, where to go
        on.
        """
        loop, reader = asyncio.get_running_loop(), self._kernel.deps.reader
        until = loop.time() + WALK_S
        found: Sequence[Run] = ()

        def read(rows: Rows, before: int | None, most: int) -> tuple[int | None, Sequence[Run]]:
            down_to = store.horizon(rows, wanted, before)
            return down_to, store.runs_page(rows, wanted, before, most, down_to=down_to)

        while True:
            down_to, runs = await reader.run(partial(read, before=before, most=at_most - len(found)))
            found = [*found, *runs]
            if down_to is None or len(found) >= at_most:
                return found, None
            before = down_to
            if loop.time() > until:
                return found, before

    async def overview(self) -> Overview:
        """The last day hour by hour, open failures, and what runs and waits now."""
        return await overview(self._kernel)

    # ---- one run

    async def row(self, number: int) -> RunRow:
        """The row of a run by its number. Errors: `run.unknown`."""
        rows = self._kernel.deps.reader.rows()
        run = run_store.get_run(rows, number)
        redrives = store.redrives_of(rows, [number]).get(number, [])
        if run is None:
            raise unknown("run", to_text("r", number))
        healed = await Healing(self._kernel.deps).healed_by(run) if redrives else None
        row = present.run_row(run, redrives, self._kernel.deps.clock.micros(), healed)
        return await veiled.run(self._kernel, row)

    async def get(self, run_id: str, *, listed: int = LISTED) -> RunView:
        """A run with every step of its version in document order; one it did not reach is `pending`.
        `listed` payloads stand in each list of a step, 100 at most.

        Errors: `run.unknown`.
        """
        number = number_of("r", run_id, "run")

        def read(rows: Rows) -> tuple[Any, ...]:
            run = run_store.get_run(rows, number)
            if run is None:
                raise unknown("run", run_id)
            steps = run_store.step_runs(rows, number)
            redrives = store.redrives_of(rows, [number]).get(number, [])
            called: dict[str, list[int]] = {}
            for one, step in rows.all(run_store.CALLED_BY, run_id=number, after=0, at_most=MOST_CALLED):
                called.setdefault(step, []).append(one)
            return run, redrives, [(step, _lists(rows, step, min(listed, LISTED))) for step in steps], called

        run, redrives, steps, called = await self._kernel.deps.reader.run(read)
        now = self._kernel.deps.clock.micros()
        views = {
            step.step: present.step_view(step, run, lists, now, called.get(step.step, ())[:LISTED])
            for step, lists in steps
        }
        healed = None
        if redrives:
            healing = Healing(self._kernel.deps)
            healed = await healing.healed_by(run)
            for name, payloads in (await healing.payloads(run)).items():
                views[name] = present.healed_view(views[name], payloads)
        if (built := self._built(run)) is not None:
            ordered = [
                views.pop(node.id) if node.id in views else present.pending_step(node)
                for node in built.flow.walk()
            ]
        else:
            ordered = []  # its version cannot be read any more: what there is are the records
        view = RunView(
            **present.run_fields(run, redrives, now, healed),
            steps=[*ordered, *views.values()],
            plan=present.plan_view(run),
        )
        return await veiled.run(self._kernel, view)

    def _built(self, run: Run) -> BuiltFlow | None:
        try:
            return self._kernel.deps.flows.get(run.flow_id, run.version)
        except RedriveError:
            return None

    # ---- inside a run

    async def logs(
        self, run_id: str, step: str | None = None, *, limit: int = 100, cursor: str | None = None
    ) -> Page[LogLine]:
        """Log lines, oldest first. Errors: `run.unknown`, `step.unknown`."""
        size = page_size(limit)
        after = (place_of(cursor, int) or (-1,))[0]
        number, position, names, flow = await self._place(run_id, step)
        found = await self._kernel.deps.reader.run(
            lambda rows: store.log_page(rows, number, position, after, size + 1)
        )
        over = await veil(self._kernel, flow)
        return page(
            found,
            size,
            lambda row: veiled.log_line(present.log_line(row, names), over),
            lambda row: cursor_of(row.sequence),
        )

    async def exchanges(
        self, run_id: str, step: str | None = None, *, limit: int = 100, cursor: str | None = None
    ) -> Page[ExchangeView]:
        """Requests and answers in the order of the steps. Errors: `run.unknown`, `step.unknown`."""
        size = page_size(limit)
        position_after, id_after = place_of(cursor, int, int) or (-2, -1)
        number, position, names, flow = await self._place(run_id, step)
        over = await veil(self._kernel, flow)
        self._kernel.note("exchange.view", run_id, {"revealed": over.revealed})
        found = await self._kernel.deps.reader.run(
            lambda rows: store.exchanges_page(rows, number, position, (position_after, id_after), size + 1)
        )
        return page(
            found,
            size,
            lambda row: veiled.exchange(present.exchange_view(row, names), over),
            lambda row: cursor_of(row.position, row.id),
        )

    async def payloads(
        self, run_id: str, step: str, side: Side, *, limit: int = 100, cursor: str | None = None
    ) -> Page[PayloadView]:
        """The input or output bucket of a step, or its failed payloads, in bucket order.

        Errors: `run.unknown`, `step.unknown`, `side.unknown`.
        """
        if side not in {"in", "out", "failed"}:
            raise UsageError(
                f"a step has no payloads {side!r}", code="side.unknown", hint="in, out or failed."
            )
        size = page_size(limit)
        start = max(0, (place_of(cursor, int) or (0,))[0])
        number, position, _, flow = await self._place(run_id, step)
        over = await veil(self._kernel, flow)
        healed = await self._healed(number, step) if side == "failed" else {}

        def read(rows: Rows) -> Any:
            record = next((s for s in run_store.step_runs(rows, number) if s.position == position), None)
            return _page(rows, record, side, start, size + 1) if record is not None else []

        found = await self._kernel.deps.reader.run(read)
        return page(
            found,
            size,
            lambda row: veiled.payloads([present.payload_view(row[1], healed.get(row[1].id))], over)[0],
            lambda row: cursor_of(row[0] + 1),
        )

    async def _healed(self, number: int, step: str) -> dict[int, int | None]:
        """The failed payloads of a step, with the runs by which they were made good."""
        run = await self._kernel.deps.reader.run(lambda rows: run_store.get_run(rows, number))
        healed = await Healing(self._kernel.deps).payloads(run) if run is not None else {}
        return healed.get(step, {})

    async def exchange_body(self, exchange_id: str, which: Which) -> AsyncGenerator[bytes]:
        """The exact bytes of a request or an answer, without what masking rules hide; none where it had no
        body.

        Errors: `exchange.unknown`, `payload.expired`.
        """
        number = from_text("x", exchange_id)
        reader = self._kernel.deps.reader
        found = await reader.run(lambda rows: rows.one(store.BODY, exchange_id=number)) if number else None
        if found is None:
            raise NotFound(
                f"there is no exchange {exchange_id!r}",
                code="exchange.unknown",
                hint="`redrive show RUN --exchanges` lists them.",
            )
        digest, size = found[:2] if which == "request" else found[2:4]
        if digest is None and size:
            raise PayloadGone(
                f"the body of the {which} of exchange {exchange_id} has expired or was erased",
                at=exchange_id,
                hint="Logs outlive payloads; the setting keep_payloads_success_days says how long they stay.",
            )
        if digest is not None:
            chunks = self._kernel.deps.contents.known(digest, size).stream()
            run_id, request, response = found[4:]
            names = await reader.run(lambda rows: store.names_of_runs(rows, [run_id]))
            over = await veil(self._kernel, names.get(run_id, (None, 0))[0])
            told = {"which": which, "revealed": over.revealed}
            self._kernel.note("exchange.download", exchange_id, told)
            kind = present.media_type_of(request if which == "request" else response)
            async for chunk in over.stream(chunks, kind):
                yield chunk

    async def _place(self, run_id: str, step: str | None) -> tuple[int, int | None, dict[int, str], str]:
        """The run's number, the step's position in it, the names of its steps by position, and its flow."""
        number = number_of("r", run_id, "run")

        def read(rows: Rows) -> tuple[Run | None, dict[int, str]]:
            return run_store.get_run(rows, number), store.step_names(rows, number)

        run, names = await self._kernel.deps.reader.run(read)
        if run is None:
            raise unknown("run", run_id)
        if step is None:
            return number, None, names, run.flow
        positions = {name: position for position, name in names.items()}
        if step not in positions and (built := self._built(run)) is not None:
            positions |= built.positions
        if step not in positions:
            near = nearest(step, list(positions))
            raise NotFound(
                f"run {run_id} has no step {step!r}",
                code="step.unknown",
                at=step,
                hint=f"Did you mean {near!r}?" if near else "`redrive show RUN` lists its steps.",
            )
        return number, positions[step], names, run.flow


def _statuses(text: str | None) -> tuple[str, ...]:
    names = tuple(dict.fromkeys(name.strip() for name in (text or "").split(",") if name.strip()))
    for name in names:
        if name not in STATUSES:
            near = nearest(name, list(STATUSES))
            raise UsageError(
                f"{name!r} is not the status of a run",
                code="status.unknown",
                at="status",
                hint=f"Did you mean {near!r}?" if near else f"One or several of {', '.join(STATUSES)}.",
            )
    return names


def _holds(row: RunRow, text: str) -> bool:
    """Whether it holds the text where it is seen, or is named by it."""
    if from_text("r", text) is not None:
        return True
    return any(text.lower() in (told or "").lower() for told in (row.summary, row.flow, row.id))


def _moment(name: str, moment: datetime | None) -> int | None:
    if moment is None:
        return None
    if moment.utcoffset() is None:
        raise UsageError(
            f"`{name}` needs a time zone",
            code="since.invalid",
            at=name,
            hint="2026-01-31T12:00:00Z is in UTC.",
        )
    return micros_of(moment)


def _page(rows: Rows, step: StepRun, side: str, start: int, at_most: int) -> Any:
    if side == "failed":
        return store.failed_page(rows, step.run_id, step.position, start, at_most)
    buckets = present.inputs_of(step) if side == "in" else present.outputs_of(step)
    return store.payloads_page(rows, buckets, start, at_most)


def _lists(rows: Rows, step: StepRun, listed: int) -> present.Lists:
    if listed <= 0:
        return present.NO_LISTS
    lists: present.Lists = {}
    for name, side in (("payloads_in", "in"), ("payloads_out", "out"), ("failed_payloads", "failed")):
        if side == "failed" and not step.failed:
            lists[name] = []
            continue
        found = page(
            _page(rows, step, side, 0, listed + 1),
            listed,
            lambda row: present.payload_view(row[1]),
            lambda row: cursor_of(row[0] + 1),
        )
        lists |= {name: found.items, f"{name}_next": found.next}
    return lists
