"""Payloads as shapes read them."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from redrive.errors import PayloadError
from redrive.sdk import Bucket, Envelope, Item, MemoryContent, Payload, batched, decode


def payload(data: bytes, **settings: object) -> Payload:
    return Payload(MemoryContent(data), **settings)  # type: ignore[arg-type]


async def test_items_have_the_place_that_they_stand_in() -> None:
    given = payload(b'{"rows": [1, {"a" : 2}]}', items_path="rows", position=3)
    assert [item async for items in given.chunks() for item in items] == [
        Item(b"1", 3, 0),
        Item(b'{"a" : 2}', 3, 1),
    ]
    assert await given.envelope() == Envelope(b'{"rows": [', b",", b"]}")


async def test_the_opening_is_known_before_the_end_is_read() -> None:
    given = payload(
        b'{"rows": [' + b",".join([b'"' + b"x" * 1_000 + b'"'] * 3_000) + b'], "end": 1}', items_path="rows"
    )
    chunks = given.chunks()
    await anext(chunks)
    assert await given.opening() == Envelope(b'{"rows": [', b",", b"")
    assert (await given.envelope()).suffix == b'], "end": 1}'


@pytest.mark.parametrize(
    ("path", "expected"),
    [("", (b"[", b"]")), ("rows", (b'{"rows":[', b"]}")), ('data.a"b', (b'{"data":{"a\\"b":[', b"]}}"))],
)
def test_an_envelope_can_be_made_for_a_path(path: str, expected: tuple[bytes, bytes]) -> None:
    envelope = Envelope.at(path)
    assert (envelope.prefix, envelope.suffix) == expected
    decode(envelope.prefix + envelope.suffix)


@pytest.mark.parametrize("path", ["rows..x", "rows.*"])
async def test_an_items_path_that_leads_to_no_one_list_is_a_payload_error(path: str) -> None:
    with pytest.raises(PayloadError, match="payload 0: ") as error:
        await payload(b"{}", items_path=path).envelope()
    assert error.value.at == path


@pytest.mark.parametrize("size", [1, 2, 3, 10])
async def test_batches_hold_every_item_in_order(size: int) -> None:
    bucket = Bucket([payload(b"[1,2,3]"), payload(b"[]"), payload(b"[4,5]", position=2)], 3)

    async def chunks() -> AsyncIterator[list[Item]]:
        async for _, items in bucket.chunks():
            yield items

    batches = [[item.raw async for part in batch for item in part] async for batch in batched(chunks(), size)]
    everything = [b"1", b"2", b"3", b"4", b"5"]
    assert batches == [everything[n : n + size] for n in range(0, 5, size)]
