from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import redrive
from redrive.demo.servers import DemoServers

SOURCE = str(Path(redrive.__file__).parent.parent)
COMMAND = [sys.executable, "-c", "import sys; from redrive.cli.main import main; sys.exit(main())"]
TIMEOUT_S = 60


@dataclass
class Done:
    code: int
    out: bytes
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def error(self) -> Any:
        return json.loads(self.err)


class Command:
    """The real command, in processes of its own, on one home."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self.folder = folder
        self.home = folder / "home"
        kept = {name: text for name, text in os.environ.items() if not name.startswith("REDRIVE_")}
        self.environment = {**kept, "PYTHONPATH": SOURCE, "REDRIVE_HOME": str(self.home), **environment}

    def __call__(self, *words: str, stdin: bytes = b"") -> Done:
        done = subprocess.run(
            [*COMMAND, *words],
            input=stdin,
            capture_output=True,
            cwd=self.folder,
            env=self.environment,
            timeout=TIMEOUT_S,
            check=False,
        )
        return Done(done.returncode, done.stdout, done.stderr.decode())

    def begin(self, *words: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [*COMMAND, *words],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=self.folder,
            env=self.environment,
        )


@pytest.fixture
def servers():
    with DemoServers() as servers:
        yield servers


@pytest.fixture
def command(tmp_path, servers) -> Command:
    """With the demo's flow imported and deployed, pointed at a demo shop and ERP."""
    command = Command(tmp_path, servers.environment)
    (tmp_path / "demo.yaml").write_text(servers.documents())
    imported = command("import", "demo.yaml", "--deploy", "--json")
    assert imported.code == 0, imported.err
    return command


@pytest.fixture
def bare(tmp_path) -> Command:
    return Command(tmp_path, {})


@pytest.fixture
def up(command):
    """A live `up` on the home; ended by SIGTERM."""
    process = command.begin("up", "--port", "0", "--json")
    line = process.stdout.readline()
    assert line, process.stderr.read().decode()
    try:
        yield json.loads(line)
    finally:
        process.terminate()
        out, err = process.communicate(timeout=TIMEOUT_S)
        assert (process.returncode, out) == (0, b""), err.decode()
    assert not (command.home / "server.json").exists()
