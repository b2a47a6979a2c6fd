"""Hashes of passwords, by argon2id; the same time for a name that is not known."""

from __future__ import annotations

import asyncio
from functools import cache
from typing import TYPE_CHECKING

from redrive.errors import UsageError
from redrive.service.people_views import LEAST_PASSWORD

if TYPE_CHECKING:
    from argon2 import PasswordHasher


@cache
def _hasher() -> PasswordHasher:
    from argon2 import PasswordHasher  # noqa: PLC0415  # loaded where somebody signs in

    # The least that OWASP advises (19 MiB, 2 passes, 1 lane): the idle server stays small, and two at a time
    # are all that are worked on.
    return PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)


@cache
def _of_nobody() -> str:
    return _hasher().hash("a password that nobody has")


class Passwords:
    """One per opened home."""

    def __init__(self) -> None:
        self._at_once = asyncio.Semaphore(2)

    async def hashed(self, password: str) -> str:
        async with self._at_once:
            return await asyncio.to_thread(_hashed, password)

    async def fits(self, known: str | None, password: str) -> bool:
        """Whether a password is the one that was hashed. Without a hash: no, after as long a time."""
        async with self._at_once:
            right = await asyncio.to_thread(_verify, known or _of_nobody(), password)
        return right and known is not None


def _hashed(password: str) -> str:
    return _hasher().hash(password)


def outdated(known: str) -> bool:
    """Whether the hash was made with other costs than today's."""
    return _hasher().check_needs_rehash(known)


def check(password: str, name: str) -> None:
    """Errors: `password.weak`."""
    if len(password) < LEAST_PASSWORD or password.casefold() == name.casefold():
        raise UsageError(
            f"a password has at least {LEAST_PASSWORD} characters and is not the name",
            code="password.weak",
            at="password",
            hint="A few words that nobody would guess do well.",
        )


def _verify(known: str, password: str) -> bool:
    from argon2.exceptions import InvalidHashError, VerificationError  # noqa: PLC0415  # as above

    try:
        return _hasher().verify(known, password)
    except (VerificationError, InvalidHashError):
        return False
