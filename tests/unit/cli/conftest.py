from __future__ import annotations

import json
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from redrive.cli.main import main
from redrive.cli.output import Output
from tests.unit.server.recording import RecordingService


@dataclass
class Result:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def error(self) -> Any:
        return json.loads(self.err)


@pytest.fixture
def service() -> RecordingService:
    return RecordingService()


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch, tmp_path):
    for name in ("REDRIVE_HOME", "REDRIVE_URL", "REDRIVE_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def redrive(service, monkeypatch, capsys, tmp_path):
    """Run the command in this process, on a home whose service only records."""

    @asynccontextmanager
    async def open_recording(home, settings, *, serve=False, actor="local"):
        service.opened_at = home
        yield service

    monkeypatch.setattr("redrive.client.local.open_home", open_recording)

    def call(*words: str, home: bool = True) -> Result:
        place = ("--home", str(tmp_path / "home")) if home else ()
        code = main([*place, *words])
        captured = capsys.readouterr()
        return Result(code, captured.out, captured.err)

    return call


@pytest.fixture
def terminal(monkeypatch):
    """A person sits there and answers what is in the list."""
    answers: list[str] = []
    monkeypatch.setattr(Output, "on_terminal", property(lambda _self: True))
    monkeypatch.setattr(Output, "may_ask", property(lambda _self: True))
    monkeypatch.setattr("builtins.input", lambda: answers.pop(0))
    return answers
