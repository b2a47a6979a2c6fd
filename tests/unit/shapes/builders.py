"""Payloads and checks that tests of shapes share."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from redrive.sdk import MemoryContent, Payload


def payload(data: bytes | str, **settings: Any) -> Payload:
    """A payload of exactly these bytes."""
    return Payload(MemoryContent(data.encode() if isinstance(data, str) else data), **settings)


def orders(count: int, *, size_bytes: int = 1_000) -> bytes:
    """A JSON list of orders of about this size each, with numbers that a float would spoil."""
    filling = "x" * max(0, size_bytes - 60)
    return (
        "["
        + ", ".join(
            f'{{"id": {number}, '
            f'"paid": {"true" if number % 2 else "false"}, "total": 19.90, "note": "{filling}"}}'
            for number in range(count)
        )
        + "]\n"
    ).encode()


def refusal(shape: type, **settings: Any) -> str:
    """The message that a shape refuses these settings with."""
    with pytest.raises(ValidationError) as caught:
        shape(**settings)
    return "; ".join(".".join([*map(str, error["loc"]), error["msg"]]) for error in caught.value.errors())
