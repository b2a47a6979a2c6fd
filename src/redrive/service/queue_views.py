"""What the queue shows: what waits and why, what is paused, which targets are down."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import ConfigDict, Field

from redrive.core.admission import Kind
from redrive.core.flow import Priority
from redrive.service.views import View

PauseKind = Literal["all", "flow", "connection"]


class QueueItem(View):
    """A run that waits. `reason` tells why in words, `kind` for programs."""

    position: int
    """Its place in the order in which runs start; 1 goes first."""
    run: str
    flow: str
    priority: str
    queued_at: datetime
    reason: str
    kind: Kind
    waits_for: str | None = None
    """The run that it waits for."""
    connection: str | None = None
    until: datetime | None = None
    """When it may go on by itself."""


class MoveRequest(View):
    """Another place in the queue: another priority, or before all that waits."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    priority: Priority | None = None
    front: bool = False


class PauseRequest(View):
    """What to pause; `name` of a flow or connection."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: PauseKind
    name: str = Field("", max_length=300)
    reason: str = Field("", max_length=2000)


class PauseView(View):
    kind: PauseKind
    name: str
    reason: str
    actor: str
    at: datetime


class CircuitView(View):
    """A connection whose target is down: nothing goes to it but one try at `until`."""

    connection: str
    opened_at: datetime
    until: datetime
    failures: int
    error: str
    trying: bool
    """Whether one request is trying it just now."""
