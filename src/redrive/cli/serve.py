"""The verb up: the server of a home, until it is told to end."""

from __future__ import annotations

import gc
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from redrive.cli.session import Injected, Session
from redrive.errors import HomeUnusable, UsageError

if TYPE_CHECKING:
    from redrive.server.serve import Address
    from redrive.settings import Settings


async def up(
    *,
    host: Annotated[str | None, Parameter(help="Address of this machine to listen on.")] = None,
    port: Annotated[int | None, Parameter(help="Port to listen on; 0 takes any free one.")] = None,
    session: Injected,
) -> None:
    """Serve the API and run flows, until it is told to end (Ctrl-C, SIGTERM).

    Runs under way go on at the next start. A second `up` on the same home is an error.
    """
    gc.disable()  # what is imported now stays: to look through it takes a seventh of the start
    try:
        await _up(session, host, port)
    finally:
        gc.enable()


async def _up(session: Session, host: str | None, port: int | None) -> None:
    from redrive import log
    from redrive.client.connecting import home_of, live_server, settings_of
    from redrive.settings import load

    if session.url is not None:
        raise UsageError("`up` serves a home folder, not an address", at="--url", hint="Give --home DIR.")
    given = load(options={"home": str(session.home) if session.home else None})
    home = home_of(given)
    settings = settings_of(home, host=host, port=port)
    log.configure(settings.log_level, settings.log_format)
    if (live := await live_server(home)) is not None:
        raise HomeUnusable(
            f"The home {home} is held by another `up`, at {live.url}",
            code="home.locked",
            at=str(home),
            hint=f"End process {live.pid} first, or give another home with --home.",
        )
    await serve_home(session, home, settings, settings.host, settings.port)


async def serve_home(session: Session, home: Path, settings: Settings, host: str, port: int) -> None:
    """Serve a home until a signal; prints its address when it is ready."""
    from redrive.client.local import open_home
    from redrive.server.serve import Reach, serve

    output = session.output

    def ready(address: Address) -> None:
        if output.json:
            output.value({"url": address.url, "link": address.link, "home": str(home)})
            return
        output.text(f"Redrive runs at {address.url}")
        if address.link is not None:
            output.text(f"Sign a browser in, once: {address.link}")
        output.bytes(b"")  # flushed: whoever waits for the address in a pipe has it now

    await serve(
        home,
        host,
        port,
        open_service=lambda: open_home(home, settings, serve=True),
        settings=settings,
        ready=ready,
        reach=Reach(
            public_url=settings.public_url,
            host_names=_listed(settings.host_names),
            proxies=_listed(settings.trusted_proxies),
        ),
    )


def _listed(text: str | None) -> list[str]:
    return (text or "").replace(",", " ").split()
