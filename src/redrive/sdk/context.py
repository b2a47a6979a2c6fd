"""The world as a shape sees it. A shape touches nothing else, so it runs anywhere."""

from __future__ import annotations

from collections.abc import AsyncIterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Any, Literal, Protocol

import msgspec

from redrive.core.items import Item
from redrive.sdk.answering import Answered, Reply
from redrive.sdk.calling import Called, Level
from redrive.sdk.connection import Connection
from redrive.sdk.content import Content
from redrive.sdk.delivery import Ledger
from redrive.sdk.exchange import Answer, Request
from redrive.sdk.payload import Payload
from redrive.sdk.references import Cache, CacheScope, Lookup, Pool
from redrive.sdk.scripting import Script, Session


class RunInfo(msgspec.Struct, frozen=True):
    """What a template's `run` root shows."""

    id: str
    flow: str
    version: int
    trigger: str
    source_run: str | None = None


class StepLog(Protocol):
    """Lines of the run log. `data` is shown beside the message: no payload content, no secrets."""

    def info(self, message: str, **data: Any) -> None: ...

    def warning(self, message: str, **data: Any) -> None: ...

    def error(self, message: str, **data: Any) -> None: ...


class StepContext(Protocol):
    run: RunInfo
    step: str
    attempt: int
    """From 1; of the payload at hand."""
    missing: Literal["error", "empty", "skip_item"]
    """What a template of the step does where its path finds nothing."""
    state: Any
    """The checkpoint to go on from, or None."""
    preview: bool
    """True while a plan is worked out: nothing may leave the machine. A connector then stops
    after `ledger.decide`, and pulls nothing."""

    @property
    def log(self) -> StepLog:
        """A warning also raises the warning flag of step and run."""

    @property
    def ledger(self) -> Ledger: ...

    @property
    def vars(self) -> Mapping[str, Any]: ...

    def now(self) -> datetime:
        """The run's clock: the same instant throughout the run. Aware, UTC."""

    def wall_now(self) -> datetime:
        """The wall clock: signatures, token expiry, back-off."""

    def scope(self, payload: Payload | None = None, value: Any = None, item: Any = None) -> Mapping[str, Any]:
        """The roots of templates: `payload item meta vars run now last_success`.

        `value` is the decoded payload where a template needs it (`await payload.value()`).
        """

    def set_variable(self, name: str, value: Any) -> None:
        """Sets a flow variable for the rest of the run; durable with the step."""

    def track(self, field: str, value: str, item: Item) -> None:
        """Makes the run, step, payload and item findable by this value."""

    async def connection(self, name: str) -> Connection:
        """A connection with its secrets, ready to use. Errors: `connection.unknown`."""

    async def lookup(self, name: str) -> Lookup:
        """A cross-reference table, as it is now for the rest of this step. Errors: `lookup.unknown`."""

    def pool(self, name: str, *, shared: bool = True) -> Pool:
        """A data pool, made when it is first written; not `shared`: one that belongs to this flow."""

    def cache(self, name: str, scope: CacheScope = "flow") -> Cache:
        """A cache of this run, of this flow, or of the whole home (`company`)."""

    async def store(self, data: AsyncIterable[bytes] | bytes) -> Content:
        """Keeps bytes (a request or answer body). They become durable with what refers to them."""

    async def slice(self, content: Content, start: int, stop: int) -> Content:
        """A range of stored content as content of its own, without storing it again."""

    def exchange(self, request: Request, answer: Answer, *, payload: Payload | None = None) -> str:
        """Records a finished request that delivers nothing (a pull, a token). Its id."""

    def script(self, script: Script, payload: Payload | None = None) -> AbstractAsyncContextManager[Session]:
        """A session of a user's script, with nothing of an earlier one: `async with` it.

        The script sees the run's clock, the flow's variables, and the meta of `payload`.
        """

    async def answer(self, reply: Reply) -> Answered:
        """Answers whoever waits for this run. Durable when this returns; the first answer is the one."""

    async def go_ahead(self, connection: str) -> None:
        """To be awaited before a request: waits while the connection is paused, or its target is down. The
        time does not count as the step's. Ends early (with an error) on a stop.
        """

    def heard(self, connection: str, down: str | None = None) -> None:
        """What a request told of the target: it answered, or (`down`) why it certainly took nothing.

        A protocol that never says so is judged by how the attempt ends.
        """

    async def sleep(self, seconds: float) -> None:
        """Waits on the wall clock; ends early (with an error) when the run is stopped."""

    async def reach(self, state: Any) -> None:
        """Makes `state` the checkpoint without anything put out: durable when this returns, and
        `ctx.state` after a crash, for a further attempt, and in a retry.
        """

    async def wait_until(self, moment: datetime) -> None:
        """Waits on the wall clock, for as long as it takes: the time does not count as the step's, and
        the run holds no place among the running ones. Ends early (with an error) on a stop.

        What it waits for has to be in the checkpoint: after a crash the step begins again.
        """

    async def call(
        self, flow: str, variables: Mapping[str, Any], *, wait: bool = True, stop_called: bool = True
    ) -> Called:
        """Starts another flow with the payload at hand, or where the shape gathers with the whole
        bucket. With `wait` it returns when that run has ended; its time does not count as the step's.

        It is started once, whatever crashes. Called again in a later attempt or in a retry, it takes
        up the run that it started: that is waited for where it has not ended, and made good by a retry
        where it failed. `stop_called`: a stop of this run stops that one too.
        Errors: `flow.unknown`, `flow.disabled`, `flow.not_deployed`, `flow.too_deep`, `variable.unknown`,
        `variable.invalid`, `variable.missing`, `called.failed`, `called.stopped`.
        """

    async def notify(self, message: str, *, level: Level = "info", groups: Sequence[str] = ()) -> None:
        """Tells notification groups, in the background and after what came before is durable. A group
        that is not there, or cannot be reached, fails nothing: the run log says so.
        """
