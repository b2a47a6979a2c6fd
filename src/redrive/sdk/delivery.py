"""The delivery ledger as a connector sees it: decide, claim, send, settle.

Protocol of one request of a send step with a `key`:

1. `decision = await ledger.decide(payload, entries)`: which items the delivery policy leaves out,
   which are to be sent, which are unknown from an earlier attempt. Waits while another run holds
   a claim on one of the keys.
2. Render the request for `decision.send` alone. Nothing to send: no request.
3. `claim = await ledger.claim(decision, request)`: all keys together become `begun`, durably,
   with the stored request; None if the ledger changed meanwhile: go back to 1.
4. Send.
5. `claim.settle(answer, outcomes)`. It is committed together with the next `Out`, or with the
   error that the shape raises next; nothing of it is lost between the two.

Without a `key` on the step there are no entries: `claim` then only records the exchange.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Literal, Protocol

import msgspec

from redrive.sdk.content import Content
from redrive.sdk.exchange import Answer, Request
from redrive.sdk.payload import Payload

Outcome = Literal["delivered", "rejected", "unknown"]
Policy = Literal["send_changed", "skip_delivered", "send_all"]


class Entry(msgspec.Struct, frozen=True):
    """One item with its delivery key: its number in the payload and the BLAKE3 of its bytes."""

    key: str
    item: int
    digest: bytes


class LeftOut(msgspec.Struct, frozen=True):
    """An item that is not sent: `delivered` (key delivered in this lineage), `unchanged` (same
    bytes as last delivered), or `newer` (a later run delivered a newer version).
    """

    entry: Entry
    reason: Literal["delivered", "unchanged", "newer"]
    run: str
    at: datetime


class UnknownRequest(msgspec.Struct, frozen=True):
    """An earlier request of which nobody knows whether it was carried out.

    `entries` are the items of the present payload that it held; `keys` all keys in it; `request`
    the stored request with the very bytes that were sent.
    """

    exchange: str
    entries: tuple[Entry, ...]
    keys: tuple[str, ...]
    request: Request
    status: int | None = None
    """What it was answered, where an answer came that did not settle it."""


class Decision(msgspec.Struct, frozen=True):
    payload: Payload
    send: tuple[Entry, ...]
    left_out: tuple[LeftOut, ...] = ()
    unknown: tuple[UnknownRequest, ...] = ()


class Claim(Protocol):
    """A request that has been recorded as begun and may now leave."""

    @property
    def exchange(self) -> str: ...

    def settle(
        self,
        answer: Answer,
        outcomes: Outcome | Mapping[str, Outcome],
        *,
        reason: str | None = None,
    ) -> None:
        """Record the answer and the outcome of all keys, or of each by name."""


class Ledger(Protocol):
    @property
    def keyed(self) -> bool:
        """False where the step has no key: there is nothing to decide."""

    async def decide(self, payload: Payload, entries: Sequence[Entry]) -> Decision: ...

    async def claim(self, decision: Decision, request: Request) -> Claim | None: ...

    async def reclaim(self, unknown: UnknownRequest) -> Claim | None:
        """Take an unknown request over, to look it up or to send the same bytes again, alone.

        None if somebody else has resolved it meanwhile: decide again.
        """

    def idempotency_key(self, entries: Sequence[Entry], body: Content | None) -> str:
        """Made from delivery identities and body hash, never from run id or attempt."""
