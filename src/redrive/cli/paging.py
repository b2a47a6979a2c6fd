"""Reads as many pages of a list as a command's `--limit` asks for."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from redrive.client.records import Page

T = TypeVar("T")
MOST_IN_A_PAGE: Final = 500


async def gather(
    read: Callable[[int, str | None], Awaitable[Page[T]]], limit: int, cursor: str | None = None
) -> tuple[list[T], str | None]:
    """Up to `limit` entries and the cursor of what follows. `read` takes a page's limit and a cursor."""
    items: list[T] = []
    while True:
        page = await read(min(MOST_IN_A_PAGE, limit - len(items)), cursor)
        items += page.items
        cursor = page.next
        if cursor is None or len(items) >= limit:
            return items, cursor
