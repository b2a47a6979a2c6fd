"""Where requests may go: the hosts that the operator allows, and never to link-local addresses."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlsplit

from redrive.connectors.rest.render import link_local
from redrive.errors import StepError


class Hosts:
    """The hosts that one connection may reach. None named: all but link-local addresses."""

    def __init__(self, connection: str, allowed: Sequence[str]) -> None:
        self._connection = connection
        self._allowed = tuple(one.strip().casefold() for one in allowed if one.strip())

    def allows(self, url: str) -> bool:
        try:
            host = (urlsplit(url).hostname or "").casefold().rstrip(".")
        except ValueError:
            return False
        if link_local(host):
            return False
        return not self._allowed or any(_is_host(host, one) for one in self._allowed)

    def check(self, url: str) -> None:
        """Errors: `connection.host`."""
        if not self.allows(url):
            raise StepError(
                f"connection {self._connection!r} may not reach the host of this request",
                code="connection.host",
                hint="`allowed_hosts` (REDRIVE_ALLOWED_HOSTS) names the hosts that connections may reach; "
                "link-local addresses are never among them.",
                stops_step=True,
            )


def _is_host(host: str, allowed: str) -> bool:
    if allowed.startswith("*."):
        return host.endswith(allowed[1:])
    return host == allowed.strip("[]")
