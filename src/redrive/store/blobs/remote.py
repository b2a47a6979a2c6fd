"""Objects in a store behind the network: S3 and what speaks like it, Google Cloud Storage, Azure.

    objects/ab/abcdef…/0123456789abcdef     one object: the hash of its plain bytes, then a chance name

A store of objects cannot make an object young again, and cannot delete one only if nobody has
renewed it. So bytes that are given again after a while are written under a further chance name,
and a delete removes only the names that it found to be old: what another process writes at the
same moment stays. What stands under two names is one object.

An object goes to a temporary file on this machine first (small ones stay in memory), so that it is
uploaded under its final name, in parts of bounded size, and only if the store has not got it. It
appears there whole or not at all, and is durable when the upload has been answered.
"""

from __future__ import annotations

import os
import tempfile
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import groupby
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final, NamedTuple

from redrive.errors import Fault, PayloadGone
from redrive.store.blobs.base import (
    FAILPOINTS,
    Blob,
    BlobReader,
    Blobs,
    BlobWriter,
    Failpoint,
    StoredBlob,
    no_failpoint,
)
from redrive.store.blobs.disk import faults
from redrive.store.blobs.frames import FrameIndex, FramePacker
from redrive.store.blobs.memory import gone

if TYPE_CHECKING:
    from obstore.store import ObjectStore

FOLDER: Final = "objects"
FRESH_S: Final = 60.0
"""What was written this long ago is young enough for whoever is given the same bytes. Every delete by
age waits this much longer."""
IN_MEMORY_BYTES: Final = 4 << 20
PART_BYTES: Final = 8 << 20
_MOST_PARTS: Final = 9_000
_PARTS_AT_ONCE: Final = 4
_BLOCK_BYTES: Final = 512 << 10
_KEPT_BLOCKS: Final = 32
_KEPT_INDEXES: Final = 64
_DIGEST_BYTES: Final = 32
# The library has errors of their own for these only where it asks for one object. Without any key it
# asks the machine's metadata service, which answers on cloud machines only.
_REFUSED: Final = (
    "403 Forbidden",
    "401 Unauthorized",
    "CredentialsError",
    "169.254.169.254",
    "metadata.google",
)


class _Found(NamedTuple):
    """One name of an object, as the store lists it."""

    key: str
    stored_bytes: int
    age_s: float


class RemoteBlobs(Blobs):
    """Everything below the bucket and prefix that `store` stands for; any number of processes may use it.

    `address` is how messages name it. Ages are those that the store's clock gives its objects,
    counted by `now`.
    """

    parallel = 8

    def __init__(
        self,
        store: ObjectStore,
        address: str,
        spool: Path,
        *,
        now: Callable[[], float] = time.time,
        failpoint: Failpoint = no_failpoint,
        zstd_level: int = 1,
        in_memory_bytes: int = IN_MEMORY_BYTES,
    ) -> None:
        self.address = address
        self.failpoint = failpoint
        self.spool = spool
        self.level = zstd_level
        self.in_memory_bytes = in_memory_bytes
        self._store: Any = store
        self._now = now
        self._lock = threading.Lock()
        self._indexes: OrderedDict[bytes, tuple[str, FrameIndex]] = OrderedDict()
        self._blocks: OrderedDict[tuple[str, int], bytes] = OrderedDict()

    def probe(self) -> None:
        """Ask the store for anything, to learn early what is wrong with it. Errors: `Fault`."""
        with self.doing("list"):
            next(iter(self._store.list(FOLDER, chunk_size=1)), None)

    def writer(self) -> BlobWriter:
        return _RemoteWriter(self)

    def finish_many(self, writers: Sequence[BlobWriter]) -> list[Blob]:
        if not all(isinstance(writer, _RemoteWriter) for writer in writers):
            raise ValueError("writers of another store cannot be finished here")
        try:
            return [writer.finish() for writer in writers]
        except Exception:
            for writer in writers:
                writer.abort()
            raise

    def open(self, digest: bytes) -> BlobReader:
        return _RemoteReader(self, digest)

    def exists(self, digest: bytes) -> bool:
        return bool(self._names(digest))

    def delete(self, digest: bytes, older_than_s: float = 0.0) -> bool:
        least = older_than_s + FRESH_S if older_than_s > 0 else 0.0
        names = self._names(digest)
        old = [found.key for found in names if found.age_s >= least]
        self._remove(digest, old)
        return bool(names) and len(old) == len(names)

    def iterate(self) -> Iterator[StoredBlob]:
        for digest, names in groupby(self._every(), key=lambda pair: pair[0]):
            found = [one for _, one in names]
            yield StoredBlob(digest, found[0].stored_bytes, min(one.age_s for one in found))

    def sweep_temp(self, older_than_s: float) -> int:
        # The temporary files have no name: they go with the process. What a killed process had
        # uploaded of an object is no object, and a rule of the bucket removes it (see the docs).
        return 0

    # -- for the writers and readers of this store

    def keep(self, blob: Blob, file: IO[bytes]) -> None:
        """Upload, unless the bytes are there and young."""
        before = self._names(blob.digest)
        if any(found.age_s < FRESH_S and found.stored_bytes == blob.stored_bytes for found in before):
            with suppress(Fault, PayloadGone):
                self.index(blob.digest)
                return
        name = blob.digest.hex()
        key = f"{FOLDER}/{name[:2]}/{name}/{os.urandom(8).hex()}"
        with self.doing("write to"):
            if blob.stored_bytes <= self.in_memory_bytes:
                file.seek(0)
                self._store.put(key, file.read(), use_multipart=False)
            else:
                file.seek(0)
                part = max(PART_BYTES, -(-blob.stored_bytes // _MOST_PARTS))
                self._store.put(
                    key, file, use_multipart=True, chunk_size=part, max_concurrency=_PARTS_AT_ONCE
                )
        # They were there before ours: nobody can have been told that they are young.
        with suppress(Fault):
            self._remove(blob.digest, [found.key for found in before])

    def index(self, digest: bytes) -> tuple[str, FrameIndex]:
        """Under which name an object is read, and its index; from memory where it has been read before."""
        known = self._indexes.get(digest)
        if known is not None:
            return known
        names = self._names(digest)
        if not names:
            raise gone(digest)
        newest = min(names, key=lambda found: found.age_s)
        index = FrameIndex(digest, newest.stored_bytes, self._reader(newest.key, newest.stored_bytes))
        with self._lock:
            self._indexes[digest] = newest.key, index
            while len(self._indexes) > _KEPT_INDEXES:
                self._indexes.popitem(last=False)
        return newest.key, index

    def read(self, digest: bytes, start: int, stop: int | None) -> bytes:
        for _ in range(2):
            key, index = self.index(digest)
            try:
                return index.read(start, stop, self._reader(key, index.stored_bytes))
            except FileNotFoundError:
                # It may stand under another name by now.
                self.forget(digest)
        raise gone(digest)

    def forget(self, digest: bytes | None = None) -> None:
        """Answer nothing about an object (None: any) from memory."""
        with self._lock:
            if digest is None:
                self._indexes.clear()
                self._blocks.clear()
                return
            self._indexes.pop(digest, None)
            part = f"/{digest.hex()}/"
            for place in [place for place in self._blocks if part in place[0]]:
                del self._blocks[place]

    @contextmanager
    def doing(self, what: str) -> Iterator[None]:
        """Errors of the library as errors of the store; a missing object stays `FileNotFoundError`."""
        from obstore.exceptions import (  # noqa: PLC0415 - an extra
            BaseError,
            PermissionDeniedError,
            UnauthenticatedError,
        )

        try:
            yield
        except (BaseError, FileNotFoundError, PermissionError, OSError) as error:
            text = str(error)
            if any(word in text for word in ("NoSuchBucket", "ContainerNotFound", "bucket does not exist")):
                raise Fault(
                    f"cannot {what} {self.address}: there is no such bucket",
                    code="objects.no_bucket",
                    hint="Make the bucket, or mend the setting `objects`.",
                ) from error
            if isinstance(error, FileNotFoundError):
                raise
            refused = (PermissionDeniedError, UnauthenticatedError, PermissionError)
            if isinstance(error, refused) or any(word in text for word in _REFUSED):
                raise Fault(
                    f"cannot {what} {self.address}: the credentials were refused ({_why(text)})",
                    code="objects.refused",
                    hint="Give the right key: in the usual variables of that provider, or as the "
                    "settings `objects_key` and `objects_secret`.",
                ) from error
            fault = Fault(
                f"cannot {what} {self.address}: {_why(text)}",
                code="objects.unreachable",
                hint="Is it up, and its address right? Runs go on at the next start, where they stopped.",
            )
            fault.retry = "backoff"
            raise fault from error

    def _reader(self, key: str, stored_bytes: int) -> Callable[[int, int], bytes]:
        """Reads bytes of a stored object, in blocks: frames stand side by side, and so do their readers."""

        def read_at(offset: int, length: int) -> bytes:
            stop = min(offset + length, stored_bytes)
            if offset >= stop:
                return b""
            first, last = offset // _BLOCK_BYTES, (stop - 1) // _BLOCK_BYTES
            parts = [self._block(key, number, stored_bytes) for number in range(first, last + 1)]
            begin = offset - first * _BLOCK_BYTES
            return (parts[0] if len(parts) == 1 else b"".join(parts))[begin : begin + stop - offset]

        return read_at

    def _block(self, key: str, number: int, stored_bytes: int) -> bytes:
        known = self._blocks.get((key, number))
        if known is not None:
            return known
        start = number * _BLOCK_BYTES
        with self.doing("read"):
            got = self._store.get_range(key, start=start, end=min(start + _BLOCK_BYTES, stored_bytes))
            data = bytes(got)
        with self._lock:
            self._blocks[key, number] = data
            while len(self._blocks) > _KEPT_BLOCKS:
                self._blocks.popitem(last=False)
        return data

    def _names(self, digest: bytes) -> list[_Found]:
        name = digest.hex()
        return [found for _, found in self._listed(f"{FOLDER}/{name[:2]}/{name}")]

    def _every(self) -> Iterator[tuple[bytes, _Found]]:
        return self._listed(FOLDER)

    def _listed(self, prefix: str) -> Iterator[tuple[bytes, _Found]]:
        now = self._now()
        with self.doing("list"):
            for page in self._store.list(prefix, chunk_size=1000):
                for entry in page:
                    parts = entry["path"].split("/")
                    with suppress(ValueError, IndexError):
                        digest = bytes.fromhex(parts[-2])
                        if len(digest) == _DIGEST_BYTES:
                            age = max(now - entry["last_modified"].timestamp(), 0.0)
                            yield digest, _Found(entry["path"], entry["size"], age)

    def _remove(self, digest: bytes, keys: Sequence[str]) -> None:
        with self.doing("remove from"):
            for key in keys:
                with suppress(FileNotFoundError):
                    self._store.delete(key)
        self.forget(digest)


class _RemoteWriter(BlobWriter):
    def __init__(self, store: RemoteBlobs) -> None:
        self._store = store
        self._packer = FramePacker(store.level)
        self._file: IO[bytes] | None = tempfile.SpooledTemporaryFile(  # noqa: SIM115 - closed at its end
            max_size=store.in_memory_bytes, dir=str(store.spool)
        )

    def write(self, data: bytes) -> None:
        file = self._alive()
        for frame in self._packer.add(data):
            self._put(file, frame)

    def finish(self) -> Blob:
        file = self._alive()
        try:
            rest, blob = self._packer.finish()
            self._put(file, rest)
            written, fsynced, *after = FAILPOINTS
            self._store.failpoint(written)
            self._store.failpoint(fsynced)
            self._store.keep(blob, file)
            for name in after:
                self._store.failpoint(name)
        finally:
            self.abort()
        return blob

    def abort(self) -> None:
        if self._file is not None:
            file, self._file = self._file, None
            file.close()

    def _alive(self) -> IO[bytes]:
        if self._file is None:
            raise ValueError("the writer has ended")
        return self._file

    def _put(self, file: IO[bytes], data: bytes) -> None:
        try:
            with faults("write to", self._store.spool):
                file.write(data)
        except Fault:
            self.abort()
            raise


class _RemoteReader(BlobReader):
    def __init__(self, store: RemoteBlobs, digest: bytes) -> None:
        self._store = store
        self.digest = digest
        self.size_bytes = store.index(digest)[1].size_bytes

    def read(self, start: int = 0, stop: int | None = None) -> bytes:
        return self._store.read(self.digest, start, stop)


def _why(text: str) -> str:
    """What a provider or the network said, without addresses and signatures."""
    if "<Code>" in text:
        return text.split("<Code>", 1)[1].split("</Code>", 1)[0][:80]
    for known in ("timed out", "Connection refused", "dns error", "certificate", "Unauthorized", "Forbidden"):
        if known.lower() in text.lower():
            return known
    return text.splitlines()[0].split(" http", 1)[0][:160] if text else "no reason was given"
