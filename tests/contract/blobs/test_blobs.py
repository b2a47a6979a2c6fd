"""What every store of objects promises."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor

import pytest
from blake3 import blake3

from redrive.errors import PayloadGone, RedriveError, StoreCorrupt
from redrive.store.blobs.base import FAILPOINTS
from redrive.store.blobs.frames import FRAME_BYTES, TRAILER_BYTES

from .conftest import Room

LINE = b'{"id": 1042, "email": "ann@example.test", "total": 19.90}\n'
TEXT = LINE * (3 * FRAME_BYTES // len(LINE) + 5)


@pytest.mark.parametrize("size", [0, 1, 1000, FRAME_BYTES - 1, FRAME_BYTES, FRAME_BYTES + 1, 2 * FRAME_BYTES])
def test_what_is_written_is_read(room: Room, size: int) -> None:
    data = TEXT[:size]
    writer = room.blobs.writer()
    for at in range(0, size, 99_991):
        writer.write(data[at : at + 99_991])
    blob = writer.finish()
    assert (blob.digest, blob.size_bytes) == (blake3(data).digest(), size)
    assert blob.stored_bytes == len(room.stored(blob.digest))
    reader = room.blobs.open(blob.digest)
    assert (reader.digest, reader.size_bytes) == (blob.digest, size)
    assert reader.read() == data
    assert reader.read(0, size) == data


@pytest.mark.parametrize(
    ("start", "stop"),
    [
        (0, 0),
        (0, 10),
        (5, 5),
        (9, 3),
        (FRAME_BYTES - 3, FRAME_BYTES + 3),
        (FRAME_BYTES, 2 * FRAME_BYTES),
        (10, 3 * FRAME_BYTES + 1),
        (len(TEXT) - 1, None),
        (len(TEXT) - 5, len(TEXT) + 100),
        (len(TEXT), None),
        (len(TEXT) + 9, len(TEXT) + 10),
    ],
)
def test_any_range_is_read_alone(room: Room, start: int, stop: int | None) -> None:
    reader = room.blobs.open(room.put(TEXT))
    assert reader.read(start, stop) == TEXT[start:stop]


def test_a_big_object_that_cannot_be_compressed(room: Room) -> None:
    chance = random.Random(7)
    data = chance.randbytes(20_000_000)
    writer = room.blobs.writer()
    for at in range(0, len(data), 700_001):
        writer.write(data[at : at + 700_001])
    blob = writer.finish()
    assert blob.stored_bytes < len(data) * 1.001
    reader = room.blobs.open(blob.digest)
    for _ in range(20):
        start = chance.randrange(len(data))
        assert reader.read(start, start + 5000) == data[start : start + 5000]
    assert reader.read() == data


def test_text_takes_a_fraction_of_its_size(room: Room) -> None:
    assert len(room.stored(room.put(TEXT))) < len(TEXT) // 10


def test_equal_bytes_are_kept_once(room: Room) -> None:
    first, second = room.put(TEXT), room.put(TEXT)
    assert first == second
    assert [stored.digest for stored in room.blobs.iterate()] == [first]
    assert room.blobs.open(first).read() == TEXT


def test_writers_finish_together(room: Room) -> None:
    writers = [room.blobs.writer() for _ in range(4)]
    for number, writer in enumerate(writers):
        writer.write(b"%d" % (number % 3))
    blobs = room.blobs.finish_many(writers)
    assert [room.blobs.open(blob.digest).read() for blob in blobs] == [b"0", b"1", b"2", b"0"]
    assert room.blobs.finish_many([]) == []
    assert set(room.hits) == set(FAILPOINTS)


def test_each_failpoint_is_passed_in_order(room: Room) -> None:
    room.put(b"one")
    assert tuple(room.hits) == FAILPOINTS


@pytest.mark.parametrize("name", FAILPOINTS)
def test_a_failure_leaves_the_whole_object_or_none(room: Room, name: str) -> None:
    data, other = TEXT + name.encode(), b"other"
    armed = [name]

    def fail(hit: str) -> None:
        if hit in armed:
            armed.clear()
            raise RedriveError("stopped by the test")

    room.blobs.failpoint = fail
    writer = room.blobs.writer()
    writer.write(data)
    with pytest.raises(RedriveError, match="stopped by the test"):
        writer.finish()
    writer.abort()
    digest = blake3(data).digest()
    if room.blobs.exists(digest):
        assert room.blobs.open(digest).read() == data
    else:
        with pytest.raises(PayloadGone):
            room.blobs.open(digest)
    assert room.blobs.open(room.put(data)).read() == data
    assert room.blobs.open(room.put(other)).read() == other


def test_an_aborted_object_is_not_there(room: Room) -> None:
    writer = room.blobs.writer()
    writer.write(TEXT)
    writer.abort()
    writer.abort()
    assert list(room.blobs.iterate()) == []
    with pytest.raises(ValueError, match="ended"):
        writer.write(b"x")
    with pytest.raises(ValueError, match="ended"):
        writer.finish()


def test_aborting_what_is_finished_does_nothing(room: Room) -> None:
    writer = room.blobs.writer()
    writer.write(b"kept")
    digest = writer.finish().digest
    writer.abort()
    assert room.blobs.open(digest).read() == b"kept"


def test_an_object_that_is_not_there(room: Room) -> None:
    digest = blake3(b"never").digest()
    assert not room.blobs.exists(digest)
    assert not room.blobs.delete(digest)
    with pytest.raises(PayloadGone) as caught:
        room.blobs.open(digest)
    assert digest.hex()[:12] in str(caught.value)
    assert caught.value.hint


def test_a_deleted_object_is_gone_for_open_readers_too(room: Room) -> None:
    digest = room.put(TEXT)
    reader = room.blobs.open(digest)
    assert room.blobs.delete(digest)
    assert not room.blobs.exists(digest)
    with pytest.raises(PayloadGone):
        reader.read(0, 1)
    assert room.put(TEXT) == digest
    assert room.blobs.open(digest).read() == TEXT


def test_age_counts_from_when_the_bytes_were_last_given(room: Room) -> None:
    digest = room.put(b"some bytes")
    room.clock.now += 1000
    (found,) = room.blobs.iterate()
    assert found.age_s == pytest.approx(1000, abs=5)
    assert found.stored_bytes == len(room.stored(digest))
    assert not room.blobs.delete(digest, older_than_s=2000)
    room.put(b"some bytes")
    assert not room.blobs.delete(digest, older_than_s=900)
    assert room.blobs.exists(digest)
    room.clock.now += 1000
    assert room.blobs.delete(digest, older_than_s=900)


def test_damage_to_one_frame_leaves_the_others_readable(room: Room) -> None:
    chance = random.Random(3)
    data = chance.randbytes(3 * FRAME_BYTES)
    digest = room.put(data)
    room.damage(digest, FRAME_BYTES + FRAME_BYTES // 2)
    reader = room.blobs.open(digest)
    assert reader.read(0, FRAME_BYTES) == data[:FRAME_BYTES]
    assert reader.read(2 * FRAME_BYTES) == data[2 * FRAME_BYTES :]
    with pytest.raises(StoreCorrupt) as caught:
        reader.read(FRAME_BYTES, FRAME_BYTES + 1)
    assert digest.hex() in str(caught.value)
    assert f"bytes {FRAME_BYTES} to {2 * FRAME_BYTES}" in str(caught.value)
    with pytest.raises(StoreCorrupt):
        reader.read()


def test_damage_to_any_byte_of_a_small_object_is_found(room: Room) -> None:
    data = LINE * 3
    digest = room.put(data)
    whole = room.stored(digest)
    for at in range(len(whole)):
        room.put_stored(digest, whole)
        room.damage(digest, at)
        with pytest.raises(RedriveError) as caught:
            room.blobs.open(digest).read()
        assert caught.value.code in {"store.corrupt", "store.newer"}, at
        assert caught.value.hint


@pytest.mark.parametrize("kept", [0, 10, TRAILER_BYTES - 1, TRAILER_BYTES, -1])
def test_an_object_that_was_cut_off_is_found(room: Room, kept: int) -> None:
    digest = room.put(LINE)
    room.put_stored(digest, room.stored(digest)[:kept])
    with pytest.raises(StoreCorrupt):
        room.blobs.open(digest).read()


def test_an_object_under_a_wrong_name_is_found(room: Room) -> None:
    digest, other = room.put(b"one"), room.put(b"two")
    room.put_stored(digest, room.stored(other))
    with pytest.raises(StoreCorrupt, match=other.hex()[:12]):
        room.blobs.open(digest)


def test_writing_the_bytes_again_mends_an_object_that_cannot_be_opened(room: Room) -> None:
    digest = room.put(TEXT)
    room.damage(digest, len(room.stored(digest)) - 1)
    assert room.put(TEXT) == digest
    assert room.blobs.open(digest).read() == TEXT


def test_many_threads_at_once(room: Room) -> None:
    def work(number: int) -> bool:
        # Every content is written by several threads, and each writer moves between threads.
        data = LINE * (number % 5) + TEXT[number % 5 :]
        digest = room.put(data)
        return room.blobs.open(digest).read(100, FRAME_BYTES + 100) == data[100 : FRAME_BYTES + 100]

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(work, range(40)))
        writer = room.blobs.writer()
        for _ in range(16):
            pool.submit(writer.write, TEXT).result()
        assert pool.submit(writer.finish).result().size_bytes == 16 * len(TEXT)
    assert len(list(room.blobs.iterate())) == 6


def test_the_sweep_spares_writers_at_work(room: Room) -> None:
    writer = room.blobs.writer()
    writer.write(TEXT)
    room.clock.now += 1e6
    assert room.blobs.sweep_temp(0) == 0
    digest = writer.finish().digest
    assert room.blobs.open(digest).read() == TEXT
