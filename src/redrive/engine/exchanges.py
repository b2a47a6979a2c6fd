"""Exchanges as rows: one request and its answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from redrive.core.ids import from_text
from redrive.core.jsonvalue import encode
from redrive.engine.contents import StoredContent
from redrive.sdk.exchange import Answer, Request
from redrive.sdk.payload import Payload


def exchange_row(
    *,
    exchange_id: int,
    run_id: int,
    position: int,
    payload: Payload | None,
    attempt: int,
    request: Request,
    body: StoredContent | None,
    at: int,
) -> tuple[Any, ...]:
    """A row of `exchanges` that has no answer yet."""
    head: dict[str, Any] = {
        "method": request.method,
        "url": request.url,
        "headers": _pairs(request.headers),
    }
    if request.idempotency_key is not None:
        head["idempotency_key"] = request.idempotency_key
    if request.part:
        head["part"] = request.part
    payload_id = from_text("p", payload.id) if payload is not None and payload.id else 0
    return (
        exchange_id, run_id, position, payload_id, attempt, encode(head),
        body.digest if body else None, body.size_bytes if body else 0,
        None, None, None, 0, at, None,
    )  # fmt: skip


def answer_json(answer: Answer, reason: str | None = None) -> bytes:
    """Head of an answer as the store keeps it."""
    head: dict[str, Any] = {"headers": _pairs(answer.headers)}
    if answer.error is not None:
        head["error"] = answer.error
    if reason is not None:
        head["reason"] = reason
    return encode(head)


def _pairs(headers: Sequence[tuple[str, str]]) -> list[list[str]]:
    # HTTP libraries give subclasses of str, which the encoder does not take.
    return [[str(name), str(value)] for name, value in headers]
