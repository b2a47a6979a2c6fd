"""How an `Out` becomes bytes."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from redrive.errors import PayloadError
from redrive.sdk import Envelope, Item, MemoryContent, Out, Payload
from redrive.sdk.writing import Writing


def items(*raws: bytes) -> list[Item]:
    return [Item(raw, 0, number) for number, raw in enumerate(raws)]


async def stream(*chunks: list[Item]) -> AsyncIterator[list[Item]]:
    for chunk in chunks:
        yield chunk


async def written(out: Out) -> tuple[bytes, Writing]:
    writing = await Writing.begin(out)
    assert writing is not None
    data = b"".join([piece.data async for piece in writing.pieces()])
    assert writing.whole in (None, data)
    return data, writing


def payload(data: bytes, **settings: object) -> Payload:
    return Payload(MemoryContent(data), **settings)  # type: ignore[arg-type]


async def test_items_are_a_plain_list_unless_told_otherwise() -> None:
    data, writing = await written(Out(items(b"1", b'{"a" : 2}')))
    assert data == b'[1,{"a" : 2}]'
    assert (writing.count, writing.media_type, writing.items_path, writing.meta) == (
        2,
        "application/json",
        "",
        {},
    )


async def test_the_bytes_around_the_items_are_those_of_like() -> None:
    like = payload(b'{"n": 1, "orders": [1, 2], "next": null}\n', items_path="orders", meta={"page": "3"})
    data, writing = await written(Out(items(b"7"), like=like))
    assert data == b'{"n": 1, "orders": [7], "next": null}\n'
    assert (writing.items_path, writing.meta) == ("orders", {"page": "3"})


async def test_another_items_path_has_its_own_envelope_and_keeps_meta() -> None:
    like = payload(b'{"orders": [1, 2]}', items_path="orders", meta={"page": "3"})
    data, writing = await written(Out(items(b"7"), like=like, items_path="data.rows"))
    assert data == b'{"data":{"rows":[7]}}'
    assert (writing.items_path, writing.meta) == ("data.rows", {"page": "3"})


async def test_an_envelope_that_is_given_wins() -> None:
    like = payload(b'{"orders": [1, 2]}', items_path="orders")
    data, _ = await written(Out(items(b"7", b"8"), like=like, items_path="", envelope=Envelope.at("")))
    assert data == b"[7,8]"


async def test_lines_are_the_form_of_what_is_not_json() -> None:
    data, _ = await written(Out(items(b"a", b"b"), media_type="text/plain"))
    assert data == b"a\nb\n"


@pytest.mark.parametrize(("raws", "expected"), [([b'{"a": 1}'], b'{"a": 1}'), ([b"1", b"2"], b"[1,2]")])
async def test_like_a_single_item_one_is_single_and_more_are_a_list(
    raws: list[bytes], expected: bytes
) -> None:
    data, writing = await written(Out(items(*raws), like=payload(b'{"id": 1}')))
    assert data == expected
    assert writing.items_path == ""


@pytest.mark.parametrize(("raws", "expected"), [([b"1"], b"1"), ([b"1", b"2"], b'{"rows":[1,2]}')])
async def test_unwrap_single_takes_the_list_off_one_item_only(raws: list[bytes], expected: bytes) -> None:
    data, writing = await written(Out(items(*raws), items_path="rows", unwrap_single=True))
    assert data == expected
    assert writing.items_path == ("" if len(raws) == 1 else "rows")


async def test_without_an_item_nothing_is_put_out() -> None:
    assert await Writing.begin(Out([])) is None
    assert await Writing.begin(Out(stream([], []))) is None


async def test_a_small_stream_is_whole_and_a_large_one_comes_in_megabytes() -> None:
    small = await Writing.begin(Out(stream(items(b"1"), items(b"2"))))
    assert small is not None
    assert small.whole == b"[1,2]"

    block = [b'"' + b"x" * 400_000 + b'"'] * 2
    large = await Writing.begin(Out(stream(*[items(*block)] * 5)))
    assert large is not None
    assert large.whole is None
    pieces = [piece async for piece in large.pieces()]
    assert [len(piece.items) for piece in pieces] == [4, 4, 2, 0]
    assert b"".join(piece.data for piece in pieces) == b"[" + b",".join(block * 5) + b"]"
    assert large.count == 10


async def test_one_item_of_megabytes_still_stands_alone() -> None:
    big = b'"' + b"x" * 3_000_000 + b'"'
    data, _ = await written(Out(stream([], items(big), []), like=payload(b'{"id": 1}')))
    assert data == big


async def test_a_payload_that_is_streamed_is_read_once() -> None:
    reads: list[int] = []

    class Counted(MemoryContent):
        async def read(self, start: int = 0, stop: int | None = None) -> bytes:
            reads.append(start)
            return await super().read(start, stop)

    source = (
        b'{"n": 1, "orders": [' + b",".join([b'{"id": %d}' % n for n in range(300_000)]) + b'], "end": 2}'
    )
    like = Payload(Counted(source), items_path="orders")
    data, writing = await written(Out(like.chunks(), like=like))
    assert data == source
    assert writing.count == 300_000
    assert reads == sorted(set(reads))


async def test_content_that_is_stored_passes_on() -> None:
    like = payload(b"[1, 2]", meta={"a": "b"})
    writing = await Writing.begin(Out(content=like.content, like=like))
    assert writing is not None
    assert writing.content is like.content
    assert writing.unchanged is like
    other = await Writing.begin(Out(content=MemoryContent(b"[1, 2]"), like=like))
    assert other is not None
    assert other.unchanged is None


async def test_the_items_of_content_are_counted() -> None:
    async def chunks() -> AsyncIterator[bytes]:
        yield b'{"rows": [1, '
        yield b"2, 3]}"

    _, writing = await written(Out(content=chunks(), items_path="rows", from_items=[(0, 4, 2)]))
    assert writing.count == 3
    assert writing.origins == ((0, 4, 2),)


@pytest.mark.parametrize("content", [b"<html>", MemoryContent(b"<html>")])
async def test_content_that_has_no_items_is_kept_all_the_same(content: bytes | MemoryContent) -> None:
    data, writing = await written(Out(content=content))
    assert data == b"<html>"
    assert writing.count is None


@pytest.mark.parametrize("content", [b"", MemoryContent(b"")])
async def test_no_byte_is_no_item(content: bytes | MemoryContent) -> None:
    _, writing = await written(Out(content=content))
    assert writing.count == 0


@pytest.mark.parametrize("out", [Out(), Out(items=[], content=b"")])
async def test_an_out_has_items_or_content(out: Out) -> None:
    with pytest.raises(ValueError, match="an Out has either items or content"):
        await Writing.begin(out)


async def test_meta_has_at_most_10240_bytes_of_text() -> None:
    assert await Writing.begin(Out(content=b"1", meta={"k": "x" * 10_239})) is not None
    with pytest.raises(PayloadError, match="has 10241 bytes; at most 10240") as error:
        await Writing.begin(Out(content=b"1", meta={"k": "é" * 5_120}))
    assert error.value.code == "meta.too_large"
    with pytest.raises(PayloadError, match="meta 'k' is int; meta holds text only"):
        await Writing.begin(Out(content=b"1", meta={"k": 5}))  # type: ignore[dict-item]
