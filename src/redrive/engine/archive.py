"""The form of a backup: one tar of small members, read and written as a stream.

    manifest.json              what this is, of which release and schema, the columns of each table
    rows/TABLE/N.msgpack.zst   some rows, in the order of their key
    objects/HASH/N.zst         a piece of the plain bytes of a large content
    files/NAME                 settings; the key of secrets, where it was asked for
    end.json                   how much there was, and the hash of all that stands before

It names tables, columns and plain bytes, nothing of a database or of a store of objects: what was taken from
one kind can be put into another. No member is larger than some MiB.
"""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator
from typing import Any, BinaryIO, Final

import msgspec
import zstandard
from blake3 import blake3

from redrive.errors import UserError

FORMAT: Final = "redrive-backup"
VERSION: Final = 1
MANIFEST: Final = "manifest.json"
END: Final = "end.json"
MAX_MEMBER_BYTES: Final = 64 << 20
_BLOCK: Final = 512


class Manifest(msgspec.Struct, kw_only=True):
    format: str = FORMAT
    version: int = VERSION
    release: str
    schema: str
    backup: int
    created_at: int
    secrets: bool
    tables: dict[str, list[str]]


class End(msgspec.Struct, kw_only=True):
    rows: dict[str, int]
    objects: int
    digest: str


class Packer:
    """Gives each member as bytes of the tar, and keeps the hash of all of them."""

    def __init__(self) -> None:
        self._hasher = blake3()
        self._zstd = zstandard.ZstdCompressor(level=3)
        self.size_bytes = 0

    def member(self, name: str, data: bytes, *, packed: bool = False) -> bytes:
        if packed:
            data = self._zstd.compress(data)
        header = tarfile.TarInfo(name)
        header.size = len(data)
        header.mode = 0o600
        self._hasher.update(name.encode() + b"\0" + len(data).to_bytes(8, "big") + data)
        written = header.tobuf(tarfile.USTAR_FORMAT) + data + bytes(-len(data) % _BLOCK)
        self.size_bytes += len(written)
        return written

    def end(self, rows: dict[str, int], objects: int) -> bytes:
        digest = self._hasher.hexdigest()
        last = self.member(END, msgspec.json.encode(End(rows=rows, objects=objects, digest=digest)))
        return last + bytes(2 * _BLOCK)


def damaged(why: str) -> UserError:
    return UserError(
        f"the backup is damaged: {why}",
        code="backup.damaged",
        hint="Nothing was restored. Take another copy of it, or an older backup.",
    )


class Unpacker:
    """The members of a backup in their order, each as (name, plain bytes); checked as they pass.

    Errors: `backup.damaged`, `backup.unknown` for a file that is none.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._hasher = blake3()
        self._zstd = zstandard.ZstdDecompressor()

    def members(self) -> Iterator[tuple[str, bytes]]:
        try:
            with tarfile.open(fileobj=self._file, mode="r|") as tar:
                for found in tar:
                    if not found.isreg() or found.size > MAX_MEMBER_BYTES:
                        raise damaged(f"it has a member {found.name!r} that no backup has")
                    stream = tar.extractfile(found)
                    data = stream.read() if stream is not None else b""
                    if len(data) != found.size:
                        raise damaged("it ends too early")
                    if found.name == END:
                        yield found.name, data
                        return
                    name = found.name.encode() + b"\0" + len(data).to_bytes(8, "big")
                    self._hasher.update(name + data)
                    yield found.name, self._plain(data) if found.name.endswith(".zst") else data
        except (tarfile.TarError, EOFError, zstandard.ZstdError) as error:
            raise damaged(str(error)) from None
        raise damaged("it ends too early")

    @property
    def digest(self) -> str:
        return self._hasher.hexdigest()

    def _plain(self, data: bytes) -> bytes:
        with self._zstd.stream_reader(io.BytesIO(data)) as reader:
            plain: bytes = reader.read(MAX_MEMBER_BYTES + 1)
        if len(plain) > MAX_MEMBER_BYTES:
            raise damaged("a member is larger than any of a backup")
        return plain


def read_manifest(name: str, data: bytes, schema: str) -> Manifest:
    """Errors: `backup.unknown`, `backup.schema`."""
    try:
        found = msgspec.json.decode(data, type=Manifest) if name == MANIFEST else None
    except msgspec.MsgspecError:
        found = None
    if found is None or found.format != FORMAT or found.version > VERSION:
        raise UserError(
            "the file is not a backup that this release can read",
            code="backup.unknown",
            hint="`redrive backup` makes one; a newer release may have made this.",
        )
    if found.schema != schema:
        raise UserError(
            f"the backup was made by release {found.release} (schema {found.schema}); this one has {schema}",
            code="backup.schema",
            hint=f"Restore it with release {found.release}, then start this one on the restored home.",
        )
    return found


def rows_of(data: bytes) -> list[list[Any]]:
    try:
        rows: list[list[Any]] = msgspec.msgpack.decode(data, type=list[list[Any]])
    except msgspec.MsgspecError as error:
        raise damaged(str(error)) from None
    return rows
