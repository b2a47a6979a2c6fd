"""Items of a payload as they may be seen by who acts."""

from __future__ import annotations

from redrive.core import formats
from redrive.sdk.payload import Payload
from redrive.service.veil import Veil


class MaskedItems:
    """Each item with what the rules hide replaced."""

    def __init__(self, over: Veil, payload: Payload) -> None:
        self._over = over
        self._payload = payload
        self._prefix: bytes | None = None

    async def begin(self) -> None:
        """Once an item has been read: rows of CSV are told apart by the header before them."""
        if self._prefix is None:
            csv = self._over.mask is not None and formats.is_csv(self._payload.media_type)
            self._prefix = (await self._payload.opening()).prefix if csv else b""

    def of(self, raw: bytes) -> bytes:
        if self._over.mask is None:
            return raw
        # An item that is the whole document has its own names from the top.
        path = self._payload.items_path
        return masked(self._over, self._payload.media_type, path, self._prefix or b"", raw)


def masked(over: Veil, media_type: str, items_path: str, head: bytes, raw: bytes) -> bytes:
    """One item; `head`: the header of a CSV document, by which its fields are known."""
    if over.mask is None:
        return raw
    return over.content(head + raw, media_type, items_path).removeprefix(head)
