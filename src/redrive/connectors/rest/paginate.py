"""Where the next page is: one small class per way of pagination."""

from __future__ import annotations

import re
from collections import ChainMap
from collections.abc import Mapping, Sequence
from typing import Any, Protocol
from urllib.parse import urljoin, urlsplit

import msgspec

from redrive.connectors.rest.paging import (
    Cursor,
    GraphQLCursor,
    LinkHeader,
    NextUrl,
    Offset,
    PageNumber,
    PageScript,
    Paginate,
    UriTemplate,
)
from redrive.errors import RemoteRejected
from redrive.sdk import Fields, Lenient, Script, StepContext, as_text, decode

# A pull whose document sets no `max_pages` and that gets here will not end by itself.
ENDLESS_PAGES = 10_000

Place = int | str | dict[str, Any]
"""Where a page is: a number, an offset, a cursor, a URL or parameters. Kept in checkpoints."""


class Page(msgspec.Struct, frozen=True):
    """What pagination looks at. `body` is the answer as JSON; of a large one without its items."""

    url: str
    headers: Mapping[str, list[str]]
    body: bytes
    items: int
    number: int = 1
    status: int = 200

    def response(self) -> dict[str, Any]:
        """What templates and scripts see of it."""
        headers = {name: ", ".join(values) for name, values in self.headers.items()}
        return {"status": self.status, "headers": headers, "body": decode(self.body)}


class Paginator(Protocol):
    """Finds the next place. `needs_body`: whether it looks into the answer."""

    needs_body: bool

    def first(self) -> Place | None:
        """The place of the first page; None: the request as it stands."""

    def url(self, place: Place | None) -> str | None:
        """The whole URL of a page, where the system names it."""

    def parameters(self, place: Place | None) -> list[tuple[str, str]]:
        """Query parameters of a page."""

    def next(self, place: Place | None, page: Page) -> Place | None:
        """The place after this page; None: it was the last."""

    async def following(
        self, place: Place | None, page: Page, scope: Mapping[str, Any], ctx: StepContext
    ) -> Place | None:
        """The same, for those that look at more than the page."""

    def seen(self, place: Place | None, number: int) -> dict[str, Any]:
        """The root `page` of templates, for the page at that place."""


class _Once:
    """No pagination: one request."""

    needs_body = False

    def first(self) -> Place | None:
        return None

    def url(self, place: Place | None) -> str | None:
        return None

    def parameters(self, place: Place | None) -> list[tuple[str, str]]:
        return []

    def next(self, place: Place | None, page: Page) -> Place | None:
        return None

    async def following(
        self, place: Place | None, page: Page, scope: Mapping[str, Any], ctx: StepContext
    ) -> Place | None:
        return self.next(place, page)

    def seen(self, place: Place | None, number: int) -> dict[str, Any]:
        return {"number": number, "token": None}


class _Counting(_Once):
    """Page number and offset: both end at the first empty page."""

    def __init__(self, settings: PageNumber | Offset) -> None:
        self._start = settings.start
        self._parameter = settings.parameter
        self._size = [] if settings.size is None else [(settings.size_parameter, str(settings.size))]
        self._by_items = isinstance(settings, Offset)

    def first(self) -> Place | None:
        return self._start

    def parameters(self, place: Place | None) -> list[tuple[str, str]]:
        return [*self._size, (self._parameter, str(place))]

    def next(self, place: Place | None, page: Page) -> Place | None:
        if not page.items:
            return None
        # By what came, not by what was asked for: systems cap the size that they are asked for.
        assert not isinstance(place, dict)
        return int(place or 0) + (page.items if self._by_items else 1)

    def seen(self, place: Place | None, number: int) -> dict[str, Any]:
        return {"number": number, "offset": place} if self._by_items else {"number": place}


class _NextUrl(_Once):
    needs_body = True

    def __init__(self, settings: NextUrl) -> None:
        self._fields = Fields([settings.at])

    def url(self, place: Place | None) -> str | None:
        return None if place is None else str(place)

    def next(self, place: Place | None, page: Page) -> Place | None:
        (url,) = self._fields.read(page.body)
        return _resolved(page.url, url) if isinstance(url, str) and url else None


class _LinkHeader(_Once):
    def __init__(self, settings: LinkHeader) -> None:
        self._rel = settings.rel.casefold()

    def url(self, place: Place | None) -> str | None:
        return None if place is None else str(place)

    def next(self, place: Place | None, page: Page) -> Place | None:
        for value in page.headers.get("link", []):
            for url, relations in links(value):
                if self._rel in relations:
                    return _resolved(page.url, url)
        return None


class _Cursor(_Once):
    needs_body = True

    def __init__(self, settings: Cursor) -> None:
        self._parameter = settings.parameter
        self._more = settings.more is not None
        self._fields = Fields([settings.at, *([settings.more] if settings.more else [])])

    def parameters(self, place: Place | None) -> list[tuple[str, str]]:
        return [] if place is None else [(self._parameter, str(place))]

    def next(self, place: Place | None, page: Page) -> Place | None:
        token, *more = self._fields.read(page.body)
        if self._more and not (more and more[0]):
            return None
        text = as_text(token) if isinstance(token, (str, int)) and not isinstance(token, bool) else ""
        return text or None

    def seen(self, place: Place | None, number: int) -> dict[str, Any]:
        return {"number": number, "token": place}


class _GraphQLCursor(_Once):
    needs_body = True

    def __init__(self, settings: GraphQLCursor) -> None:
        self._at = str(settings.at)
        self._fields = Fields([settings.at])

    def next(self, place: Place | None, page: Page) -> Place | None:
        (info,) = self._fields.read(page.body)
        if not isinstance(info, Mapping) or not isinstance(info.get("hasNextPage"), bool):
            raise RemoteRejected(
                f"there is no pageInfo with hasNextPage at {self._at!r} in the answer",
                code="pagination.missing",
                hint="Ask for pageInfo { hasNextPage endCursor } in the query, and name its path in `at`.",
            )
        cursor = info.get("endCursor")
        return str(cursor) if info["hasNextPage"] and cursor else None

    def seen(self, place: Place | None, number: int) -> dict[str, Any]:
        return {"number": number, "token": place}


class _UriTemplate(_NextUrl):
    def __init__(self, settings: UriTemplate) -> None:
        self._template = settings.template

    async def following(
        self, place: Place | None, page: Page, scope: Mapping[str, Any], ctx: StepContext
    ) -> Place | None:
        if not page.items:
            return None
        own = {"response": page.response(), "page": {"number": page.number + 1, "items": page.items}}
        text = as_text(self._template.render(Lenient(ChainMap(own, dict(scope)))))
        return _resolved(page.url, text) if text else None


class _Script(_Once):
    needs_body = True

    def __init__(self, settings: PageScript) -> None:
        self._script = Script(settings.script)

    def url(self, place: Place | None) -> str | None:
        return place if isinstance(place, str) else None

    def parameters(self, place: Place | None) -> list[tuple[str, str]]:
        if not isinstance(place, dict):
            return []
        return [(name, text) for name, value in place.items() if (text := as_text(value))]

    async def following(
        self, place: Place | None, page: Page, scope: Mapping[str, Any], ctx: StepContext
    ) -> Place | None:
        response = {**page.response(), "items": page.items, "url": page.url}
        async with ctx.script(self._script) as session:
            found = await session.run([response, {"number": page.number, "place": place}])
        if not found:
            return None
        if isinstance(found, str):
            return _resolved(page.url, found)
        if isinstance(found, Mapping):
            return dict(found)
        raise RemoteRejected(
            f"the pagination's script gave {type(found).__name__}",
            code="script.result",
            hint="It gives None, a text (the next address) or an object of query parameters.",
        )


class Cycle:
    """Notices that pages go round in a circle of any length, and remembers one place for it (Brent)."""

    def __init__(self, state: Sequence[Any] | None = None) -> None:
        anchor, power, steps = state or (None, 1, 0)
        self._anchor: Place | None = anchor
        self._power: int = power
        self._steps: int = steps

    def closes(self, place: Place) -> bool:
        """Whether this place was asked for before."""
        if self._anchor is not None and place == self._anchor:
            return True
        self._steps += 1
        if self._steps >= self._power:
            self._anchor, self._power, self._steps = place, self._power * 2, 0
        return False

    def state(self) -> list[Any]:
        return [self._anchor, self._power, self._steps]


def paginator(settings: Paginate | None) -> Paginator:
    """The one for these settings."""
    if isinstance(settings, (PageNumber, Offset)):
        return _Counting(settings)
    if isinstance(settings, NextUrl):
        return _NextUrl(settings)
    if isinstance(settings, LinkHeader):
        return _LinkHeader(settings)
    if isinstance(settings, Cursor):
        return _Cursor(settings)
    if isinstance(settings, GraphQLCursor):
        return _GraphQLCursor(settings)
    if isinstance(settings, UriTemplate):
        return _UriTemplate(settings)
    if isinstance(settings, PageScript):
        return _Script(settings)
    return _Once()


_LINK = re.compile(r"<([^>]*)>((?:\s*;\s*[^\s=;,]+(?:\s*=\s*(?:\"[^\"]*\"|[^\s;,\"]*))?)*)")
_RELATION = re.compile(r";\s*rel\s*=\s*(?:\"([^\"]*)\"|([^\s;,\"]+))", re.IGNORECASE)


def links(header: str) -> list[tuple[str, set[str]]]:
    """The links of a Link header (RFC 8288), each with its relations in small letters."""
    found: list[tuple[str, set[str]]] = []
    for match in _LINK.finditer(header):
        relation = _RELATION.search(match.group(2))
        text = (relation.group(1) or relation.group(2) or "") if relation else ""
        found.append((match.group(1).strip(), set(text.casefold().split())))
    return found


def origin(url: str) -> tuple[str, str | None, int | None]:
    """Scheme, host and port: what credentials are given to."""
    parts = urlsplit(url)
    port = parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    return parts.scheme, parts.hostname, port


def _resolved(base: str, url: str) -> str:
    try:
        resolved = urljoin(base, url)
        same = origin(resolved) == origin(base)
    except ValueError:
        same, resolved = False, ""
    if not same:
        raise RemoteRejected(
            "the URL of the next page leads to another server than the page before; credentials are "
            "not sent there",
            code="pagination.foreign",
            hint="If the other server is meant, make it the base URL of the connection.",
        )
    return resolved


def is_repeated(place: Any, following: Any) -> bool:
    """Whether the next page would be the one just read."""
    return following is not None and following == place
