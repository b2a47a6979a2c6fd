"""Records of people and what they did: accounts, sessions, who one is, the audit log."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

from pydantic import ConfigDict, Field

from redrive.service.rights import Role
from redrive.service.views import View

Way = Literal["password", "link", "oidc"]

LEAST_PASSWORD: Final = 10
MOST_PASSWORD: Final = 1_000


class _Request(View):
    model_config = ConfigDict(frozen=True, extra="forbid")


class AccountView(View):
    """One person. `password` says whether there is one; `issuer` who else vouches for the person."""

    id: str
    name: str
    role: Role
    reveal: bool
    enabled: bool
    password: bool
    issuer: str | None = None
    created_at: datetime
    signed_in_at: datetime | None = None


class AccountRequest(_Request):
    """A new account. Without a password it can only be signed in to by OIDC."""

    name: str = Field(min_length=1, max_length=100)
    role: Role = "viewer"
    password: str | None = Field(default=None, max_length=MOST_PASSWORD)
    reveal: bool = False


class AccountChange(_Request):
    """What is left out stays."""

    role: Role | None = None
    reveal: bool | None = None
    enabled: bool | None = None
    password: str | None = Field(default=None, max_length=MOST_PASSWORD)


class PasswordChange(_Request):
    """One's own password. All other sessions of the account end."""

    current: str = Field(max_length=MOST_PASSWORD)
    password: str = Field(max_length=MOST_PASSWORD)


class SignInRequest(_Request):
    name: str = Field(max_length=400)
    password: str = Field(max_length=MOST_PASSWORD)


class SessionView(View):
    """A browser that is signed in. `account` null: as the local administrator, by a one-time link."""

    id: str
    account: str | None
    way: Way
    address: str | None = None
    agent: str | None = None
    created_at: datetime
    seen_at: datetime
    expires_at: datetime
    current: bool = False


@dataclass(frozen=True, slots=True)
class NewSession:
    """`text` goes into the cookie, and nowhere else."""

    text: str
    view: SessionView


class WaysIn(View):
    """How a person can sign in here. `oidc` is the name to show on the button, or null."""

    password: bool
    oidc: str | None = None


class Me(View):
    """Who the caller is; answered to those who have not signed in too.

    `account` is null for the local administrator. `first_start`: there is no account yet.
    """

    signed_in: bool
    name: str | None = None
    account: str | None = None
    role: Role | None = None
    rights: list[str] = []
    via: str | None = None
    session: SessionView | None = None
    first_start: bool
    ways_in: WaysIn


class AuditLine(View):
    """Who did what, when, from where, to what, and how it ended: `ok`, or the code of the refusal."""

    id: str
    at: datetime
    actor: str
    via: str | None = None
    address: str | None = None
    action: str
    subject: str
    result: str
    data: dict[str, Any] = {}


class MaskRequest(_Request):
    """Fields by name from their end (`email`, `customer.phone`, `*card*`), and a pattern of values.

    `flow` null: in data of all flows.
    """

    fields: list[str] = Field(default=[], max_length=200)
    pattern: str | None = Field(default=None, max_length=1000)
    flow: str | None = Field(default=None, max_length=200)
    note: str | None = Field(default=None, max_length=2000)


class MaskView(View):
    """A masking rule: what it hides from all who lack the right `reveal`."""

    name: str
    flow: str | None = None
    fields: list[str]
    pattern: str | None = None
    note: str | None = None
    created_at: datetime
