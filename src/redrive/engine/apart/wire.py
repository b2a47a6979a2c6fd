"""What the engine and a helper process say to each other: a head, and bytes that are not copied into it.

Both ends are the same program with the same plug-ins, so heads are pickled.
"""

from __future__ import annotations

import contextlib
import pickle
import struct
import sys
from datetime import datetime
from io import FileIO
from typing import Any, Final, Literal

import msgspec

from redrive.sdk.context import RunInfo

if sys.platform == "linux":
    import fcntl

PIPE_BYTES: Final = 1 << 20
_SIZES = struct.Struct("<IQ")


class PayloadFacts(msgspec.Struct, frozen=True):
    """A payload without its bytes."""

    position: int
    id: str
    digest: bytes
    size_bytes: int
    media_type: str
    items_path: str
    meta: dict[str, str]


class ContextFacts(msgspec.Struct, frozen=True):
    """What a separable shape sees of its context."""

    run: RunInfo
    step: str
    attempt: int
    missing: Literal["error", "empty", "skip_item"]
    state: Any
    preview: bool
    now: datetime
    last_success: datetime | None
    vars: dict[str, Any]


# ---- to the helper


class Job(msgspec.Struct, frozen=True):
    """Run a shape over one payload, or over a bucket of so many."""

    shape: type
    settings: dict[str, Any]
    context: ContextFacts
    work: PayloadFacts | int


class Data(msgspec.Struct, frozen=True):
    """The bytes that were asked for, as the body."""

    ticket: int


class Following(msgspec.Struct, frozen=True):
    """The payload that was asked for; None behind the last."""

    ticket: int
    payload: PayloadFacts | None


# ---- from the helper


class Read(msgspec.Struct, frozen=True):
    """Asks for bytes of a payload."""

    ticket: int
    position: int
    start: int
    stop: int


class Next(msgspec.Struct, frozen=True):
    """Asks for the next payload of the bucket, in the pass over it that has this number."""

    ticket: int
    number: int


class Line(msgspec.Struct, frozen=True):
    """A line for the run log."""

    level: Literal["info", "warning", "error"]
    message: str
    data: dict[str, Any]


class Tracked(msgspec.Struct, frozen=True):
    """A value that makes an item findable."""

    field: str
    value: str
    payload: int
    number: int


class PassedOn(msgspec.Struct, frozen=True):
    """A payload to put out whose content is that of an input payload."""

    position: int
    like: int | None
    media_type: str | None
    items_path: str | None
    meta: dict[str, str] | None
    origins: tuple[tuple[int, int, int], ...] | None
    path: str | None
    checkpoint: Any


class Made(msgspec.Struct, frozen=True):
    """A payload to put out. The body is all of its bytes, or `Part`s follow, and an `End`.

    located: instead of bytes each body is a recipe: where they stand in the payload `like`.
    """

    like: int | None
    media_type: str
    items_path: str
    meta: dict[str, str]
    path: str | None
    checkpoint: Any
    end: End | None
    located: bool = False


class Part(msgspec.Struct, frozen=True):
    """Further bytes, as the body. `size_bytes`, `check`: of the bytes that a recipe stands for."""

    size_bytes: int = 0
    check: bytes = b""


class End(msgspec.Struct, frozen=True):
    """What is known of a payload when all of it has been made.

    lineage: of items that keep their origins; `from_content`: all were made from `origins`, or
        from all of the input where that is None.
    digest, size_bytes: of all bytes, where they were located.
    """

    count: int | None
    lineage: bytes | None
    from_content: bool = False
    origins: tuple[tuple[int, int, int], ...] | None = None
    digest: bytes = b""
    size_bytes: int = 0


class Nothing(msgspec.Struct, frozen=True):
    """A payload without items, which is not put out; the checkpoint counts all the same."""

    checkpoint: Any


class Done(msgspec.Struct, frozen=True):
    """The shape has ended."""


class Failed(msgspec.Struct, frozen=True):
    """It ended with an error: one of ours, or what it says of another.

    unable: the shape could not even be loaded.
    """

    error: Exception
    trace: str = ""
    unable: bool = False


class Pipe:
    """One end. Blocking: the engine uses it in threads."""

    def __init__(self, reading: FileIO, writing: FileIO) -> None:
        self._reading = reading
        self._writing = writing

    def send(self, head: Any, body: bytes = b"") -> None:
        """Errors: `OSError` when the other side is gone."""
        packed = pickle.dumps(head, protocol=5)
        self._write(_SIZES.pack(len(packed), len(body)) + packed)
        if body:
            self._write(body)

    def receive(self) -> tuple[Any, bytes]:
        """Errors: `EOFError` when the other side is gone."""
        head_size, body_size = _SIZES.unpack(self._read(_SIZES.size))
        head = pickle.loads(self._read(head_size))  # noqa: S301 - by the same program, see above
        return head, self._read(body_size) if body_size else b""

    def close(self) -> None:
        self._writing.close()
        self._reading.close()

    def _write(self, data: bytes) -> None:
        with memoryview(data) as view:
            at = 0
            while at < len(view):
                at += self._writing.write(view[at:]) or 0

    def _read(self, size: int) -> bytes:
        parts: list[bytes] = []
        while size:
            part = self._reading.read(size)
            if not part:
                raise EOFError
            parts.append(part)
            size -= len(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)


def widen(descriptor: int) -> None:
    """Let a pipe hold a whole message: each turn of the two sides costs more than the bytes do."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError):  # beyond what this user may have
            fcntl.fcntl(descriptor, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
