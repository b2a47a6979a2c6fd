"""One answer of another system: kept as it comes in, and how far it got."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Callable, Sequence
from typing import Final, Literal, Protocol

import aiohttp
import msgspec

from redrive.connectors.rest.coding import Undecodable
from redrive.connectors.rest.mask import Masker
from redrive.sdk import (
    XML,
    Answer,
    Content,
    ItemReader,
    ItemsInvalid,
    MemoryContent,
    StepContext,
    XmlValues,
    encode,
    is_json,
    is_xml,
    item_reader,
)

PIECE_BYTES: Final = 256 << 10
WHOLE_BYTES: Final = 1 << 20
# Conditions and pagination look at bodies up to this size; of a larger one they see all but its items.
SEEN_BYTES: Final = 16 << 20

Kind = Literal["unsent", "timeout", "cut", "garbage", "too_large"]


class Failure(msgspec.Struct, frozen=True):
    """Why there is no whole answer. `unsent`: the request certainly did not leave this machine."""

    kind: Kind
    sentence: str


class Reply(msgspec.Struct):
    """What came back for one request.

    content: the body as it was sent to us; `shown`: the same without secrets, for the exchange.
    items: how many records stand at the endpoint's items path, and where (`start`, `stop`).
    """

    status: int | None = None
    headers: Sequence[tuple[str, str]] = ()
    content: Content | None = None
    shown: Content | None = None
    failure: Failure | None = None
    duration_ms: float = 0.0
    media_type: str = ""
    url: str = ""
    reader: ItemReader | None = None
    items: int = 0
    items_error: str | None = None
    serial: int = 0
    """Of the token that the request went with."""
    storing: asyncio.Task[Content] | None = None
    """While `content` is in memory only: its way into the store."""
    note: Callable[[], None] | None = None
    """Records the exchange, once the body is kept."""

    async def settle(self) -> None:
        """Wait until the body is kept and the exchange recorded, where that goes on beside other things.

        Errors: those of the store.
        """
        storing, self.storing = self.storing, None
        if storing is not None:
            self.content = self.shown = await storing
            if self.note is not None:
                self.note()

    def let_go(self) -> None:
        """Nobody wants it any more."""
        if self.storing is not None:
            self.storing.cancel()

    @property
    def is_xml(self) -> bool:
        return is_xml(self.media_type)

    def header(self, name: str) -> str | None:
        for known, value in self.headers:
            if known.casefold() == name:
                return value
        return None

    def all_headers(self) -> dict[str, list[str]]:
        """Values by name in small letters."""
        found: dict[str, list[str]] = {}
        for name, value in self.headers:
            found.setdefault(name.casefold(), []).append(value)
        return found

    def flat_headers(self) -> dict[str, str]:
        return {name: ", ".join(values) for name, values in self.all_headers().items()}

    def answer(self, masker: Masker) -> Answer:
        """The answer as it may be recorded."""
        return Answer(
            status=self.status,
            headers=masker.headers(self.headers, ("set-cookie",)),
            body=self.shown,
            error=self.failure.sentence if self.failure else None,
            duration_ms=self.duration_ms,
        )

    async def kept(self, ctx: StepContext, start: int = 0, stop: int | None = None) -> Content | None:
        """The body, or a part of it, as content that a payload may have.

        It shares the bytes of the exchange, unless these were changed to hide a secret: then the part is
        kept alone, and what stands around it only with the secret hidden. Before `settle` it is in memory.
        """
        content = self.content
        if content is None:
            return None
        end = content.size_bytes if stop is None else stop
        if self.storing is not None:
            return MemoryContent(await content.read(start, end))
        if self.shown is not content:
            return await ctx.store(content.stream(start, end))
        return content if (start, end) == (0, content.size_bytes) else await ctx.slice(content, start, end)

    async def seen(self) -> bytes | None:
        """The body as JSON, for conditions and pagination; None where it should be JSON or XML and is not.

        XML is seen as `convert` makes it, without the prefixes of names: `Envelope.Body.Fault`.

        A body of another kind is one JSON text; none at all is null. Of a body of more than 16 MiB
        only what stands around its items is seen.
        """
        if self.content is None or not self.content.size_bytes:
            return b"null"
        if self.content.size_bytes > SEEN_BYTES:
            return None if self.is_xml else self._around()
        data = await self.content.read()
        if self.is_xml:
            return _xml_seen(data)
        try:
            if is_json(self.media_type) or data.lstrip()[:1] in (b"{", b"["):
                msgspec.json.decode(data, type=msgspec.Raw)
                return data
        except msgspec.DecodeError:
            return None if is_json(self.media_type) else encode(data.decode(errors="replace"))
        return encode(data.decode(errors="replace"))

    def _around(self) -> bytes | None:
        if self.reader is None or self.items_error is not None or self.reader.single:
            return b"null"
        return self.reader.prefix + self.reader.suffix


def _xml_seen(data: bytes) -> bytes | None:
    try:
        found = XmlValues(namespaces="strip").feed(data, last=True)
    except ItemsInvalid:
        return None
    return found[0] if found else b"null"


class Body(Protocol):
    def iter_any(self) -> AsyncIterator[bytes]: ...


class Arriving(Protocol):
    """What `read_body` needs of a response."""

    @property
    def content(self) -> Body: ...

    def close(self) -> None: ...


class PlayedBody:
    """A recorded body that arrives as one from the network does."""

    def __init__(self, body: AsyncIterable[bytes] | None) -> None:
        self._body = body
        self._closed = False

    @property
    def content(self) -> PlayedBody:
        return self

    async def iter_any(self) -> AsyncIterator[bytes]:
        if self._body is not None:
            async for chunk in self._body:
                if self._closed:
                    return
                yield chunk

    def close(self) -> None:
        self._closed = True


async def read_body(
    response: Arriving,
    reply: Reply,
    ctx: StepContext,
    masker: Masker,
    *,
    items_path: str | None,
    most_bytes: int,
    beside: bool = False,
) -> None:
    """Keep the body as it arrives; a failure on the way is noted, and what had arrived is kept.

    `beside`: what is in memory whole is kept while the caller goes on; see `Reply.settle`.
    """
    if items_path is not None:
        # Systems often name JSON wrongly; where records are named and it is not XML, it can be nothing else.
        reply.reader = item_reader(XML if reply.is_xml else "application/json", items_path)
    tap = _Tap(reply, masker, most_bytes)
    pieces = tap.pieces(response)
    head: list[bytes] = []
    size = 0
    async for piece in pieces:
        head.append(piece)
        size += len(piece)
        if size > WHOLE_BYTES:
            break
    if size > WHOLE_BYTES:
        reply.content = await ctx.store(_chained(head, pieces))
    elif size:
        whole = b"".join(head)
        # Of an answer with a secret in it only the records are kept as they came: see `Reply.kept`.
        if tap.secret:
            reply.content = MemoryContent(whole)
        elif beside and reply.failure is None:
            reply.content = MemoryContent(whole)
            reply.storing = asyncio.create_task(_stored(whole, ctx), name="store page")
        else:
            reply.content = await ctx.store(whole)
    tap.close()
    if tap.secret and reply.content is not None:
        reply.shown = await ctx.store(masker.hidden_stream(reply.content.stream()))
    else:
        reply.shown = reply.content


async def _stored(whole: bytes, ctx: StepContext) -> Content:
    return await ctx.store(whole)


class _Tap:
    """Looks at a body as it passes: its size, its items, and whether a secret stands in it."""

    def __init__(self, reply: Reply, masker: Masker, most_bytes: int) -> None:
        self.secret = False
        self._reply = reply
        self._masker = masker
        self._most = most_bytes
        self._tail = b""

    async def pieces(self, response: Arriving) -> AsyncIterator[bytes]:
        """Never raises because of the other system."""
        size = 0
        waiting: list[bytes] = []
        waits = 0
        reply = self._reply
        try:
            async for data in response.content.iter_any():
                size += len(data)
                if size > self._most:
                    response.close()
                    reply.failure = Failure(
                        "too_large",
                        f"the answer has more than the {self._most} bytes that the connector allows",
                    )
                    break
                waiting.append(data)
                waits += len(data)
                if waits >= PIECE_BYTES:
                    yield self._seen(b"".join(waiting))
                    waiting, waits = [], 0
        except Undecodable as error:
            reply.failure = Failure("garbage", str(error))
        except TimeoutError:
            reply.failure = Failure("timeout", f"the answer stopped after {size} bytes and its time ran out")
        except (aiohttp.ClientError, OSError):
            reply.failure = Failure("cut", f"the connection was cut after {size} bytes of the answer")
        if waiting:
            yield self._seen(b"".join(waiting))

    def close(self) -> None:
        if self._reply.reader is not None and self._reply.items_error is None and self._reply.failure is None:
            try:
                self._reply.items += len(self._reply.reader.close())
            except ItemsInvalid as error:
                self._reply.items_error = str(error)

    def _seen(self, data: bytes) -> bytes:
        reply = self._reply
        if not self.secret and (overlap := self._masker.overlap):
            self.secret = self._masker.occurs(self._tail + data)
            self._tail = (self._tail + data)[-overlap:]
        if reply.reader is not None and reply.items_error is None:
            try:
                reply.items += len(reply.reader.feed(data))
            except ItemsInvalid as error:
                reply.items_error = str(error)
        return data


async def _chained(head: list[bytes], rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    for piece in head:
        yield piece
    head.clear()
    async for piece in rest:
        yield piece
