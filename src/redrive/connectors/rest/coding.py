"""Compression of bodies in both directions; what comes in is unpacked in bounded pieces."""

from __future__ import annotations

import zlib
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any, Final, Protocol

import zstandard

PIECE_BYTES: Final = 256 << 10
_ZSTD_SLICE: Final = 256
"""Bytes that are unpacked at a time: so few, because zstd says how much comes out only afterwards."""
_ZSTD_WINDOW: Final = 128 << 20
ACCEPTED: Final = "gzip, deflate, br, zstd"
_LANGUAGES: Final = frozenset({"gzip", "x-gzip", "deflate", "br", "zstd"})


class Undecodable(ValueError):
    """The body is not packed as it says, or breaks off."""


class Unpacker(Protocol):
    def feed(self, data: bytes) -> Iterator[bytes]: ...

    def ended(self) -> bool: ...


class _Zlib:
    """gzip (also of several members) and deflate (with and without the header of zlib)."""

    def __init__(self, *, gzip: bool) -> None:
        self._gzip = gzip
        self._inner: Any = None

    def feed(self, data: bytes) -> Iterator[bytes]:
        while data:
            if self._inner is None or self._inner.eof:
                bits = 31 if self._gzip else 15 if data[0] & 0x0F == 8 else -15
                self._inner = zlib.decompressobj(bits)
            yield self._inner.decompress(data, PIECE_BYTES)
            while self._inner.unconsumed_tail:
                yield self._inner.decompress(self._inner.unconsumed_tail, PIECE_BYTES)
            # What follows a member is another one, or zeros that fill a block.
            data = self._inner.unused_data.lstrip(b"\0") if self._gzip else b""

    def ended(self) -> bool:
        return self._inner is None or bool(self._inner.eof)


class _Brotli:
    def __init__(self) -> None:
        import brotli  # type: ignore[import-untyped]  # noqa: PLC0415 - few answer with it

        self._inner = brotli.Decompressor()
        self._any = False

    def feed(self, data: bytes) -> Iterator[bytes]:
        self._any = True
        yield self._inner.process(data, output_buffer_limit=PIECE_BYTES)
        while not self._inner.can_accept_more_data():
            yield self._inner.process(b"", output_buffer_limit=PIECE_BYTES)

    def ended(self) -> bool:
        return not self._any or bool(self._inner.is_finished())


class _Zstd:
    def __init__(self) -> None:
        self._inner: Any = None

    def feed(self, data: bytes) -> Iterator[bytes]:
        for at in range(0, len(data), _ZSTD_SLICE):
            rest = data[at : at + _ZSTD_SLICE]
            while rest:
                if self._inner is None or self._inner.eof:
                    self._inner = zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW).decompressobj()
                out = self._inner.decompress(rest)
                yield from (out[start : start + PIECE_BYTES] for start in range(0, len(out), PIECE_BYTES))
                rest = self._inner.unused_data if self._inner.eof else b""

    def ended(self) -> bool:
        return self._inner is None or bool(self._inner.eof)


def _unpacker(name: str) -> Unpacker:
    if name == "br":
        return _Brotli()
    return _Zstd() if name == "zstd" else _Zlib(gzip=name != "deflate")


def codings(header: str | None) -> tuple[str, ...]:
    """The codings of a Content-Encoding header that have to be undone, the last one first."""
    names = [name.strip().lower() for name in (header or "").split(",")]
    return tuple(name for name in reversed(names) if name and name != "identity")


class Unpacked:
    """The body of a response without its codings, as `read_body` takes one."""

    def __init__(self, response: Any, names: Sequence[str]) -> None:
        self._response = response
        self._names = names

    @property
    def content(self) -> Unpacked:
        return self

    def close(self) -> None:
        self._response.close()

    async def iter_any(self) -> AsyncIterator[bytes]:
        """Errors: `Undecodable`."""
        if unknown := [name for name in self._names if name not in _LANGUAGES]:
            raise Undecodable(f"the answer is packed as {unknown[0][:40]!r}, which is not known")
        chain = [_unpacker(name) for name in self._names]
        wrong = f"the answer is not the {', '.join(self._names)} that it says it is"
        try:
            async for data in self._response.content.iter_any():
                for piece in _through(chain, data):
                    yield piece
        except (zlib.error, zstandard.ZstdError) as error:
            raise Undecodable(wrong) from error
        except Exception as error:
            if type(error).__module__ == "brotli":
                raise Undecodable(wrong) from error
            raise
        if not all(one.ended() for one in chain):
            raise Undecodable("the packed answer breaks off before its end")


def _through(chain: Sequence[Unpacker], data: bytes) -> Iterator[bytes]:
    if not chain:
        yield data
        return
    for piece in chain[0].feed(data):
        if piece:
            yield from _through(chain[1:], piece)


async def packed(name: str, pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """A body, compressed on its way. The same bytes give the same bytes."""
    press, flush = _packer(name)
    async for piece in pieces:
        if out := press(piece):
            yield out
    if out := flush():
        yield out


def _packer(name: str) -> tuple[Any, Any]:
    if name == "br":
        import brotli  # noqa: PLC0415 - few systems take it

        brotli_packer = brotli.Compressor(quality=5)
        return brotli_packer.process, brotli_packer.finish
    if name == "zstd":
        zstd_packer = zstandard.ZstdCompressor(level=3).compressobj()
        return zstd_packer.compress, zstd_packer.flush
    zlib_packer = zlib.compressobj(6, zlib.DEFLATED, 31 if name == "gzip" else 15)
    return zlib_packer.compress, zlib_packer.flush
