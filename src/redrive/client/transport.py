"""Calls of the HTTP API by aiohttp: JSON, streams up and down, server-sent events; and their failures."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import datetime
from typing import Any, Final, TypeVar
from urllib.parse import quote, urlsplit

import aiohttp
from yarl import URL

from redrive import __version__
from redrive.client.problems import cut, error_of, not_redrive, unreachable
from redrive.core.jsonvalue import encode
from redrive.errors import UsageError
from redrive.service.views import View

V = TypeVar("V", bound=View)
API: Final = "/api/v1"
_CHUNK: Final = 256 * 1024
_HELD: Final = 1 << 20
# A wait asks again after 25 s, a stream sends a sign of life every 15 s.
_TIMEOUT: Final = aiohttp.ClientTimeout(total=None, sock_connect=10, sock_read=90)
_PATIENT: Final = aiohttp.ClientTimeout(total=None, sock_connect=10, sock_read=None)


class Transport:
    """One server and one token. Redirects are not followed: they would carry the token elsewhere."""

    def __init__(self, url: str, token: str | None) -> None:
        if not _is_address(url):
            raise UsageError(f"{url!r} is not an address", at="--url", hint="Write http://HOST:PORT.")
        self.url = url.rstrip("/")
        self._headers = {"User-Agent": f"redrive/{__version__}"}
        if token:
            self._headers["Authorization"] = f"Bearer {token}"
        self._session: aiohttp.ClientSession | None = None

    async def open(self) -> None:
        self._session = aiohttp.ClientSession(headers=self._headers, timeout=_TIMEOUT)

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def get(self, kind: type[V], *path: str, **query: Any) -> V:
        return self.read(kind, await self.call("GET", path, query=query))

    async def post(
        self,
        kind: type[V],
        *path: str,
        body: View | Mapping[str, Any],
        key: str | None = None,
        patient: bool = False,
        **query: Any,
    ) -> V:
        """`patient`: the server may work for long before it answers."""
        headers = {"Idempotency-Key": key} if key is not None else None
        return self.read(
            kind, await self.call("POST", path, query=query, body=body, headers=headers, patient=patient)
        )

    def read(self, kind: type[V], body: bytes) -> V:
        """The record that a successful answer holds. Errors: `server.unreachable` for anything else."""
        try:
            return kind.from_json(body)
        except ValueError:
            raise not_redrive(self.url, 200) from None

    async def call(
        self,
        method: str,
        path: tuple[str, ...],
        *,
        query: Mapping[str, Any] | None = None,
        body: View | Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        data: AsyncIterator[bytes] | None = None,
        patient: bool = False,
    ) -> bytes:
        """The whole body of a successful answer. Errors: as the server tells; `server.unreachable`."""
        async with self._answer(
            method, path, query=query, body=body, headers=headers, data=data, patient=patient
        ) as response:
            return await response.read()

    async def stream(
        self, *path: str, method: str = "GET", headers: Mapping[str, str] | None = None, **query: Any
    ) -> AsyncGenerator[bytes, None]:
        async with self._answer(method, path, query=query, headers=headers) as response:
            async for chunk in response.content.iter_chunked(_CHUNK):
                yield chunk

    async def answered(self, *path: str) -> tuple[Mapping[str, str], str, bytes | AsyncIterator[bytes]]:
        """Headers, media type and body of an answer; a large body comes in chunks, to be taken to its end."""
        opened = AsyncExitStack()
        response = await opened.enter_async_context(self._answer("GET", path))

        async def chunks() -> AsyncIterator[bytes]:
            async with opened:
                async for chunk in response.content.iter_chunked(_CHUNK):
                    yield chunk

        body: bytes | AsyncIterator[bytes] = chunks()
        if response.content_length is not None and response.content_length <= _HELD:
            async with opened:
                body = await response.read()
        return response.headers, response.headers.get("Content-Type", ""), body

    async def events(self, *path: str) -> AsyncGenerator[tuple[str, bytes], None]:
        """Server-sent events as (name, data)."""
        async with self._answer("GET", path) as response:
            name, data = "message", b""
            waiting = b""
            # Not by readline: it has a limit, and a row may be long.
            async for chunk in response.content.iter_any():
                *lines, waiting = (waiting + chunk).split(b"\n")
                for line in lines:
                    if not line:
                        if data:
                            yield name, data
                        name, data = "message", b""
                    elif line.startswith(b"event: "):
                        name = line.removeprefix(b"event: ").decode()
                    elif line.startswith(b"data: "):
                        data += line.removeprefix(b"data: ")

    @asynccontextmanager
    async def _answer(
        self,
        method: str,
        path: tuple[str, ...],
        *,
        query: Mapping[str, Any] | None = None,
        body: View | Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        data: AsyncIterator[bytes] | None = None,
        patient: bool = False,
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        if self._session is None:
            raise RuntimeError("the client is closed")
        place = "".join("/" + quote(part, safe="") for part in path)
        address = URL(f"{self.url}{API}{place}", encoded=True)
        if query:
            address = address.with_query(_query(query))
        sent: Any = data
        all_headers = dict(headers or {})
        if body is not None:
            sent = body.to_json() if isinstance(body, View) else encode(body)
            all_headers["Content-Type"] = "application/json"
        elif data is not None:
            all_headers["Content-Type"] = "application/octet-stream"
        begun = False
        try:
            async with self._session.request(
                method,
                address,
                data=sent,
                headers=all_headers,
                allow_redirects=False,
                timeout=_PATIENT if patient else _TIMEOUT,
            ) as response:
                begun = True
                if response.status >= 400:
                    raise error_of(await response.read(), response.status, self.url)
                if response.status >= 300:
                    raise not_redrive(self.url, response.status)
                yield response
        except aiohttp.ClientConnectorError as error:
            raise unreachable(self.url, error.strerror or str(error.os_error)) from None
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            if begun:
                raise cut(self.url) from None
            raise unreachable(self.url, str(error) or type(error).__name__) from None


def _is_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def _query(query: Mapping[str, Any]) -> dict[str, str | list[str]]:
    texts: dict[str, str | list[str]] = {}
    for name, value in query.items():
        if value is None:
            continue
        if isinstance(value, bool):
            texts[name] = "true" if value else "false"
        elif isinstance(value, list | tuple):
            texts[name] = [str(one) for one in value]
        elif isinstance(value, datetime):
            texts[name] = value.isoformat()
        else:
            texts[name] = str(value)
    return texts


async def answers(url: str) -> bool:
    """Whether a Redrive server answers at an address, within a short time."""
    try:
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=5)) as session,
            session.get(f"{url}/healthz", allow_redirects=False) as response,
        ):
            return response.status == 200 and b'"redrive"' in await response.read()
    except (TimeoutError, aiohttp.ClientError, OSError, ValueError):
        return False
