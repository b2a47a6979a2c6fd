"""The verbs compare and way; and what `payload` finds and chooses in one: whatever its size."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from redrive.cli.options import PageLimit, page_size
from redrive.cli.output import visible
from redrive.cli.session import Injected
from redrive.client import Client
from redrive.client.records import Hit, ItemWay, PayloadDiff

_BEFORE = 40  # characters around a hit


async def compare(
    before: Annotated[str, Parameter(help="Id of a payload.")],
    after: Annotated[str, Parameter(help="Id of the one that it is compared with.")],
    /,
    *,
    key: Annotated[str | None, Parameter(help="Field that names an item; else one of the usual.")] = None,
    limit: PageLimit = 50,
    session: Injected,
) -> int:
    """Compare two payloads item by item.

    Items with the same bytes are equal wherever they stand; others belong together by their key, else by
    their order. Exit code 0 if nothing differs, 1 if something does.
    """
    page_size(limit)
    async with session.connect() as client:
        found = await client.payloads.compare(before, after, key=key)
    if session.json:
        session.output.view(found)
    else:
        _show_diff(session, found, limit)
    return 0 if found.same or not (found.changed or found.added or found.removed) else 1


def _show_diff(session: Injected, found: PayloadDiff, limit: int) -> None:
    counts = f"{found.equal} equal, {found.changed} changed, {found.added} added, {found.removed} removed"
    session.output.note("The same bytes." if found.same else f"Items: {counts}.")
    shown = found.differences[:limit]
    if found.differences:
        session.output.table(
            ("what", "before", "after", found.key or "key"),
            [(one.kind, one.before, one.after, one.key) for one in shown],
            empty="",
        )
    if found.more or len(found.differences) > limit:
        session.output.note("More: --limit N, or --json.")


async def way(
    payload: Annotated[str, Parameter(help="Id of the payload.")],
    item: Annotated[int, Parameter(help="Number of the item, from 0.")],
    /,
    *,
    session: Injected,
) -> None:
    """Follow an item through its run: what it was made from, and what became of it."""
    async with session.connect() as client:
        found = await client.payloads.way(payload, item)
    if session.json:
        session.output.view(found)
        return
    session.output.table(
        ("", "run", "step", "side", "payload", "item", ""),
        [
            (
                "→" if one.depth == 0 else f"{one.depth:+}",
                one.run,
                one.step,
                one.side,
                one.payload,
                one.item,
                "expired" if one.expired else "",
            )
            for one in (*found.before, *found.after)
        ],
        empty=_alone(found),
    )
    if found.more:
        session.output.note("There are more places than are shown.")


def _alone(found: ItemWay) -> str:
    return f"Item {found.item} of {found.payload} was made from no other, and nothing was made from it."


async def search_in(session: Injected, client: Client, payload: str, text: str, limit: int) -> None:
    """Where a text stands in a payload."""
    page_size(limit)
    hits: list[Hit] = []
    start: int | None = 0
    while start is not None and len(hits) < limit:
        page = await client.payloads.search(payload, text, start=start, most=min(200, limit - len(hits)))
        hits += page.hits
        start = page.next
    if session.json:
        rows = [hit.model_dump(by_alias=True) for hit in hits]
        session.output.value({"items": rows, "next": start})
        return
    session.output.table(
        ("item", "byte", "text"),
        [(hit.item, hit.offset, f"{hit.before[-_BEFORE:]}{hit.text}{hit.after[:_BEFORE]}") for hit in hits],
        empty=f"{visible(text)} stands nowhere in {payload}.",
    )
    if start is not None:
        session.output.note("There may be more: --limit N.")


async def chosen_in(
    session: Injected, client: Client, payload: str, choice: str, *, at: str | None, after: str | None
) -> None:
    """Which items a selection takes; `at` or `after` a step for `failed`."""
    run = None
    if at is not None or after is not None:
        run = (await client.payloads.get(payload, text=False)).run
    picked = await client.payloads.pick(
        payload, choice, run=run, step=at if at is not None else after, after=after is not None
    )
    if session.json:
        session.output.view(picked)
        return
    of = f" of {picked.total}" if picked.total is not None else ""
    session.output.note(f"{picked.count}{of} items")
    ranges = [str(first) if stop == first + 1 else f"{first}:{stop}" for first, stop in picked.ranges]
    if ranges:
        session.output.text("#" + ",".join(ranges) + (",…" if picked.more else ""))
