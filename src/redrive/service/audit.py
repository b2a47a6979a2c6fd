"""The audit log as it is read: the newest lines first, by who, what and since when."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from redrive.core.ids import AUDIT, lowest_at, to_text
from redrive.core.jsonvalue import decode
from redrive.engine.clock import instant, micros_of
from redrive.service.cursors import cursor_of, page, page_size, place_of, storable
from redrive.service.kernel import Kernel
from redrive.service.people_views import AuditLine
from redrive.service.veil import Veil, veil
from redrive.service.views import Page
from redrive.store import audit as store
from redrive.store.audit import AuditRow

_NEWEST: Final = (1 << 63) - 1


class AuditLog:
    """The noun `audit`. Lines are only added; retention takes them away by their age."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel

    async def list(
        self,
        *,
        who: str | None = None,
        what: str | None = None,
        subject: str | None = None,
        since: datetime | None = None,
        limit: int = 50,
        cursor: str | None = None,
    ) -> Page[AuditLine]:
        """`what` is an action, `run.stop`, or all of a noun, `run`.

        Errors: `limit.invalid`, `cursor.invalid`.
        """
        size = page_size(limit)
        (before,) = place_of(cursor, int) or (_NEWEST,)
        if not storable(who, what, subject):
            return Page[AuditLine](items=[])
        found = await self._kernel.deps.reader.run(
            lambda rows: store.lines(
                rows,
                actor=who,
                action=what,
                subject=subject,
                since=None if since is None else lowest_at(micros_of(since) // 1000),
                before=before,
                at_most=size + 1,
            )
        )
        over = await veil(self._kernel, None)
        return page(found, size, lambda row: _line(row, over), lambda one: cursor_of(one.id))


def _line(row: AuditRow, over: Veil) -> AuditLine:
    return AuditLine(
        id=to_text(AUDIT, row.id),
        at=instant(row.at),
        actor=row.actor,
        via=row.via,
        address=row.address,
        action=row.action,
        subject=over.text(row.subject),
        result=row.result,
        data=over.value(decode(row.data)) if row.data else {},
    )
