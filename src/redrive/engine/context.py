"""`redrive.sdk.StepContext` as the engine gives it to a shape: one for each step execution."""

from __future__ import annotations

from collections.abc import AsyncIterable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Any, Literal

from redrive.core.dates import spell_instant
from redrive.core.ids import from_text, to_text
from redrive.core.items import Item
from redrive.core.jsonvalue import MISSING, encode
from redrive.core.run import PayloadRow, Plan, Run, StepRun
from redrive.engine.answers import answer
from redrive.engine.calling import CalledRun, Calling
from redrive.engine.clock import instant, micros_of
from redrive.engine.contents import StoredContent
from redrive.engine.deps import Deps
from redrive.engine.exchanges import answer_json, exchange_row
from redrive.engine.failpoints import failpoints
from redrive.engine.journal import Journal
from redrive.engine.ledger import StepLedger
from redrive.engine.notices import putting
from redrive.engine.pauses import Pauses
from redrive.engine.references import EngineCache, EngineLookup, EnginePool, RunReferences
from redrive.engine.roots import Roots
from redrive.errors import RateLimited, RemoteUnavailable, StepError
from redrive.sdk.answering import Answered, Reply
from redrive.sdk.calling import Level
from redrive.sdk.connection import Connection
from redrive.sdk.content import Content
from redrive.sdk.context import RunInfo
from redrive.sdk.exchange import Answer, Request
from redrive.sdk.payload import Payload
from redrive.sdk.references import CacheScope
from redrive.sdk.scripting import Script, Session
from redrive.store import runs as store
from redrive.store.notices import get_group

MAX_LOG_DATA_BYTES = 8 << 10
MAX_SLEEP_S = 60.0


class EngineLog:
    """Lines of the run log for one step."""

    __slots__ = ("_journal", "_now", "_step")

    def __init__(self, journal: Journal, step: StepRun, now: Callable[[], int]) -> None:
        self._journal = journal
        self._step = step
        self._now = now

    def _line(self, level: str, message: str, data: dict[str, Any]) -> None:
        if data and len(encode(data)) > MAX_LOG_DATA_BYTES:
            data = {"trimmed": True}
        self._journal.log(self._step.position, self._now(), level, message[:4000], data)

    def info(self, message: str, **data: Any) -> None:
        self._line("info", message, data)

    def warning(self, message: str, **data: Any) -> None:
        self._step.warnings += 1
        self._journal.run.warnings += 1
        self._journal.run_changed()
        self._line("warning", message, data)

    def error(self, message: str, **data: Any) -> None:
        self._line("error", message, data)


class EngineContext:
    """Implements `StepContext`. `ledger` is that of the step; steps that send nothing have one
    without a key.
    """

    def __init__(
        self,
        *,
        deps: Deps,
        journal: Journal,
        run: Run,
        step: StepRun,
        variables: dict[str, Any],
        last_success: datetime | None,
        missing: Literal["error", "empty", "skip_item"],
        ledger: StepLedger,
        stop: Callable[[float], Any],
        preview: bool,
        references: RunReferences,
        pauses: Pauses,
        plan: Plan,
    ) -> None:
        self._deps = deps
        self._journal = journal
        self._step = step
        self._variables = variables
        self._set: dict[str, Any] = {}
        self._stop = stop
        self._clock = instant(run.clock)
        self.last_success = last_success
        self.run = RunInfo(
            id=to_text("r", run.id),
            flow=run.flow,
            version=run.version,
            trigger=run.trigger,
            source_run=to_text("r", run.source_run) if run.source_run else None,
        )
        self.step = step.step
        self.attempt = 1
        self.missing = missing
        self.log = EngineLog(journal, step, deps.clock.micros)
        self._references = references.for_step(step, self.log)
        self.state: Any = None
        self.ledger = ledger
        self.preview = preview
        self.payload: Payload | None = None
        self._input_ids: dict[int, int] = {}
        self.pauses = pauses
        self._calling = Calling(deps=deps, journal=journal, step=step, plan=plan, pauses=pauses, log=self.log)
        self.inputs: list[int] | None = None
        """The buckets of the step's input; None: a start without data."""
        self.row: tuple[PayloadRow, StoredContent] | None = None
        """The record of the payload at hand, in a step that works on one after the other."""
        self._reports = False
        self._trying: set[str] = set()

    @property
    def vars(self) -> Mapping[str, Any]:
        return self._variables

    def now(self) -> datetime:
        return self._clock

    def wall_now(self) -> datetime:
        return instant(self._deps.clock.micros())

    def scope(self, payload: Payload | None = None, value: Any = None, item: Any = None) -> Mapping[str, Any]:
        # A start without data has no payload to look into: its paths find nothing.
        nothing = payload is None or not payload.size_bytes
        return Roots(self, payload, MISSING if value is None and nothing else value, item)

    def set_variable(self, name: str, value: Any) -> None:
        self._variables[name] = value
        self._set[name] = value
        self._step.variables = encode(self._set)

    def track(self, field: str, value: str, item: Item) -> None:
        payload_id = self._input_ids.get(item.payload, 0)
        self._journal.add(
            store.INSERT_TRACKED,
            (value, field, self._journal.run.id, self._step.position, payload_id, item.number),
        )

    def names(self, number: int, payload: Payload) -> None:
        """The input payload that items with this payload number stand in."""
        self._input_ids = {number: from_text("p", payload.id) or 0} if payload.id else {}
        self.payload = payload

    async def connection(self, name: str) -> Connection:
        opened = await self._deps.connections.get(name)
        info = opened.connection.info
        self._reports = getattr(opened.connection, "reports", False)
        used = self._deps.used_connectors(self._journal.run)
        if used.get(info.connector) != opened.digest.hex():
            used[info.connector] = opened.digest.hex()
            self._journal.run.connectors = encode(used)
            self._journal.run_changed()
        return opened.connection

    async def lookup(self, name: str) -> EngineLookup:
        return await self._references.lookup(name)

    def pool(self, name: str, *, shared: bool = True) -> EnginePool:
        return self._references.pool(name, shared=shared)

    def cache(self, name: str, scope: CacheScope = "flow") -> EngineCache:
        return self._references.cache(name, scope)

    async def store(self, data: AsyncIterable[bytes] | bytes) -> Content:
        run = self._journal.run
        return await self._deps.contents.of(f"{run.flow_id}/{self._step.step}").put(data)

    async def slice(self, content: Content, start: int, stop: int) -> Content:
        return await self._deps.contents.slice(content, start, stop)

    def exchange(self, request: Request, answer: Answer, *, payload: Payload | None = None) -> str:
        exchange_id = self._deps.ids.next()
        contents = self._deps.contents
        sent = contents.stored(request.body) if request.body is not None else None
        got = contents.stored(answer.body) if answer.body is not None else None
        for content in (sent, got):
            if content is not None:
                self._journal.content(content)
        at = self._deps.clock.micros() - int(answer.duration_ms * 1000)
        row = exchange_row(
            exchange_id=exchange_id,
            run_id=self._journal.run.id,
            position=self._step.position,
            payload=payload or self.payload,
            attempt=self.attempt,
            request=request,
            body=sent,
            at=at,
        )
        self._journal.add(
            store.INSERT_EXCHANGE,
            (
                *row[:8],
                answer.status,
                answer_json(answer),
                got.digest if got else None,
                got.size_bytes if got else 0,
                at,
                int(answer.duration_ms * 1000),
            ),
        )
        return to_text("x", exchange_id)

    def script(self, script: Script, payload: Payload | None = None) -> AbstractAsyncContextManager[Session]:
        return self._deps.sandbox.open(
            script,
            now=self._clock,
            meta=payload.meta if payload is not None else {},
            variables=self._variables,
            printed=self.log.info,
            failed=self.log.error,
        )

    async def answer(self, reply: Reply) -> Answered:
        deps = self._deps
        return await answer(
            reply,
            journal=self._journal,
            step=self.step,
            contents=deps.contents,
            ids=deps.ids,
            clock=deps.clock,
            answers=deps.answers,
        )

    async def reach(self, state: Any) -> None:
        self._step.checkpoint = encode(state)
        self._journal.step(self._step)
        await self._journal.barrier()
        failpoints.hit("state.reached")

    async def wait_until(self, moment: datetime) -> None:
        due = micros_of(moment)
        if due <= self._deps.clock.micros():
            return
        self.log.info(f"waiting until {spell_instant(moment)}")
        async with self.pauses.waiting({"until": spell_instant(moment)}):
            while (left := due - self._deps.clock.micros()) > 0:
                # In pieces: the wall clock may be set, and the machine may sleep.
                await self._stop(self._deps.clock.waits(min(left / 1_000_000, MAX_SLEEP_S)))

    async def call(
        self, flow: str, variables: Mapping[str, Any], *, wait: bool = True, stop_called: bool = True
    ) -> CalledRun:
        call = self._calling.of(flow, variables, self.inputs, self.row)
        return await self._calling.call(call, self.state, self.attempt, wait=wait, stop_called=stop_called)

    async def notify(self, message: str, *, level: Level = "info", groups: Sequence[str] = ()) -> None:
        if self.preview:
            return
        known = await self._deps.reader.run(
            lambda rows: [name for name in groups if get_group(rows, name) is not None]
        )
        for name in dict.fromkeys(groups):
            if name not in known:
                self.log.warning(f"nobody is told: there is no notification group {name!r}")
        run, step = self._journal.run, self._step.step
        work = putting(
            self._deps, run, known,
            signature=f"notify {run.flow} {step} {level} {message}", level=level,
            title=f"{run.flow}: {self._step.name or step}", message=message, step=step,
        )  # fmt: skip
        self._journal.work(work)

    async def sleep(self, seconds: float) -> None:
        await self._stop(self._deps.clock.waits(seconds))

    # ---- the target of a connection

    async def go_ahead(self, connection: str) -> None:
        if connection in self._trying or self.preview:
            return
        if await self._deps.gates.go_ahead(connection, self.pauses):
            self._trying.add(connection)

    def heard(self, connection: str, down: str | None = None) -> None:
        if self.preview:
            return
        self._deps.gates.heard(connection, down)
        self._trying.discard(connection)

    async def begin_attempt(self, connection: str) -> None:
        """Before an attempt of a step with that connection; not within its time limit."""
        self._reports = False
        self.pauses.limit = None
        await self.go_ahead(connection)

    def end_attempt(self, connection: str, error: StepError | None, *, finished: bool) -> bool:
        """After it. Whether it is to be made again without being counted: the target took nothing of it, and
        is known to be down by now.
        """
        unreachable = isinstance(error, RemoteUnavailable) and not isinstance(error, RateLimited)
        if finished and not self._reports and (unreachable or error is None):
            self.heard(connection, error.detail if error is not None else None)
        for name in self._trying:
            self._deps.gates.let_go(name)
        self._trying.clear()
        return unreachable and not self.preview and self._deps.gates.is_open(connection)
