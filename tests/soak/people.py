"""What people do during a soak: each batch of orders is seen to by somebody until it is through."""

from __future__ import annotations

import asyncio
from collections import Counter
from random import Random

from redrive.client.http import HttpClient
from redrive.core.run import ENDED
from redrive.errors import RedriveError
from redrive.service.views import RedriveRequest, RetryRequest, RunRow, RunView, StartRequest
from tests.soak.life import Life, Violation
from tests.soak.system import FLOWS, System

END_S = 300.0
"""A run that has not ended after so long, deaths of the server included, never will."""
PAUSE_S = 1.0
"""The most that a person rests after a batch: a load that a shared machine bears."""
MOST_RETRIES = 40
SETTLED = frozenset({"success", "partial_success"})


class People:
    def __init__(self, life: Life, system: System, seed: int) -> None:
        self._life = life
        self._system = system
        self._chance = Random(seed)
        self.ending = asyncio.Event()
        self.did: Counter[str] = Counter()
        self.batches = 0
        self.waiting: dict[str, float] = {}
        """The runs that somebody waits for, since when."""
        self._through: list[str] = []

    async def work(self) -> None:
        """One person's day: batch after batch."""
        while not self.ending.is_set():
            self.batches += 1
            await self._see_through(self.batches)
            await asyncio.sleep(self._chance.random() * PAUSE_S)
            for what in (self._redrive, self._look):
                if self._through and self._chance.random() < 0.3:
                    await what(self._chance.choice(self._through[-40:]))

    async def _see_through(self, batch: int) -> None:
        flow = self._chance.choice(sorted(FLOWS))
        request = StartRequest(variables={"batch": str(batch)})
        key = f"batch-{batch}"
        row = await self._life.call(lambda c: c.runs.start(flow, request, idempotency_key=key))
        self.did["start"] += 1
        stopped = self._chance.random() < 0.15
        history: list[RunView] = []
        for number in range(MOST_RETRIES):
            if stopped and number == 0:
                await asyncio.sleep(self._chance.random())
                await self._stop(row)
            run = await self._end_of(row.id)
            history.append(run)
            if run.status in SETTLED and self._settled(run):
                await self._send_what_was_caught(batch, history)
                self._missing(batch, run)
                self._through.append(run.id)
                return
            await self._answer_doubts(run)
            began = any(step.status != "pending" for step in run.steps)
            again = RetryRequest(from_="failed" if began else "start", confirm=True)
            name, source = f"{key}-{number}", run.id
            row = await self._life.call(
                lambda c, s=source, a=again, n=name: c.redrives.retry(s, a, idempotency_key=n)
            )
            self.did["retry"] += 1
        raise Violation(f"batch {batch} is not through after {MOST_RETRIES} retries; see {row.id}")

    def _settled(self, run: RunView) -> bool:
        """Partial success is the best that a tree can have; unless what was caught was in a send."""
        if run.status == "success":
            return True
        return all(step.failed_payloads == [] for step in run.steps if step.step == "send")

    async def _send_what_was_caught(self, batch: int, history: list[RunView]) -> None:
        """A run that was stopped in `catch` is retried there: what its send had failed at stays its own."""
        for run in history:
            failed = any(step.failed_payloads for step in run.steps if step.step == "send")
            for _ in range(MOST_RETRIES):
                if not failed or all(self._system.booked[number] for number in System.paid(batch)):
                    break
                request = RedriveRequest(at="send", items="failed", confirm=True)
                row = await self._life.call(lambda c, r=run.id, q=request: c.redrives.redrive(r, q))
                await self._answer_doubts(await self._end_of(row.id))
                self.did["redrive of what was caught"] += 1

    async def _end_of(self, run: str) -> RunView:
        loop = asyncio.get_running_loop()
        self.waiting[run] = loop.time()
        while True:
            row = await self._life.call(lambda c: c.runs.wait(run, 5.0))
            if row.status in ENDED:
                break
            if loop.time() - self.waiting[run] > END_S:
                raise Violation(f"{run} is {row.status} after {END_S:.0f} s")
        del self.waiting[run]
        return await self._life.call(lambda c: c.runs.get(run))

    async def _stop(self, row: RunRow) -> None:
        force = self._chance.random() < 0.3
        self.did["stop"] += 1
        await self._tolerant(lambda c: c.runs.stop(row.id, force))

    async def _answer_doubts(self, run: RunView) -> None:
        """Ask the receiver about each delivery of the run that is in doubt, and say what it says."""
        while True:
            page = await self._life.call(lambda c: c.ledger.list(status="unknown", limit=100))
            mine = [one for one in page.items if one.run == run.id]
            if not mine:
                return
            for one in mine:
                sent = bool(self._system.booked[int(one.key)])
                await self._tolerant(
                    lambda c, i=one.id, s=sent: c.ledger.resolve(i, sent=s, reason="the receiver was asked")
                )
                self.did["resolve"] += 1

    async def _redrive(self, run: str) -> None:
        """Again what was through: nothing of it may arrive a second time."""
        step, after = self._chance.choice(
            [("pull", True), ("paid", False), ("send", False), ("batch", False)]
        )
        request = RedriveRequest(confirm=True, **{"after" if after else "at": step})
        row = await self._tolerant(lambda c: c.redrives.redrive(run, request))
        if isinstance(row, RunRow):
            self.did["redrive"] += 1
            await self._answer_doubts(await self._end_of(row.id))

    async def _look(self, run: str) -> None:
        """Read what a step put out, byte for byte, and find an order."""

        async def read(client: HttpClient) -> int:
            page = await client.runs.payloads(run, "pull", "out")
            size = 0
            for payload in page.items:
                size += len(b"".join([part async for part in client.payloads.stream(payload.id)]))
                if size == 0:
                    raise Violation(f"payload {payload.id} is empty")
            await client.runs.list(limit=50)
            await client.search.find(str(self._chance.choice(list(self._system.booked) or [1])))
            return size

        await self._tolerant(read)
        self.did["look"] += 1

    async def _tolerant(self, do: object) -> object:
        """Ask; a no that a person may get (ended already, expired, no such step) is an answer."""
        try:
            return await self._life.call(do)  # type: ignore[arg-type]
        except RedriveError as error:
            if error.exit_code > 2:
                raise
            self.did[f"refused: {error.code}"] += 1
            return None

    def _missing(self, batch: int, run: RunView) -> None:
        booked = self._system.booked
        if missing := [number for number in System.paid(batch) if not booked[number]]:
            raise Violation(f"{run.id} is a {run.status}, and {missing} never arrived")
