"""Answering whoever waits for a run: the port behind the shape `callback`."""

from __future__ import annotations

from collections.abc import AsyncIterable, Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from redrive.sdk.content import Content

Answered: TypeAlias = Literal["answered", "before", "nobody"]
"""What became of an answer: it is the one; another step had answered before; nobody waits for this run."""


@dataclass(frozen=True)
class Reply:
    """An answer to a caller. `content` is its body, in memory, as a stream, or stored already."""

    content: bytes | Content | AsyncIterable[bytes]
    status: int = 200
    media_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)
