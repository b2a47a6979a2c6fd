"""The delivery ledger of one send step: decides, claims and settles by `redrive.sdk.delivery`.

A claim is committed before its request leaves; an outcome is committed with whatever the step
records next. What the step leaves without an outcome, by a crash of the shape or a forced stop,
is `unknown`: nobody may take it for unsent.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from blake3 import blake3

from redrive.core.delivery import LEFT_OUT, Asker, Known, judge
from redrive.core.ids import from_text, to_text
from redrive.core.jsonvalue import decode
from redrive.core.run import StepRun
from redrive.engine.claiming import Claiming
from redrive.engine.clock import Clock, Ids, instant
from redrive.engine.contents import ContentStore, StoredContent
from redrive.engine.exchanges import answer_json, exchange_row
from redrive.engine.failpoints import failpoints
from redrive.engine.journal import Journal
from redrive.engine.target import Counted, LedgerSignal, Target
from redrive.sdk.content import Content
from redrive.sdk.delivery import Decision, Entry, LeftOut, Outcome, UnknownRequest
from redrive.sdk.exchange import Answer, Request
from redrive.sdk.payload import Payload
from redrive.store import ledger as store
from redrive.store import runs as run_store
from redrive.store.committer import Transaction
from redrive.store.database import Reader, Rows

# Decided on the event loop's own thread up to so many keys; a hop to a thread costs as much.
MAX_HERE = 500
MAX_DETAILS = 100


class StepLedger:
    """Implements `redrive.sdk.delivery.Ledger` for one step of one execution."""

    def __init__(
        self,
        *,
        target: Target,
        asker: Asker,
        step: StepRun,
        journal: Journal,
        reader: Reader,
        contents: ContentStore,
        ids: Ids,
        clock: Clock,
        signal: LedgerSignal,
        counted: Counted | None,
        resumed: bool,
        wait: Callable[[asyncio.Event], Awaitable[None]],
        under_way: set[int],
    ) -> None:
        self._target = target
        self._asker = asker
        self._step = step
        self._journal = journal
        self._reader = reader
        self._contents = contents
        self._ids = ids
        self._clock = clock
        self._signal = signal
        self._counted = counted
        self._resumed = resumed
        self._wait = wait
        # Requests of this very run, also of steps in paths that run beside this one.
        self._under_way = under_way
        self._payload: Payload | None = None
        self.attempt = 1
        self._open: list[StepClaim] = []
        self._left_out: dict[int, LeftOut] = {}
        self._untold: dict[int, Entry] = {}
        self._outcomes: dict[int, str] = {}
        # Items that an earlier request left in doubt, and that nobody has settled since.
        self._doubtful: dict[int, Entry] = {}
        self._recounted = not resumed or counted is not None

    @property
    def keyed(self) -> bool:
        return self._target.keyed

    # ---- deciding

    async def decide(self, payload: Payload, entries: Sequence[Entry]) -> Decision:
        self._payload = payload
        if not self.keyed:
            return Decision(payload, (), (), await self._interrupted(payload))
        if not self._recounted:
            await self._recount(payload)
        event: asyncio.Event | None = None
        while True:
            verdicts, own_open = await self._judge(entries)
            # What ends from now on may be open still where it is looked up.
            under_way = set(self._under_way) if own_open else self._under_way
            if own_open:  # an outcome of ours is still on its way to the disk
                await self._journal.barrier()
                verdicts, _ = await self._judge(entries)
                under_way |= self._under_way
            if self._counted is not None or not any(self._busy(*one, under_way) for one in verdicts):
                break
            if event is not None:
                await self._wait(event)
            event = self._signal.waiter()  # before the next look, so that no end is missed
        return await self._decision(payload, entries, verdicts)

    def _busy(self, verdict: str, known: Known | None, under_way: set[int]) -> bool:
        """Whether somebody is sending it right now: another run, or another path of this one."""
        return verdict == "busy" or (
            known is not None
            and known.status == "begun"
            and known.run_id == self._asker.run_id
            and known.exchange_id in under_way
        )

    async def _recount(self, payload: Payload) -> None:
        """Outcomes are committed per request, and those of a dead execution by whoever took over:
        the counts of the step are made again from them.
        """
        rows = await self._reader.run(
            lambda rows: rows.all(
                run_store.OUTCOMES_OF_STEP, run_id=self._asker.run_id, position=self._step.position
            )
        )
        latest = {(payload_id, item): status for payload_id, item, status in rows if item >= 0}
        counts = Counter(latest.values())
        for status in ("delivered", "skipped", "rejected", "unknown"):
            setattr(self._step, status, counts[status])
        here = from_text("p", payload.id) or 0
        self._outcomes = {item: status for (one, item), status in latest.items() if one == here}
        self._doubtful.clear()
        self._recounted = True

    async def _judge(self, entries: Sequence[Entry]) -> tuple[list[tuple[str, Known | None]], bool]:
        def read(rows: Rows) -> tuple[list[tuple[str, Known | None]], bool]:
            target_id, secret = self._place(rows)
            found: dict[str, Known] = {}
            if target_id is not None:
                found = store.known(rows, target_id, [entry.key for entry in entries], secret)
            asker, own_open = self._asker, False
            verdicts: list[tuple[str, Known | None]] = []
            for entry in entries:
                known = found.get(entry.key)
                verdicts.append((judge(known, entry.digest, asker), known))
                own_open = own_open or (
                    known is not None
                    and known.status == "begun"
                    and (known.run_id, known.epoch) == (asker.run_id, asker.epoch)
                )
            return verdicts, own_open

        if len(entries) <= MAX_HERE:
            return self._reader.look(read)  # what has changed meanwhile shows when it is claimed
        return await self._reader.run(read)

    def _place(self, source: Rows | Transaction) -> tuple[int | None, bytes | None]:
        target = self._target
        return store.place(source, target.ledger, target.connection, target.endpoint)

    async def _decision(
        self,
        payload: Payload,
        entries: Sequence[Entry],
        verdicts: Sequence[tuple[str, Known | None]],
    ) -> Decision:
        send: list[Entry] = []
        left_out: list[LeftOut] = []
        unknown: dict[int, list[Entry]] = {}
        changed = 0
        for entry, (verdict, known) in zip(entries, verdicts, strict=True):
            self._untold[entry.item] = entry
            self._doubtful.pop(entry.item, None)
            if known is not None and verdict in LEFT_OUT:
                reason: Any = verdict
                left = LeftOut(
                    entry,
                    reason,
                    to_text("r", known.delivered_run or 0),
                    instant(known.delivered_at or 0),
                )
                left_out.append(left)
                self._left_out[entry.item] = left
            elif verdict == "unknown" and known is not None:
                unknown.setdefault(known.exchange_id or 0, []).append(entry)
                self._doubtful[entry.item] = entry
            else:
                send.append(entry)
                changed += verdict == "changed"
        if self._counted is not None:
            self._count(send, left_out, changed, sum(map(len, unknown.values())))
            return Decision(payload, tuple(send), tuple(left_out), ())
        requests = [await self._unknown(number, held) for number, held in unknown.items()]
        return Decision(payload, tuple(send), tuple(left_out), tuple(requests))

    def _count(self, send: Sequence[Entry], left_out: Sequence[LeftOut], changed: int, unknown: int) -> None:
        counted = self._counted
        assert counted is not None
        counted.to_send += len(send)
        counted.changed += changed
        counted.unknown += unknown
        for left in left_out:
            if left.reason == "newer":
                counted.newer += 1
            else:
                counted.delivered += 1
            if len(counted.details) < MAX_DETAILS:
                counted.details.append(
                    {"key": left.entry.key, "reason": left.reason, "run": left.run, "at": left.at}
                )

    async def _unknown(self, exchange_id: int, entries: list[Entry]) -> UnknownRequest:
        def read(rows: Rows) -> tuple[Any, list[str]]:
            request = rows.one(run_store.EXCHANGE_REQUEST, exchange_id=exchange_id)
            keys = [row[1] for row in rows.all(store.OF_EXCHANGE, exchange_id=exchange_id)]
            return request, keys

        found, keys = await self._reader.run(read)
        request = self._request(*found[:3]) if found else Request(method="", url="")
        status = found[3] if found else None
        return UnknownRequest(to_text("x", exchange_id), tuple(entries), tuple(keys), request, status)

    async def _interrupted(self, payload: Payload) -> tuple[UnknownRequest, ...]:
        """Requests of a step without a key that left before a crash and were never answered."""
        payload_id = from_text("p", payload.id) if payload.id else 0
        if not self._resumed or self._counted is not None:
            return ()
        found = await self._reader.run(
            lambda rows: rows.all(
                run_store.INTERRUPTED,
                run_id=self._asker.run_id,
                position=self._step.position,
                payload_id=payload_id,
            )
        )
        return tuple(
            UnknownRequest(to_text("x", exchange_id), (), (), self._request(request, body, size))
            for exchange_id, request, body, size in found
        )

    def _request(self, packed: bytes, body: bytes | None, size: int) -> Request:
        head = decode(packed)
        return Request(
            method=head["method"],
            url=head["url"],
            headers=[tuple(pair) for pair in head["headers"]],
            idempotency_key=head.get("idempotency_key"),
            part=head.get("part", 0),
            body=self._contents.known(body, size) if body is not None else None,
        )

    # ---- claiming

    async def claim(self, decision: Decision, request: Request) -> StepClaim | None:
        claiming = await self._claiming(decision.payload, request)
        by_key = {entry.key: entry for entry in decision.send}
        failpoints.hit("claim.before")
        self._journal.work(lambda tx: claiming.begin(tx, *self._ensured(tx), by_key))
        await self._journal.barrier()
        failpoints.hit("claim.after")
        return self._opened(claiming, decision.send)

    async def reclaim(self, unknown: UnknownRequest) -> StepClaim | None:
        payload = self._payload
        old_id = from_text("x", unknown.exchange)
        if payload is None or old_id is None:
            return None
        claiming = await self._claiming(payload, unknown.request)
        self._journal.work(lambda tx: claiming.take_over(tx, old_id, unknown))
        await self._journal.barrier()
        return self._opened(claiming, unknown.entries)

    def idempotency_key(self, entries: Sequence[Entry], body: Content | None) -> str:
        target = self._target
        hasher = blake3()
        for part in (target.ledger, target.connection, target.endpoint, *sorted(e.key for e in entries)):
            encoded = part.encode()
            hasher.update(len(encoded).to_bytes(4, "big") + encoded)
        hasher.update(body.digest if body is not None else b"")
        return hasher.hexdigest(16)

    def _ensured(self, transaction: Transaction) -> tuple[int, bytes | None]:
        """The target, a new one where there is none, and the secret of erased keys."""
        found, secret = self._place(transaction)
        if found is None:
            found = self._ids.next()
            target = self._target
            transaction.insert(
                store.INSERT_TARGET,
                (found, target.ledger, target.connection, target.endpoint, target.key_field),
            )
        return found, secret

    async def _claiming(self, payload: Payload, request: Request) -> Claiming:
        body = await self._contents.adopt(request.body) if request.body is not None else None
        if body is not None:
            self._journal.content(body)
        exchange_id, at = self._ids.next(), self._clock.micros()
        row = exchange_row(
            exchange_id=exchange_id,
            run_id=self._asker.run_id,
            position=self._step.position,
            payload=payload,
            attempt=self.attempt,
            request=request,
            body=body,
            at=at,
        )
        self._under_way.add(exchange_id)  # before anybody can read its claim
        return Claiming(
            asker=self._asker,
            position=self._step.position,
            exchange_id=exchange_id,
            exchange=row,
            payload_id=from_text("p", payload.id) or 0,
            at=at,
            ids=self._ids,
        )

    def _opened(self, claiming: Claiming, entries: Sequence[Entry]) -> StepClaim | None:
        if not claiming.done:
            self._under_way.discard(claiming.exchange_id)
            return None
        claim = StepClaim(self, claiming.exchange_id, claiming.claimed, entries, claiming.payload_id)
        self._open.append(claim)
        return claim

    # ---- settling

    def settled(
        self,
        claim: StepClaim,
        answer: Answer,
        outcomes: Outcome | Mapping[str, Outcome],
        reason: str | None,
    ) -> None:
        failpoints.hit("send.after")
        self._open.remove(claim)
        self._under_way.discard(claim.number)
        body = answer.body
        stored = body if isinstance(body, StoredContent) else None
        if stored is not None:
            self._journal.content(stored)
        at = self._clock.micros()
        run_id = self._asker.run_id
        position = self._step.position
        items: dict[str, Entry] = {entry.key: entry for entry in claim.entries}
        ended: dict[int, str] = {}
        events: list[tuple[int, int, int]] = []
        numbers = self._ids.block(len(claim.deliveries))
        for number, (key, delivery_id) in zip(numbers, claim.deliveries.items(), strict=True):
            ended[delivery_id] = outcomes if isinstance(outcomes, str) else outcomes.get(key, "unknown")
            entry = items.get(key)
            events.append((delivery_id, entry.item if entry else -1, number))
        for entry in claim.entries:
            status = outcomes if isinstance(outcomes, str) else outcomes.get(entry.key, "unknown")
            self._tally(entry.item, status, self._outcomes)
            self._untold.pop(entry.item, None)
            self._doubtful.pop(entry.item, None)
        notify = self._signal.notify

        def work(transaction: Transaction) -> None:
            transaction.run(
                run_store.ANSWER_EXCHANGE,
                exchange_id=claim.number,
                b_status=answer.status,
                b_response=answer_json(answer, reason),
                b_response_body=stored.digest if stored else None,
                b_response_bytes=stored.size_bytes if stored else 0,
                b_duration_us=int(answer.duration_ms * 1000),
            )
            settled = store.settle(transaction, claim.number, ended, run_id, at)
            for delivery_id, item, sequence in events:
                if delivery_id in settled:
                    transaction.insert(
                        store.INSERT_EVENT,
                        (delivery_id, run_id, position, claim.payload_id, item, sequence,
                         ended[delivery_id], reason, at),
                    )  # fmt: skip
            transaction.after_commit.append(notify)

        self._journal.work(work)
        failpoints.hit("settle.after")

    def _tally(self, item: int, status: str, outcomes: dict[int, str]) -> None:
        """Each item of a payload counts once, by its latest outcome."""
        step = self._step
        if before := outcomes.get(item):
            setattr(step, before, getattr(step, before) - 1)
        outcomes[item] = status
        setattr(step, status, getattr(step, status) + 1)

    def abandon(self, why: str) -> None:
        """Claims that the shape left open: nobody knows."""
        for claim in list(self._open):
            claim.settle(Answer(error=why), "unknown")

    def finish(self, key_field: str | None) -> None:
        """One input payload is done, one way or the other: record the items that were left out or
        are still in doubt, and make those findable that got no outcome.
        """
        payload = self._payload
        self._payload = None
        left_out, self._left_out = self._left_out, {}
        untold, self._untold = self._untold, {}
        doubtful, self._doubtful = self._doubtful, {}
        outcomes, self._outcomes = self._outcomes, {}
        if payload is None or self._counted is not None:
            return
        payload_id = from_text("p", payload.id) or 0
        # Not what this very run delivered before it was interrupted.
        ended = [
            (left.entry, "skipped", str(left.reason))
            for item, left in left_out.items()
            if outcomes.get(item) != "delivered"
        ]
        ended += [(entry, "unknown", "an earlier request may have arrived") for entry in doubtful.values()]
        for entry, status, _ in ended:
            self._tally(entry.item, status, outcomes)
        for item, entry in untold.items():
            if item not in left_out and item not in doubtful:
                self._journal.add(
                    run_store.INSERT_TRACKED,
                    (
                        entry.key,
                        key_field or "key",
                        self._asker.run_id,
                        self._step.position,
                        payload_id,
                        item,
                    ),
                )
        if ended:
            self._record(payload_id, ended)

    def _record(self, payload_id: int, ended: Sequence[tuple[Entry, str, str]]) -> None:
        """Events of items that no request of this step held."""
        run_id, position = self._asker.run_id, self._step.position
        at = self._clock.micros()
        numbered = [(self._ids.next(), *one) for one in ended]

        def work(transaction: Transaction) -> None:
            target_id, secret = self._ensured(transaction)
            found = store.known(transaction, target_id, [entry.key for _, entry, *_ in numbered], secret)
            for sequence, entry, status, reason in numbered:
                known = found.get(entry.key)
                if known is not None:
                    transaction.insert(
                        store.INSERT_EVENT,
                        (known.id, run_id, position, payload_id, entry.item, sequence, status,
                         reason, at),
                    )  # fmt: skip

        self._journal.work(work)


class StepClaim:
    """Implements `redrive.sdk.delivery.Claim`."""

    __slots__ = ("_ledger", "deliveries", "entries", "number", "payload_id")

    def __init__(
        self,
        ledger: StepLedger,
        number: int,
        deliveries: dict[str, int],
        entries: Sequence[Entry],
        payload_id: int,
    ) -> None:
        self._ledger = ledger
        self.number = number
        self.deliveries = deliveries
        self.entries = entries
        self.payload_id = payload_id

    @property
    def exchange(self) -> str:
        return to_text("x", self.number)

    def settle(
        self,
        answer: Answer,
        outcomes: Outcome | Mapping[str, Outcome],
        *,
        reason: str | None = None,
    ) -> None:
        self._ledger.settled(self, answer, outcomes, reason)
