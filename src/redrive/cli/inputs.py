"""Payloads that come with a start: ids, files, stdin; files go up in a stream."""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

from redrive.cli.session import Session
from redrive.client import Client
from redrive.core.formats import media_type_of
from redrive.errors import UsageError

STDIN: Final = "-"
JSON: Final = "application/json"
BYTES: Final = "application/octet-stream"
_CHUNK: Final = 1 << 20
_IN_MEMORY: Final = 16 << 20
_PROGRESS_FROM: Final = 32 << 20


def is_file(source: str) -> bool:
    """A file if it has a `/` or exists, else an id."""
    return "/" in source or Path(source).exists()


@dataclass(frozen=True, slots=True)
class Form:
    """What a file's payload is: `like` names a payload that says so, the rest says it itself."""

    media_type: str | None = None
    items_path: str | None = None
    like: str | None = None


async def payload_ids(
    session: Session, client: Client, sources: Sequence[str] | None, form: Form
) -> list[str]:
    """The ids of all sources, files and stdin uploaded, in the order in which they were given."""
    if sources and sources.count(STDIN) > 1:
        raise UsageError("--payload - is given twice; stdin can be read once", at="--payload")
    ids = []
    for source in sources or ():
        if source == STDIN:
            ids.append(await _upload_stdin(client, form))
        elif is_file(source):
            ids.append(await upload_file(session, client, source, form, option="--payload"))
        else:
            ids.append(source)
    return ids


async def upload_file(session: Session, client: Client, name: str, form: Form, *, option: str) -> str:
    """Store a file's bytes and give the id. Errors: `file.unknown`, `file.unreadable`."""
    base_name = name.rpartition("/")[2]
    media_type = form.media_type
    if form.like is None and media_type is None:
        media_type = media_type_of(base_name) or BYTES
    with opened(name, option) as file:
        view = await client.payloads.upload(
            _with_progress(session, base_name, file),
            media_type=media_type,
            items_path=form.items_path,
            filename=base_name,
            like=form.like,
        )
    return view.id


def opened(name: str, option: str) -> BinaryIO:
    """A file to read. Errors: `file.unknown`, `file.unreadable`."""
    try:
        return Path(name).open("rb")
    except FileNotFoundError:
        raise UsageError(f"There is no file {name}", code="file.unknown", at=option) from None
    except OSError as error:
        raise UsageError(
            f"The file {name} cannot be read: {error.strerror}", code="file.unreadable", at=option
        ) from None


async def _upload_stdin(client: Client, form: Form) -> str:
    # Whether it is JSON shows at its end only, so it is put aside first.
    with tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY) as aside:
        source = sys.stdin.buffer
        while chunk := await asyncio.to_thread(source.read, _CHUNK):
            aside.write(chunk)
        aside.seek(0)
        media_type = form.media_type
        if form.like is None and media_type is None:
            media_type = JSON if await asyncio.to_thread(_is_json, aside) else BYTES
            aside.seek(0)
        view = await client.payloads.upload(
            chunks_of(aside), media_type=media_type, items_path=form.items_path, like=form.like
        )
    return view.id


def _is_json(file: object) -> bool:
    import ijson  # type: ignore[import-untyped]  # it has no types

    try:
        for _ in ijson.basic_parse(file):
            pass
    except ijson.JSONError:
        return False
    return True


async def chunks_of(file: BinaryIO | tempfile.SpooledTemporaryFile[bytes]) -> AsyncIterator[bytes]:
    """The bytes of an open file, read in a thread."""
    while chunk := await asyncio.to_thread(file.read, _CHUNK):
        yield chunk


async def _with_progress(session: Session, name: str, file: BinaryIO) -> AsyncIterator[bytes]:
    chunks = chunks_of(file)
    total = os.fstat(file.fileno()).st_size
    if total < _PROGRESS_FROM or not session.output.shows_progress:
        async for chunk in chunks:
            yield chunk
        return
    from rich.progress import Progress

    from redrive.cli.output import visible

    with Progress(console=session.output.rich(err=True), transient=True) as progress:
        task = progress.add_task(visible(f"Storing {name}"), total=total)
        async for chunk in chunks:
            yield chunk
            progress.advance(task, len(chunk))
