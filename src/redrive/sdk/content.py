"""Immutable bytes that a payload holds, readable in ranges however large they are."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator

from blake3 import blake3

CHUNK_BYTES = 1 << 20


class Content(ABC):
    """`digest` is the BLAKE3 hash (32 bytes) of the plain bytes, `size_bytes` their number."""

    digest: bytes
    size_bytes: int

    @abstractmethod
    async def read(self, start: int = 0, stop: int | None = None) -> bytes:
        """The bytes from `start` to before `stop` (default: the end).

        Errors: `PayloadGone` if they are no longer kept, `StoreCorrupt` if they are damaged.
        """

    async def stream(
        self, start: int = 0, stop: int | None = None, chunk_bytes: int = CHUNK_BYTES
    ) -> AsyncIterator[bytes]:
        """The same bytes in order, in chunks of at most `chunk_bytes`."""
        end = self.size_bytes if stop is None else min(stop, self.size_bytes)
        while start < end:
            upto = min(start + chunk_bytes, end)
            yield await self.read(start, upto)
            start = upto


class MemoryContent(Content):
    """Content that is all in memory: small payloads, tests and notebooks."""

    __slots__ = ("data", "digest", "size_bytes")

    def __init__(self, data: bytes, digest: bytes | None = None) -> None:
        self.data = data
        self.size_bytes = len(data)
        self.digest = digest or blake3(data).digest()

    async def read(self, start: int = 0, stop: int | None = None) -> bytes:
        return self.data if start == 0 and stop is None else self.data[start:stop]
