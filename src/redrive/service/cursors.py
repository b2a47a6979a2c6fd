"""Pages of lists: how large one may be, and the cursor to the next."""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error
from collections.abc import Callable, Sequence
from typing import Any, Final, TypeVar

import msgspec

from redrive.errors import UsageError
from redrive.service.views import Page

T = TypeVar("T")
V = TypeVar("V")

MAX_PAGE: Final = 500
_LEAST, _MOST = -(1 << 63), (1 << 63) - 1


def page_size(limit: int) -> int:
    """At most `MAX_PAGE`; the cursor leads on. Errors: `limit.invalid`."""
    if limit < 1:
        raise UsageError(f"a page has at least one entry, not {limit}", code="limit.invalid", at="limit")
    return min(limit, MAX_PAGE)


def cursor_of(*parts: int | str) -> str:
    """Opaque text for a place in a list."""
    return urlsafe_b64encode(msgspec.json.encode(parts)).rstrip(b"=").decode()


def place_of(cursor: str | None, *kinds: type) -> tuple[Any, ...] | None:
    """The parts of a cursor, of these types; None where there is none. Errors: `cursor.invalid`."""
    if cursor is None:
        return None
    try:
        packed = cursor.encode("ascii")
        parts = msgspec.json.decode(urlsafe_b64decode(packed + b"=" * (-len(packed) % 4)))
    except (ValueError, Error, RecursionError):
        parts = None
    fits = (
        isinstance(parts, list)
        and len(parts) == len(kinds)
        and all(type(part) is kind for part, kind in zip(parts, kinds, strict=True))
        and all(_LEAST <= part <= _MOST for part in parts if isinstance(part, int))
    )
    if not fits:
        raise UsageError(
            "the cursor is not one of this list",
            code="cursor.invalid",
            at="cursor",
            hint="Pass `next` of the page before as it is, or leave the cursor out.",
        )
    return tuple(parts)


def page(rows: Sequence[T], limit: int, view: Callable[[T], V], cursor: Callable[[T], str]) -> Page[V]:
    """A page out of up to `limit` + 1 rows: the one too many says that there is a next page."""
    shown = rows[:limit]
    return Page(
        items=[view(row) for row in shown],
        next=cursor(shown[-1]) if len(rows) > limit and shown else None,
    )


def storable(*texts: str | None) -> bool:
    """Whether the store can hold these texts; one that it cannot stands nowhere in it."""
    try:
        for text in texts:
            if text is not None:
                text.encode()
    except UnicodeEncodeError:
        return False
    return True
