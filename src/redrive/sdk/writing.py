"""How an `Out` becomes the bytes of a payload: one rule for the engine and the test kit.

    writing = await Writing.begin(out)
    if writing is None:            # no item: nothing is put out
        ...
    elif writing.whole is not None:    # about a megabyte at most, or in memory anyway
        keep(writing.whole)
    else:
        async for piece in writing.pieces():
            keep(piece.data)
    writing.count, writing.items_path, …

Layout of a payload made from items: prefix, then the items joined by the separator, then suffix.
Where the envelope comes from, in this order:

1. `unwrap_single`, or a `like` that is a single item, and exactly one item is put out: the item
   alone is the document, its items path "";
2. `out.envelope`;
3. the envelope of `like`, unless `out` names another items path or media type;
4. the plain one of media type and items path (`plain_envelope`).
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Mapping, Sequence
from typing import NamedTuple, Self

from redrive.core import formats
from redrive.core.items import Item
from redrive.errors import PayloadError
from redrive.sdk.content import CHUNK_BYTES, Content
from redrive.sdk.payload import Envelope, Payload
from redrive.sdk.shape import Out

MAX_META_BYTES = 10_240

_ALONE = Envelope(b"", b"", b"", single=True)


class Piece(NamedTuple):
    """Some bytes of a payload, and the items that stand in them (none where content is written)."""

    data: bytes
    items: Sequence[Item]


def plain_envelope(media_type: str, items_path: str) -> Envelope:
    """The bytes around items that are not like those of another payload: a JSON list, or lines."""
    if formats.is_json(media_type):
        return Envelope.at(items_path)
    return Envelope(b"", b"\n", b"\n")


def check_meta(meta: Mapping[str, str]) -> None:
    """Refuse meta that is not a map of strings, or has more than 10,240 bytes (names and values).

    Errors: `meta.invalid`, `meta.too_large`; not retried.
    """
    size = 0
    for name, value in meta.items():
        if not isinstance(value, str):
            raise PayloadError(
                f"meta {name!r} is {type(value).__name__}; meta holds text only", code="meta.invalid"
            )
        size += len(name.encode()) + len(value.encode())
    if size > MAX_META_BYTES:
        raise PayloadError(
            f"the meta of the payload has {size} bytes; at most {MAX_META_BYTES} are possible",
            code="meta.too_large",
            hint="Keep keys and short values in meta, and data in the payload.",
        )


class Writing:
    """One `Out` on its way to the store. Made by `begin`, which decides the layout.

    media_type, items_path, meta: of the payload to be.
    whole: all of its bytes, where they fit into memory anyway; `items` are then its items.
    content: content that is stored already and passes on as it stands; nothing need be written,
        `pieces` only reads it (to count its items).
    unchanged: the input payload whose very content this is: item n is made from its item n, and
        it has as many.
    origins: of other content: the input items it was made from, as `Out.from_items`; None means
        every item of the input. Each item counts as made from all of them.
    count: the number of items; final once `whole` is there or `pieces` has ended. None where the
        content cannot be read as items; it is kept all the same.
    counted: whether `count` is there already, so that `pieces` need not be read.
    """

    __slots__ = (
        "_envelope",
        "_head",
        "_like",
        "_rest",
        "_source",
        "content",
        "count",
        "counted",
        "items",
        "items_path",
        "media_type",
        "meta",
        "origins",
        "unchanged",
        "whole",
    )

    def __init__(self, out: Out) -> None:
        like = out.like
        self.media_type = out.media_type or (like.media_type if like else "application/json")
        self.items_path = out.items_path if out.items_path is not None else like.items_path if like else ""
        self.meta: Mapping[str, str] = out.meta if out.meta is not None else like.meta if like else {}
        self.whole: bytes | None = None
        self.items: Sequence[Item] = ()
        self.content: Content | None = None
        self.unchanged: Payload | None = None
        self.origins: tuple[tuple[int, int, int], ...] | None = None
        self.count: int | None = 0
        self.counted = False
        self._like = like
        self._envelope = _ALONE
        self._head: Sequence[Item] = ()
        self._rest: AsyncIterator[Sequence[Item]] | None = None
        self._source: AsyncIterable[bytes] | None = None

    @classmethod
    async def begin(cls, out: Out) -> Self | None:
        """Reads the first megabyte of `out`. None: it has no item and is not put out.

        Errors: those of the stream of items; `meta.too_large`.
        """
        if (out.items is None) == (out.content is None):
            raise ValueError("an Out has either items or content")
        if out.meta is not None:
            check_meta(out.meta)
        writing = cls(out)
        if out.content is not None:
            writing._begin_content(out)
            return writing
        return writing if await writing._begin_items(out) else None

    async def pieces(self) -> AsyncGenerator[Piece]:
        """All bytes in order, about a megabyte at a time. Once only."""
        if self.whole is not None:
            yield Piece(self.whole, self.items)
        elif self._source is not None:
            async for piece in self._content_pieces(self._source):
                yield piece
        else:
            async for piece in self._item_pieces():
                yield piece

    def _begin_content(self, out: Out) -> None:
        if out.from_items is not None:
            self.origins = tuple(out.from_items)
        if isinstance(out.content, bytes):
            self.whole = out.content
            self.count = self._counted(out.content)
        elif isinstance(out.content, Content):
            self.content = out.content
            self._source = out.content.stream()
            self.count, self.counted = out.count, out.count is not None
            if out.like is not None and out.content is out.like.content and out.from_items is None:
                self.unchanged = out.like
        else:
            self._source = out.content

    async def _begin_items(self, out: Out) -> bool:
        head: Sequence[Item]
        if isinstance(out.items, Sequence):
            head = out.items
        else:
            assert out.items is not None
            head, self._rest = await _first_megabyte(aiter(out.items))
        if not head:
            return False
        alone = len(head) == 1 and self._rest is None
        self._envelope = await self._layout(out, alone=alone)
        if self._rest is None:
            envelope = await self._closed(self._envelope)
            joined = envelope.separator.join([item.raw for item in head])
            self.whole = b"".join((envelope.prefix, joined, envelope.suffix))
            self.items = head
            self.count = len(head)
        else:
            self._head = head
        return True

    async def _layout(self, out: Out, *, alone: bool) -> Envelope:
        """The envelope by the rules at the top; that of `like` is not read to its end here."""
        like = out.like
        same = like is not None and (
            self.items_path == like.items_path and self.media_type == like.media_type
        )
        if alone and out.unwrap_single:
            self._like = None
            self.items_path = ""
            return _ALONE
        if out.envelope is not None or not same:
            self._like = None
            return out.envelope or plain_envelope(self.media_type, self.items_path)
        assert like is not None
        opening = await like.opening()
        if opening.single and not alone:
            self._like = None
            return plain_envelope(self.media_type, self.items_path)
        return opening

    async def _closed(self, envelope: Envelope) -> Envelope:
        """With its suffix, which of a `like` is known only when that has been read to its end."""
        return envelope if self._like is None else await self._like.envelope()

    async def _item_pieces(self) -> AsyncGenerator[Piece]:
        separator = self._envelope.separator
        start = self._envelope.prefix
        items: list[Item] = list(self._head)
        count = 0
        self._head = ()
        while items:
            data = start + separator.join([item.raw for item in items])
            count += len(items)
            yield Piece(data, items)
            start = separator
            items = []
            if self._rest is not None:
                items, self._rest = await _first_megabyte(self._rest)
        self.count = count
        closed = await self._closed(self._envelope)
        if closed.suffix:
            yield Piece(closed.suffix, ())

    async def _content_pieces(self, source: AsyncIterable[bytes]) -> AsyncGenerator[Piece]:
        reader = formats.item_reader(self.media_type, self.items_path)
        count: int | None = 0
        size = 0
        async for data in source:
            size += len(data)
            if count is not None:
                try:
                    count += len(reader.feed(data))
                except formats.ItemsInvalid:
                    count = None
            yield Piece(data, ())
        if count is not None and size:
            try:
                count += len(reader.close())
            except formats.ItemsInvalid:
                count = None
        self.count = count

    def _counted(self, data: bytes) -> int | None:
        if not data:
            return 0
        reader = formats.item_reader(self.media_type, self.items_path)
        try:
            return len(reader.feed(data)) + len(reader.close())
        except formats.ItemsInvalid:
            return None


async def _first_megabyte(
    source: AsyncIterator[Sequence[Item]],
) -> tuple[list[Item], AsyncIterator[Sequence[Item]] | None]:
    """Items of about a megabyte and what follows them, or None where nothing does.

    At least two items where there are two: whether an item stands alone decides the layout.
    """
    items: list[Item] = []
    size = 0
    while size < CHUNK_BYTES or len(items) < 2:
        try:
            part = await anext(source)
        except StopAsyncIteration:
            return items, None
        items += part
        size += sum([len(item.raw) for item in part])
    return items, source
