"""The verb demo: the story of a failed run, against a demo shop and ERP, in a home of its own."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from redrive.cli.session import Injected, Session
from redrive.errors import Fault, UsageError

if TYPE_CHECKING:
    from redrive.demo.servers import DemoServers
    from redrive.settings import Settings


async def demo(
    *,
    once: Annotated[bool, Parameter(help="End after the story; else the server stays up.")] = False,
    session: Injected,
) -> int:
    """Tell the story of a failed run: found, understood, edited and redriven, with nothing sent twice.

    Exit code 0 only if every claim of the story was checked against the demo ERP and is true.
    """
    from redrive import log
    from redrive.client.connecting import settings_of
    from redrive.demo.servers import DemoServers

    if session.url is not None:
        raise UsageError("The demo works on a home of its own, not on an address", at="--url")
    home = session.home or Path(tempfile.mkdtemp(prefix="redrive-demo-"))
    settings = settings_of(home)
    log.configure(settings.log_level if "log_level" in settings.sources else "error", settings.log_format)
    servers = DemoServers()
    try:
        await asyncio.to_thread(servers.__enter__)
        try:
            # The demo's connections take their tokens from the environment of the process that executes.
            os.environ.update(servers.environment)
            true = await _story(home, settings, servers)
            if not once:
                await _stay_up(session, home, settings)
        finally:
            await asyncio.to_thread(servers.stop)
    finally:
        if session.home is None:
            shutil.rmtree(home, ignore_errors=True)
    return 0 if true else 1


async def _story(home: Path, settings: Settings, servers: DemoServers) -> bool:
    from redrive.client.local import open_home
    from redrive.demo.story import tell
    from redrive.demo.terminal import story_console

    async with open_home(home, settings, serve=True) as service:
        return await tell(service, story_console(sys.stdout), servers)


async def _stay_up(session: Session, home: Path, settings: Settings) -> None:
    from redrive.cli.serve import serve_home

    session.output.text()
    session.output.text("The server stays up until Ctrl-C. In another terminal:")
    session.output.text(f"  redrive runs --home {home}")
    try:
        await serve_home(session, home, settings, settings.host, settings.port)
    except Fault as error:
        if error.code != "port.in_use":
            raise
        await serve_home(session, home, settings, settings.host, 0)
