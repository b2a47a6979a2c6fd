"""Small contents of one step are packed with a dictionary made from those before them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest
from blake3 import blake3
from hypothesis import given
from hypothesis import strategies as st

from redrive.engine import dictionaries
from redrive.engine.contents import ContentStore, StoredContent
from redrive.engine.dictionaries import Dictionaries, trained
from redrive.engine.packing import MOST_PLAIN_BYTES, Dictionary, Packing
from redrive.errors import StoreCorrupt
from redrive.store import contents as store
from redrive.store.blobs.memory import MemoryBlobs
from redrive.store.committer import Committer, Transaction
from redrive.store.contents import ContentRow
from redrive.store.database import Reader
from redrive.store.sqlite import SqliteDatabase, connect_writer

FAMILY = "1/pull"


def order(number: int) -> bytes:
    chance = blake3(b"%d" % number).hexdigest()
    return (
        f'{{"id": {number}, "token": "{chance}", "financial_status": "paid", "currency": "GBP", '
        f'"shipping_address": {{"address1": "{number} High Street", "country_code": "GB"}}}}'
    ).encode()


NAMES = [blake3(b"name %d" % number).hexdigest(length=12) for number in range(16)]


def note(number: int) -> bytes:
    """Nothing like an order, and nothing repeats within it."""
    return b"{" + ",".join(f'"{name}":{number + at}' for at, name in enumerate(NAMES)).encode() + b"}"


class House:
    def __init__(self, folder: Path) -> None:
        self.path = folder / "redrive.db"
        database = SqliteDatabase(self.path)
        database.migrate()
        self.reader = Reader(database)
        self.committer = Committer(database)
        self.contents = ContentStore(self.reader, MemoryBlobs())
        self.dictionaries = Dictionaries(
            self.reader, self.committer, self.contents.packing, self.contents.look_ahead, lambda: 1000
        )
        self.contents.families = self.dictionaries
        self.step = self.contents.of(FAMILY)

    async def put(self, *many: bytes) -> list[StoredContent]:
        found = []
        for start in range(0, len(many), 16):
            found += [await self._commit(many[start : start + 16])]
        await self.dictionaries.settle()
        return [content for contents in found for content in contents]

    async def _commit(self, many: Sequence[bytes]) -> list[StoredContent]:
        contents = [await self.step.put(data) for data in many]

        def work(transaction: Transaction) -> None:
            for content in contents:
                transaction.insert_many(store.INSERT_CONTENT, content.rows)

        await self.committer.submit(work)
        return contents

    async def stored(self) -> list[tuple[int, str, bytes, bytes]]:
        return await self.reader.run(store.dictionaries)


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    house = House(tmp_path)
    yield house
    await house.dictionaries.close()
    house.committer.close()
    house.contents.close()
    house.reader.close()


def number_of(content: StoredContent) -> int | None:
    return content.rows[-1][6]


async def test_after_enough_contents_the_next_ones_are_a_fraction_of_their_size(house: House) -> None:
    before = await house.put(*map(order, range(dictionaries.SAMPLES)))
    assert {number_of(content) for content in before} == {None}
    after = await house.put(order(9001))
    assert [(number, family) for number, family, _, _ in await house.stored()] == [(1, FAMILY)]
    assert number_of(after[0]) == 1
    assert len(after[0].rows[0][3] or b"") * 1.5 < len(before[0].rows[0][3] or b"")


async def test_another_process_reads_them_and_goes_on_with_the_dictionary(house: House) -> None:
    await house.put(*map(order, range(dictionaries.SAMPLES + 1)))
    (content,) = await house.put(order(77_777))
    assert number_of(content) == 1
    other = ContentStore(house.reader, MemoryBlobs())
    other.families = Dictionaries(house.reader, house.committer, other.packing, other.look_ahead, int)
    assert await other.known(content.digest, content.size_bytes).read() == order(77_777)
    assert number_of(await other.of(FAMILY).put(order(88_888))) == 1
    assert number_of(await other.of("1/other").put(order(88_888))) is None
    assert number_of(await other.put(order(88_888))) is None
    other.close()


@pytest.mark.parametrize("damage", [b"", b"damaged"])
async def test_a_dictionary_that_is_gone_or_damaged_is_found_out(house: House, damage: bytes) -> None:
    await house.put(*map(order, range(dictionaries.SAMPLES + 1)))
    (content,) = await house.put(order(77_777))
    sql = (
        "UPDATE dictionaries SET data = CAST(x'00' || data AS BLOB)" if damage else "DELETE FROM dictionaries"
    )
    connection = connect_writer(house.path)
    connection.execute(sql)
    connection.close()
    other = ContentStore(house.reader, MemoryBlobs())
    with pytest.raises(StoreCorrupt, match="its dictionary 1"):
        await other.known(content.digest, content.size_bytes).read()
    other.close()


async def test_contents_with_nothing_in_common_get_none(house: House) -> None:
    noise = [blake3(b"%d" % number).digest(length=400) for number in range(dictionaries.SAMPLES + 1)]
    await house.put(*noise)
    assert await house.stored() == []
    # It is not tried again with every content.
    await house.put(*map(order, range(dictionaries.LEAST_APART - 1)))
    assert await house.stored() == []


async def test_a_dictionary_that_has_faded_is_replaced_and_the_old_contents_stay_readable(
    house: House,
) -> None:
    await house.put(*map(order, range(dictionaries.SAMPLES + 1)))
    (old,) = await house.put(order(5000))
    for start in range(0, dictionaries.LEAST_APART + 2 * dictionaries.WINDOW, 100):
        await house.put(*map(note, range(start, start + 100)))
    (new,) = await house.put(note(99_999))
    assert [number_of(old), number_of(new)] == [1, 2]
    other = ContentStore(house.reader, MemoryBlobs())
    assert await other.known(old.digest, old.size_bytes).read() == order(5000)
    other.close()
    removed = await house.committer.submit(lambda transaction: store.delete_dictionaries(transaction, 10**15))
    assert removed == 0  # the old contents name it


async def test_a_failure_to_make_one_harms_nobody(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise StoreCorrupt("stopped by the test")

    monkeypatch.setattr(store, "add_dictionary", broken)
    await house.put(*map(order, range(dictionaries.SAMPLES + 1)))
    (content,) = await house.put(order(9999))
    assert await content.read() == order(9999)
    assert await house.stored() == []


LEARNT = trained([order(number) for number in range(64)], 1, None)


@given(st.one_of(st.binary(max_size=3000), st.integers(0, 10**6).map(order)))
def test_what_is_packed_with_a_dictionary_comes_back_to_the_byte(data: bytes) -> None:
    assert LEARNT is not None
    dictionary = Dictionary(7, LEARNT[1], LEARNT[0], 1)
    packing = Packing(1)
    packing.keep(dictionary)
    form, packed, number = packing.pack(data, dictionary)
    row = ContentRow(blake3(data).digest(), len(data), form, packed, None, None, number)
    assert packing.unpack(row) == data
    assert len(packed) <= len(data)


def test_large_contents_do_without() -> None:
    assert LEARNT is not None
    data = b"[" + b",".join(map(order, range(1000))) + b"]"
    assert len(data) > MOST_PLAIN_BYTES
    assert Packing(1).pack(data, Dictionary(7, 400, LEARNT[0], 1))[2] is None
