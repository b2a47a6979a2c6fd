"""Serves a real home on a real socket, in this process."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from redrive.engine.clock import Clock
from redrive.server.serve import Address, serve
from redrive.service.app import open_service
from redrive.settings import Settings


@asynccontextmanager
async def served_home(
    home: Path,
    settings: Settings,
    port: int = 0,
    host: str = "127.0.0.1",
    *,
    clock: Clock | None = None,
    **more: Any,
) -> AsyncIterator[Address]:
    """Where the home is reached, until SIGTERM; what hinders its start is raised."""
    ready = asyncio.get_running_loop().create_future()
    serving = asyncio.ensure_future(
        serve(
            home,
            host,
            port,
            open_service=lambda: open_service(home, settings, serve=True, clock=clock),
            settings=settings,
            ready=ready.set_result,
            **more,
        )
    )
    await asyncio.wait({serving, ready}, return_when=asyncio.FIRST_COMPLETED)
    if serving.done():
        serving.result()
    try:
        yield ready.result()
    finally:
        if not serving.done():
            os.kill(os.getpid(), signal.SIGTERM)
        await serving
