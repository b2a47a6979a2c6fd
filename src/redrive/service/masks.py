"""Masking rules: set, listed and deleted."""

from __future__ import annotations

import re
from typing import Final

from redrive.core.jsonvalue import decode, encode
from redrive.core.masking import MaskRule, RuleInvalid
from redrive.engine.clock import instant
from redrive.errors import NotFound, UsageError
from redrive.service.kernel import Kernel
from redrive.service.people_views import MaskRequest, MaskView
from redrive.service.reference_views import Removed
from redrive.service.veil import MASKS
from redrive.service.views import Page
from redrive.store import masks as store
from redrive.store.committer import Transaction
from redrive.store.masks import MaskRow

_NAME: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}")


class Masks:
    """The noun `masks`. A change counts at once."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel

    async def list(self) -> Page[MaskView]:
        found = await self._kernel.deps.reader.run(store.masks)
        return Page[MaskView](items=[_view(one) for one in found])

    async def get(self, name: str) -> MaskView:
        """Errors: `mask.unknown`."""
        found = await self._kernel.deps.reader.run(lambda rows: store.mask(rows, name))
        if found is None:
            raise _unknown(name)
        return _view(found)

    async def set(self, name: str, request: MaskRequest) -> MaskView:
        """Make a rule, or put another in its place. Errors: `mask.invalid`."""
        if not _NAME.fullmatch(name):
            raise UsageError(
                f"{name!r} cannot name a rule: letters, digits, . _ -", code="mask.invalid", at="name"
            )
        try:
            MaskRule(tuple(request.fields), request.pattern).check()
        except RuleInvalid as error:
            raise UsageError(str(error), code="mask.invalid", at=error.setting) from None

        def work(transaction: Transaction) -> MaskRow:
            before = store.mask(transaction, name)
            row = MaskRow(
                id=before.id if before else self._kernel.deps.ids.next(),
                name=name,
                flow=request.flow,
                fields=encode(request.fields),
                pattern=request.pattern,
                note=request.note,
                created_at=before.created_at if before else self._kernel.deps.clock.micros(),
            )
            store.put(transaction, row)
            self._kernel.audit(transaction, "mask.set", name, **request.model_dump(exclude_none=True))
            return row

        made = await self._kernel.write(work)
        self._kernel.known.pop(MASKS, None)
        return _view(made)

    async def delete(self, name: str) -> Removed:
        """Errors: `mask.unknown`."""

        def work(transaction: Transaction) -> None:
            if not store.remove(transaction, name):
                raise _unknown(name)
            self._kernel.audit(transaction, "mask.deleted", name)

        await self._kernel.write(work)
        self._kernel.known.pop(MASKS, None)
        return Removed(removed=1)


def _view(row: MaskRow) -> MaskView:
    return MaskView(
        name=row.name,
        flow=row.flow,
        fields=list(decode(row.fields)),
        pattern=row.pattern,
        note=row.note,
        created_at=instant(row.created_at),
    )


def _unknown(name: str) -> NotFound:
    return NotFound(
        f"there is no masking rule {name!r}", code="mask.unknown", hint="`redrive mask` lists them."
    )
