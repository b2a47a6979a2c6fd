"""A call of a hook as the service sees it, and what it answers: no web framework in between."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping

import msgspec


class HookCall(msgspec.Struct):
    """`parts`: the address behind /hooks/, decoded; `headers` with names in lower case; `chunks` gives the
    body once.
    """

    method: str
    parts: tuple[str, ...]
    query: str
    headers: Mapping[str, str]
    chunks: Callable[[], AsyncIterator[bytes]]

    @property
    def announced_bytes(self) -> int | None:
        """The size of the body, where the caller says it before."""
        length = self.headers.get("content-length", "")
        return int(length) if length.isdigit() and len(length) < 20 else None


class HookAnswer(msgspec.Struct):
    """What the caller gets."""

    status: int
    body: bytes | AsyncIterator[bytes]
    media_type: str
    headers: tuple[tuple[str, str], ...] = ()
