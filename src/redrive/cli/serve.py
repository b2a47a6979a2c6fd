"""The verb up: the server of a home, until it is told to end."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from redrive.cli.session import Injected
from redrive.errors import HomeUnusable, UsageError

if TYPE_CHECKING:
    from redrive.server.serve import Address


async def up(
    *,
    host: Annotated[str | None, Parameter(help="Address of this machine to listen on.")] = None,
    port: Annotated[int | None, Parameter(help="Port to listen on; 0 takes any free one.")] = None,
    session: Injected,
) -> None:
    """Serve the API and run flows, until it is told to end (Ctrl-C, SIGTERM).

    Runs under way go on at the next start. A second `up` on the same home is an error.
    """
    from redrive import log
    from redrive.client.connecting import default_home, live_server
    from redrive.client.local import open_home
    from redrive.server.serve import serve
    from redrive.settings import FILE_NAME, load

    if session.url is not None:
        raise UsageError("`up` serves a home folder, not an address", at="--url", hint="Give --home DIR.")
    given = load(options={"home": str(session.home) if session.home else None})
    home = Path(given.home).expanduser() if given.home else default_home()
    settings = load(
        file=home / FILE_NAME, options={"home": str(home), "host": host, "port": port}
    )
    log.set_up(settings)
    if (live := await live_server(home)) is not None:
        raise HomeUnusable(
            f"The home {home} is held by another `up`, at {live.url}",
            code="home.locked",
            at=str(home),
            hint=f"End process {live.pid} first, or give another home with --home.",
        )

    def ready(address: Address) -> None:
        if session.json:
            session.output.value({"url": address.url, "link": address.link, "home": str(home)})
            return
        session.output.text(f"Redrive runs at {address.url}")
        session.output.text(f"Sign a browser in, once: {address.link}")
        session.output.bytes(b"")

    await serve(
        home,
        settings.host,
        settings.port,
        open_service=lambda: open_home(home, settings, serve=True),
        settings=settings,
        ready=ready,
    )
