"""The locked-down process: takes code from the host, runs it, answers. Imports only its neighbour.

Frames on both pipes: four bytes of length, then JSON; bytes stand as {"bytes": base64}. The first
answer says whether everything could be locked.
"""

from __future__ import annotations

import base64
import datetime as dt
import json
import os
import sys
import time
import traceback

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

FILE = "<script>"


def main() -> None:
    memory_bytes, now_s = int(sys.argv[1]), float(sys.argv[2])
    incoming, outgoing = os.dup(0), os.dup(1)
    empty = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(empty, number)
    os.close(empty)
    host = Host(incoming, outgoing)
    folder = os.path.dirname(os.path.abspath(__file__))
    sys.path.insert(0, folder)
    from lockdown import Refused, lock_down  # type: ignore[import-not-found]

    sys.path.remove(folder)
    os.environ.clear()  # Python itself sets a locale
    freeze(now_s)
    try:
        lock_down(memory_bytes)
    except (Refused, OSError, ValueError) as error:
        host.send({"refused": str(error)})
        return
    host.send({"ready": True})
    sys.stdout = sys.stderr = Out(host)
    serve(host)


class Host:
    def __init__(self, incoming: int, outgoing: int) -> None:
        self.incoming, self.outgoing = incoming, outgoing

    def send(self, message: dict[str, Any]) -> None:
        data = json.dumps(message).encode()
        data = len(data).to_bytes(4, "big") + data
        while data:
            data = data[os.write(self.outgoing, data) :]

    def receive(self) -> dict[str, Any]:
        message: dict[str, Any] = json.loads(self._exactly(int.from_bytes(self._exactly(4), "big")))
        return message

    def _exactly(self, size: int) -> bytes:
        parts = []
        while size:
            part = os.read(self.incoming, min(size, 1 << 20))
            if not part:
                os._exit(0)
            parts.append(part)
            size -= len(part)
        return b"".join(parts)


class Out:
    encoding = "utf-8"

    def __init__(self, host: Host) -> None:
        self.host = host
        self.sent = 0

    def write(self, text: str) -> int:
        if self.sent < 1 << 20:
            self.sent += len(text)
            self.host.send({"printed": text[: 1 << 16]})
        return len(text)

    def flush(self) -> None:
        pass


def freeze(now_s: float) -> None:
    """The clock shows the run's instant, wherever Python code asks for it."""
    real, day = dt.datetime, dt.date
    instant = real.fromtimestamp(now_s, dt.UTC)

    class Moment(real):  # type: ignore[valid-type,misc]
        @classmethod
        def now(cls, tz: dt.tzinfo | None = None) -> Moment:
            found = instant.astimezone(tz) if tz else instant.replace(tzinfo=None)
            return cls.combine(found.date(), found.timetz())  # type: ignore[no-any-return]

        @classmethod
        def utcnow(cls) -> Moment:
            return cls.now()

        @classmethod
        def today(cls) -> Moment:
            return cls.now()

    class Day(day):  # type: ignore[valid-type,misc]
        @classmethod
        def today(cls) -> Day:
            return cls(instant.year, instant.month, instant.day)

    for new, name in ((Moment, "datetime"), (Day, "date")):
        new.__name__ = new.__qualname__ = name
        new.__module__ = "datetime"
    dt.datetime, dt.date = Moment, Day  # type: ignore[misc]
    time.time = lambda: now_s
    time.time_ns = lambda: int(now_s * 1e9)


def serve(host: Host) -> None:
    names: dict[str, Any] = {"__name__": "__main__", "__builtins__": __builtins__}
    source = [""]
    while True:
        asked = host.receive()
        for name, value in asked["inputs"].items():
            names[name] = base64.b64decode(value["bytes"]) if isinstance(value, dict) else value
        try:
            if asked["file"]:
                source[0] = asked["code"]
                value = None
                exec(compile(asked["code"], FILE, "exec", dont_inherit=True), names)
            else:
                value = eval(compiled(asked["code"]), names)
            answer = {"value": plain(value)}
            host.send(answer)
        except BaseException as error:
            value = answer = None
            host.send({"raised": report(error, source[0])})


def compiled(code: str) -> Any:
    """An expression, else statements, whose value is None."""
    try:
        return compile(code, "<redrive>", "eval", dont_inherit=True)
    except SyntaxError:
        return compile(code, "<redrive>", "exec", dont_inherit=True)


def plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return {"bytes": base64.b64encode(value).decode()}
    if isinstance(value, list):
        return [plain(each) for each in value]
    return value


def report(error: BaseException, source: str) -> dict[str, Any]:
    kind = "raised"
    if isinstance(error, MemoryError):
        kind = "memory"
    elif isinstance(error, RecursionError):
        kind = "recursion"
    line = None
    last = ""
    try:
        for frame, number in traceback.walk_tb(error.__traceback__):
            last = frame.f_code.co_filename
            if last == FILE:
                line = number
    except Exception:
        line = None
    if isinstance(error, SyntaxError) and error.filename == FILE:
        kind, line = "syntax", error.lineno
    try:
        message = str(error)[:2000]
    except BaseException:
        message = ""
    text = ""
    if line is not None and last == FILE:
        lines = source.splitlines()
        text = lines[line - 1] if line <= len(lines) else ""
    return {
        "kind": kind,
        "type": type(error).__name__,
        "message": message.encode("utf-8", "replace").decode(),
        "line": line,
        "source_line": text,
    }


if __name__ == "__main__":
    main()
