"""Counts in messages: `1 payload`, `2 payloads`."""

from __future__ import annotations

_MANY = {"entry": "entries", "retry": "retries", "body": "bodies"}


def counted(count: int, noun: str, many: str | None = None) -> str:
    """A count with its noun in the right number; `many` where the plural is not formed by an s."""
    return f"{count} {noun if count == 1 else many or _MANY.get(noun, noun + 's')}"


def is_or_are(count: int) -> str:
    """The verb that goes with a count."""
    return "is" if count == 1 else "are"
