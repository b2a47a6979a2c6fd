"""Chooses the transport: a named server, the live server of a home, or the home itself."""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from redrive.errors import UsageError
from redrive.service.interface import Services
from redrive.service.views import Page, RunRow, SettingView
from redrive.settings import FILE_NAME, Settings, load

SERVER_FILE = "server.json"


class Client(Services, Protocol):
    """The nouns of the service, wherever it runs."""

    @property
    def where(self) -> str:
        """The server's address, or the home folder that this process works on."""
        ...

    @property
    def in_process(self) -> bool:
        """Whether the home's service runs in this process, so that waiting may mean executing."""
        ...

    async def finish(self, run_id: str) -> RunRow:
        """Wait until a run has ended. On a home that nobody executes, this process does it."""
        ...

    async def settings(self) -> Page[SettingView]: ...

    async def login_link(self) -> str:
        """A one-time link that signs a browser in. Errors: `server.needed` where no server runs."""
        ...


@dataclass(frozen=True, slots=True)
class Live:
    """The server that holds a home, as it left its address there."""

    url: str
    token: str
    pid: int


def default_home() -> Path:
    """The folder that is used where none is named: of this user, where the platform keeps data."""
    from platformdirs import user_data_path  # noqa: PLC0415  # mostly a home is named

    return user_data_path("redrive", appauthor=False)


def home_of(settings: Settings) -> Path:
    """The home folder that settings name, or the default one."""
    return Path(settings.home).expanduser() if settings.home else default_home()


def settings_of(home: Path, **options: str | int | None) -> Settings:
    """The settings for work on a home, its file among them."""
    # What is no folder holds no file; that it is none is told when it is opened.
    file = home / FILE_NAME if home.is_dir() else None
    return load(file=file, options={"home": str(home), **options})


@asynccontextmanager
async def connect(
    *,
    home: Path | None = None,
    url: str | None = None,
    token: str | None = None,
    settings: Settings | None = None,
    actor: str = "local",
) -> AsyncIterator[Client]:
    """Open a client; what is not given comes from `REDRIVE_HOME`, `REDRIVE_URL`, `REDRIVE_TOKEN`.

    A given home wins over an address in the environment. Errors: `server.unreachable`,
    `home.unusable`, `auth.required`.
    """
    if home is not None and url is not None:
        raise UsageError("A home and an address are both given", hint="Give --home or --url, not both.")
    if settings is None:
        settings = load(options={"home": str(home) if home else None, "url": url, "token": token})
    if url is None and home is None:
        url = settings.url
    if url is not None:
        from redrive.client.http import HttpClient  # noqa: PLC0415  # not loaded for work on a home

        async with HttpClient(url, token or settings.token) as client:
            yield client
        return
    folder = home or home_of(settings)
    if (live := await live_server(folder)) is not None:
        from redrive.client.http import HttpClient  # noqa: PLC0415  # as above

        async with HttpClient(live.url, live.token, home=folder) as client:
            yield client
        return
    from redrive.client.local import open_local  # noqa: PLC0415  # not loaded for work on a server

    async with open_local(folder, settings_of(folder), actor=actor) as local:
        yield local


async def live_server(home: Path) -> Live | None:
    """The server of a home, if one lives: an address that a dead process left does not count."""
    try:
        left = json.loads((home / SERVER_FILE).read_text(encoding="utf-8"))
        live = Live(url=str(left["url"]), token=str(left["token"]), pid=int(left["pid"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None
    if not _alive(live.pid):
        return None
    from redrive.client.transport import answers  # noqa: PLC0415  # as above

    return live if await answers(live.url) else None


def _alive(pid: int) -> bool:
    if os.name != "posix":
        return True  # a signal 0 would end the process there; asking its address decides
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True
