"""Whether an item is sent, by what the ledger knows of its key. Pure; the engine asks and acts."""

from __future__ import annotations

from typing import Literal

import msgspec

from redrive.core.erasing import masked

Policy = Literal["send_changed", "skip_delivered", "send_all"]
Verdict = Literal["send", "changed", "delivered", "unchanged", "newer", "busy", "unknown"]

LEFT_OUT: frozenset[str] = frozenset({"delivered", "unchanged", "newer"})


class Known(msgspec.Struct, frozen=True):
    """What the ledger holds for one delivery identity."""

    id: int
    status: str
    run_id: int
    epoch: int
    exchange_id: int | None
    delivered_digest: bytes | None
    delivered_at: int | None
    delivered_run: int | None
    delivered_root: int | None
    """The first run of the lineage that delivered it last."""
    secret: bytes | None = None
    """Of an erased item: what its key and the hashes of its bytes are masked with."""

    def hash_of(self, digest: bytes) -> bytes:
        """The hash of an item's bytes as this delivery keeps it."""
        return digest if self.secret is None else masked(digest, self.secret)


class Asker(msgspec.Struct, frozen=True):
    """The run that wants to send. `root` is the first run of its lineage, queued at `since`;
    `redriven` is true for a retry or redrive.
    """

    run_id: int
    epoch: int
    root: int
    since: int
    redriven: bool
    policy: Policy


def judge(known: Known | None, digest: bytes, asker: Asker) -> Verdict:
    """`send` (never delivered), `changed` (delivered before with other bytes, and to be sent
    again), a reason to leave it out, `busy` (another run is sending it right now: wait), or
    `unknown` (an earlier request may have been carried out: resolve that first).
    """
    if known is None:
        return "send"
    if known.status == "begun":
        return "unknown" if known.run_id == asker.run_id else "busy"
    if known.status == "unknown":
        return "unknown"
    if known.delivered_digest is None or known.delivered_at is None:
        return "send"
    same = known.delivered_digest == known.hash_of(digest)
    if asker.policy == "send_all":
        return "send" if same else "changed"
    foreign = known.delivered_run is not None and known.delivered_root != asker.root
    if asker.redriven and not same and foreign and known.delivered_at >= asker.since:
        return "newer"
    if (
        asker.policy == "skip_delivered"
        and known.delivered_at >= asker.since
        and known.delivered_run != asker.run_id
    ):
        return "delivered"
    return "unchanged" if same else "changed"
