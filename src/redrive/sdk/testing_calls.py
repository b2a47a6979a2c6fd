"""What the test kit notes of flows that a step calls, and of those whom it tells."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import msgspec

from redrive.errors import StepError
from redrive.sdk.calling import Called, Level
from redrive.sdk.payload import Payload

CalledFlow: TypeAlias = "Sequence[Any] | Callable[[list[Any]], Sequence[Any]] | StepError"
"""What a called flow does in a test."""


@dataclass(frozen=True)
class Call:
    """A flow that was started: with these documents and variables."""

    flow: str
    given: list[Any]
    variables: dict[str, Any]
    wait: bool


@dataclass(frozen=True)
class Notice:
    """What notification groups were told."""

    level: Level
    message: str
    groups: tuple[str, ...]


class MemoryCalled(Called):
    """A called run in a test: what it put out."""

    payloads: list[Payload] = msgspec.field(default_factory=list)
