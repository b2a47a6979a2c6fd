"""Waiting for what a callback step answers, and the answer as it is kept with the run."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

from redrive.core.ids import to_text
from redrive.core.jsonvalue import decode, encode
from redrive.core.run import ENDED
from redrive.errors import Fault, NotFound, PayloadGone
from redrive.service.hook_calls import HookAnswer
from redrive.service.kernel import Kernel, number_of, unknown
from redrive.store import hooks as store
from redrive.store import runs as run_store
from redrive.triggers.callback import CallbackHook

POLL_S = 0.2
"""Another process may execute the run, and a run may end without an answer: the store is asked."""
MAX_HELD_BYTES = 1 << 20


async def answer_of(kernel: Kernel, hook: CallbackHook, run_id: int) -> HookAnswer:
    """The answer of a run, as soon as it has one.

    Errors: `callback.failed` and `callback.unanswered` where the run ends without; `callback.late` (504)
    where the time is over and the hook gives no link; `payload.expired`.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + hook.timeout_s
    name = to_text("r", run_id)
    with kernel.deps.answers.waiting(run_id) as answered:
        while True:
            rows = kernel.deps.reader.rows()
            run = run_store.get_run(rows, run_id)
            if (found := store.answer(rows, run_id)) is not None:
                return await _kept(kernel, found)
            if run is None or run.status in ENDED:
                raise _unanswered(name, run.status if run is not None else "gone")
            left = deadline - loop.time()
            if left <= 0:
                break
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(min(left, POLL_S)):
                    await answered.wait()
    if not hook.gives_link:
        raise Fault(
            f"run {name} has not answered within {hook.timeout_s:g} s; it goes on",
            code="callback.late",
            at=name,
            hint=f"/api/v1/runs/{name}/answer will have it; a call with the same idempotency key waits for it.",
        )
    link = f"/api/v1/runs/{name}/answer"
    headers = (("Location", link), ("Retry-After", "5"), ("Redrive-Run", name))
    return HookAnswer(202, encode({"run": name, "answer": link}), "application/json", headers)


async def kept_answer(kernel: Kernel, run_id: str) -> HookAnswer:
    """What a run has answered. Errors: `run.unknown`, `answer.none`, `payload.expired`."""
    number = number_of("r", run_id, "run")
    rows = kernel.deps.reader.rows()
    found = store.answer(rows, number)
    if found is None:
        if run_store.get_run(rows, number) is None:
            raise unknown("run", run_id)
        raise NotFound(
            f"run {run_id} has answered nobody",
            code="answer.none",
            hint="Only runs of callback triggers answer, by a callback step.",
        )
    return await _kept(kernel, found)


async def _kept(kernel: Kernel, found: store.AnswerRow) -> HookAnswer:
    row = kernel.deps.reader.rows().one(run_store.GET_PAYLOAD, payload_id=found.payload_id)
    name = to_text("r", found.run_id)
    if row is None:
        raise NotFound(f"the answer of run {name} is no longer kept", code="answer.none")
    payload = run_store.payload_record(row)
    if not payload.digest:
        raise PayloadGone(f"the answer of run {name} has expired or was erased")
    content = kernel.deps.contents.known(payload.digest, payload.size_bytes)
    headers = (*((str(key), str(value)) for key, value in decode(found.headers)), ("Redrive-Run", name))
    body: bytes | AsyncIterator[bytes]
    if payload.size_bytes <= MAX_HELD_BYTES:
        body = await content.read()
    else:
        await content.read(0, 1)  # gone is said now, not in the middle of the answer
        body = aiter(content.stream())
    return HookAnswer(found.status, body, payload.media_type, headers)


def _unanswered(run: str, status: str) -> Fault:
    if status == "success":
        return Fault(
            f"run {run} has ended without an answer",
            code="callback.unanswered",
            at=run,
            hint="The flow needs a callback step on the way of each call.",
        )
    return Fault(
        f"run {run} has ended before it answered: {status}",
        code="callback.failed",
        at=run,
        hint="The run log tells why.",
    )
