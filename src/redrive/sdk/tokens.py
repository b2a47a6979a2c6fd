"""Tokens that a connection got by itself: shared by all tasks and processes, sealed where they are kept.

Getting one is never done twice at the same time: who wants a new one takes the lease, looks again
whether somebody else has brought one meanwhile, asks for it, and saves it, which ends the lease.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol, runtime_checkable

import msgspec


class Token(msgspec.Struct, frozen=True):
    """`values` are the secrets (`access_token`, `refresh_token`, …); `expires_at` seconds since 1970.

    `of`: digest of the credentials that it was got with; another one means: not ours any more.
    `serial` grows with each token of a connection.
    """

    values: Mapping[str, str]
    of: str
    serial: int = 0
    expires_at: float | None = None


class TokenStore(Protocol):
    """The tokens of one connection."""

    async def load(self) -> Token | None: ...

    async def lease(self, holder: str) -> bool:
        """Whether the caller may now ask for a token. A lease ends by itself after a minute."""

    async def save(self, token: Token, holder: str) -> Token:
        """Keep it under the next serial, and end the lease of `holder`."""

    async def release(self, holder: str) -> None:
        """End the lease without a new token."""

    async def pend(self, pending: Mapping[str, Any] | None) -> None:
        """Keep what is needed when a person comes back from the page where they agree."""

    async def pending(self) -> Mapping[str, Any] | None: ...


class MemoryTokens:
    """Tokens of tests: they last as long as the object."""

    def __init__(self) -> None:
        self.token: Token | None = None
        self.holder: str | None = None
        self._pending: Mapping[str, Any] | None = None

    async def load(self) -> Token | None:
        return self.token

    async def lease(self, holder: str) -> bool:
        if self.holder not in {None, holder}:
            return False
        self.holder = holder
        return True

    async def save(self, token: Token, holder: str) -> Token:
        serial = self.token.serial + 1 if self.token else 1
        self.token = msgspec.structs.replace(token, serial=serial)
        await self.release(holder)
        return self.token

    async def release(self, holder: str) -> None:
        if self.holder == holder:
            self.holder = None

    async def pend(self, pending: Mapping[str, Any] | None) -> None:
        self._pending = pending

    async def pending(self) -> Mapping[str, Any] | None:
        return self._pending


@runtime_checkable
class Authorizes(Protocol):
    """A connection for which a person may have to agree in a browser."""

    async def authorization_url(self, redirect_uri: str) -> str:
        """The page to open. Errors: `auth.not_needed` where the connector asks for nothing of the kind."""

    async def authorized(self, parameters: Mapping[str, str]) -> None:
        """Take what the page sent back (`code`, `state`) and get the first token.

        Errors: `auth.failed`, `auth.state`.
        """
