"""The product as its users meet it: the command as a process, and the client in this one."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from redrive.client import connect
from redrive.client.records import RedriveRequest, RetryRequest, StartRequest
from redrive.service.app import open_service
from redrive.settings import load

SOURCE = Path(__file__).parents[2] / "src"
TIMEOUT_S = 60


@dataclass
class Ended:
    """One call of the command that has come to its end."""

    code: int
    out: bytes
    err: str

    @property
    def text(self) -> str:
        return self.out.decode()

    @property
    def value(self) -> Any:
        return json.loads(self.out)

    @property
    def error(self) -> dict[str, Any]:
        """The error object that `--json` prints on stderr."""
        return json.loads(self.err.strip().splitlines()[-1])


@dataclass
class Command:
    """The command `redrive` on one home, each call a process of its own."""

    home: Path
    environment: Mapping[str, str] = field(default_factory=dict)

    def __call__(
        self, *arguments: str, stdin: bytes = b"", timeout_s: float = TIMEOUT_S, **more: Any
    ) -> Ended:
        with self.begun(*arguments, **more) as process:
            try:
                out, err = process.communicate(stdin, timeout=timeout_s)
            except subprocess.TimeoutExpired:
                process.kill()
                raise
        return Ended(process.returncode, out, err.decode())

    def ok(self, *arguments: str, stdin: bytes = b"") -> Ended:
        ended = self(*arguments, stdin=stdin)
        assert ended.code == 0, ended.err + ended.text
        return ended

    def json(self, *arguments: str, code: int = 0, stdin: bytes = b"") -> Any:
        ended = self(*arguments, "--json", stdin=stdin)
        assert ended.code == code, ended.err + ended.text
        return ended.value

    def refused(self, *arguments: str, code: int = 2, stdin: bytes = b"") -> dict[str, Any]:
        """The error object of a call that must not succeed."""
        ended = self(*arguments, "--json", stdin=stdin)
        assert ended.code == code, ended.err + ended.text
        assert ended.out == b""
        assert ended.error.keys() >= {"code", "title", "detail", "at", "hint"}
        return ended.error

    def begun(
        self, *arguments: str, python: Sequence[str] = ("-m", "redrive"), **more: Any
    ) -> subprocess.Popen[bytes]:
        """A call that goes on while the test does something else. `python` is what it is run by."""
        return subprocess.Popen(
            [sys.executable, *python, "--home", str(self.home), *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, **self.environment, "PYTHONPATH": str(SOURCE), "COLUMNS": "200"},
            **more,
        )


@asynccontextmanager
async def up(command: Command, *arguments: str) -> AsyncIterator[dict[str, Any]]:
    """`redrive up` in a process of its own; gives what it says when it is ready."""
    process = command.begun("up", "--port", "0", "--json", *arguments)
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line, process.communicate(timeout=TIMEOUT_S)[1].decode()
        yield json.loads(line)
    finally:
        process.terminate()
        process.communicate(timeout=TIMEOUT_S)


@dataclass
class Product:
    """The same home through the client in this process, which executes what it starts."""

    client: Any

    async def load(self, *texts: str, deploy: bool = True) -> Any:
        documents = [(f"document-{n}.yaml", text.encode()) for n, text in enumerate(texts)]
        return await self.client.flows.import_documents(documents, deploy=deploy)

    async def run(self, flow: str, **request: Any) -> Any:
        row = await self.client.runs.start(flow, StartRequest(**request))
        return await self.ended(row)

    async def retry(self, run: str, **request: Any) -> Any:
        if "from_" not in request:
            request["from_"] = "failed"
        return await self.ended(await self.client.redrives.retry(run, RetryRequest(**request)))

    async def redrive(self, run: str, **request: Any) -> Any:
        return await self.ended(await self.client.redrives.redrive(run, RedriveRequest(**request)))

    async def plan(self, run: str, **request: Any) -> Any:
        return await self.client.redrives.plan(run, RedriveRequest(**request))

    async def ended(self, row: Any) -> Any:
        await self.client.finish(row.id)
        return await self.client.runs.get(row.id)

    async def upload(self, data: bytes, **more: Any) -> str:
        async def chunks() -> AsyncIterator[bytes]:
            yield data

        return (await self.client.payloads.upload(chunks(), **more)).id

    async def bytes(self, payload: str) -> bytes:
        return b"".join([chunk async for chunk in self.client.payloads.stream(payload)])


@asynccontextmanager
async def opened(home: Path) -> AsyncIterator[Product]:
    async with connect(home=home) as client:
        yield Product(client)


def step(run: Any, name: str) -> Any:
    """A step run of a run, by the step's id."""
    return next(one for one in run.steps if one.step == name)


@asynccontextmanager
async def served(home: Path) -> AsyncIterator[Product]:
    """This process as the runner of a home, as `redrive up` is: all that is queued executes at once."""
    settings = load(options={"home": str(home)})
    async with open_service(home, settings, serve=True) as service:
        yield Served(service)


class Served(Product):
    async def ended(self, row: Any) -> Any:
        async with asyncio.timeout(TIMEOUT_S):
            await self.client.runs.wait(row.id)
        return await self.client.runs.get(row.id)
