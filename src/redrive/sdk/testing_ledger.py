"""The ledger of the test kit, in memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from redrive.sdk.content import Content
from redrive.sdk.delivery import Decision, Entry, Outcome, UnknownRequest
from redrive.sdk.exchange import Answer, Request
from redrive.sdk.payload import Payload


class MemoryClaim:
    """A request begun; `settled` holds its answer and outcomes, or None while it is under way."""

    def __init__(self, decision: Decision, request: Request, exchange: str) -> None:
        self.decision = decision
        self.request = request
        self.exchange = exchange
        self.settled: tuple[Answer, Outcome | Mapping[str, Outcome], str | None] | None = None

    def settle(
        self,
        answer: Answer,
        outcomes: Outcome | Mapping[str, Outcome],
        *,
        reason: str | None = None,
    ) -> None:
        if self.settled is not None:
            raise RuntimeError(f"exchange {self.exchange} is settled already")
        self.settled = (answer, outcomes, reason)


class MemoryLedger:
    """A ledger that has seen nothing: every item is sent. `claims` keeps what was begun."""

    def __init__(self, *, keyed: bool = False) -> None:
        self.keyed = keyed
        self.claims: list[MemoryClaim] = []

    async def decide(self, payload: Payload, entries: Sequence[Entry]) -> Decision:
        return Decision(payload, tuple(entries))

    async def claim(self, decision: Decision, request: Request) -> MemoryClaim:
        claim = MemoryClaim(decision, request, f"exchange-{len(self.claims)}")
        self.claims.append(claim)
        return claim

    async def reclaim(self, unknown: UnknownRequest) -> None:
        """Nothing is ever unknown here."""

    def idempotency_key(self, entries: Sequence[Entry], body: Content | None) -> str:
        digest = body.digest.hex() if body is not None else ""
        return f"{'+'.join(entry.key for entry in entries)}:{digest[:16]}"
