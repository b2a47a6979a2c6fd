"""What only a store behind the network does: errors of the wire, uploads in parts, two processes."""

from __future__ import annotations

import socket
import sys
import tracemalloc
import uuid
from pathlib import Path

import pytest
from blake3 import blake3

from redrive.errors import ConfigInvalid, Fault, HomeUnusable, PayloadGone, RedriveError
from redrive.store.blobs.disk import DiskBlobs
from redrive.store.blobs.opening import MARK, FormerBlobs, object_store, open_blobs
from redrive.store.blobs.remote import RemoteBlobs
from tests.s3_server import KEY, SECRET, S3Server

from .conftest import Room

BYTES = b"0123456789abcdef" * 1000


@pytest.fixture
def address(s3: S3Server) -> str:
    return s3.address(uuid.uuid4().hex)


def opened(home: Path, address: str | None, *, secret: str = SECRET) -> FormerBlobs:
    blobs = open_blobs(home, address, key=KEY, secret=secret)
    assert isinstance(blobs, FormerBlobs)
    return blobs


def put(blobs: FormerBlobs | DiskBlobs | RemoteBlobs, data: bytes) -> bytes:
    writer = blobs.writer()
    writer.write(data)
    return writer.finish().digest


def test_each_fault_of_the_wire_says_what_to_do(tmp_path: Path, s3: S3Server) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    unreachable = f"s3://payloads/x?endpoint=http://127.0.0.1:{port}"
    for address, secret, code, hint in (
        (s3.address("x", bucket="no-such"), SECRET, "objects.no_bucket", "Make the bucket"),
        (s3.address("x"), "wrong", "objects.refused", "objects_secret"),
        (unreachable, SECRET, "objects.unreachable", "address"),
    ):
        with pytest.raises(Fault) as caught:
            opened(tmp_path, address, secret=secret)
        assert (caught.value.code, caught.value.exit_code) == (code, 3)
        assert hint in (caught.value.hint or "")
        assert address.split("?")[0] in caught.value.detail
        assert SECRET not in caught.value.detail
    assert not (tmp_path / MARK).exists()


@pytest.mark.parametrize(
    ("address", "said", "hint"),
    [
        ("s3:bucket", "no address", "s3://bucket/prefix"),
        ("ftp://bucket/x", "no address", "s3://bucket/prefix"),
        ("s3://bucket?endpont=http://x", "no option 'endpont'", "'endpoint'"),
        ("gs://bucket?colour=red", "no option 'colour'", "endpoint, service_account"),
        ("s3://key:hidden@bucket/x", "holds a key", "objects_secret"),
        ("gs://bucket/x", "cannot be used", "s3://bucket/prefix"),
    ],
)
def test_an_address_that_cannot_be_used(address: str, said: str, hint: str) -> None:
    with pytest.raises(ConfigInvalid, match=said) as caught:
        object_store(address, secret="{not json" if address.startswith("gs") else None)
    assert hint in (caught.value.hint or "")
    assert "hidden" not in str(caught.value)


def test_azure_and_google_stores_are_made_from_their_addresses() -> None:
    # Their wire is the library's: no server of theirs is at hand here.
    azure = object_store("az://box/deep/er?endpoint=http://127.0.0.1:1", key="name", secret="a2V5")
    assert (type(azure).__name__, azure.prefix) == ("AzureStore", "deep/er")
    google = object_store("gs://bucket")
    assert (type(google).__name__, google.prefix) == ("GCSStore", None)


def test_without_the_library_it_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "obstore.store", None)
    with pytest.raises(ConfigInvalid, match="not installed") as caught:
        object_store("s3://bucket")
    assert caught.value.hint == "pip install 'redrive[objects]'"
    assert caught.value.exit_code == 2


def test_objects_from_before_the_setting_stay_readable(tmp_path: Path, address: str) -> None:
    former = put(DiskBlobs(tmp_path), BYTES)
    blobs = opened(tmp_path, address)
    new = put(blobs, b"new")
    assert blobs.open(former).read() == BYTES
    assert blobs.open(new).read() == b"new"
    assert {found.digest for found in blobs.iterate()} == {former, new}
    assert put(blobs, BYTES) == former
    assert len(list(blobs.iterate())) == 2
    assert blobs.delete(former)
    assert not blobs.exists(former)
    with pytest.raises(PayloadGone):
        blobs.open(former)


def test_a_home_whose_objects_are_elsewhere_says_where(tmp_path: Path, address: str) -> None:
    opened(tmp_path, address)
    with pytest.raises(HomeUnusable) as caught:
        open_blobs(tmp_path, None)
    assert address.split("?", maxsplit=1)[0] in caught.value.detail
    assert caught.value.code == "home.objects_elsewhere"
    assert SECRET not in (tmp_path / MARK).read_text()


@pytest.mark.parametrize("room", ["s3"], indirect=True)
def test_what_another_process_gives_again_survives_a_delete_that_found_it_old(room: Room) -> None:
    digest = room.put(BYTES)
    room.clock.now += 5000
    (old,) = room.blobs._names(digest)  # type: ignore[attr-defined]
    room.put(BYTES)
    # The delete has looked before the bytes were given again, and goes on now.
    room.blobs._remove(digest, [old.key])  # type: ignore[attr-defined]
    assert room.blobs.open(digest).read() == BYTES
    assert room.blobs.delete(digest, older_than_s=1000) is False


@pytest.mark.parametrize("room", ["s3"], indirect=True)
def test_a_reader_goes_on_under_the_new_name(room: Room) -> None:
    digest = room.put(BYTES)
    reader = room.blobs.open(digest)
    assert reader.read(0, 4) == BYTES[:4]
    (old,) = room.blobs._names(digest)  # type: ignore[attr-defined]
    room.clock.now += 5000
    room.put(BYTES)
    room.blobs.forget()  # type: ignore[attr-defined]
    room.blobs._indexes[digest] = (old.key, room.blobs.index(digest)[1])  # type: ignore[attr-defined]
    assert reader.read(0, 4) == BYTES[:4]


@pytest.mark.parametrize("room", ["s3"], indirect=True)
def test_a_stream_is_uploaded_in_parts_within_bounded_memory(room: Room) -> None:
    piece = blake3(b"seed").digest(length=1 << 20)
    writer = room.blobs.writer()
    tracemalloc.start()
    try:
        for number in range(48):
            writer.write(piece[number:] + piece[:number])
        blob = writer.finish()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert blob.stored_bytes > 47 << 20
    assert peak < 12 << 20
    number = 40
    start = number << 20
    assert room.blobs.open(blob.digest).read(start, start + 100) == (piece[number:] + piece[:number])[:100]


@pytest.mark.parametrize("room", ["s3"], indirect=True)
def test_a_range_is_read_without_the_rest(room: Room) -> None:
    piece = blake3(b"seed").digest(length=1 << 20)
    digest = room.put(b"".join(piece[number:] + piece[:number] for number in range(16)))
    remote = room.blobs
    assert isinstance(remote, RemoteBlobs)
    remote.forget()
    asked: list[int] = []
    get_range = remote._store.get_range
    remote._store.get_range = lambda key, *, start, end: (
        asked.append(end - start) or get_range(key, start=start, end=end)
    )
    assert remote.open(digest).read(5 << 20, (5 << 20) + 10) == (piece[5:] + piece[:5])[:10]
    assert sum(asked) < 3 << 20


def test_a_fault_in_the_middle_is_not_a_missing_object(tmp_path: Path, address: str) -> None:
    blobs = RemoteBlobs(object_store(address, key=KEY, secret=SECRET, patience_s=1), address, tmp_path)
    digest = put(blobs, BYTES)
    blobs.forget()
    blobs._store = object_store(address, key=KEY, secret="wrong", patience_s=1)
    with pytest.raises(RedriveError) as caught:
        blobs.open(digest)
    assert caught.value.code == "objects.refused"
