"""Answers that come from a record instead of from another system: tests and replays of flows."""

from __future__ import annotations

from collections.abc import AsyncIterable, Sequence
from typing import Literal, Protocol

import msgspec

from redrive.sdk.exchange import Request

PlayedFailure = Literal["unsent", "timeout", "cut"]
"""Why there was no whole answer: the request never left, the time ran out, the connection was cut."""


class Played(msgspec.Struct, kw_only=True):
    """One recorded answer. `body` is None where there was none; with `failure` it is what had arrived."""

    status: int | None = None
    headers: Sequence[tuple[str, str]] = ()
    body: AsyncIterable[bytes] | None = None
    failure: PlayedFailure | None = None


class Playback(Protocol):
    """Stands in for the network. A connection that has one sends nothing: it asks here."""

    async def answer(self, step: str, request: Request) -> Played:
        """The recorded answer to a request of a step, as it would be recorded (secrets masked).

        Errors: `exchange.unmatched`, which stops the step.
        """
