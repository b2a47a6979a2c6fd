"""Who acts: the person, token or process behind what is done now."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Final

from redrive.errors import Forbidden
from redrive.service.rights import EVERY_RIGHT, RIGHTS, Role, role_for


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """`via` is how it came in: `session`, `token NAME`, `local token`, `process`; `address` from where.

    `account` and `session` are numbers of records; who works on the home folder itself has neither.
    """

    name: str
    rights: frozenset[str]
    role: Role | None = None
    via: str = "process"
    address: str | None = None
    account: int | None = None
    session: int | None = None

    def may(self, right: str) -> bool:
        return right in self.rights

    def require(self, right: str) -> None:
        """Errors: `auth.forbidden`, naming the right and the role that has it."""
        if right not in self.rights:
            raise forbidden(self, right)


def forbidden(actor: Actor, right: str) -> Forbidden:
    role = role_for(right)
    has = f"the role {actor.role}" if actor.role else "the scopes of this token"
    way = (
        "a role or token that has it"
        if right != "reveal"
        else "the right itself: `redrive user set --reveal`"
    )
    return Forbidden(
        f"{actor.name} lacks the right `{right}`: {RIGHTS[right].rstrip('.').lower()}",
        code="auth.forbidden",
        hint=f"The role {role} has it; {has} does not. An administrator gives {way}.",
    )


ANYBODY: Final = Actor(name="anybody", rights=frozenset(), via="nothing")
"""Who has not signed in."""

_current: ContextVar[Actor | None] = ContextVar("redrive_actor", default=None)


def process(name: str = "local") -> Actor:
    """Whoever runs a command on the home folder: who can read its files may do everything."""
    return Actor(name=name, rights=EVERY_RIGHT, role="admin")


def current() -> Actor | None:
    """Who acts in this task; None where nobody was named: the process itself."""
    return _current.get()


@contextmanager
def acting(actor: Actor | None) -> Iterator[None]:
    """What is done inside is done by `actor`."""
    token = _current.set(actor)
    try:
        yield
    finally:
        _current.reset(token)
