"""Objects as files of one folder, durable before anybody may refer to them.

    objects/ab/cdef…   one object, named by the hash of its plain bytes
    temp/…             what is being written

A file is written under a temporary name, fsynced, renamed, and its folder fsynced: after a crash
at any point there is the whole object or none. A failed fsync may have dropped the bytes, and the
next one on the same file would claim success: the file is thrown away and the error is fatal.
"""

from __future__ import annotations

import errno
import os
import tempfile
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from redrive.errors import Fault, StoreFull
from redrive.store.blobs.base import (
    FOLDER_SYNCED,
    FSYNCED,
    RENAMED,
    WRITTEN,
    Blob,
    BlobReader,
    Blobs,
    BlobWriter,
    Failpoint,
    StoredBlob,
    no_failpoint,
)
from redrive.store.blobs.frames import FrameIndex, FramePacker
from redrive.store.blobs.memory import gone

_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_DIGEST_BYTES = 32
# Indexes of the objects read last: 16 bytes for each MiB of an object.
_KEPT_INDEXES = 64


class DiskBlobs(Blobs):
    """Everything below `root`, which one process writes to. `now` is what ages are counted by."""

    def __init__(
        self,
        root: Path,
        *,
        now: Callable[[], float] = time.time,
        failpoint: Failpoint = no_failpoint,
        zstd_level: int = 1,
    ) -> None:
        self.root = root
        self.objects = root / "objects"
        self.temp = root / "temp"
        self.failpoint = failpoint
        self._now = now
        self._level = zstd_level
        # Held while an object becomes visible, young again, or is removed.
        self._lock = threading.Lock()
        self._open_temp: set[Path] = set()
        # Folders whose own entry in `objects` this process has made durable.
        self._settled: set[Path] = set()
        self._failed = False
        self._indexes: OrderedDict[bytes, tuple[tuple[int, int], FrameIndex]] = OrderedDict()
        with faults("make", root):
            self.objects.mkdir(parents=True, exist_ok=True, mode=0o700)
            self.temp.mkdir(exist_ok=True, mode=0o700)
        self._sync_folder(root)
        self._sync_folder(root.parent)

    def writer(self) -> BlobWriter:
        self._sound()
        return _DiskWriter(self, self._level)

    def finish_many(self, writers: Sequence[BlobWriter]) -> list[Blob]:
        ours = [writer for writer in writers if isinstance(writer, _DiskWriter)]
        if len(ours) != len(writers):
            raise ValueError("writers of another store cannot be finished here")
        self._sound()
        try:
            blobs = [writer.complete() for writer in ours]
            for writer in ours:
                writer.sync()
            folders = {writer.publish() for writer in ours}
            for folder in folders:
                self._sync_names(folder)
        except Exception:
            for writer in ours:
                writer.abort()
            raise
        return blobs

    def open(self, digest: bytes) -> BlobReader:
        return _DiskReader(self, digest)

    def exists(self, digest: bytes) -> bool:
        return self.path_of(digest).is_file()

    def delete(self, digest: bytes, older_than_s: float = 0.0) -> bool:
        path = self.path_of(digest)
        with self._lock, faults("remove", path):
            try:
                if self._now() - path.stat().st_mtime < older_than_s:
                    return False
                path.unlink()
            except FileNotFoundError:
                return False
            self._indexes.pop(digest, None)
            return True

    def iterate(self) -> Iterator[StoredBlob]:
        now = self._now()
        with faults("list", self.objects):
            folders = sorted(entry.path for entry in os.scandir(self.objects) if entry.is_dir())
        for folder in folders:
            try:
                entries = list(os.scandir(folder))
            except FileNotFoundError:
                continue
            for entry in entries:
                with suppress(ValueError, FileNotFoundError):
                    digest = bytes.fromhex(os.path.basename(folder) + entry.name)  # noqa: PTH119 (not a Path)
                    found = entry.stat()
                    if len(digest) == _DIGEST_BYTES:
                        yield StoredBlob(digest, found.st_size, max(now - found.st_mtime, 0.0))

    def sweep_temp(self, older_than_s: float) -> int:
        removed = 0
        now = self._now()
        with faults("list", self.temp):
            left = sorted(self.temp.iterdir())
        for path in left:
            with self._lock:
                in_use = path in self._open_temp
            with suppress(FileNotFoundError), faults("remove", path, may_miss=True):
                if not in_use and now - path.stat().st_mtime >= older_than_s:
                    path.unlink()
                    removed += 1
        return removed

    def path_of(self, digest: bytes) -> Path:
        name = digest.hex()
        return self.objects / name[:2] / name[2:]

    # -- for the writers and readers of this store

    def begin_temp(self) -> tuple[int, Path]:
        with faults("write to", self.temp):
            descriptor, name = tempfile.mkstemp(dir=self.temp)
        path = Path(name)
        with self._lock:
            self._open_temp.add(path)
        return descriptor, path

    def drop_temp(self, path: Path) -> None:
        with suppress(OSError):
            path.unlink()
        with self._lock:
            self._open_temp.discard(path)

    def freshen(self, blob: Blob) -> bool:
        """Make an equal object that is there already young again; False if there is no sound one."""
        path = self.path_of(blob.digest)
        now = self._now()
        with self._lock:
            try:
                if path.stat().st_size != blob.stored_bytes:
                    return False
                self.index(blob.digest)
                os.utime(path, (now, now))
            except (OSError, Fault):
                return False
        return True

    def publish(self, temp: Path, digest: bytes) -> Path:
        """Give the object its name; the folder that it stands in."""
        path = self.path_of(digest)
        with self._lock, faults("write to", path):
            path.parent.mkdir(exist_ok=True, mode=0o700)
            temp.replace(path)
            self._open_temp.discard(temp)
            self._indexes.pop(digest, None)
        return path.parent

    def index(self, digest: bytes) -> FrameIndex:
        """The index of an object, from memory while its file is the same."""
        path = self.path_of(digest)
        try:
            with faults("read", path, may_miss=True), path.open("rb") as file:
                found = os.fstat(file.fileno())
                mark = (found.st_ino, found.st_ctime_ns)
                known = self._indexes.get(digest)
                if known is not None and known[0] == mark:
                    return known[1]

                def read_at(offset: int, length: int) -> bytes:
                    file.seek(offset)
                    return file.read(length)

                index = FrameIndex(digest, found.st_size, read_at)
        except FileNotFoundError:
            raise self._absent(digest) from None
        self._indexes[digest] = (mark, index)
        while len(self._indexes) > _KEPT_INDEXES:
            with suppress(KeyError):  # another thread may have emptied it
                self._indexes.popitem(last=False)
        return index

    def read(self, index: FrameIndex, start: int, stop: int | None) -> bytes:
        path = self.path_of(index.digest)
        try:
            with faults("read", path, may_miss=True), path.open("rb") as file:

                def read_at(offset: int, length: int) -> bytes:
                    file.seek(offset)
                    return file.read(length)

                return index.read(start, stop, read_at)
        except FileNotFoundError:
            raise self._absent(index.digest) from None

    def _absent(self, digest: bytes) -> Exception:
        if not self.objects.is_dir():
            return Fault(
                f"the folder {self.objects} is gone",
                code="store.io",
                hint="Is its disk mounted? Restore a backup if it was removed.",
            )
        return gone(digest)

    def _sync_names(self, folder: Path) -> None:
        """Make the names in a folder durable, and at its first use the folder's own name."""
        if folder not in self._settled:
            self._sync_folder(self.objects)
            self._settled.add(folder)
        self._sync_folder(folder)
        self.failpoint(FOLDER_SYNCED)

    def _sync_folder(self, folder: Path) -> None:
        if os.name == "nt":  # a folder cannot be opened there, and its entries are journalled
            return
        with faults("open", folder):
            descriptor = os.open(folder, os.O_RDONLY)
        try:
            self._fsync(descriptor, folder)
        finally:
            os.close(descriptor)

    def settle(self, descriptor: int, path: Path) -> None:
        """Make a new file durable, its age counting from now."""
        now = self._now()
        with faults("write to", path):
            os.utime(path, (now, now))
        self._fsync(descriptor, path)

    def _fsync(self, descriptor: int, path: Path) -> None:
        """The one place that waits for the disk. What fails here is lost, and so is the trust in it."""
        try:
            with faults("fsync", path):
                os.fsync(descriptor)
        except StoreFull:
            raise
        except Fault:
            self._failed = True
            raise

    def _sound(self) -> None:
        if self._failed:
            raise Fault(
                f"an fsync below {self.root} has failed; what the disk holds is not known",
                code="store.io",
                hint="Check the disk, then start again: the run goes on from what is stored.",
            )


class _DiskWriter(BlobWriter):
    def __init__(self, store: DiskBlobs, level: int) -> None:
        self._store = store
        self._packer = FramePacker(level)
        self._descriptor, self._path = store.begin_temp()
        self._ended = False
        self._blob: Blob | None = None
        self._present = False

    def write(self, data: bytes) -> None:
        self._alive()
        for frame in self._packer.add(data):
            self._put(frame)

    def finish(self) -> Blob:
        return self._store.finish_many([self])[0]

    def abort(self) -> None:
        self._close()
        if not self._ended:
            self._ended = True
            self._store.drop_temp(self._path)

    # -- the steps of finishing, in this order

    def complete(self) -> Blob:
        self._alive()
        if self._blob is None:
            rest, self._blob = self._packer.finish()
            self._put(rest)
            self._store.failpoint(WRITTEN)
        return self._blob

    def sync(self) -> None:
        assert self._blob is not None
        # The object that is there was fsynced before it got its name.
        self._present = self._store.freshen(self._blob)
        if not self._present:
            try:
                self._store.settle(self._descriptor, self._path)
            finally:
                self._close()
        self._store.failpoint(FSYNCED)

    def publish(self) -> Path:
        assert self._blob is not None
        if self._present:
            self.abort()
            folder = self._store.path_of(self._blob.digest).parent
        else:
            folder = self._store.publish(self._path, self._blob.digest)
            self._ended = True
        self._store.failpoint(RENAMED)
        return folder

    def _alive(self) -> None:
        if self._ended or self._descriptor < 0:
            raise ValueError("the writer has ended")

    def _put(self, data: bytes) -> None:
        try:
            with faults("write to", self._path), memoryview(data) as view:
                at = 0
                while at < len(view):
                    at += os.write(self._descriptor, view[at:])
        except Fault:
            # Some of it may stand in the file: nothing may follow.
            self.abort()
            raise

    def _close(self) -> None:
        if self._descriptor >= 0:
            descriptor, self._descriptor = self._descriptor, -1
            with suppress(OSError):
                os.close(descriptor)


class _DiskReader(BlobReader):
    def __init__(self, store: DiskBlobs, digest: bytes) -> None:
        self._store = store
        self.digest = digest
        self._index = store.index(digest)
        self.size_bytes = self._index.size_bytes

    def read(self, start: int = 0, stop: int | None = None) -> bytes:
        return self._store.read(self._index, start, stop)


@contextmanager
def faults(doing: str, path: Path, *, may_miss: bool = False) -> Iterator[None]:
    """Errors of the operating system as errors of the store; `may_miss`: but for a missing file."""
    try:
        yield
    except OSError as error:
        if may_miss and isinstance(error, FileNotFoundError):
            raise
        why = os.strerror(error.errno) if error.errno else str(error)
        if error.errno in _NO_ROOM:
            raise StoreFull(
                f"no room to {doing} {path}: {why}",
                hint="Free space on that disk; the run goes on at the next start.",
            ) from error
        raise Fault(
            f"cannot {doing} {path}: {why}",
            code="store.io",
            hint="Check the disk and the rights of the folder, then start again.",
        ) from error
