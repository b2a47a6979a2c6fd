"""Notices: put into the outbox with what they tell, sent in the background by the process that executes.

At least once: a notice is only marked as sent after it was. Nothing waits for it, and nothing fails
because of it; what could not be sent in the end stays in the outbox as `failed`, with the reason.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import time
from collections.abc import Callable, Sequence

import msgspec

from redrive.core.ids import to_text
from redrive.core.jsonvalue import decode
from redrive.core.notices import next_try, told
from redrive.core.run import Run, StepRun
from redrive.engine.clock import instant, micros_of
from redrive.engine.deps import Deps
from redrive.engine.failpoints import failpoints
from redrive.engine.messengers import Message, Messengers
from redrive.errors import Fault
from redrive.log import get_logger
from redrive.sdk.calling import Level
from redrive.store import notices as store
from redrive.store.committer import Transaction

AT_ONCE = 20
LONGEST_S = 3600.0
LAST_WORDS_S = 10.0
"""How long a command that ends goes on with sending."""

_log = get_logger(__name__)


def putting(
    deps: Deps,
    run: Run,
    groups: Sequence[str],
    *,
    signature: str,
    level: Level,
    title: str,
    message: str,
    step: str | None = None,
    reaches: Level | None = None,
) -> Callable[[Transaction], None]:
    """The piece of work that puts a notice into the outbox, for each group. `reaches`: the level by which
    groups are chosen, where that is another one.
    """
    at = deps.clock.micros()
    notices = [
        store.Notice(
            id=deps.ids.next(),
            group=group,
            signature=hashlib.sha256(signature.encode()).hexdigest()[:32],
            level=level,
            title=title,
            message=message,
            flow=run.flow,
            run_id=run.id,
            step=step,
            at=at,
            due_at=at,
            first_due_at=at,
        )
        for group in dict.fromkeys(groups)
    ]

    def work(transaction: Transaction) -> None:
        for notice in notices:
            store.put(transaction, notice, name=notice.group, reaches=reaches or level)
        transaction.after_commit.append(deps.outbox.notify)

    return work


def at_end(
    deps: Deps, run: Run, groups: Sequence[str], status: str, summary: str, failed: StepRun | None
) -> Callable[[Transaction], None] | None:
    """Of a run that ends: who is told that it failed, or that its flow is well again."""
    if not groups or status not in {"failure", "partial_success", "success"}:
        return None
    name = to_text("r", run.id)
    if status == "success":
        well = putting(
            deps, run, groups,
            signature=f"recovered {run.flow}", level="info", reaches="error",
            title=f"{run.flow} works again", message=f"Run {name} ended in success. {summary}".strip(),
        )  # fmt: skip

        def recovered(transaction: Transaction) -> None:
            if store.status_before(transaction, run.flow_id, run.id) in {"failure", "partial_success"}:
                well(transaction)

        return recovered
    code = decode(failed.error)["code"] if failed is not None and failed.error else ""
    step = failed.step if failed is not None else None
    partial = status == "partial_success"
    return putting(
        deps, run, groups,
        signature=f"{status} {run.flow} {step} {code}", level="warning" if partial else "error",
        title=f"{run.flow} " + ("went through in part" if partial else "failed"),
        message=f"{summary or status}\nRun {name}, queued {instant(run.queued_at):%Y-%m-%d %H:%M} UTC",
        step=step, reaches="error",
    )  # fmt: skip


class Sender:
    """Sends what is due, as long as it lives. One in the process that holds the runner lock."""

    def __init__(self, deps: Deps, messengers: Messengers) -> None:
        self._deps = deps
        self._messengers = messengers
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._main(), name="redrive-notices")

    async def close(self, *, last_words: bool = False) -> None:
        """End. With `last_words` what is due is still sent, within bounds."""
        task, self._task = self._task, None
        if task is None:
            return
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        if last_words:
            with contextlib.suppress(TimeoutError, Fault):
                async with asyncio.timeout(LAST_WORDS_S):
                    while await self._send_due():
                        pass

    async def _main(self) -> None:
        forgotten = 0.0
        while True:
            event = self._deps.outbox.waiter()
            try:
                if await self._send_due():
                    continue
                if time.monotonic() - forgotten > LONGEST_S:
                    forgotten = time.monotonic()
                    await self._forget()
                pause = await self._until_next()
            except Fault as error:
                _log.error("notices.halted", code=error.code, detail=error.detail)
                return  # the store is gone, and the runner stops with it
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await event.wait()

    async def _until_next(self) -> float:
        due = await self._deps.reader.run(store.next_due)
        if due is None:
            return LONGEST_S
        return min(LONGEST_S, max(0.05, (due - self._deps.clock.micros()) / 1_000_000))

    async def _forget(self) -> None:
        before = self._deps.clock.micros() - store.KEPT_US
        await self._deps.committer.submit(lambda transaction: store.forget(transaction, before))

    async def _send_due(self) -> int:
        now = self._deps.clock.micros()
        found = await self._deps.reader.run(lambda rows: store.due(rows, now, AT_ONCE))
        await asyncio.gather(*(self._send(notice) for notice in found))
        return len(found)

    async def _send(self, notice: store.Notice) -> None:
        group = await self._deps.reader.run(lambda rows: store.get_group(rows, notice.group))
        now = self._deps.clock.micros()
        if group is None:
            notice.status, notice.error = store.FAILED, "the notification group was deleted"
        else:
            await self._to_all(notice, group)
            failpoints.hit("notice.sent")
            if notice.left is None or notice.left == b"[]":
                notice.status, notice.sent_at, notice.error = store.SENT, now, None
            else:
                again = next_try(notice.tries, instant(now))
                notice.status = store.FAILED if again is None else store.WAITING
                notice.due_at = micros_of(again) if again is not None else now
                _log.warning(
                    "notice.not_sent", group=notice.group, run=notice.run_id, tries=notice.tries,
                    reason=notice.error,
                )  # fmt: skip
        await self._deps.committer.submit(lambda transaction: store.update_notice(transaction, notice))

    async def _to_all(self, notice: store.Notice, group: store.GroupRow) -> None:
        """To each URL that was not reached yet."""
        places = msgspec.json.decode(notice.left) if notice.left is not None else range(len(group.urls))
        message = Message(notice.title, told(notice.message, notice.count, instant(notice.at)), notice.level)
        notice.tries += 1
        left, reasons = [], []
        for place in places:
            if place >= len(group.urls):
                continue  # the group has changed meanwhile
            reason = await self._messengers.send(group.urls[place], message)
            if reason is not None:
                left.append(place)
                reasons.append(reason)
        notice.left = msgspec.json.encode(left)
        notice.error = "; ".join(reasons)[:1000] or None
