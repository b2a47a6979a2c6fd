"""How a connection reaches its system: proxy, certificates, names."""

from __future__ import annotations

import os
import ssl
import tempfile
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from redrive.connectors.rest.manifest import ConnectorModel
from redrive.connectors.rest.parts import Tls
from redrive.connectors.rest.render import link_local
from redrive.connectors.rest.scope import text_of
from redrive.errors import StepError

# Short, so that an idle connection is rarely one that the other side is just closing: a send on such
# a connection would end as unknown.
KEEPALIVE_S: Final = 4.0
DNS_CACHE_S: Final = 10


def session(model: ConnectorModel, name: str, scope: Mapping[str, Any]) -> aiohttp.ClientSession:
    """A session of its own for a connection. Errors: `connection.tls`, `TemplateMissing`."""
    connector = aiohttp.TCPConnector(
        limit=0,
        keepalive_timeout=KEEPALIVE_S,
        ttl_dns_cache=DNS_CACHE_S,
        resolver=_Resolver(),
        ssl=_context(model.tls, name, scope) if model.tls is not None else True,
    )
    made = aiohttp.ClientSession(
        connector=connector, cookie_jar=aiohttp.DummyCookieJar(), auto_decompress=False
    )
    # Every request that leaves is recorded, so none may be repeated behind our back.
    made._retry_connection = False  # noqa: SLF001 - no public switch
    return made


def proxy_of(model: ConnectorModel, name: str, scope: Mapping[str, Any]) -> str | None:
    """The address of the proxy, if there is one. Errors: `connection.proxy`, `TemplateMissing`."""
    text = text_of(model.proxy, scope)
    if not text:
        return None
    parts = urlsplit(text)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise StepError(
            f"the proxy of connection {name!r} is not an http:// or https:// URL",
            code="connection.proxy",
            hint="Mend the connection's settings.",
            stops_step=True,
        )
    return text


def _context(tls: Tls, name: str, scope: Mapping[str, Any]) -> ssl.SSLContext:
    ca, certificate, key = (text_of(one, scope) for one in (tls.ca, tls.certificate, tls.key))
    try:
        context = ssl.create_default_context(cadata=ca or None)
        if certificate:
            _load(context, certificate + "\n" + key)
    except (ssl.SSLError, ValueError, OSError):
        raise StepError(
            f"the certificates or the key of connection {name!r} cannot be read",
            code="connection.tls",
            hint="They are PEM texts, `-----BEGIN …`; a key with a password has to be opened first.",
            stops_step=True,
        ) from None
    return context


def _load(context: ssl.SSLContext, chain: str) -> None:
    """The library takes them from a file only: one that nobody else can read, and that is gone at once."""
    descriptor, path = tempfile.mkstemp(prefix="redrive-")
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(chain)
        # No password: asking for one would wait at the terminal.
        context.load_cert_chain(path, password=lambda: "")
    finally:
        os.unlink(path)  # noqa: PTH108 - as it was opened


class _Resolver(AbstractResolver):
    """Names to addresses, without those that connections may not reach."""

    def __init__(self) -> None:
        self._inner = aiohttp.ThreadedResolver()

    async def resolve(self, host: str, port: int = 0, family: Any = 0) -> list[ResolveResult]:
        found = await self._inner.resolve(host, port, family)
        allowed = [one for one in found if not link_local(one["host"])]
        if not allowed:
            raise OSError(None, f"{host} has only link-local addresses")
        return allowed

    async def close(self) -> None:
        await self._inner.close()
