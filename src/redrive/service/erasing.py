"""Erasing as people ask for it: a plan, then the work, and the list of what was done."""

from __future__ import annotations

import asyncio
import secrets
from functools import partial
from typing import TypeAlias

import msgspec

from redrive.core.counting import counted
from redrive.core.erasing import masked
from redrive.core.ids import to_text
from redrive.core.paths import Path
from redrive.engine.clock import instant
from redrive.engine.erasing import Erased, Erasing
from redrive.engine.failpoints import failpoints
from redrive.engine.retention import Retention
from redrive.errors import ConfirmationNeeded, UsageError
from redrive.service.backups import backup_view
from redrive.service.cursors import cursor_of, page, page_size, place_of, storable
from redrive.service.kept_views import BackupView, ErasePlan, EraseRequest, ErasureView
from redrive.service.kernel import Kernel
from redrive.service.views import Page
from redrive.store import backups as backup_store
from redrive.store import erasures as store
from redrive.store import loose
from redrive.store.committer import Transaction
from redrive.store.retention import MOST

Listed: TypeAlias = list[BackupView]

LEAST = 2
MAX_VALUE = 1_000
LISTED = 500
FORGET_S = 60.0
SLACK_US = 60_000_000


class Erasures:
    """Implements `redrive.service.interface.Erasures`."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel
        self._engine = Erasing(kernel.deps, Retention(kernel.deps, kernel.blobs))
        self._one = asyncio.Lock()

    async def plan(self, request: EraseRequest) -> ErasePlan:
        """What would be erased. Reads everything that is stored, changes nothing.

        Errors: `value.invalid`, `field.invalid`.
        """
        _check(request)
        return await self._view(await self._engine.plan(request.value, request.field))

    async def erase(self, request: EraseRequest) -> ErasureView:
        """Erase for good; answers when nothing of it is left in the home.

        Errors: as the plan; `reason.missing`, `confirmation.needed`.
        """
        _check(request)
        if not request.reason.strip() or not storable(request.reason):
            raise UsageError(
                "to erase needs a reason", code="reason.missing", at="reason", hint="Say why with --reason."
            )
        if not request.confirm:
            found = await self._engine.plan(request.value, request.field)
            raise ConfirmationNeeded(
                f"{counted(found.items, 'item')} in {counted(found.payloads, 'payload')}, "
                f"{counted(found.exchanges, 'exchange')} and "
                f"{counted(found.records, 'record')} would be erased for good",
                hint="Look at the plan (--plan), then confirm with --yes.",
            )
        async with self._one:
            await self._engine.resume()
            erasure_id = await self._begin(request)
            failpoints.hit("erase.begun")
            await self._engine.resume()
            if self._kernel.indexer is not None:
                # Where no server keeps the index, it knows nothing of it either before this is told.
                await self._kernel.indexer.catch_up(FORGET_S)
        found_page = await self.list(limit=LISTED)
        return next(one for one in found_page.items if one.id == to_text("e", erasure_id))

    async def _begin(self, request: EraseRequest) -> int:
        deps = self._kernel.deps
        erasure_id, now = deps.ids.next(), deps.clock.micros()
        fresh = secrets.token_bytes(32)

        def work(transaction: Transaction) -> None:
            secret = loose.fact(transaction, loose.ERASING)
            if secret is None:
                secret = fresh
                loose.put_fact(transaction, loose.ERASING, secret)
            hashed = masked(request.value.encode(), secret)
            erasure = store.Erasure(
                id=erasure_id,
                at=now,
                actor=self._kernel.actor,
                reason=request.reason,
                field=request.field,
                value=request.value.encode(),
                value_hash=hashed,
            )
            store.begin(transaction, erasure)
            self._kernel.audit(
                transaction,
                "home.erase",
                to_text("e", erasure_id),
                value_hash=hashed.hex(),
                field=request.field,
                reason=request.reason.replace(request.value, "[erased]"),
            )

        await self._kernel.write(work)
        return erasure_id

    async def resume(self) -> None:
        """Finish an erasing that a dead process left."""
        async with self._one:
            await self._engine.resume()

    async def list(self, *, limit: int = 50, cursor: str | None = None) -> Page[ErasureView]:
        """What was erased, the newest first; one that is under way has no end."""
        size = page_size(limit)
        place = place_of(cursor, int)
        before = place[0] if place else MOST
        found = await self._kernel.deps.reader.run(partial(store.listed, before=before, at_most=size + 1))
        plans = {
            one.id: await self._view(msgspec.json.decode(one.counts, type=Erased), one.finished_at)
            for one in found
            if one.counts
        }

        def view(one: store.Erasure) -> ErasureView:
            return ErasureView(
                id=to_text("e", one.id),
                at=instant(one.at),
                finished_at=instant(one.finished_at) if one.finished_at is not None else None,
                actor=one.actor,
                reason=one.reason,
                field=one.field,
                value_hash=bytes(one.value_hash).hex(),
                found=plans.get(one.id),
            )

        return page(found, size, view, lambda one: cursor_of(one.id))

    async def _view(self, found: Erased, until: int | None = None) -> ErasePlan:
        return ErasePlan(
            payloads=found.payloads,
            items=found.items,
            exchanges=found.exchanges,
            records=found.records,
            deliveries=found.deliveries,
            contents=found.contents,
            backups=await self._holding(found, until),
        )

    async def _holding(self, found: Erased, until: int | None) -> Listed:
        """The backups that were made while it was stored here."""
        rows = await self._kernel.deps.reader.run(partial(backup_store.listed, before=MOST, at_most=LISTED))
        since = (found.oldest_at or 0) - SLACK_US
        return [
            backup_view(one)
            for one in rows
            if one.state == "done" and since <= one.started_at and (until is None or one.started_at <= until)
        ]


def _check(request: EraseRequest) -> None:
    value = request.value
    if not LEAST <= len(value) <= MAX_VALUE or not storable(value) or not value.strip():
        raise UsageError(
            "the value to erase is too short, too long, or no text",
            code="value.invalid",
            at="value",
            hint=f"Give the key as it stands in the items: {LEAST} to {MAX_VALUE} characters.",
        )
    if request.field is not None:
        try:
            Path.parse(request.field)
        except ValueError as error:
            raise UsageError(
                f"{request.field!r} is not a path: {error}", code="field.invalid", at="field"
            ) from None
