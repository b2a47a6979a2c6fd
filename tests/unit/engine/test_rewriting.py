"""What is made from another content can be stored on its own, so that the other may go."""

from __future__ import annotations

import pytest

from redrive.engine.rewriting import Rewriter
from redrive.errors import Fault, PayloadGone
from redrive.store import contents as store
from redrive.store.committer import Transaction
from tests.unit.engine.house import House

ITEMS = [b'{"id": %d, "name": "%s"}' % (number, b"abcdefgh" * 8) for number in range(200)]
WHOLE = b"[" + b",".join(ITEMS) + b"]"
KEPT = [item for number, item in enumerate(ITEMS) if number % 10]
FILTERED = b"[" + b",".join(KEPT) + b"]"
LARGE = b"".join(b"%09d," % number for number in range(100_000))


async def test_a_base_stays_until_what_is_made_from_it_is_stored_on_its_own(house: House) -> None:
    base = await house.contents.put(WHOLE)
    filtered = await house.contents.put_like(FILTERED, KEPT, base)
    part = await house.contents.slice(base, 1, 500)
    assert [filtered.form, part.form] == [store.RECIPE, store.RANGE]
    await house.keep(base, filtered, part)
    assert await house.delete(base.digest) is None
    assert await house.rewriter.free(base.digest) == 2
    assert await house.rewriter.free(base.digest) == 0
    removed = await house.delete(base.digest)
    assert removed == store.Removed(store.ZSTD, ())
    assert await house.read(filtered) == FILTERED
    assert await house.read(part) == WHOLE[1:500]
    with pytest.raises(PayloadGone):
        await house.read(base)


async def test_a_part_of_an_object_becomes_an_object_before_its_row_changes(house: House) -> None:
    whole = await house.contents.put(LARGE)
    part = await house.contents.slice(whole, 10, len(LARGE) - 10)
    await house.keep(whole, part)
    assert [blob.digest for blob in house.blobs.iterate()] == [whole.digest]

    def broken(_: Transaction) -> None:
        raise Fault("stopped by the test")

    submit, house.committer.submit = house.committer.submit, lambda _: submit(broken)  # type: ignore[method-assign,assignment,misc]
    with pytest.raises(Fault, match="stopped"):
        await house.rewriter.rewrite(part.digest)
    assert house.blobs.exists(part.digest)
    assert await house.read(part) == LARGE[10:-10]
    house.committer.submit = submit  # type: ignore[method-assign]
    assert await house.rewriter.rewrite(part.digest)
    assert await house.delete(whole.digest) == store.Removed(store.OBJECT, ())
    house.blobs.delete(whole.digest)
    assert await house.read(part) == LARGE[10:-10]
    # Whoever still holds the content as it was finds it too.
    assert await part.read(0, 20) == LARGE[10:30]


async def test_what_is_made_from_a_damaged_content_is_left_as_it_is(house: House) -> None:
    whole = await house.contents.put(LARGE)
    part = await house.contents.slice(whole, 10, len(LARGE) - 10)
    await house.keep(whole, part)
    damaged = bytearray(house.blobs.stored(whole.digest))
    damaged[100] ^= 1
    house.blobs.keep(whole.digest, bytes(damaged))
    fresh = house.fresh()
    with pytest.raises(Fault, match="damaged"):
        await Rewriter(house.reader, fresh, house.committer).rewrite(part.digest)
    fresh.close()
    row = await house.reader.run(lambda rows: store.get(rows, part.digest))
    assert row is not None
    assert row.form == store.RANGE


async def test_what_shares_a_content_that_went_away_is_not_committed(house: House) -> None:
    base = await house.contents.put(LARGE)
    await house.keep(base)
    part = await house.contents.slice(house.contents.known(base.digest, base.size_bytes), 0, 5000)
    assert part.pins == (base.digest,)
    await house.delete(base.digest)
    with pytest.raises(PayloadGone):
        await house.keep(part)
    assert await house.reader.run(lambda rows: store.get(rows, part.digest)) is None


async def test_a_dictionary_goes_when_it_is_retired_and_nobody_names_it(house: House) -> None:
    def add(transaction: Transaction, at: int) -> int:
        return store.add_dictionary(transaction, "1/pull", b"bytes", b"hash", 400, at)

    first = await house.committer.submit(lambda transaction: add(transaction, 10))
    row: store.Row = (b"d" * 32, 1, store.ZSTD, b"x", None, None, first)
    await house.committer.submit(lambda transaction: transaction.insert(store.INSERT_CONTENT, row))
    second = await house.committer.submit(lambda transaction: add(transaction, 20))
    assert await house.reader.run(lambda rows: store.newest_dictionary(rows, "1/pull")) == (second, 400)

    async def sweep(before: int) -> int:
        return await house.committer.submit(
            lambda transaction: store.delete_dictionaries(transaction, before)
        )

    assert await sweep(100) == 0
    await house.delete(b"d" * 32)
    assert await sweep(20) == 0
    assert await sweep(21) == 1
    third = await house.committer.submit(lambda transaction: add(transaction, 30))
    assert third not in {first, second}
