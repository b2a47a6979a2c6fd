"""Claims in the ledger, inside the committer's transaction: all keys of a request together or none."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from redrive.core.delivery import Asker, Known, judge
from redrive.core.jsonvalue import encode
from redrive.engine.clock import Ids
from redrive.sdk.delivery import Entry, UnknownRequest
from redrive.store import ledger as store
from redrive.store import runs as run_store
from redrive.store.committer import Transaction


class Claiming(msgspec.Struct):
    """One request about to be claimed. `done` and `claimed` (key to delivery) say how it went;
    a piece of work may be applied twice, so each application begins them anew.
    """

    asker: Asker
    position: int
    exchange_id: int
    exchange: tuple[Any, ...]
    payload_id: int
    at: int
    ids: Ids
    done: bool = False
    claimed: dict[str, int] = msgspec.field(default_factory=dict)

    def begin(
        self, transaction: Transaction, target_id: int, secret: bytes | None, by_key: Mapping[str, Entry]
    ) -> None:
        """Claim the keys, unless what was decided of one of them is no longer so."""
        self.done = False
        self.claimed.clear()
        known = store.known(transaction, target_id, list(by_key), secret)
        for key, entry in by_key.items():
            if judge(known.get(key), entry.digest, self.asker) not in {"send", "changed"}:
                return
        transaction.insert(run_store.INSERT_EXCHANGE, self.exchange)
        for key, entry in by_key.items():
            self.claimed[key] = self._put(transaction, target_id, known.get(key), entry)
        self.done = True

    def _put(self, transaction: Transaction, target_id: int, there: Known | None, entry: Entry) -> int:
        asker = self.asker
        if there is not None:
            transaction.run(
                store.CLAIM,
                delivery_id=there.id,
                b_run_id=asker.run_id,
                b_epoch=asker.epoch,
                b_position=self.position,
                b_exchange_id=self.exchange_id,
                b_payload_id=self.payload_id,
                b_item=entry.item,
                b_digest=there.hash_of(entry.digest),
                b_at=self.at,
            )
            return there.id
        delivery_id = self.ids.next()
        transaction.insert(
            store.INSERT_DELIVERY,
            (delivery_id, target_id, entry.key, "begun", asker.run_id, asker.epoch, self.position,
             self.exchange_id, self.payload_id, entry.item, entry.digest, self.at, None, None, None),
        )  # fmt: skip
        return delivery_id

    def take_over(self, transaction: Transaction, old_id: int, unknown: UnknownRequest) -> None:
        """Claim the keys of an unknown request, unless somebody else has resolved it meanwhile."""
        self.done = False
        self.claimed.clear()
        held = transaction.all(store.OF_EXCHANGE, exchange_id=old_id)
        if len(held) != len(unknown.keys):
            return
        transaction.insert(run_store.INSERT_EXCHANGE, self.exchange)
        items = {entry.key: entry.item for entry in unknown.entries}
        for delivery_id, key, position, payload_id, item in held:
            here = key in items
            transaction.run(
                store.RECLAIM,
                delivery_id=delivery_id,
                old_exchange_id=old_id,
                b_run_id=self.asker.run_id,
                b_epoch=self.asker.epoch,
                b_position=self.position if here else position,
                b_exchange_id=self.exchange_id,
                b_payload_id=self.payload_id if here else payload_id,
                b_item=items[key] if here else item,
                b_at=self.at,
            )
            self.claimed[key] = delivery_id
        if not held:
            transaction.run(
                run_store.ANSWER_EXCHANGE,
                exchange_id=old_id,
                b_status=None,
                b_response=encode({"headers": [], "error": "interrupted; sent again"}),
                b_response_body=None,
                b_response_bytes=0,
                b_duration_us=None,
            )
        self.done = True
