"""The verb payload: exact bytes to a pipe or file, bounded text to a terminal."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from redrive.cli.looking import chosen_in, search_in
from redrive.cli.options import PageLimit
from redrive.cli.output import Output, cell, size, visible
from redrive.cli.session import Injected
from redrive.client import Client
from redrive.client.records import PayloadDetail, item_range
from redrive.core.counting import counted
from redrive.errors import UsageError


async def payload(
    id: Annotated[str, Parameter(help="Id of the payload.")],
    /,
    *,
    items: Annotated[str | None, Parameter(allow_leading_hyphen=True, help="a:b, from 0, half-open.")] = None,
    out: Annotated[Path | None, Parameter(help="File to write the exact bytes to.")] = None,
    search: Annotated[
        str | None, Parameter(allow_leading_hyphen=True, help="Say where this text stands in it.")
    ] = None,
    choose: Annotated[
        str | None, Parameter(help="Say which items `FIELD = V`, `#0,3:5` or `failed` takes.")
    ] = None,
    at: Annotated[
        str | None, Parameter(help="With --choose failed: the step that the items go into.")
    ] = None,
    after: Annotated[str | None, Parameter(help="With --choose failed: the step they come from.")] = None,
    limit: PageLimit = 50,
    session: Injected,
) -> None:
    """Print a payload.

    Into a pipe or with --out: the exact bytes, or those of a range of items. On a terminal: the text
    as far as it is bounded, then [trimmed]. With --json: what is known of it. --search and --choose look
    through all of it, whatever its size.
    """
    if sum(one is not None for one in (items, search, choose)) > 1:
        raise UsageError("--items, --search and --choose exclude each other", hint="Give one of them.")
    async with session.connect() as client:
        if search is not None:
            await search_in(session, client, id, search, limit)
            return
        if choose is not None:
            await chosen_in(session, client, id, choose, at=at, after=after)
            return
        await _print(session, client, id, items, out)


async def _print(session: Injected, client: Client, id: str, items: str | None, out: Path | None) -> None:
    detail = await client.payloads.get(id)
    if items is not None:
        start, stop = item_range(items, detail.items)
        if session.json and out is None:
            session.output.view(await client.payloads.items(id, start, stop))
            return
        chunks = client.payloads.items_bytes(id, start, stop)
    else:
        chunks = client.payloads.stream(id)
    if out is not None:
        written = await write_whole(out, chunks)
        if session.json:
            session.output.view(detail)
        else:
            session.output.note(f"{written} bytes written to {visible(str(out))}")
    elif session.json:
        session.output.view(detail)
    elif not session.output.on_terminal:
        async for chunk in chunks:
            session.output.bytes(chunk)
    elif items is not None:
        _print_text(session.output, b"".join([chunk async for chunk in chunks]).decode("utf-8", "replace"))
    else:
        print_detail(session.output, detail)


def print_detail(output: Output, detail: PayloadDetail) -> None:
    """The facts on stderr, so that a copy of the text is the text."""
    where = f"run {detail.run} step {detail.step} {detail.side}" if detail.run else "an upload"
    facts = (
        detail.id,
        where,
        "- items" if detail.items is None else counted(detail.items, "item"),
        size(detail.size_bytes),
        detail.media_type,
    )
    output.note(visible("  ".join(facts)))
    if detail.meta:
        output.note(f"meta {cell(detail.meta)}")
    if detail.edited_from:
        output.note(f"edited from {detail.edited_from}: {cell(detail.edit_reason)}")
    if detail.text is None:
        output.note("The content is not text: --out FILE, or a pipe, gives the exact bytes.")
        return
    _print_text(output, detail.text)
    if detail.trimmed:
        output.note("The rest: --items a:b, --out FILE, or a pipe.")


def _print_text(output: Output, text: str) -> None:
    output.text(visible(text, lines=True))


async def write_whole(path: Path, chunks: AsyncIterator[bytes]) -> int:
    """Write a file whole or not at all: beside it first, then in its place. A device or pipe: straight."""
    straight = _is_no_file(path)
    beside = path if straight else path.with_name(f".{path.name}.{os.getpid()}.part")
    written = 0
    try:
        with beside.open("wb") as file:
            async for chunk in chunks:
                file.write(chunk)
                written += len(chunk)
        if not straight:
            beside.replace(path)
    except OSError as error:
        raise UsageError(
            f"{path} cannot be written: {error.strerror}", code="file.unwritable", at="--out"
        ) from None
    finally:
        if not straight:
            beside.unlink(missing_ok=True)
    return written


def _is_no_file(path: Path) -> bool:
    return path.exists() and not path.is_file()
