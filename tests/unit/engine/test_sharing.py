"""What a step keeps of its input is stored as ranges of it, however large, and reads as what it is."""

from __future__ import annotations

import random
import sqlite3
import tracemalloc
from collections.abc import AsyncIterator, Sequence

import pytest
from blake3 import blake3

from redrive.engine.contents import StoredContent
from redrive.errors import StoreCorrupt
from redrive.store import contents as store
from tests.unit.engine.house import House

# What a parser would not give back as it was: spelling of numbers, duplicate keys, escapes, order.
HOSTILE = (
    b'{"id": 123456789012345678901234567890, "total": 19.90, "id": 1, "e": 1E+2}',
    '{"name": "\\ud800 \\u0041 é \\/", "z": 0, "a": -0.0}'.encode(),
    b'{ "deep" : ' + b"[" * 60 + b"]" * 60 + b" }",
    b'{"text": "],[", "more": "}{\\"},{"}',
)


def items(count: int, seed: int = 1, size: int = 700) -> list[bytes]:
    chance = random.Random(seed)
    made = []
    for number in range(count):
        hostile = HOSTILE[number % len(HOSTILE)]
        filler = chance.randbytes(size // 4).hex().encode()
        made.append(b'{"n":%d,"filler":"%s","x":%s}' % (number, filler, hostile))
    return made


def listed(items: Sequence[bytes]) -> bytes:
    return b'{"orders": [' + b",\n ".join(items) + b"]}"


async def pieces(
    items: Sequence[bytes], at_most: int = 1 << 20
) -> AsyncIterator[tuple[bytes, Sequence[bytes]]]:
    """As a step puts them out: about a megabyte at a time."""
    start, held, size = b"[", [], 0
    for item in items:
        held.append(item)
        size += len(item)
        if size >= at_most:
            yield start + b",".join(held), held
            start, held, size = b",", [], 0
    yield start + b",".join(held) if held else b"", held
    yield b"]", ()


def kept_of(items: Sequence[bytes], drop: int) -> list[bytes]:
    return [item for number, item in enumerate(items) if number % drop != 3]


MANY = items(9000)
WHOLE = listed(MANY)
KEPT = kept_of(MANY, 10)
FILTERED = b"[" + b",".join(KEPT) + b"]"


async def stored(house: House) -> StoredContent:
    base = await house.contents.put(WHOLE)
    assert base.form == store.OBJECT
    await house.keep(base)
    return base


async def test_a_filter_of_a_large_object_is_stored_as_ranges_of_it(house: House) -> None:
    base = await stored(house)
    before = house.stored_bytes()
    filtered = await house.contents.put_pieces(pieces(KEPT), base)
    await house.keep(filtered)
    assert (filtered.digest, filtered.size_bytes) == (blake3(FILTERED).digest(), len(FILTERED))
    assert (filtered.form, filtered.base) == (store.SEGMENTS, base)
    assert house.stored_bytes() - before < len(FILTERED) // 100
    assert await house.read(filtered) == FILTERED


async def test_any_range_is_read_without_the_whole(house: House) -> None:
    base = await stored(house)
    filtered = await house.contents.put_pieces(pieces(KEPT), base)
    await house.keep(filtered)
    contents = house.fresh()
    opened = house.count_reads()
    content = contents.known(filtered.digest, filtered.size_bytes)
    middle = len(FILTERED) // 2
    assert await content.read(middle, middle + 100) == FILTERED[middle : middle + 100]
    assert opened[base.digest] <= 3
    chance = random.Random(5)
    for _ in range(30):
        start = chance.randrange(len(FILTERED))
        stop = start + chance.choice([1, 5000, 1_500_000])
        assert await content.read(start, stop) == FILTERED[start:stop]
    contents.close()


@pytest.mark.parametrize("depth", [2, 3])
async def test_what_is_made_from_ranges_refers_to_what_those_refer_to(house: House, depth: int) -> None:
    base = await stored(house)
    part = await house.contents.slice(base, 12, len(WHOLE) - 2)
    await house.keep(part)
    content, kept = part, MANY
    for _ in range(depth):
        kept = kept_of(kept, 9)
        # Every other time as a later process finds it: by its hash.
        content = await house.contents.put_pieces(pieces(kept), content)
        await house.keep(content)
        content = house.contents.known(content.digest, content.size_bytes)
    row = await house.row(content)
    assert (row.form, row.base) == (store.SEGMENTS, base.digest)
    assert await house.read(content) == b"[" + b",".join(kept) + b"]"
    assert set(await house.needed()) <= await house.own()


async def test_batches_of_a_large_content_are_recipes_in_rows(house: House) -> None:
    base = await stored(house)
    filtered = await house.contents.put_pieces(pieces(KEPT), base)
    await house.keep(filtered)
    for source in (base, filtered):
        known = house.contents.known(source.digest, source.size_bytes)
        before = house.stored_bytes()
        made = []
        for start in range(0, 2000, 100):
            batch = KEPT[start : start + 100]
            whole = b"[" + b",".join(batch) + b"]"
            made.append((await house.contents.put_like(whole, batch, known), whole))
        await house.keep(*[content for content, _ in made])
        assert {content.form for content, _ in made} == {store.RECIPE}
        assert {content.rows[-1][4] for content, _ in made} == {base.digest}
        assert house.stored_bytes() == before
        for content, whole in made:
            assert await house.read(content) == whole


async def test_a_batch_of_a_recipe_in_a_row_refers_to_its_base(house: House) -> None:
    some = MANY[:100]
    base = await house.contents.put(listed(some))
    kept = kept_of(some, 5)
    filtered = await house.contents.put_like(b"[" + b",".join(kept) + b"]", kept, base)
    batch = kept[20:60]
    whole = b"[" + b",".join(batch) + b"]"
    for source in (filtered, house.contents.known(filtered.digest, filtered.size_bytes)):
        made = await house.contents.put_like(whole, batch, source)
        assert (made.form, made.rows[-1][4]) == (store.RECIPE, base.digest)
        await house.keep(base, filtered, made)
        assert await house.read(made) == whole


async def test_changed_items_are_stored_as_they_are(house: House) -> None:
    base = await stored(house)
    changed = [item.replace(b"filler", b"FILLER") for item in KEPT]
    content = await house.contents.put_pieces(pieces(changed), base)
    assert content.form == store.OBJECT
    await house.keep(content)
    assert await house.read(content) == b"[" + b",".join(changed) + b"]"


async def test_items_of_other_contents_stand_in_a_recipe_as_they_are(house: House) -> None:
    base = await stored(house)
    other = items(600, seed=9)
    mixed = [*KEPT[:4000], *other, *KEPT[4000:]]
    content = await house.contents.put_pieces(pieces(mixed), base)
    await house.keep(content)
    assert content.form == store.SEGMENTS
    assert await house.read(content) == b"[" + b",".join(mixed) + b"]"


async def test_a_slice_of_a_recipe_is_no_reference_to_it(house: House) -> None:
    base = await stored(house)
    filtered = await house.contents.put_pieces(pieces(KEPT), base)
    await house.keep(filtered)
    for start, stop in ((5, 400_000), (7, 900)):
        part = await house.contents.slice(filtered, start, stop)
        await house.keep(part)
        assert await house.read(part) == FILTERED[start:stop]
    assert set(await house.needed()) <= await house.own()


async def test_a_large_recipe_can_be_stored_on_its_own(house: House) -> None:
    base = await stored(house)
    filtered = await house.contents.put_pieces(pieces(KEPT), base)
    await house.keep(filtered)
    recipe = (await house.row(filtered)).data
    assert recipe is not None
    assert await house.delete(base.digest) is None
    assert await house.delete(recipe) is None
    assert await house.rewriter.free(base.digest) == 1
    assert await house.delete(base.digest) is not None
    assert await house.delete(recipe) is not None
    house.blobs.delete(base.digest)
    assert await house.read(filtered) == FILTERED


async def test_damage_to_the_base_or_the_recipe_is_found(house: House) -> None:
    base = await stored(house)
    filtered = await house.contents.put_pieces(pieces(KEPT), base)
    await house.keep(filtered)
    row = await house.row(filtered)
    assert row.data is not None
    whole = house.blobs.stored(base.digest)
    damaged = bytearray(whole)
    damaged[len(whole) // 2] ^= 1
    house.blobs.keep(base.digest, bytes(damaged))
    with pytest.raises(StoreCorrupt):
        await house.read(filtered)
    # Another base of the same length: each frame is sound, the ranges are of other bytes.
    house.blobs.keep(base.digest, whole)
    other = await house.contents.put(WHOLE.replace(b"filler", b"FILLER"))
    await house.keep(other)
    with sqlite3.connect(house.path) as connection:
        connection.execute("UPDATE contents SET base = ? WHERE digest = ?", (other.digest, filtered.digest))
    connection.close()
    with pytest.raises(StoreCorrupt, match="do not match their checksum"):
        await house.read(filtered)


async def test_memory_does_not_grow_with_the_size(house: House) -> None:
    made = items(24_000, size=2300)
    base = await house.contents.put(listed(made))
    await house.keep(base)
    kept = kept_of(made, 10)
    contents = house.fresh()
    known = contents.known(base.digest, base.size_bytes)
    tracemalloc.start()
    filtered = await contents.put_pieces(pieces(kept), known)
    hasher = blake3()
    async for chunk in filtered.stream():
        hasher.update(chunk)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    contents.close()
    assert filtered.form == store.SEGMENTS
    assert hasher.digest() == filtered.digest
    assert filtered.size_bytes > 24 << 20
    assert peak < 20 << 20


async def test_a_small_content_is_read_in_the_calling_thread_however_it_is_stored(house: House):
    given = items(40)
    base = await house.contents.put(listed(given))
    some = await house.contents.put_like(b"[" + b",".join(given[3:20]) + b"]", given[3:20], base)
    part = await house.contents.slice(base, 40, 900)
    large = await house.contents.put(listed(MANY))
    for content in (base, some, part, large):
        await house.keep(content)
    assert (some.form, part.form) == (store.RECIPE, store.RANGE)
    fresh, held = house.fresh(), {}

    def look(content: StoredContent) -> bytes | None:
        return house.reader.look(lambda rows: fresh.look_at_small(rows, content.digest, held))

    assert look(some) == b"[" + b",".join(given[3:20]) + b"]"
    assert look(part) == listed(given)[40:900]
    assert look(base) == listed(given)
    assert held.keys() == {base.digest, some.digest, part.digest}
    assert look(large) is None
    connection = sqlite3.connect(house.path)
    with connection:
        connection.execute("UPDATE contents SET base_offset = base_offset + 1 WHERE form = 3")
    connection.close()
    held.clear()
    with pytest.raises(StoreCorrupt):
        look(part)
