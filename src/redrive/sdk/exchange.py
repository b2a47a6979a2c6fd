"""One request to another system and its answer, as the run log keeps them."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from redrive.sdk.content import Content


class Request(msgspec.Struct, kw_only=True):
    """A request as it is recorded, secrets masked already. `body` is exactly what is sent."""

    method: str
    url: str
    headers: Sequence[tuple[str, str]] = ()
    body: Content | None = None
    idempotency_key: str | None = None
    part: int = 0
    """Which of several requests in sequence it is; a later one follows an earlier one that succeeded."""


class Answer(msgspec.Struct, kw_only=True):
    """How it ended: a status with headers and body, or `error` (a sentence) where none came.

    `body` of a cut answer is what had arrived. `duration_ms` is measured on the wall clock.
    """

    status: int | None = None
    headers: Sequence[tuple[str, str]] = ()
    body: Content | None = None
    error: str | None = None
    duration_ms: float = 0.0
