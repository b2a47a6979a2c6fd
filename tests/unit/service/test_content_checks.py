"""All that is stored is read; what is damaged is told with the payloads it strikes, or mended."""

from __future__ import annotations

import os
import random
import sqlite3
from contextlib import closing

import pytest

from redrive.core.ids import to_text
from redrive.core.run import PayloadRow, StepRun
from redrive.errors import UsageError
from redrive.service import content_checks
from redrive.service.content_checks import ContentChecks
from redrive.store import contents as store
from redrive.store import runs as run_store
from redrive.store.opening import DATABASE
from redrive.store.statements import row
from tests.unit.service.definition_home import opened

# It is damaged behind the back of the store, in its file.
pytestmark = pytest.mark.parametrize("store", ["sqlite"], indirect=True)

RUN, STEP = 77, "paid-only"
ITEMS = [b'{"id":%d,"text":"%s"}' % (n, random.Random(n).randbytes(300).hex().encode()) for n in range(1500)]
LARGE = b"[" + b",".join(ITEMS) + b"]"
KEPT = [item for number, item in enumerate(ITEMS) if number % 10]
PIECES = [(b"[" + b",".join(KEPT) + b"]", KEPT)]


@pytest.fixture
async def kernel(tmp_path):
    async with opened(tmp_path / "home") as kernel:
        yield kernel


async def keep(kernel, content, number=1):
    """A payload of step `paid-only` of a run holds the content."""
    payload = PayloadRow(
        id=1000 + number, bucket=2000 + number, position=0, digest=content.digest,
        size_bytes=content.size_bytes, items=1, media_type="application/json", items_path="",
    )  # fmt: skip

    def work(transaction):
        transaction.insert_many(store.INSERT_CONTENT, content.rows)
        transaction.insert(run_store.INSERT_BUCKET, (payload.bucket, RUN, number))
        transaction.insert(run_store.INSERT_PAYLOAD, row(payload))
        step = StepRun(run_id=RUN, position=number, step=f"{STEP}-{number}", shape="filter")
        transaction.insert(run_store.PUT_STEP_RUN, row(step))

    await kernel.write(work)
    return content


async def check(kernel, *, repair=False):
    """What is wrong, what was mended, and how many contents were read."""
    after, bad, good, count = None, [], [], 0
    while True:
        part = await ContentChecks(kernel, repair=repair).part(after)
        bad += [one for one in part.findings if not one.ok]
        good += [one.detail for one in part.findings if one.ok]
        count += part.checked
        after = part.next
        if after is None:
            return bad, good, count


def sql(kernel, text, *values):
    with closing(sqlite3.connect(kernel.home / DATABASE)) as connection, connection:
        connection.execute(text, values)


def hurt_object(kernel, digest, at=None):
    path = kernel.blobs.path_of(digest)
    data = bytearray(path.read_bytes())
    data[len(data) // 2 if at is None else at] ^= 1
    path.write_bytes(data)
    os.utime(path, (1, 1))


async def test_a_sound_home(kernel):
    base = await keep(kernel, await kernel.deps.contents.put(LARGE), 1)
    await keep(kernel, await kernel.deps.contents.put_pieces(_pieces(), base), 2)
    await keep(kernel, await kernel.deps.contents.put(b"small" * 100), 3)
    bad, good, count = await check(kernel)
    assert (bad, good) == ([], [])
    assert count == 4  # and the recipe


async def test_a_damaged_object_strikes_all_that_is_made_from_it(kernel):
    base = await keep(kernel, await kernel.deps.contents.put(LARGE), 1)
    await keep(kernel, await kernel.deps.contents.put_pieces(_pieces(), base), 2)
    await keep(kernel, await kernel.deps.contents.slice(base, 5, 700_000), 3)
    sound = await keep(kernel, await kernel.deps.contents.put(b"small" * 100), 4)
    hurt_object(kernel, base.digest, at=1000)
    for repair in (False, True):
        bad, good, count = await check(kernel, repair=repair)
        assert (good, count) == ([], 5)
        assert {one.name for one in bad} == {"contents"}
        told = sorted(one.detail for one in bad)
        for number in (1, 2, 3):
            (detail,) = [one for one in told if f"payload {to_text('p', 1000 + number)} " in one]
            assert f"run {to_text('r', RUN)} after step {STEP}-{number}" in detail
        assert len(told) == 3
        assert not any(sound.digest.hex()[:12] in one for one in told)
        assert all("Restore a backup" in (one.hint or "") for one in bad)


async def test_a_missing_object_is_told_and_comes_back_with_its_bytes(kernel):
    base = await keep(kernel, await kernel.deps.contents.put(LARGE), 1)
    path = kernel.blobs.path_of(base.digest)
    path.rename(path.with_name("away"))
    (bad,), _, _ = await check(kernel, repair=True)
    assert "is not there" in bad.detail
    path.with_name("away").rename(path)
    assert await check(kernel) == ([], [], 1)


@pytest.mark.parametrize(
    "harm", ["data = x'00'", "form = 3, base = x'0102', base_offset = 5", "form = 4, data = x'91'"]
)
async def test_a_damaged_row_is_mended_from_an_object_with_its_bytes(kernel, harm):
    data = b"small and dear " * 40
    content = await keep(kernel, await kernel.deps.contents.put(data))
    writer = kernel.blobs.writer()
    writer.write(data)
    assert writer.finish().digest == content.digest
    sql(kernel, f"UPDATE contents SET {harm}")
    kernel.deps.contents.forget()
    ((bad,), good, _) = await check(kernel)
    assert to_text("p", 1001) in bad.detail
    assert good == []
    bad, (mended,), _ = await check(kernel, repair=True)
    assert bad == []
    assert content.digest.hex()[:12] in mended
    assert await kernel.deps.contents.known(content.digest, content.size_bytes).read() == data
    assert await check(kernel) == ([], [], 1)


async def test_an_object_that_payloads_name_gets_its_record_back(kernel):
    content = await keep(kernel, await kernel.deps.contents.put(LARGE))
    sql(kernel, "DELETE FROM contents")
    path = kernel.blobs.path_of(content.digest)
    os.utime(path, (1, 1))
    ((bad,), _, _) = await check(kernel)
    assert bad.name == "objects"
    assert to_text("p", 1001) in bad.detail
    bad, (mended,), _ = await check(kernel, repair=True)
    assert (bad, "has its record again" in mended) == ([], True)
    assert await kernel.deps.contents.known(content.digest, content.size_bytes).read() == LARGE
    # Damaged, it is told and stays as it is.
    sql(kernel, "DELETE FROM contents")
    hurt_object(kernel, content.digest)
    ((bad,), _, _) = await check(kernel, repair=True)
    assert "only a damaged object" in bad.detail


async def test_objects_that_nobody_names_are_counted_and_young_ones_left_alone(kernel):
    for number in range(3):
        writer = kernel.blobs.writer()
        writer.write(b"%d" % number * 1000)
        digest = writer.finish().digest
        if number:
            os.utime(kernel.blobs.path_of(digest), (1, 1))
    bad, (said,), _ = await check(kernel)
    assert bad == []
    assert said.startswith("2 objects (")


async def test_leftovers_of_killed_writers_go(kernel):
    left = kernel.blobs.temp / "left"
    left.write_bytes(b"half")
    os.utime(left, (1, 1))
    assert await check(kernel) == ([], [], 0)
    assert left.exists()
    _, (said,), _ = await check(kernel, repair=True)
    assert "1 unfinished" in said
    assert not left.exists()


async def test_a_damaged_dictionary_is_told_with_what_needs_it(kernel):
    content = await kernel.deps.contents.put(b"small" * 100)
    await kernel.write(lambda t: store.add_dictionary(t, "1/pull", b"bytes", b"wrong hash", 400, 1))
    await keep(kernel, content)
    sql(kernel, "UPDATE contents SET dictionary = 1")
    bad, _, _ = await check(kernel)
    told = {one.name: one.detail for one in bad}
    assert "its dictionary 1 does not match its hash" in told["contents"]
    assert "1 contents" in told["dictionaries"]


async def test_it_goes_on_where_it_was_broken_off(kernel, monkeypatch):
    monkeypatch.setattr(content_checks, "_AT_ONCE", 2)
    for number in range(5):
        await keep(kernel, await kernel.deps.contents.put(b"%d" % number * 100), number)
    after, counts = None, []
    while True:
        part = await ContentChecks(kernel, repair=False).part(after, part_s=0)
        counts.append(part.checked)
        after = part.next
        if after is None:
            break
    assert [count for count in counts if count] == [1] * 5
    assert part.total == 5
    with pytest.raises(UsageError):
        await ContentChecks(kernel, repair=False).part("not a cursor")


async def _pieces():
    for piece in PIECES:
        yield piece
