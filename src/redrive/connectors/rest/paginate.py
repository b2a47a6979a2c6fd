"""Where the next page is: one small class per way of pagination."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Protocol
from urllib.parse import urljoin, urlsplit

import msgspec

from redrive.connectors.rest.paging import Cursor, LinkHeader, NextUrl, Offset, PageNumber, Paginate
from redrive.errors import RemoteRejected
from redrive.sdk import Fields, as_text

# A pull whose document sets no `max_pages` and that gets here will not end by itself.
ENDLESS_PAGES = 10_000

Place = int | str
"""Where a page is: a number, an offset, a cursor or a URL. Kept in checkpoints."""


class Page(msgspec.Struct, frozen=True):
    """What pagination looks at. `body` is the answer as JSON; of a large one without its items."""

    url: str
    headers: Mapping[str, list[str]]
    body: bytes
    items: int


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
        return int(place or 0) + (page.items if self._by_items else 1)


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
