"""One execution of one step: payload after payload, attempt after attempt, to its end state.

A first run, the resume after a crash, a retry and a redrive all come through here; what differs
is only where the step record says to go on.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from functools import partial
from typing import Any, cast

import msgspec

from redrive.core.counting import counted
from redrive.core.flow import StepNode
from redrive.core.jsonvalue import decode, encode
from redrive.core.run import PayloadRow, StepRun
from redrive.engine.apart.attempts import Attempt, Attempts
from redrive.engine.apart.session import Making
from redrive.engine.buckets import Buckets, YoungBucket, as_payload
from redrive.engine.calling import CalledRun
from redrive.engine.clock import instant
from redrive.engine.context import EngineContext
from redrive.engine.control import Stopped
from redrive.engine.crashes import crashed
from redrive.engine.deps import Deps
from redrive.engine.failpoints import failpoints
from redrive.engine.journal import Journal
from redrive.engine.output import Origins, Output, RoutedOutput
from redrive.errors import Fault, RedriveError, ShapeCrashed, StepError, StepTimeout
from redrive.log import get_logger
from redrive.sdk.calling import Called
from redrive.sdk.content import Content, MemoryContent
from redrive.sdk.payload import Bucket, Payload
from redrive.sdk.shape import GatherShape, Out, Shape, ShapeBase
from redrive.store import runs as store

_log = get_logger(__name__)

MAX_BACKOFF_S = 60.0
# How long a record that nobody waits for may wait for company in a commit: progress that can be
# made again, and outcomes of sends (a crash before their commit leaves them `unknown`).
PROGRESS_S = 0.05
OUTCOME_S = 0.003


class Failure(msgspec.Struct):
    """A payload that failed for good, as it came into the step; `row` None: the empty one of a start
    without data.
    """

    row: PayloadRow | None
    content: Content
    error: StepError


class StepExecution:
    """Runs one step to its end, or to the first reason to go no further.

    After `execute` the step record holds the outcome. `Stopped` and faults of the store come
    through; everything that a payload or a shape can do wrong does not.
    """

    def __init__(
        self,
        *,
        deps: Deps,
        journal: Journal,
        buckets: Buckets,
        node: StepNode,
        shape: ShapeBase,
        step: StepRun,
        context: EngineContext,
        inputs: list[int] | None,
        checkpoints: dict[str, Any],
        key_field: str | None,
        retries: int,
        check_stop: Callable[[], None],
        resumed: bool,
        bounded: bool = True,
        wary: bool = False,
        caught: bool = False,
        collect: bool = False,
    ) -> None:
        self._deps = deps
        self._journal = journal
        self._buckets = buckets
        self._node = node
        self._shape = shape
        self._step = step
        self._context = context
        self._inputs = inputs or []
        self._without_data = inputs is None
        self._checkpoints = checkpoints
        self._key_field = key_field
        self._retries = retries
        self._connection: str | None = node.settings.get("connection") if node.shape == "connector" else None
        self._check_stop = check_stop
        self._resumed = resumed
        self._caught = caught
        self.failures: list[Failure] | None = [] if collect else None
        self._output: Output | RoutedOutput
        if shape.tree == "route":
            self._output = RoutedOutput(
                step=step,
                paths=[path.id for path in node.paths],
                journal=journal,
                contents=deps.contents.of(f"{journal.run.flow_id}/{step.step}"),
                ids=deps.ids,
                resumed=resumed,
                bounded=bounded,
            )
        else:
            self._output = Output(
                step=step,
                journal=journal,
                contents=deps.contents.of(f"{journal.run.flow_id}/{step.step}"),
                ids=deps.ids,
                young=None if resumed and step.bucket is not None else YoungBucket(bounded=bounded),
            )
        self._attempting = Attempts(deps.apart, shape, node.settings, context, self._state_ahead)
        context.inputs = inputs
        self._failed_before = step.failed
        self._recorded_at = 0
        self._wary = wary
        self._stopping_error: StepError | None = None
        self._first_error: StepError | None = None

    async def execute(self) -> None:
        step = self._step
        if self._resumed:
            self._output.clear_store()
        await self._count_inputs()
        self._record(PROGRESS_S)
        if self._wary:  # if this step kills its worker, the run log shall say which it was
            await self._journal.barrier()
        failpoints.hit("step.begun")
        try:
            if self._shape.gathers:
                await self._gather(cast("GatherShape", self._shape))
            elif isinstance(self._shape, Shape):
                await self._each(self._shape)
        finally:
            step.finished_at = self._deps.clock.micros()
            step.next_attempt_at = None
        if isinstance(self._output, RoutedOutput) and self._output.unrouted:
            self._context.log.warning(
                f"{counted(self._output.unrouted, 'item')} met the condition of no path: the way ends here",
                items=self._output.unrouted,
            )
        await self._judge()

    async def _judge(self) -> None:
        """The end state, by what failed."""
        step, stopping = self._step, self._stopping_error
        ends_run = stopping is not None and stopping.ends_run
        if stopping is not None and self._caught and not ends_run:
            await self._fail_rest(stopping)
        error = stopping or self._first_error
        if self._failed_before or error is not None:
            if self._failed_before and stopping is None:
                step.error = await self._earlier_error()
            elif error is not None:
                step.error = encode(error.as_dict())
            step.status = "partial_success" if self._caught and not ends_run else "failure"
            return
        step.status = "success"
        if step.skipped and not (step.delivered or step.rejected or step.unknown):
            self._context.log.warning("nothing was left to send", left_out=step.skipped)

    async def _earlier_error(self) -> bytes:
        """Of the first payload that failed before the step was interrupted."""
        step = self._step
        rows = await self._deps.reader.run(
            lambda rows: rows.all(
                store.FAILED_OF_STEP, run_id=step.run_id, position=step.position, start=0, at_most=1
            )
        )
        error: bytes = rows[0][3]
        return error

    def finish(self) -> None:
        """Hand over the step's last records. What follows may begin before they are durable."""
        self._record(PROGRESS_S)
        failpoints.hit("step.finished")

    def young_buckets(self) -> dict[int, YoungBucket]:
        """What was put out, where it is small and whole in memory."""
        return self._output.young_buckets()

    @property
    def in_memory(self) -> bool:
        """Whether what follows need not read the store."""
        return self._output.in_memory

    def suspend(self) -> None:
        """Leave things so that another execution can go on: drop what does not stay."""
        self._output.drop()
        self._context.ledger.abandon("the request was cut off by a stop")
        self._context.ledger.finish(self._key_field)
        self._journal.step(self._step)

    # ---- inputs

    async def _count_inputs(self) -> None:
        step = self._step
        count, items, size = await self._buckets.totals(self._inputs)
        step.payloads_in, step.items_in, step.bytes_in = count, items, size
        self._attempting.decide(size, count)

    async def _each(self, shape: Shape) -> None:
        step = self._step
        if self._without_data:
            if not step.done:
                # One empty payload, which has no record.
                empty = Payload(MemoryContent(b""), position=0)
                await self._finish_payload(
                    0, empty, None, empty.content, partial(shape.run, empty, self._context), []
                )
            return
        rows = self._buckets.rows(self._inputs, step.done)
        async with aclosing(self._attempting.of_each(shape, rows)) as at_work:
            async for number, row, content, payload, attempt in at_work:
                self._check_stop()
                self._context.row = row, content
                origins = [(number, 0, 1 if row.items is None else row.items)]
                await self._finish_payload(number, payload, row, content, attempt, origins)
                if self._stopping_error is not None:
                    return

    async def _fail_rest(self, error: StepError) -> None:
        """In a `try`, what was not tried because of one payload has failed like that one."""
        step = self._step
        packed = encode(error.as_dict())
        async for number, row, content in self._buckets.rows(self._inputs, step.done):
            self._journal.add(
                store.INSERT_FAILED, (step.run_id, step.position, number, row.id, 0, packed, None)
            )
            if self.failures is not None:
                self.failures.append(Failure(row, content, error))
            step.failed += 1
            step.done = number + 1
            if self._journal.full:
                self._record()
                await self._journal.pace()

    async def _gather(self, shape: GatherShape) -> None:
        if self._step.done:
            return
        seen: dict[int, int] = {}

        async def payloads() -> AsyncIterator[Payload]:
            async for number, row, content in self._buckets.rows(self._inputs):
                self._check_stop()
                seen[number] = 1 if row.items is None else row.items
                payload = as_payload(number, row, content)
                self._context.names(number, payload)
                yield payload

        bucket = Bucket(_Again(payloads), self._step.payloads_in, without_data=self._without_data)
        origins: list[tuple[int, int, int]] = []
        error = await self._attempts(0, self._attempting.of_bucket(shape, bucket), origins, seen)
        if error is None:
            self._output.keep()
            self._step.done = self._step.payloads_in
        else:
            self._output.drop()
            self._stopping_error = error
            packed = encode(error.as_dict())
            async for number, row, content in self._buckets.rows(self._inputs):
                self._journal.add(
                    store.INSERT_FAILED,
                    (self._step.run_id, self._step.position, number, row.id, self._step.attempts,
                     packed, self._reached(0) if number == 0 else None),
                )  # fmt: skip
                if self.failures is not None:
                    self.failures.append(Failure(row, content, error))
                if self._journal.full:
                    self._journal.flush()
                    await self._journal.pace()
            self._step.failed = self._step.done = self._step.payloads_in
            self._context.log.error(error.detail, code=error.code)

    # ---- one payload

    async def _finish_payload(
        self,
        number: int,
        payload: Payload,
        row: PayloadRow | None,
        content: Content,
        run: Attempt,
        origins: Origins,
    ) -> None:
        step, context = self._step, self._context
        context.names(number, payload)
        error = await self._attempts(number, run, origins, None)
        context.ledger.finish(self._key_field)
        if error is None:
            self._output.keep()
        else:
            self._output.drop()
            step.failed += 1
            self._journal.add(
                store.INSERT_FAILED,
                (step.run_id, step.position, number, row.id if row else 0, context.attempt,
                 encode(error.as_dict()), self._reached(number)),
            )  # fmt: skip
            if self.failures is not None:
                self.failures.append(Failure(row, content, error))
            context.log.error(error.detail, code=error.code, payload=payload.id or None)
            self._first_error = self._first_error or error
            if error.stops_step:
                self._stopping_error = error
        step.done = number + 1
        self._output.end_payload()
        self._progressed()
        failpoints.hit("payload.finished")
        if self._stopping_error is not None:
            return  # recorded together with the step's end: nobody may go on after this payload
        if self._journal.full or error is not None or context.ledger.keyed:
            self._record(OUTCOME_S)
            await self._journal.pace()
        elif abs(self._deps.clock.micros() - self._recorded_at) > PROGRESS_S * 1_000_000:
            self._record(PROGRESS_S)  # slow payloads: a crash may cost that much work and no more
            await self._journal.pace()

    async def _attempts(
        self,
        number: int,
        run: Attempt,
        origins: Origins,
        seen: dict[int, int] | None,
    ) -> StepError | None:
        """Try until it works or is not worth it. None: it worked."""
        step, context, connection, attempt = self._step, self._context, self._connection, 0
        while True:
            attempt += 1
            step.attempts = max(step.attempts, attempt)
            context.attempt = context.ledger.attempt = attempt
            if connection is not None:
                await context.begin_attempt(connection)
            context.state = self._state(number)
            again = finished = False
            caught: StepError | None = None
            try:
                caught = await self._attempt(run, origins, seen)
                finished = True
            finally:
                if connection is not None:
                    again = context.end_attempt(connection, caught, finished=finished)
            if caught is None:
                return None
            context.ledger.abandon(caught.detail)
            if again and not context.preview:
                # The target is down, and took nothing: the payload waits for it instead of failing.
                context.log.info(f"the target is down, it is waited for: {caught.detail}", code=caught.code)
                attempt -= 1
                self._output.drop()
                self._record()
                continue
            last = caught.retry != "backoff" or attempt > self._retries or context.preview
            if last or self._is_too_long(caught):
                return caught
            self._output.drop()
            await self._back_off(caught, attempt)

    async def _attempt(self, run: Attempt, origins: Origins, seen: dict[int, int] | None) -> StepError | None:
        """Once. What a shape can do wrong is the error that it gives. None: it worked."""
        step = self._step
        limit = self._context.pauses.limit = self._deps.limits.of(self._node.timeout_s)
        try:
            async with limit:
                await self._once(run, origins, seen)
        except StepError as error:
            return error
        except TimeoutError:
            if not limit.expired():
                return ShapeCrashed("the shape let a time-out through")
            return StepTimeout(
                f"step {step.step} took longer than {self._node.timeout_s:g} s on one payload",
                hint="Raise `timeout` of the step, or make its payloads smaller.",
            )
        except (Stopped, asyncio.CancelledError, Fault):
            raise
        except RedriveError as error:
            caught = StepError(error.detail, code=error.code, at=error.at, hint=error.hint)
            caught.title = error.title
            return caught
        except Exception as error:  # noqa: BLE001 - a shape may raise anything
            _log.error("shape.crashed", run=step.run_id, step=step.step, error=error)
            return crashed(error)
        return None

    def _state(self, number: int) -> Any:
        if isinstance(self._output, RoutedOutput):
            return None
        kept = self._step.checkpoint
        return decode(kept) if kept is not None else self._checkpoints.get(str(number))

    def _state_ahead(self, number: int) -> Any:
        """The same, also for a payload that is worked on before its turn."""
        return self._state(number) if number == self._step.done else self._checkpoints.get(str(number))

    def _reached(self, number: int) -> bytes | None:
        """The checkpoint inside a payload: of this execution, else of the one that it goes on from."""
        if isinstance(self._output, RoutedOutput):
            return None
        if self._step.checkpoint is not None:
            return self._step.checkpoint
        before = self._checkpoints.get(str(number))
        return encode(before) if before is not None else None

    async def _once(
        self,
        run: Attempt,
        origins: Origins,
        seen: dict[int, int] | None,
    ) -> None:
        step = self._step
        outs = run()
        try:
            async for out in outs:
                if seen is not None and (isinstance(out, Making) or out.content is not None):
                    origins = [(number, 0, items) for number, items in seen.items()]
                if isinstance(out, Out) and out.hand_on is not None:
                    await self._hand_on(out.hand_on)
                else:
                    await self._output.put(out, origins)
                if out.checkpoint is not None:
                    step.checkpoint = encode(out.checkpoint)
                    self._output.keep()
                    self._progressed()
                    self._record(OUTCOME_S)
                    await self._journal.pace()
                    self._check_stop()
                elif self._journal.full:
                    self._record()
                    await self._journal.pace()
        finally:
            if (close := getattr(outs, "aclose", None)) is not None:
                await close()

    async def _hand_on(self, what: Bucket | Called) -> None:
        """Buckets that go on as they are, by reference."""
        own = None if self._without_data else self._inputs
        buckets = what.buckets if isinstance(what, CalledRun) else own
        assert isinstance(self._output, Output)
        self._output.take(buckets, await self._buckets.totals(buckets or []))

    def _is_too_long(self, error: StepError) -> bool:
        """Whether the system asks for more time than a run is to wait; the error then says so."""
        most = self._deps.settings.max_retry_after_s
        if error.after_s is None or error.after_s <= most:
            return False
        at = instant(self._deps.clock.micros() + int(error.after_s * 1_000_000))
        error.detail += f"; it asks to wait until {at:%Y-%m-%d %H:%M} UTC"
        error.hint = f"Retry the run then. A run waits for at most {most:g} s (max_retry_after_s)."
        return True

    async def _back_off(self, error: StepError, attempt: int) -> None:
        settings = self._deps.settings
        delay = min(MAX_BACKOFF_S, settings.retry_base_s * 2 ** (attempt - 1))
        delay *= random.uniform(0.5, 1.0)  # noqa: S311 - jitter, not a secret
        delay = max(delay, error.after_s or 0.0)
        self._step.next_attempt_at = self._deps.clock.micros() + int(delay * 1_000_000)
        self._context.log.info(
            f"attempt {attempt} failed, next in {delay:.1f} s: {error.detail}", code=error.code
        )
        self._record()
        await self._context.sleep(delay)
        self._step.next_attempt_at = None

    def _progressed(self) -> None:
        """A run that gets anywhere is not one that kills its workers."""
        if self._journal.run.losses:
            self._journal.run.losses = 0
            self._journal.run_changed()

    def _record(self, within_s: float = 0.0) -> None:
        self._recorded_at = self._deps.clock.micros()
        self._journal.step(self._step)
        if within_s:
            self._journal.soon(within_s)
        else:
            self._journal.flush()


class _Again:
    """An asynchronous stream that can be read from the start any number of times."""

    def __init__(self, make: Callable[[], AsyncIterator[Payload]]) -> None:
        self._make = make

    def __aiter__(self) -> AsyncIterator[Payload]:
        return self._make()
