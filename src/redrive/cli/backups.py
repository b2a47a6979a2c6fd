"""The verbs backup and restore."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, BinaryIO

from cyclopts import Parameter

from redrive.cli.output import cell, size, visible
from redrive.cli.session import Injected
from redrive.core.counting import counted, is_or_are
from redrive.errors import UsageError


async def backup(
    file: Annotated[
        str | None,
        Parameter(help="Where to write it, or /dev/stdout. Default: a name with the time."),
    ] = None,
    /,
    *,
    include_secrets: Annotated[
        bool, Parameter(help="With the key of stored secrets: whoever has the file can read them.")
    ] = False,
    list: Annotated[bool, Parameter(help="Only list the backups that were made of this home.")] = False,
    session: Injected,
) -> None:
    """Write everything to one file: records, payloads, settings. Runs go on meanwhile."""
    output = session.output
    if list:
        async with session.connect() as client:
            page = await client.backups.list(limit=500)
        if session.json:
            output.page(page.items, page.next)
            return
        output.table(
            ("backup", "state", "started at", "size", "secrets", "name"),
            [
                (one.id, one.state, one.started_at, size(one.size_bytes), one.secrets, one.name)
                for one in page.items
            ],
            empty="No backups.",
        )
        return
    path = _free(file or f"redrive-{datetime.now(UTC):%Y%m%d-%H%M%S}.tar")
    async with session.connect() as client:
        written = await _write(path, client.backups.create(name=str(path), secrets=include_secrets))
    if session.json:
        output.value({"file": str(path), "size_bytes": written, "secrets": include_secrets})
        return
    output.text(f"{visible(str(path))}  {size(written)}")


async def _write(path: Path, chunks: AsyncIterator[bytes]) -> int:
    """Whole or not at all: beside it first, on the disk, then in its place. A device or pipe: straight."""
    if not _is_new(path):
        with path.open("wb") as file:
            return await _pour(file, chunks)
    beside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            written = await _pour(file, chunks)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except OSError as error:
        raise UsageError(
            f"{path} cannot be written: {error.strerror}", code="file.unwritable", at="FILE"
        ) from None
    finally:
        beside.unlink(missing_ok=True)
    return written


async def _pour(file: BinaryIO, chunks: AsyncIterator[bytes]) -> int:
    written = 0
    async for chunk in chunks:
        written += file.write(chunk)
    return written


async def restore(
    file: Annotated[str, Parameter(help="The backup, or /dev/stdin.")],
    /,
    *,
    session: Injected,
) -> None:
    """Make a new home from a backup: the folder of --home must not exist yet, or be empty.

    With REDRIVE_STORE its records go to that database, which must be empty. Runs that had not ended are
    stopped, and nothing is sent by itself.
    """
    from redrive.client.local import restore_home
    from redrive.settings import load

    settings = load()
    if session.url is not None or (session.home is None and not settings.home):
        raise UsageError("a restore makes a home folder", at="--home", hint="Name a new one with --home DIR.")
    home = _absolute(session.home or settings.home or "")
    source = _opened(file)
    try:
        done = await restore_home(source, home, settings.store)
    finally:
        source.close()
    if session.json:
        session.output.view(done)
        return
    output = session.output
    held = f"{counted(done.rows, 'record')}, {counted(done.objects, 'object')}"
    output.text(f"{visible(done.home)}: {held} of {cell(done.made_at)}")
    if done.store:
        output.text(f"The records are in {visible(done.store)}: keep REDRIVE_STORE set to it.")
    if done.stopped or done.unknown:
        output.text(
            f"{counted(done.stopped, 'run')} had not ended and {is_or_are(done.stopped)} stopped; "
            f"{counted(done.unknown, 'delivery', 'deliveries')} {is_or_are(done.unknown)} unknown."
        )
    output.note("What was sent after the backup was made is not known here: look before you redrive.")
    if done.left_out:
        output.note(
            f"redrive.toml named the {' and '.join(done.left_out)} of the home that was backed up: left out."
        )
    if not done.secrets:
        output.note("Secrets that were stored need their key (secret.key or REDRIVE_SECRET_KEY).")


def _absolute(path: Path | str) -> Path:
    return Path(path).absolute()


def _is_new(path: Path) -> bool:
    return not path.exists()


def _free(file: str) -> Path:
    path = Path(file).absolute()
    if path.is_file() or path.is_dir():
        raise UsageError(f"{path} exists", code="file.exists", at="FILE", hint="Name another file.")
    return path


def _opened(file: str) -> BinaryIO:
    try:
        return Path(file).open("rb")
    except OSError as error:
        raise UsageError(
            f"{file} cannot be read: {error.strerror}", code="file.unreadable", at="FILE"
        ) from None
