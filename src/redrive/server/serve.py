"""Runs one home as a server: listens, leaves its address in the home, ends in good order."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import secrets
import signal
import socket
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import uvicorn

from redrive.errors import Fault, HomeUnusable, RedriveError, UsageError
from redrive.server.app import SettingsRows, create_app
from redrive.server.auth import Access, Names, is_loopback
from redrive.server.process import settle
from redrive.service.interface import CheckedServices

SERVER_FILE: Final = "server.json"
_STREAMS_END_S: Final = 5


@dataclass(frozen=True, slots=True)
class Address:
    """Where the server is reached, and the link that signs a browser in once: none is shown where other
    machines may call.
    """

    url: str
    link: str | None


@dataclass(frozen=True, slots=True)
class Reach:
    """By which names other machines call, and through which proxies."""

    public_url: str | None = None
    host_names: Sequence[str] = ()
    proxies: Sequence[str] = ()


async def serve(
    home: Path,
    host: str,
    port: int,
    *,
    open_service: Callable[[], AbstractAsyncContextManager[CheckedServices]],
    settings: SettingsRows,
    ready: Callable[[Address], None],
    reach: Reach | None = None,
) -> None:
    """Serve until SIGTERM or SIGINT. Runs under way go on at the next start.

    `open_service` opens the home as its runner; `ready` is told the address once calls are answered.

    Errors: `host.no_account` (exit 2), `port.in_use` (exit 3), what opening the home raises.
    """
    reach = reach or Reach()
    wide = not is_loopback(host)
    with listen(host, port) as listener:
        async with open_service() as service:
            if wide and not await service.accounts.administrators():
                raise _no_account(host)
            url = _url(host, listener.getsockname()[1])
            local_token = secrets.token_urlsafe(32)
            names = Names(wide=wide, names=reach.host_names, public_url=reach.public_url)
            access = Access(local_token, service, names=names, proxies=reach.proxies)
            closing = asyncio.Event()
            app = create_app(service, settings, access=access, closing=closing)

            def announce() -> None:
                settle()
                leave_address(home, url=url, token=local_token)
                base = (reach.public_url or url).rstrip("/")
                ready(Address(base, None if wide else f"{url}/login/{service.sign_ins.new_code()}"))

            server = _Server(app, closing, announce)
            halted = asyncio.create_task(_end_when_halted(service, server))
            try:
                await server.serve(sockets=[listener])
            finally:
                remove_address(home)
                halted.cancel()
            if halted.done() and not halted.cancelled():
                raise halted.result()


async def _end_when_halted(service: CheckedServices, server: _Server) -> RedriveError:
    """A home that cannot be written any more is not served either: the operator has to act."""
    error = await service.halted()
    server.should_exit = True
    return error


def _no_account(host: str) -> UsageError:
    return UsageError(
        f"`up` does not listen on {host} before somebody can sign in: there is no administrator",
        code="host.no_account",
        at="--host",
        hint="Make one on this machine: `redrive user add NAME --role admin`. Or listen on 127.0.0.1, and "
        "use a tunnel such as ssh -L from elsewhere.",
    )


@contextlib.contextmanager
def listen(host: str, port: int) -> Iterator[socket.socket]:
    """A listening socket; bound before the home is opened, so that a taken port changes nothing."""
    name = host.strip("[]")
    family = socket.AF_INET6 if ":" in name else socket.AF_INET
    # Named TCP, or asyncio leaves Nagle's algorithm on: an answer would wait 40 ms for its last packet.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        if os.name == "posix":
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((name, port))
            listener.listen(2048)
        except OSError as error:
            raise Fault(
                f"Port {port} of {host} cannot be used: {error.strerror or error}",
                code="port.in_use",
                at=f"{host}:{port}",
                hint="Give another one with --port; 0 takes any free one.",
            ) from None
        listener.setblocking(False)
        yield listener
    finally:
        listener.close()


def _url(host: str, port: int) -> str:
    """How this machine reaches the server: where it listens on all addresses, by its own."""
    name = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host.strip("[]"), host.strip("[]"))  # noqa: S104 - compared
    return f"http://[{name}]:{port}" if ":" in name else f"http://{name}:{port}"


def leave_address(home: Path, *, url: str, token: str) -> None:
    """Write `server.json`, readable by the owner only, whole or not at all."""
    text = json.dumps({"url": url, "token": token, "pid": os.getpid()})
    try:
        # mkstemp makes the file with mode 0600 from its first instant.
        descriptor, name = tempfile.mkstemp(prefix=f".{SERVER_FILE}.", dir=home)
    except OSError as error:
        raise HomeUnusable(f"The address cannot be left in {home}: {error.strerror}", at=str(home)) from None
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        Path(name).replace(home / SERVER_FILE)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def remove_address(home: Path) -> None:
    """Take away the address that this process left; that of another process stays."""
    path = home / SERVER_FILE
    try:
        if json.loads(path.read_text(encoding="utf-8")).get("pid") == os.getpid():
            path.unlink()
    except (OSError, ValueError, AttributeError):
        return


class _Server(uvicorn.Server):
    """uvicorn with our signals: the first ends in good order, the second at once."""

    def __init__(self, app: Any, closing: asyncio.Event, announce: Callable[[], None]) -> None:
        config = uvicorn.Config(
            app,
            http="httptools",
            ws="none",
            loop="asyncio",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=_STREAMS_END_S,
        )
        super().__init__(config)
        self._closing = closing
        self._announce = announce

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._announce()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._closing.set()
        await super().shutdown(sockets)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        taken = []
        for number in (signal.SIGTERM, signal.SIGINT):
            # Not in a thread other than the main one, and not on Windows.
            with contextlib.suppress(NotImplementedError, RuntimeError, ValueError):
                loop.add_signal_handler(number, self._end)
                taken.append(number)
        try:
            yield
        finally:
            for number in taken:
                loop.remove_signal_handler(number)

    def _end(self) -> None:
        if self.should_exit:
            self.force_exit = True
        self.should_exit = True
