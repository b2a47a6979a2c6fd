"""The verb payload: exact bytes to a pipe or file, bounded text to a terminal."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from redrive.cli.output import Output, cell, size, visible
from redrive.cli.session import Injected
from redrive.client.records import PayloadDetail, item_range
from redrive.core.counting import counted
from redrive.errors import UsageError


async def payload(
    id: Annotated[str, Parameter(help="Id of the payload.")],
    /,
    *,
    items: Annotated[str | None, Parameter(allow_leading_hyphen=True, help="a:b, from 0, half-open.")] = None,
    out: Annotated[Path | None, Parameter(help="File to write the exact bytes to.")] = None,
    session: Injected,
) -> None:
    """Print a payload.

    Into a pipe or with --out: the exact bytes, or those of a range of items. On a terminal: the text
    as far as it is bounded, then [trimmed]. With --json: what is known of it.
    """
    output = session.output
    async with session.connect() as client:
        detail = await client.payloads.get(id)
        if items is not None:
            start, stop = item_range(items, detail.items)
            if session.json and out is None:
                output.view(await client.payloads.items(id, start, stop))
                return
            chunks = client.payloads.items_bytes(id, start, stop)
        else:
            chunks = client.payloads.stream(id)
        if out is not None:
            written = await write_whole(out, chunks)
            if session.json:
                output.view(detail)
            else:
                output.note(f"{written} bytes written to {visible(str(out))}")
        elif session.json:
            output.view(detail)
        elif not output.on_terminal:
            async for chunk in chunks:
                output.bytes(chunk)
        elif items is not None:
            _print_text(output, b"".join([chunk async for chunk in chunks]).decode("utf-8", "replace"))
        else:
            print_detail(output, detail)


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
