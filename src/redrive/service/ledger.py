"""The delivery ledger as people see it, and their word on what nobody else can know."""

from __future__ import annotations

from typing import cast, get_args

from redrive.core.ids import to_text
from redrive.core.nearest import nearest
from redrive.engine.clock import instant
from redrive.errors import StateConflict, UsageError
from redrive.service import veiled
from redrive.service.cursors import cursor_of, page, page_size, place_of, storable
from redrive.service.kernel import Kernel, number_of, unknown
from redrive.service.views import DeliveryEvent, DeliveryStatus, DeliveryView, Page
from redrive.store import deliveries as store
from redrive.store import ledger as ledger_store
from redrive.store.committer import Transaction
from redrive.store.database import Rows

HISTORY = 200
"""Events of a delivery that are shown; the newest."""

STATUSES: tuple[str, ...] = get_args(DeliveryStatus)


class DeliveryLedger:
    """Implements `redrive.service.interface.Ledger`."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel

    async def list(
        self,
        *,
        status: str | None = None,
        key: str | None = None,
        limit: int = 50,
        cursor: str | None = None,
    ) -> Page[DeliveryView]:
        """Deliveries, the newest identity first. Errors: `status.unknown`, `cursor.invalid`."""
        size = page_size(limit)
        before = place_of(cursor, int)
        if status is not None and status not in STATUSES:
            near = nearest(status, list(STATUSES))
            raise UsageError(
                f"{status!r} is not the status of a delivery",
                code="status.unknown",
                at="status",
                hint=f"Did you mean {near!r}?" if near else f"One of {', '.join(STATUSES)}.",
            )
        if not storable(key):
            return Page(items=[])

        hidden = await veiled.keys(self._kernel)

        def read(rows: Rows) -> Page[DeliveryView]:
            found = store.deliveries_page(rows, status, key, before[0] if before else None, size + 1)
            shown = page(found, size, lambda row: _view(rows, row, hidden), lambda row: cursor_of(row.id))
            if key is None:
                return shown
            # Asked for by its key, a delivery whose key is hidden is not there: no guess is confirmed.
            items = [one for one in shown.items if one.key == key]
            return shown.model_copy(update={"items": items, "next": shown.next if items else None})

        return await self._kernel.deps.reader.run(read)

    async def get(self, delivery_id: str) -> DeliveryView:
        """One delivery with its history, oldest first. Errors: `delivery.missing`."""
        number = number_of("d", delivery_id, "delivery")
        hidden = await veiled.keys(self._kernel)

        def read(rows: Rows) -> DeliveryView:
            found = store.get_delivery(rows, number)
            if found is None:
                raise unknown("delivery", delivery_id)
            return _view(rows, found, hidden)

        return await self._kernel.deps.reader.run(read)

    async def resolve(self, delivery_id: str, *, sent: bool, reason: str) -> DeliveryView:
        """Say of a delivery of which nobody knows that it arrived (`sent`), or that it did not.

        Errors: `delivery.missing`; `delivery.not_open` unless it is `unknown`, or `begun` by a run that
        has ended; `reason.missing`.
        """
        reason = reason.strip()
        if not reason:
            raise UsageError(
                "to resolve a delivery needs a reason",
                code="reason.missing",
                at="reason",
                hint="Say with --reason how you know.",
            )
        if not storable(reason):
            raise UsageError("the reason is not text", code="reason.invalid", at="reason")
        number = number_of("d", delivery_id, "delivery")
        deps = self._kernel.deps
        at = deps.clock.micros()
        sequence = deps.ids.next()
        status = "delivered" if sent else "rejected"

        def work(transaction: Transaction) -> None:
            claim = store.claim_of(transaction, number)
            if claim is None:
                raise unknown("delivery", delivery_id)
            _require_open(delivery_id, claim)
            if sent:
                transaction.run(ledger_store.RESOLVE_DELIVERED, delivery_id=number, b_at=at)
            else:
                transaction.run(ledger_store.RESOLVE, delivery_id=number, b_status=status, b_at=at)
            item = -1 if claim.item is None else claim.item
            transaction.insert(
                ledger_store.INSERT_EVENT,
                (
                    number,
                    claim.run_id,
                    claim.position,
                    claim.payload_id or 0,
                    item,
                    sequence,
                    status,
                    reason,
                    at,
                ),
            )
            self._kernel.audit(
                transaction,
                "delivery.resolve",
                to_text("d", number),
                status=status,
                before=claim.status,
                reason=reason,
            )
            transaction.after_commit.append(deps.signal.notify)

        await self._kernel.write(work)
        return await self.get(delivery_id)


def _require_open(delivery_id: str, claim: store.Claim) -> None:
    if claim.status == "unknown" or (claim.status == "begun" and claim.finished_at is not None):
        return
    if claim.status == "begun":
        run = to_text("r", claim.run_id)
        detail = f"delivery {delivery_id} is being sent by run {run}"
        hint = "Wait for the end of that run, or stop it."
    else:
        detail = f"delivery {delivery_id} is {claim.status}: there is nothing to resolve"
        hint = "Only deliveries that are `unknown` can be resolved."
    raise StateConflict(detail, code="delivery.not_open", at=delivery_id, hint=hint)


def _view(rows: Rows, row: store.DeliveryRow, hidden: veiled.Key) -> DeliveryView:
    return DeliveryView(
        id=to_text("d", row.id),
        ledger=row.ledger,
        connection=row.connection,
        endpoint=row.endpoint,
        key=hidden(row.ledger, row.field, row.key),
        status=cast("DeliveryStatus", row.status),
        run=to_text("r", row.run_id),
        step=row.step or "",
        payload=to_text("p", row.payload_id) if row.payload_id else None,
        item=row.item if row.item is not None and row.item >= 0 else None,
        at=instant(row.at),
        history=[
            DeliveryEvent(run=to_text("r", event.run_id), status=event.status, at=instant(event.at))
            for event in store.history(rows, row.id, HISTORY)
        ],
    )
