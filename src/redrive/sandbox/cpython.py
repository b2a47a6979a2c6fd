"""Real CPython in a process that the kernel has locked down, as interpreter: for scripts with `full`.

The process has an empty environment, no files but the standard library's, no network, and cannot start
another. What comes from it is taken for no more than what comes from any stranger.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import msgspec

from redrive.errors import StepError
from redrive.sandbox.failures import Raised
from redrive.sandbox.printed import Printed
from redrive.sandbox.script import Limits

MAX_FRAME_BYTES: Final = 384 << 20
START_S: Final = 20.0

_CHILD = Path(__file__).parent / "locked" / "child.py"

_PROBE: Final = """
def __probe():
    import os, socket
    through = []
    def attempt(name, work):
        try:
            work()
        except (OSError, MemoryError):
            return
        through.append(name)
    attempt("read a file", lambda: open("/etc/hostname").read())
    attempt("list a folder", lambda: os.listdir("/"))
    attempt("read of its own process", lambda: open("/proc/self/environ").read())
    attempt("write a file", lambda: open("/tmp/redrive-probe", "w"))
    attempt("open a socket", lambda: socket.socket(socket.AF_INET, socket.SOCK_STREAM))
    attempt("start a process", os.fork)
    attempt("signal another process", lambda: os.kill(os.getppid(), 0))
    if os.environ:
        through.append("see an environment")
    return ", ".join(through)
"""


class _Message(msgspec.Struct):
    value: Any = None
    ready: bool = False
    refused: str | None = None
    printed: str | None = None
    raised: dict[str, Any] | None = None


_decoder = msgspec.json.Decoder(_Message)


class CPython:
    """A session: one process, which ends with it."""

    rewinds = False

    def __init__(self, limits: Limits, now: datetime, out: Printed) -> None:
        self._limits = limits
        self._now = now
        self._out = out
        self._process: asyncio.subprocess.Process

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[CPython]:
        """Errors: `script.refused` where the kernel does not lock the process down."""
        if sys.platform != "linux":
            raise refused(f"this is {sys.platform}, not Linux")
        # fmt: off
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, "-I", "-S", "-B", "-X", "utf8", str(_CHILD),
            str(self._limits.memory_mib << 20), repr(self._now.timestamp()),
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
            env={}, cwd="/", close_fds=True, start_new_session=True,
        )
        # fmt: on
        try:
            try:
                first = await asyncio.wait_for(self._receive(), START_S)
            except (Raised, TimeoutError):
                raise refused("its process does not start") from None
            if not first.ready:
                raise refused(first.refused or "its process does not start")
            yield self
        finally:
            await self._end()

    async def feed(self, code: str, inputs: Mapping[str, Any] | None = None, *, file: bool = False) -> Any:
        message = {
            "code": code,
            "file": file,
            "inputs": {name: _packed(value) for name, value in (inputs or {}).items()},
        }
        try:
            async with asyncio.timeout(self._limits.time_s):
                await self._send(msgspec.json.encode(message))
                while True:
                    answer = await self._receive()
                    if answer.printed is None:
                        break
                    self._out.write(answer.printed)
        except TimeoutError:
            self._kill()
            raise Raised("time", "TimeoutError", "") from None
        if answer.raised is not None:
            raise _raised(answer.raised)
        return _unpacked(answer.value)

    async def mark(self) -> bytes:
        return b""

    async def rewind(self, state: bytes) -> None:
        raise NotImplementedError("a process cannot be put back")

    async def _send(self, data: bytes) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(len(data).to_bytes(4, "big") + data)
        try:
            await self._process.stdin.drain()
        except (ConnectionError, OSError):
            raise Raised("died", "", "") from None

    async def _receive(self) -> _Message:
        assert self._process.stdout is not None
        try:
            size = int.from_bytes(await self._process.stdout.readexactly(4), "big")
            if size > MAX_FRAME_BYTES:
                raise Raised("died", "", "")
            return _decoder.decode(await self._process.stdout.readexactly(size))
        except (asyncio.IncompleteReadError, ConnectionError):
            raise Raised("died", "", "") from None
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            self._kill()
            raise Raised("died", "", "") from None

    def _kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()

    async def _end(self) -> None:
        self._kill()
        if self._process.stdin is not None:
            self._process.stdin.close()
        await asyncio.shield(self._process.wait())


def refused(why: str) -> StepError:
    return StepError(
        f"full: true needs a kernel that locks a process down, and here {why}",
        code="script.refused",
        at="full",
        hint="Leave out full: the sandbox's own Python runs anywhere. In a container, allow user namespaces "
        "(and landlock) for Redrive.",
    )


async def why_not() -> str | None:
    """What keeps this machine from locking a process down; None where everything works.

    Not only asked for but tried: a locked process attempts what it must not be able to do.
    """
    from datetime import UTC  # noqa: PLC0415

    limits = Limits(time_s=START_S)
    try:
        async with CPython(limits, datetime.fromtimestamp(0, UTC), Printed(limits)).opened() as process:
            await process.feed(_PROBE)
            through = await process.feed("__probe()")
    except StepError as error:
        return str(error.detail).partition(", and here ")[2]
    except Raised as raised:
        return f"the trial of a locked process fails ({raised.type_name or raised.kind})"
    return f"a locked process can still {through}" if through else None


def _packed(value: Any) -> Any:
    return {"bytes": base64.b64encode(value).decode()} if isinstance(value, bytes) else value


def _unpacked(value: Any) -> Any:
    if isinstance(value, dict):
        try:
            return base64.b64decode(value["bytes"])
        except (KeyError, ValueError, TypeError):
            raise Raised("died", "", "") from None
    return [_unpacked(each) for each in value] if isinstance(value, list) else value


def _raised(told: dict[str, Any]) -> Raised:
    kind, line = told.get("kind"), told.get("line")
    return Raised(
        kind if kind in ("memory", "recursion", "syntax") else "raised",
        str(told.get("type"))[:200],
        str(told.get("message")),
        line=line if isinstance(line, int) else None,
        source_line=str(told.get("source_line") or ""),
    )
