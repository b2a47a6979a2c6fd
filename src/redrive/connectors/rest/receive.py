"""A receive endpoint: one payload per page. While a page is being kept the next is asked for, where asking
changes nothing (GET, HEAD); a crash asks for that one again.
"""

from __future__ import annotations

import asyncio
from collections import ChainMap
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final, cast

from redrive.connectors.rest.answer import Reply
from redrive.connectors.rest.bodies import JSON
from redrive.connectors.rest.client import Client
from redrive.connectors.rest.manifest import EndpointModel
from redrive.connectors.rest.paginate import (
    ENDLESS_PAGES,
    Cycle,
    Page,
    Paginator,
    Place,
    is_repeated,
    paginator,
)
from redrive.connectors.rest.pull import Pull
from redrive.connectors.rest.render import Renderer
from redrive.connectors.rest.scope import SkipItem
from redrive.connectors.rest.subject import Subject
from redrive.errors import RemoteRejected, RemoteUnavailable, StepError
from redrive.sdk import Content, Fields, Out, Path, Payload, StepContext, is_json

_EMPTY_LIST_BYTES: Final = 64


class Receiver:
    """Pulls the pages of one endpoint."""

    def __init__(self, label: str, endpoint: EndpointModel, client: Client, renderer: Renderer) -> None:
        self._label = label
        self._client = client
        self._items = endpoint.items
        self._paginated = endpoint.paginate is not None
        self._most = endpoint.paginate.max_pages if endpoint.paginate else None
        self._paginator: Paginator = paginator(endpoint.paginate)
        counted = self._items if self._items is not None else "" if self._paginated else None
        self.pull = Pull(label, endpoint, client, renderer, counted)

    async def run(
        self, payload: Payload, parameters: Mapping[str, Any], ctx: StepContext
    ) -> AsyncIterator[Out]:
        """One `Out` per page that holds something."""
        if ctx.preview:
            ctx.log.info(f"{self._label} would be asked for pages")
            return
        state = ctx.state or {}
        if state.get("done"):
            return
        place, number, digest = self._resumed(state)
        cycle = Cycle(state.get("cycle"))
        whole = await self._scope(payload, parameters, ctx)
        # A request that reads `page` by itself needs no parameter for it.
        by_itself = "page" in self.pull.roots

        async def page(place: Place | None, number: int) -> tuple[Mapping[str, Any], Reply]:
            scope = ChainMap({"page": self._paginator.seen(place, number)}, cast("dict[str, Any]", whole))
            reply = await self.pull.page(
                scope,
                ctx,
                payload,
                url=self._paginator.url(place),
                parameters=() if by_itself else self._paginator.parameters(place),
                beside=self._paginated and self.pull.is_safe,
            )
            assert reply is not None
            return scope, reply

        ahead = _Ahead(page, self.pull.is_safe)
        while True:
            number += 1
            try:
                scope, reply = await ahead.take(place, number)
            except SkipItem as skipped:
                ctx.log.warning(f"nothing was pulled: {skipped.path} finds nothing")
                return
            try:
                content, count = await self._page(reply, ctx)
                following = await self._following(place, reply, count, number, scope, ctx)
                if self._paginated:
                    digest = self._new(place, following, content, digest, number, cycle)
                following = self._capped(following, number, ctx)
                if content is not None:
                    async with ahead.while_kept(following, number + 1):
                        if reply.storing is not None:
                            await reply.settle()
                            content, _ = await self._page(reply, ctx)
                        assert content is not None
                        out = self._out(reply, content, count, payload)
                        out.checkpoint = self._checkpoint(following, number, digest, cycle)
                        yield out
            finally:
                await reply.settle()
            if following is None:
                return
            place = following

    def _out(self, reply: Reply, content: Content, count: int, payload: Payload) -> Out:
        xml = reply.is_xml
        return Out(
            content=content,
            media_type=JSON if self._items is not None and not xml else reply.media_type or JSON,
            items_path=self._items if xml and self._items else "",
            meta=payload.meta,
            count=count if self._items is not None else None,
        )

    def _new(
        self,
        place: Place | None,
        following: Place | None,
        content: Content | None,
        digest: str,
        number: int,
        cycle: Cycle,
    ) -> str:
        """The hash of this page, or of the last that held something. Errors: `pagination.repeated`."""
        seen = content.digest.hex() if content is not None else ""
        circle = following is not None and cycle.closes(self._shown(following))
        if is_repeated(place, following) or (seen and seen == digest) or circle:
            raise self._repeated(number, circle=circle)
        return seen or digest

    def _resumed(self, state: Mapping[str, Any]) -> tuple[Place | None, int, str]:
        if not state:
            return self._paginator.first(), 0, ""
        place: Place = state["place"]
        if isinstance(place, str):
            place = self._client.masker.reveal(place, "url" if self._paginator.url(place) else "plain")
        return place, int(state["page"]), str(state["digest"])

    def _checkpoint(self, following: Place | None, number: int, digest: str, cycle: Cycle) -> dict[str, Any]:
        if following is None:
            return {"done": True}
        return {"place": self._shown(following), "page": number, "digest": digest, "cycle": cycle.state()}

    def _shown(self, place: Place) -> Place:
        return self._client.masker.hidden(place) if isinstance(place, str) else place

    async def _scope(
        self, payload: Payload, parameters: Mapping[str, Any], ctx: StepContext
    ) -> Mapping[str, Any]:
        value = await payload.value() if "payload" in self.pull.roots else None
        item = await Subject(payload).item_value() if "item" in self.pull.roots else None
        return self._client.scopes.within(ctx.scope(payload, value, item), parameters)

    async def _page(self, reply: Reply, ctx: StepContext) -> tuple[Content | None, int]:
        """The payload's content and its number of records; no content for an empty page."""
        content = reply.content
        if self._items is None:
            return await self._whole(content, reply, ctx)
        if reply.items_error is not None or content is None or reply.reader is None:
            if await _is_null(reply, self._items):
                return None, 0
            raise await self._no_items(reply)
        if not reply.items:
            return None, 0
        if reply.is_xml:
            return await reply.kept(ctx), reply.items
        return await reply.kept(ctx, reply.reader.start, reply.reader.stop), reply.items

    async def _whole(
        self, content: Content | None, reply: Reply, ctx: StepContext
    ) -> tuple[Content | None, int]:
        if content is None or not content.size_bytes:
            return None, 0
        if (
            content.size_bytes <= _EMPTY_LIST_BYTES
            and "".join((await content.read()).decode(errors="replace").split()) == "[]"
        ):
            return None, 0
        return await reply.kept(ctx), reply.items if reply.items_error is None and self._paginated else 1

    async def _following(
        self,
        place: Place | None,
        reply: Reply,
        count: int,
        number: int,
        scope: Mapping[str, Any],
        ctx: StepContext,
    ) -> Place | None:
        body = b"null"
        if self._paginator.needs_body:
            seen = await reply.seen()
            if seen is None:
                raise await self._no_items(reply)
            body = seen
        headers = reply.all_headers() if self._paginated else {}
        page = Page(reply.url, headers, body, count, number, reply.status or 0)
        return await self._paginator.following(place, page, scope, ctx)

    def _capped(self, following: Place | None, number: int, ctx: StepContext) -> Place | None:
        if following is None:
            return None
        if self._most is not None and number >= self._most:
            ctx.log.warning(
                f"stopped after {number} pages, as `max_pages` says; there are more", pages=number
            )
            return None
        if self._most is None and number >= ENDLESS_PAGES:
            raise RemoteRejected(
                f"{self._label} gave {number} pages and still names a next one",
                code="pagination.endless",
                hint="If there are so many, set `max_pages` on the pagination of the endpoint.",
            )
        return following

    def _repeated(self, number: int, *, circle: bool = False) -> StepError:
        if circle:
            return RemoteRejected(
                f"{self._label}: page {number} names a next page that was asked for before",
                code="pagination.repeated",
                hint="The system's pages go round in a circle; the exchanges show where.",
            )
        return RemoteRejected(
            f"{self._label}: page {number} is the same as the page before it",
            code="pagination.repeated",
            hint="The system ignores the parameter of the pagination: check its name in the connector.",
        )

    async def _no_items(self, reply: Reply) -> StepError:
        if await reply.seen() is None or not (is_json(reply.media_type or JSON) or reply.is_xml):
            return RemoteUnavailable(
                f"{self._label} answered {reply.status}, but the body is not JSON"
                + (f" ({reply.items_error})" if reply.items_error else ""),
                code="answer.invalid",
                hint="The exchange shows the answer; check the base URL and path.",
            )
        return RemoteRejected(
            f"{self._label}: there is no list of records at {self._items!r} in the answer"
            + (f" ({reply.items_error})" if reply.items_error else ""),
            code="answer.items_missing",
            at=self._items,
            hint="Mend `items` of the endpoint; the exchange shows the answer.",
        )


class _Ahead:
    """Asks for the next page while the one before it is being kept."""

    def __init__(
        self,
        page: Callable[[Place | None, int], Coroutine[Any, Any, tuple[Mapping[str, Any], Reply]]],
        allowed: bool,
    ) -> None:
        self._page = page
        self._allowed = allowed
        self._asked: asyncio.Task[tuple[Mapping[str, Any], Reply]] | None = None

    @asynccontextmanager
    async def while_kept(self, following: Place | None, number: int) -> AsyncIterator[None]:
        """Ask for that page; what goes on elsewhere meanwhile may fail, and nobody wants the page then."""
        if self._allowed and following is not None:
            self._asked = asyncio.create_task(self._page(following, number), name="page ahead")
        try:
            yield
        except BaseException:
            await self._let_go()
            raise

    async def _let_go(self) -> None:
        if self._asked is not None:
            self._asked.cancel()
            for made in await asyncio.gather(self._asked, return_exceptions=True):
                if not isinstance(made, BaseException):
                    made[1].let_go()

    async def take(self, place: Place | None, number: int) -> tuple[Mapping[str, Any], Reply]:
        """The page, whether it was asked for or not. Errors: those of `Pull.page`."""
        asked, self._asked = self._asked, None
        if asked is None:
            return await self._page(place, number)
        try:
            return await asked
        finally:
            asked.cancel()


async def _is_null(reply: Reply, items_path: str) -> bool:
    """Whether the records are null: many systems spell an empty page so."""
    seen = await reply.seen() if reply.content is not None else None
    if seen is None or not items_path:
        return False
    try:
        (value,) = Fields([Path.parse(items_path)]).read(seen)
    except ValueError:
        return False
    return value is None
