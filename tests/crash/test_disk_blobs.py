"""The disk backend when the process dies, the disk is full, or the disk lies."""

from __future__ import annotations

import errno
import os
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest
from blake3 import blake3

from redrive.errors import Fault, PayloadGone, StoreFull
from redrive.store.blobs import disk as disk_module
from redrive.store.blobs.base import FAILPOINTS, FOLDER_SYNCED, RENAMED
from redrive.store.blobs.disk import DiskBlobs

DATA = b"a line of a payload\n" * 100_000
DIGEST = blake3(DATA).digest()
_CHILD = """
import os, sys
from pathlib import Path
from redrive.store.blobs.disk import DiskBlobs

def die(name):
    if name == sys.argv[2]:
        os._exit(9)

writer = DiskBlobs(Path(sys.argv[1]), failpoint=die).writer()
writer.write(b"a line of a payload\\n" * 100_000)
writer.finish()
"""


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """Each fsync and rename as it happens, with the path that it is about."""
    made: list[tuple[str, str]] = []
    fsync, replace = os.fsync, Path.replace

    def noted_fsync(descriptor: int) -> None:
        made.append(("fsync", str(Path(f"/proc/self/fd/{descriptor}").readlink())))
        fsync(descriptor)

    def noted_replace(self: Path, target: Path) -> Path:
        made.append(("rename", str(target)))
        return replace(self, target)

    monkeypatch.setattr(disk_module.os, "fsync", noted_fsync)
    monkeypatch.setattr(Path, "replace", noted_replace)
    return made


def put(blobs: DiskBlobs, data: bytes = DATA) -> bytes:
    writer = blobs.writer()
    writer.write(data)
    return writer.finish().digest


@pytest.mark.parametrize("name", FAILPOINTS)
def test_a_killed_process_leaves_the_whole_object_or_none(tmp_path: Path, name: str) -> None:
    root = tmp_path / "blobs"
    source = Path(disk_module.__file__).parents[3]
    child = subprocess.run(
        [sys.executable, "-c", _CHILD, str(root), name],
        env={**os.environ, "PYTHONPATH": str(source)},
        check=False,
    )
    assert child.returncode == 9
    blobs = DiskBlobs(root)
    visible = name in {RENAMED, FOLDER_SYNCED}
    assert blobs.exists(DIGEST) is visible
    assert len(list(blobs.temp.iterdir())) == (not visible)
    assert blobs.sweep_temp(3600) == 0
    assert blobs.sweep_temp(0) == (not visible)
    assert put(blobs) == DIGEST
    assert blobs.open(DIGEST).read() == DATA
    assert list(blobs.temp.iterdir()) == []


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="names of descriptors are read from /proc")
def test_the_file_is_durable_before_its_name_and_the_name_before_the_end(
    tmp_path: Path, calls: list[tuple[str, str]]
) -> None:
    blobs = DiskBlobs(tmp_path / "blobs")
    objects, path = str(blobs.objects), str(blobs.path_of(DIGEST))
    folder = str(Path(path).parent)
    calls.clear()
    put(blobs)
    (first, temp), *rest = calls
    assert first == "fsync"
    assert temp.startswith(str(blobs.temp))
    assert rest == [("rename", path), ("fsync", objects), ("fsync", folder)]
    calls.clear()
    put(blobs)
    assert calls == [("fsync", folder)]


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="names of descriptors are read from /proc")
def test_a_group_waits_once_for_each_folder(tmp_path: Path, calls: list[tuple[str, str]]) -> None:
    blobs = DiskBlobs(tmp_path / "blobs")
    writers = [blobs.writer() for _ in range(300)]
    for number, writer in enumerate(writers):
        writer.write(b"%d" % number)
    calls.clear()
    made = blobs.finish_many(writers)
    folders = {str(blobs.path_of(blob.digest).parent) for blob in made}
    synced = [path for what, path in calls if what == "fsync" and path in folders]
    assert sorted(synced) == sorted(folders)
    assert calls.index(("fsync", synced[0])) > max(n for n, call in enumerate(calls) if call[0] == "rename")


def test_a_full_disk_says_so_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    blobs = DiskBlobs(tmp_path / "blobs")

    def full(descriptor: int, data: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(disk_module.os, "write", full)
        with pytest.raises(StoreFull, match="No space left") as caught:
            put(blobs, os.urandom(2 << 20))
    assert "Free space" in (caught.value.hint or "")
    assert list(blobs.temp.iterdir()) == []
    assert list(blobs.iterate()) == []
    assert put(blobs) == DIGEST


def test_a_short_write_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    blobs = DiskBlobs(tmp_path / "blobs")
    write = os.write
    monkeypatch.setattr(disk_module.os, "write", lambda descriptor, data: write(descriptor, data[:1000]))
    data = os.urandom(1 << 20)
    assert blobs.open(put(blobs, data)).read() == data


@pytest.mark.parametrize("of_folder", [False, True])
def test_a_failed_fsync_is_fatal_and_never_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, of_folder: bool
) -> None:
    blobs = DiskBlobs(tmp_path / "blobs")
    fsync = os.fsync
    tried: list[bool] = []

    def failing(descriptor: int) -> None:
        is_folder = stat.S_ISDIR(os.fstat(descriptor).st_mode)
        tried.append(is_folder)
        if is_folder is of_folder:
            raise OSError(errno.EIO, "Input/output error")
        fsync(descriptor)

    monkeypatch.setattr(disk_module.os, "fsync", failing)
    with pytest.raises(Fault) as caught:
        put(blobs)
    assert caught.value.code == "store.io"
    assert caught.value.hint
    assert tried.count(of_folder) == 1
    assert list(blobs.temp.iterdir()) == []
    tried.clear()
    with pytest.raises(Fault, match=r"an fsync below .* has failed"):
        put(blobs)
    assert tried == []


def test_one_failure_in_a_group_finishes_none_of_the_rest(tmp_path: Path) -> None:
    hits = []

    def fail(name: str) -> None:
        hits.append(name)
        if hits.count(RENAMED) == 2:
            raise OSError(errno.EIO, "Input/output error")

    blobs = DiskBlobs(tmp_path / "blobs", failpoint=fail)
    writers = [blobs.writer() for _ in range(4)]
    for number, writer in enumerate(writers):
        writer.write(b"%d" % number)
    with pytest.raises(OSError, match="Input/output"):
        blobs.finish_many(writers)
    assert list(blobs.temp.iterdir()) == []
    assert sorted(stored.digest for stored in blobs.iterate()) == sorted(
        blake3(b"%d" % number).digest() for number in range(2)
    )


def test_a_lost_folder_is_not_taken_for_an_expired_payload(tmp_path: Path) -> None:
    blobs = DiskBlobs(tmp_path / "blobs")
    digest = put(blobs)
    (tmp_path / "blobs" / "objects").rename(tmp_path / "elsewhere")
    with pytest.raises(Fault) as caught:
        blobs.open(digest)
    assert caught.value.code == "store.io"
    (tmp_path / "elsewhere").rename(tmp_path / "blobs" / "objects")
    blobs.delete(digest)
    with pytest.raises(PayloadGone):
        blobs.open(digest)


def test_files_of_others_are_not_objects_and_old_temp_files_are_swept(tmp_path: Path) -> None:
    blobs = DiskBlobs(tmp_path / "blobs")
    digest = put(blobs)
    (blobs.objects / "README").write_text("x")
    (blobs.objects / "zz").mkdir()
    (blobs.objects / "zz" / "name").write_text("x")
    (blobs.objects / "ab").mkdir(exist_ok=True)
    (blobs.objects / "ab" / "cd").write_text("x")
    assert [stored.digest for stored in blobs.iterate()] == [digest]
    old = blobs.temp / "old"
    old.write_text("x")
    os.utime(old, (time.time() - 7200, time.time() - 7200))
    (blobs.temp / "young").write_text("x")
    assert blobs.sweep_temp(3600) == 1
    assert [path.name for path in blobs.temp.iterdir()] == ["young"]


def test_a_folder_that_cannot_be_written_to_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(Fault, match="file") as caught:
        DiskBlobs(tmp_path / "file" / "blobs")
    assert caught.value.code == "store.io"
