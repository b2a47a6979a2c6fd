"""What every command gets: the global options, the client they lead to, and the output."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from redrive.cli.output import Output

if TYPE_CHECKING:
    from redrive.client import Client


@dataclass
class Session:
    """One call of the command."""

    home: Path | None
    url: str | None
    token: str | None
    json: bool

    @cached_property
    def output(self) -> Output:
        return Output(json=self.json)

    def connect(self) -> AbstractAsyncContextManager[Client]:
        from redrive import log
        from redrive.client import connect
        from redrive.settings import load

        home = str(self.home) if self.home else None
        settings = load(options={"home": home, "url": self.url, "token": self.token})
        # What goes wrong is told as the command's error; of the process log only what was asked for.
        asked = settings.sources.get("log_level") == "environment"
        log.configure(settings.log_level if asked else "error", settings.log_format)
        return connect(home=self.home, url=self.url, token=self.token, settings=settings)


Injected = Annotated[Session, Parameter(parse=False)]
