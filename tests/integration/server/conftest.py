from __future__ import annotations

import asyncio
import os
import signal
from contextlib import asynccontextmanager

import pytest

from redrive.server.serve import serve
from tests.unit.server.recording import FixedSettings, RecordingService


@pytest.fixture
def service() -> RecordingService:
    return RecordingService()


@pytest.fixture
async def served(service, tmp_path):
    """A served home on a real socket: its address, ended by SIGTERM."""
    ready = asyncio.get_running_loop().create_future()

    @asynccontextmanager
    async def open_service():
        yield service

    serving = asyncio.ensure_future(
        serve(
            tmp_path,
            "127.0.0.1",
            0,
            open_service=open_service,
            settings=FixedSettings(),
            ready=ready.set_result,
        )
    )
    await asyncio.wait({serving, ready}, return_when=asyncio.FIRST_COMPLETED)
    if serving.done():
        serving.result()
    yield ready.result()
    if not serving.done():
        os.kill(os.getpid(), signal.SIGTERM)
    await serving
