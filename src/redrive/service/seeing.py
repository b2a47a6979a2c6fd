"""What of a payload who acts may see, and the line of the audit log that says that it was looked at."""

from __future__ import annotations

from redrive.core import formats
from redrive.core.run import PayloadRow
from redrive.errors import Forbidden
from redrive.sdk.payload import Payload
from redrive.service.kernel import Kernel
from redrive.service.veil import Veil, any_rules, veil
from redrive.store import payloads as store
from redrive.store.database import Rows
from redrive.store.runlog import names_of_runs


class Seeing:
    _kernel: Kernel

    async def _veil(self, payload: PayloadRow) -> Veil:
        """What of a payload who acts may see, by the rules of its flow."""
        if not await any_rules(self._kernel):
            return Veil(None)

        def flow(rows: Rows) -> str | None:
            place = store.place_of(rows, payload)
            if place is None or place.run_id == store.UPLOAD:
                return None
            return names_of_runs(rows, [place.run_id]).get(place.run_id, (None, 0))[0]

        return await veil(self._kernel, await self._kernel.deps.reader.run(flow))

    async def _unveiled(self, payload: PayloadRow, payload_id: str) -> None:
        """For what could be used to guess what is hidden. Errors: `auth.forbidden`."""
        if (await self._veil(payload)).mask is not None:
            raise Forbidden(
                f"masking rules hide parts of payload {payload_id}: searching, choosing and comparing by "
                "value would tell them",
                code="auth.forbidden",
                hint="It needs the right `reveal`. Choose items by their numbers.",
            )

    def _note(self, action: str, payload_id: str, over: Veil, **data: object) -> None:
        """A line of the audit log; where rules would hide something from others, it says so."""
        self._kernel.note(action, payload_id, {**data, "revealed": over.revealed})


class SeenItems:
    """Items of a payload as they may be seen. `prefix`: what stands before the rows of CSV, where known."""

    def __init__(self, over: Veil, media_type: str, items_path: str, prefix: bytes | None = None) -> None:
        self._over = over
        self._media_type = media_type
        self._items_path = items_path
        self._prefix = prefix

    async def begin(self, payload: Payload) -> None:
        """Once an item has been read: rows of CSV are told apart by the header before them."""
        if self._prefix is None:
            csv = self._over.mask is not None and formats.is_csv(self._media_type)
            self._prefix = (await payload.opening()).prefix if csv else b""

    def of(self, raw: bytes) -> bytes:
        if self._over.mask is None:
            return raw
        head = (self._prefix or b"") if formats.is_csv(self._media_type) else b""
        # An item that is the whole document has its own names from the top.
        shown = self._over.content(head + raw, self._media_type, self._items_path)
        return shown.removeprefix(head)
