"""A person agrees that a connection may be used: the page to open, and what it sends back."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import parse_qsl, urlsplit

from redrive.errors import NotFound, RedriveError, StateConflict, StepError, UsageError
from redrive.sdk.tokens import Authorizes
from redrive.service.kernel import Kernel
from redrive.service.views import AuthorizationView

MOST_URL: int = 8_000


async def begin(kernel: Kernel, name: str, redirect_uri: str) -> AuthorizationView:
    """Errors: `connection.unknown`, `auth.not_needed`, `usage`."""
    parts = urlsplit(redirect_uri)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise UsageError(
            "the address to come back to is not an http:// or https:// URL",
            at="redirect_uri",
            hint="Give the one that is registered with the system for this client.",
        )
    connection = await _connection(kernel, name)
    return AuthorizationView(connection=name, url=await connection.authorization_url(redirect_uri))


async def complete(kernel: Kernel, name: str, came_back: str) -> AuthorizationView:
    """Take the address to which the page led back. Errors: `auth.state`, `auth.failed`, `remote.*`."""
    if len(came_back) > MOST_URL or not (query := urlsplit(came_back.strip()).query):
        raise UsageError(
            "this is not the address that the page led back to",
            at="url",
            hint="Paste all of it, from http up to the end; it holds `code=` and `state=`.",
        )
    connection = await _connection(kernel, name)
    given: Mapping[str, str] = dict(parse_qsl(query))
    try:
        await connection.authorized(given)
    except StepError as error:
        raise _told(error) from None
    await kernel.write(lambda tx: kernel.audit(tx, "connection.authorized", name))
    return AuthorizationView(connection=name, authorized=True)


async def _connection(kernel: Kernel, name: str) -> Authorizes:
    try:
        opened = await kernel.deps.connections.get(name)
    except StepError as error:
        if error.code == "connection.unknown":
            raise NotFound(error.detail, code=error.code, hint=error.hint) from None
        raise _told(error) from None
    if not isinstance(opened.connection, Authorizes):
        raise StateConflict(
            f"connection {name!r} needs nobody's agreement",
            code="auth.not_needed",
            hint="Its connector is of another protocol than HTTP.",
        )
    return opened.connection


def _told(error: StepError) -> RedriveError:
    """An error of a step, where there is none."""
    return StateConflict(error.detail, code=error.code, at=error.at, hint=error.hint)
