"""Notification groups of a server, over its HTTP API."""

from __future__ import annotations

from redrive.client.transport import Transport
from redrive.service.group_views import GroupRequest, GroupView, NoticeStatus, NoticeView, TestSent
from redrive.service.reference_views import Removed
from redrive.service.views import Page


class HttpGroups:
    """Implements `redrive.service.interface.Groups`."""

    def __init__(self, transport: Transport) -> None:
        self._to = transport

    async def list(self, *, limit: int = 50, cursor: str | None = None) -> Page[GroupView]:
        return await self._to.get(Page[GroupView], "groups", limit=limit, cursor=cursor)

    async def get(self, name: str) -> GroupView:
        return await self._to.get(GroupView, "groups", name)

    async def set(self, name: str, request: GroupRequest) -> GroupView:
        return self._to.read(GroupView, await self._to.call("PUT", ("groups", name), body=request))

    async def delete(self, name: str) -> Removed:
        return self._to.read(Removed, await self._to.call("DELETE", ("groups", name)))

    async def test(self, name: str) -> TestSent:
        return await self._to.post(TestSent, "groups", name, "test", body={})

    async def sent(
        self,
        *,
        group: str | None = None,
        status: NoticeStatus | None = None,
        limit: int = 50,
        cursor: str | None = None,
    ) -> Page[NoticeView]:
        query = {"group": group, "status": status, "limit": limit, "cursor": cursor}
        return await self._to.get(Page[NoticeView], "notices", **query)

    async def send_again(self, notice_id: str) -> NoticeView:
        return await self._to.post(NoticeView, "notices", notice_id, "send", body={})
