"""What callback steps answer: durable with the run first, then told to whoever waits in this process."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator

from redrive.core.jsonvalue import encode
from redrive.core.run import PayloadRow
from redrive.engine.clock import Clock, Ids
from redrive.engine.contents import ContentStore
from redrive.engine.journal import Journal
from redrive.sdk.answering import Answered, Reply
from redrive.sdk.content import Content
from redrive.store import hooks as store
from redrive.store import runs as run_store
from redrive.store.committer import Transaction
from redrive.store.contents import INSERT_CONTENT, pin
from redrive.store.statements import row

BODY = -2
"""Position of a bucket that holds the body of an answer."""


class Answers:
    """Who waits in this process for the answer of which run. One per process."""

    def __init__(self) -> None:
        self._events: dict[int, set[asyncio.Event]] = {}

    def notify(self, run_id: int) -> None:
        for event in self._events.get(run_id, ()):
            event.set()

    @contextlib.contextmanager
    def waiting(self, run_id: int) -> Iterator[asyncio.Event]:
        """An event that is set when the run has answered."""
        event = asyncio.Event()
        held = self._events.setdefault(run_id, set())
        held.add(event)
        try:
            yield event
        finally:
            held.discard(event)
            if not held:
                self._events.pop(run_id, None)


async def answer(
    reply: Reply,
    *,
    journal: Journal,
    step: str,
    contents: ContentStore,
    ids: Ids,
    clock: Clock,
    answers: Answers,
) -> Answered:
    """Record an answer; durable when this returns. The first one of a run is the one."""
    run = journal.run
    if run.trigger != "callback" or run.source_run is not None:
        return "nobody"
    body = reply.content
    stored = await (contents.adopt(body) if isinstance(body, Content) else contents.put(body))
    bucket, payload_id, at = ids.next(), ids.next(), clock.micros()
    payload = PayloadRow(
        id=payload_id,
        bucket=bucket,
        position=0,
        digest=stored.digest,
        size_bytes=stored.size_bytes,
        items=None,
        media_type=reply.media_type,
    )
    headers = encode([[name, value] for name, value in reply.headers.items()])
    became: list[Answered] = []

    def work(transaction: Transaction) -> None:
        became.clear()
        known = store.answer(transaction, run.id)
        if known is not None:
            # A step that is done again after a crash has answered already, by itself.
            became.append("answered" if known.step == step else "before")
            return
        if stored.size_bytes:
            pin(transaction, stored.pins if stored.rows else (stored.digest,))
        for values in stored.rows:
            transaction.insert(INSERT_CONTENT, values)
        transaction.insert(run_store.INSERT_BUCKET, (bucket, run.id, BODY))
        transaction.insert(run_store.INSERT_PAYLOAD, row(payload))
        transaction.insert(store.PUT_ANSWER, (run.id, step, reply.status, headers, payload_id, at))
        became.append("answered")

    journal.work(work)
    await journal.barrier()
    answers.notify(run.id)
    return became[0]
