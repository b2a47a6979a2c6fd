"""Notification groups: kept, tried, and what became of their messages."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping

import msgspec

from redrive.core.ids import to_text
from redrive.core.nearest import nearest
from redrive.core.notices import Group, QuietHours
from redrive.engine.clock import instant
from redrive.engine.messengers import Message, Messengers, scheme_of, understood
from redrive.errors import NotFound, StateConflict, UsageError
from redrive.sdk.fields import NAME_PATTERN
from redrive.service import veiled
from redrive.service.cursors import cursor_of, page, page_size, place_of, storable
from redrive.service.group_views import (
    GroupRequest,
    GroupView,
    NoticeStatus,
    NoticeView,
    QuietHoursView,
    TestSent,
    Url,
)
from redrive.service.kernel import Kernel, number_of
from redrive.service.reference_views import Removed
from redrive.service.views import Page
from redrive.store import notices as store
from redrive.store.committer import Transaction
from redrive.store.database import Rows

NOTICE = "n"
_NAME = re.compile(NAME_PATTERN)
_MOST_NAME = 100


class Groups:
    """Implements `redrive.service.interface.Groups`."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel
        self._messengers = Messengers(kernel.secrets)

    async def list(self, *, limit: int = 50, cursor: str | None = None) -> Page[GroupView]:
        """By name. Errors: `cursor.invalid`."""
        size, after = page_size(limit), place_of(cursor, str)

        def read(rows: Rows) -> Page[GroupView]:
            found = store.groups(rows, after[0] if after else "", size + 1)
            return page(found, size, self._view, lambda row: cursor_of(row.name))

        return await self._kernel.deps.reader.run(read)

    async def get(self, name: str) -> GroupView:
        """Errors: `group.unknown`."""
        return self._view(await self._kernel.deps.reader.run(lambda rows: _known(rows, name)))

    async def set(self, name: str, request: GroupRequest) -> GroupView:
        """Make a group, or change one. Errors: `group.invalid`."""
        if not _NAME.match(name) or len(name) > _MOST_NAME:
            raise UsageError(
                f"{name[:100]!r} is not a name for a notification group",
                code="group.invalid",
                hint="Letters, digits, dots, hyphens and underscores, a letter or digit first.",
            )
        urls = [await self._kept(url) for url in request.urls] if request.urls is not None else None
        now = self._kernel.deps.clock.micros()

        def work(transaction: Transaction) -> None:
            there = store.get_group(transaction, name)
            if urls is None and there is None:
                raise UsageError(
                    f"the notification group {name} needs a URL",
                    code="group.invalid",
                    at="urls",
                    hint="An Apprise URL such as mailto://, slack:// or json://.",
                )
            sealed = [self._sealed(transaction, url) for url in urls] if urls is not None else None
            settings = _changed(there.settings if there is not None else Group(), request)
            store.put_group(
                transaction,
                store.GroupRow(name, settings, sealed or (there.urls if there is not None else []), now),
            )
            self._kernel.audit(transaction, "group.set", name, urls_changed=urls is not None)

        await self._kernel.write(work)
        return await self.get(name)

    async def delete(self, name: str) -> Removed:
        """What waits for it is not sent any more. Errors: `group.unknown`."""

        def work(transaction: Transaction) -> None:
            _known(transaction, name)
            store.delete_group(transaction, name)
            self._kernel.audit(transaction, "group.deleted", name)

        await self._kernel.write(work)
        return Removed(removed=1)

    async def test(self, name: str) -> TestSent:
        """Send a message to each URL now, whatever the hour. Errors: `group.unknown`."""
        group = await self._kernel.deps.reader.run(lambda rows: _known(rows, name))
        message = Message(
            f"Redrive: a test for {name}", "This message was asked for; nothing has happened.", "info"
        )
        results = await asyncio.gather(*(self._messengers.send(url, message) for url in group.urls))
        names = [f"{number}: {self._where(url)}" for number, url in enumerate(group.urls)]
        return TestSent(sent=not any(results), results=dict(zip(names, results, strict=True)))

    async def sent(
        self,
        *,
        group: str | None = None,
        status: NoticeStatus | None = None,
        limit: int = 50,
        cursor: str | None = None,
    ) -> Page[NoticeView]:
        """What groups were told, or will be; the newest first. Errors: `cursor.invalid`."""
        size, before = page_size(limit), place_of(cursor, int)
        if not storable(group):
            return Page(items=[])

        def read(rows: Rows) -> Page[NoticeView]:
            found = store.notices_page(rows, group, status, before[0] if before else None, size + 1)
            return page(found, size, _notice, lambda row: cursor_of(row.id))

        shown = await self._kernel.deps.reader.run(read)
        return shown.model_copy(update={"items": [await self._veiled(one) for one in shown.items]})

    async def send_again(self, notice_id: str) -> NoticeView:
        """Try a notice again that was given up. Errors: `notice.unknown`, `notice.not_failed`."""
        number = number_of(NOTICE, notice_id, "notice")
        now = self._kernel.deps.clock.micros()

        def work(transaction: Transaction) -> store.Notice:
            found = store.get_notice(transaction, number)
            if found is None:
                raise NotFound(
                    f"there is no notice {notice_id!r}",
                    code="notice.unknown",
                    hint="`redrive groups sent` lists them.",
                )
            if not store.send_again(transaction, number, now):
                raise StateConflict(f"notice {notice_id} is {found.status}", code="notice.not_failed")
            transaction.after_commit.append(self._kernel.deps.outbox.notify)
            return found

        await self._kernel.write(work)
        found = await self._kernel.deps.reader.run(lambda rows: store.get_notice(rows, number))
        assert found is not None
        return await self._veiled(_notice(found))

    # ---- parts

    async def _veiled(self, notice: NoticeView) -> NoticeView:
        return await veiled.texts(self._kernel, notice, notice.flow or None, "title", "message", "error")

    async def _kept(self, url: Url) -> dict[str, str]:
        """Where it is kept; one that is given as it is still has to be sealed.

        Errors: `group.invalid`; the URL is in no message.
        """
        if url.env is not None:
            return {"env": url.env}
        if url.file is not None:
            return {"file": url.file}
        assert url.url is not None
        if not await asyncio.to_thread(understood, url.url.strip()):
            raise UsageError(
                f"Apprise does not understand the URL ({scheme_of(url.url)}://…)",
                code="group.invalid",
                at="urls",
                hint="Its documentation says what the URL of a service looks like.",
            )
        return {"plain": url.url.strip()}

    def _sealed(self, transaction: Transaction, url: dict[str, str]) -> dict[str, str]:
        return {"sealed": self._kernel.secrets.seal(transaction, url["plain"])} if "plain" in url else url

    def _where(self, url: Mapping[str, str]) -> str:
        """Where a URL is kept, and of a sealed one the kind of service."""
        if "sealed" not in url:
            return " ".join(next(iter(url.items())))
        opened = self._kernel.secrets.opened(url["sealed"])
        return "sealed with a key that is gone" if opened is None else f"sealed ({scheme_of(opened)})"

    def _view(self, row: store.GroupRow) -> GroupView:
        hours = row.settings.quiet_hours
        return GroupView(
            name=row.name,
            urls=[self._where(url) for url in row.urls],
            level=row.settings.level,
            quiet_period_s=row.settings.quiet_period_s,
            quiet_hours=QuietHoursView(start=hours.start, end=hours.end, timezone=hours.timezone)
            if hours is not None
            else None,
            updated_at=instant(row.updated_at),
        )


def _changed(group: Group, request: GroupRequest) -> Group:
    hours = request.quiet_hours
    if hours == "none":
        group = msgspec.structs.replace(group, quiet_hours=None)
    elif isinstance(hours, QuietHoursView):
        group = msgspec.structs.replace(group, quiet_hours=QuietHours(hours.start, hours.end, hours.timezone))
    return msgspec.structs.replace(
        group,
        level=request.level or group.level,
        quiet_period_s=request.quiet_period if request.quiet_period is not None else group.quiet_period_s,
    )


def _known(source: store.Source, name: str) -> store.GroupRow:
    found = store.get_group(source, name) if storable(name) else None
    if found is None:
        near = nearest(name, [one.name for one in store.groups(source, "", 1000)])
        raise NotFound(
            f"there is no notification group {name!r}",
            code="group.unknown",
            at=name,
            hint=f"Did you mean {near!r}?" if near else "`redrive groups set NAME --url URL` makes one.",
        )
    return found


def _notice(row: store.Notice) -> NoticeView:
    return NoticeView.model_validate(
        {
            "id": to_text(NOTICE, row.id),
            "group": row.group,
            "level": row.level,
            "title": row.title,
            "message": row.message,
            "flow": row.flow,
            "run": to_text("r", row.run_id) if row.run_id else None,
            "step": row.step,
            "at": instant(row.at),
            "count": row.count,
            "status": row.status,
            "due_at": instant(row.due_at),
            "tries": row.tries,
            "error": row.error,
            "sent_at": instant(row.sent_at) if row.sent_at is not None else None,
        }
    )
