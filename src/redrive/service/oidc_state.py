"""What a sign-in by OIDC has to remember, and how it is refused."""

from __future__ import annotations

import msgspec

from redrive.errors import Forbidden


class Client(msgspec.Struct, frozen=True):
    """As whom we are known to the provider."""

    issuer: str
    client_id: str
    client_secret: str | None
    scopes: str


class Asked(msgspec.Struct, frozen=True):
    """What has to come back as it was sent; it waits in the browser's cookie, sealed."""

    state: str
    nonce: str
    verifier: str
    redirect_uri: str
    to: str
    at: float


def refusal(code: str, why: str) -> Forbidden:
    return Forbidden(why, code=code, hint="Begin the sign-in again.")
