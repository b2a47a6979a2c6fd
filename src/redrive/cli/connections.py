"""The verb connections: what a person does once for a connection."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from typing import Annotated
from urllib.parse import urlsplit

from cyclopts import App, Parameter

from redrive.cli.session import Injected
from redrive.errors import UsageError

app = App(name="connections", help="Agree in a browser that a connection may be used.")

WAIT_S = 600.0
_DONE = "This page may be closed: go back to the terminal."


@app.command
async def authorize(
    name: Annotated[str, Parameter(help="Name of the connection.")],
    /,
    *,
    port: Annotated[
        int, Parameter(help="Port of this machine that the page leads back to: http://127.0.0.1:PORT/back.")
    ] = 8766,
    redirect_uri: Annotated[
        str | None,
        Parameter(
            name="--redirect-uri",
            help="The address that is registered with the system, where it is another one: then the address "
            "that the page led back to is read from stdin.",
        ),
    ] = None,
    session: Injected,
) -> None:
    """Print the page on which a person agrees, wait until that is done, and keep the tokens, sealed."""
    async with session.connect() as client:
        if redirect_uri is not None:
            begun = await client.flows.authorize_connection(name, redirect_uri)
            session.output.note(f"Open this page, agree, and paste the address it leads to:\n\n{begun.url}\n")
            came_back = (await asyncio.to_thread(sys.stdin.readline)).strip()
        else:
            async with _Waiting(port) as (address, arrived):
                begun = await client.flows.authorize_connection(name, address)
                session.output.note(f"Open this page and agree:\n\n{begun.url}\n")
                try:
                    came_back = await asyncio.wait_for(arrived, WAIT_S)
                except TimeoutError:
                    raise UsageError(
                        f"nobody came back from the page within {WAIT_S / 60:g} minutes",
                        hint="Begin again. On another machine than the browser's, use --redirect-uri.",
                    ) from None
        done = await client.flows.complete_authorization(name, came_back)
    if session.json:
        session.output.view(done)
        return
    session.output.text(f"Connection {done.connection} is authorized.")


class _Waiting(contextlib.AbstractAsyncContextManager[tuple[str, "asyncio.Future[str]"]]):
    """A port of this machine that waits for one browser to come back."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> tuple[str, asyncio.Future[str]]:
        arrived: asyncio.Future[str] = asyncio.get_running_loop().create_future()

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            with contextlib.suppress(OSError, ValueError, EOFError, asyncio.LimitOverrunError):
                line = (await reader.readuntil(b"\r\n\r\n")).split(b"\r\n")[0].decode("ascii", "replace")
                target = line.split(" ")[1] if line.count(" ") == 2 else ""
                found = urlsplit(target)
                known = found.path == "/back" and bool(found.query)
                body = _DONE if known else "Not found"
                status = "200 OK" if known else "404 Not Found"
                writer.write(
                    f"HTTP/1.1 {status}\r\nContent-Type: text/plain; charset=utf-8\r\n"
                    f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n{body}".encode()
                )
                await writer.drain()
                if known and not arrived.done():
                    arrived.set_result(f"http://127.0.0.1{target}")
            writer.close()

        try:
            self._server = await asyncio.start_server(serve, "127.0.0.1", self._port)
        except OSError:
            raise UsageError(
                f"port {self._port} of this machine is in use",
                hint="Name another one with --port; it may have to be registered with the system.",
            ) from None
        port = self._server.sockets[0].getsockname()[1]
        return f"http://127.0.0.1:{port}/back", arrived

    async def __aexit__(self, *_: object) -> None:
        if self._server is not None:
            self._server.close()
