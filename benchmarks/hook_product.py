"""The product's side of webhooks: `up` on a home with one flow, in a process of its own.

    python -m benchmarks.hook_product FOLDER [PROFILE]

Prints its port when it listens; ends when stdin does. Given a file, it leaves a profile there.
"""

from __future__ import annotations

import asyncio
import cProfile
import os
import signal
import sys
import threading
from pathlib import Path
from urllib.parse import urlsplit

from redrive.client.local import open_home
from redrive.server.serve import Address, serve
from redrive.settings import load

FLOW = b"""flow: intake
triggers:
  - webhook: {open: true}
steps:
  - {id: each, shape: flow_control, size: 100}
"""


async def main(home: Path) -> None:
    settings = load(environment={}, options={"home": str(home)})
    async with open_home(home, settings) as service:
        await service.flows.import_documents([("intake.yaml", FLOW)], deploy=True)

    def ready(address: Address) -> None:
        print(urlsplit(address.url).port, flush=True)

    await serve(
        home,
        "127.0.0.1",
        0,
        open_service=lambda: open_home(home, settings, serve=True),
        settings=settings,
        ready=ready,
    )


def _end_with_stdin() -> None:
    sys.stdin.buffer.read()
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    threading.Thread(target=_end_with_stdin, daemon=True).start()
    profile = cProfile.Profile() if len(sys.argv) > 2 else None
    if profile is not None:
        profile.enable()
    asyncio.run(main(Path(sys.argv[1])))
    if profile is not None:
        profile.disable()
        profile.dump_stats(sys.argv[2])
