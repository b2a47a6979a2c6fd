"""A delivery ledger and a step log in memory, for `redrive.sdk.testing`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from redrive.sdk.content import Content
from redrive.sdk.delivery import Decision, Entry, Outcome, UnknownRequest
from redrive.sdk.exchange import Answer, Request
from redrive.sdk.payload import Payload


@dataclass(frozen=True)
class LogLine:
    level: Literal["info", "warning", "error"]
    message: str
    data: Mapping[str, Any] = field(default_factory=dict)


class MemoryLog:
    """The lines of a step, in order."""

    def __init__(self) -> None:
        self.lines: list[LogLine] = []

    def info(self, message: str, **data: Any) -> None:
        self.lines.append(LogLine("info", message, data))

    def warning(self, message: str, **data: Any) -> None:
        self.lines.append(LogLine("warning", message, data))

    def error(self, message: str, **data: Any) -> None:
        self.lines.append(LogLine("error", message, data))


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
