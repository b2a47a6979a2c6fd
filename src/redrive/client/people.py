"""Accounts, sessions, masking rules and the audit log of a server, over its HTTP API."""

from __future__ import annotations

from datetime import datetime

from redrive.client.transport import Transport
from redrive.service.people_views import (
    AccountChange,
    AccountRequest,
    AccountView,
    AuditLine,
    MaskRequest,
    MaskView,
    PasswordChange,
    SessionView,
)
from redrive.service.reference_views import Removed
from redrive.service.views import Page


class HttpAccounts:
    """Implements `redrive.service.interface.Accounts`."""

    def __init__(self, transport: Transport) -> None:
        self._to = transport

    async def list(self, *, limit: int = 50, cursor: str | None = None) -> Page[AccountView]:
        return await self._to.get(Page[AccountView], "accounts", limit=limit, cursor=cursor)

    async def get(self, name: str) -> AccountView:
        return await self._to.get(AccountView, "accounts", name)

    async def create(self, request: AccountRequest) -> AccountView:
        return await self._to.post(AccountView, "accounts", body=request)

    async def change(self, name: str, request: AccountChange) -> AccountView:
        return self._to.read(AccountView, await self._to.call("PATCH", ("accounts", name), body=request))

    async def change_password(self, request: PasswordChange) -> None:
        await self._to.call("PUT", ("me", "password"), body=request)

    async def delete(self, name: str) -> Removed:
        return self._to.read(Removed, await self._to.call("DELETE", ("accounts", name)))


class HttpSessions:
    """Implements `redrive.service.interface.Sessions`."""

    def __init__(self, transport: Transport) -> None:
        self._to = transport

    async def list(self, *, everybody: bool = False) -> Page[SessionView]:
        return await self._to.get(Page[SessionView], "sessions", all=everybody)

    async def end(self, session_id: str) -> Removed:
        return self._to.read(Removed, await self._to.call("DELETE", ("sessions", session_id)))


class HttpAudit:
    """Implements `redrive.service.interface.Audit`."""

    def __init__(self, transport: Transport) -> None:
        self._to = transport

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
        return await self._to.get(
            Page[AuditLine],
            "audit",
            who=who,
            what=what,
            subject=subject,
            since=since,
            limit=limit,
            cursor=cursor,
        )


class HttpMasks:
    """Implements `redrive.service.interface.Masks`."""

    def __init__(self, transport: Transport) -> None:
        self._to = transport

    async def list(self) -> Page[MaskView]:
        return await self._to.get(Page[MaskView], "masks")

    async def get(self, name: str) -> MaskView:
        return await self._to.get(MaskView, "masks", name)

    async def set(self, name: str, request: MaskRequest) -> MaskView:
        return self._to.read(MaskView, await self._to.call("PUT", ("masks", name), body=request))

    async def delete(self, name: str) -> Removed:
        return self._to.read(Removed, await self._to.call("DELETE", ("masks", name)))
