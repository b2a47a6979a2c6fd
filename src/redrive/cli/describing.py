"""Descriptions into connectors: fetched, sent, and what became of each operation told."""

from __future__ import annotations

import os
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Final

from redrive.cli.output import visible
from redrive.cli.session import Session
from redrive.client.records import DescriptionImported, DescriptionRequest, EndpointView, fetch, is_url
from redrive.core.counting import counted
from redrive.core.jsonvalue import encode
from redrive.errors import UsageError

INLINE_BYTES: Final = 2 << 20
"""Larger descriptions go up as an upload: a body of the API is bounded."""
_MOST_LINES: Final = 40
_WORDS: Final = {
    "added": "added",
    "changed": "changed",
    "removed": "removed",
    "kept": "kept, edited by hand",
    "kept_differs": "kept, edited by hand; the description differs",
}


async def describe(
    session: Session,
    source: str,
    *,
    name: str | None,
    only: Sequence[str],
    server: str | None,
    authentication: str | None,
    replace: Sequence[str],
    out: Path | None,
    plan: bool,
) -> None:
    """Errors: those of `fetch` and of the import; `file.unreadable`, `file.unwritable`."""
    data = await fetch(source)
    filename = source.partition("?")[0].rstrip("/").rpartition("/")[2] or "description"
    current = _current(out)
    async with session.connect() as client:
        text: str | None = None
        payload: str | None = None
        if len(data) <= INLINE_BYTES:
            text = data.decode("utf-8", "replace")
        else:
            upload = await client.payloads.upload(
                _whole(data), media_type="application/octet-stream", filename=filename
            )
            payload = upload.id
        done = await client.connectors.import_description(
            DescriptionRequest(
                filename=filename,
                text=text,
                payload=payload,
                url=source if is_url(source) else None,
                name=name,
                only=list(only),
                server=server,
                authentication=authentication,
                replace=list(replace),
                current=current,
                store=out is None and not plan,
            )
        )
    if out is not None and not plan:
        _write(out, done.document)
    if session.json:
        session.output.view(done)
    else:
        _print(session, done, out=out, plan=plan)


def print_endpoint(session: Session, endpoint: EndpointView) -> None:
    """One endpoint for a person who is about to use it."""
    output = session.output
    if session.json:
        output.view(endpoint)
        return
    output.facts(
        (
            ("endpoint", endpoint.name),
            ("direction", endpoint.direction),
            ("request", f"{endpoint.method} {endpoint.path}"),
            ("description", endpoint.description or None),
            ("items", endpoint.items),
            ("pagination", endpoint.paginate),
        )
    )
    if endpoint.parameters:
        output.text()
        output.table(
            ("with", "type", "required", "default", "one of", "description"),
            [
                (one.name, one.type, one.required, one.default, one.one_of, one.description)
                for one in endpoint.parameters
            ],
            empty="",
        )
    for title, body in (("payload", endpoint.payload), ("answer", endpoint.answer)):
        if body is None:
            continue
        output.text()
        if body.fields:
            output.table(
                (f"field of the {title}", "type"), [(one.path, one.type) for one in body.fields], empty=""
            )
        if body.sample is not None:
            output.text(f"sample of the {title}:")
            output.text(visible(encode(body.sample).decode()))


def _current(out: Path | None) -> str | None:
    if out is None or not out.exists():
        return None
    try:
        return out.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(
            f"The file {out} cannot be read: {getattr(error, 'strerror', None) or 'it is not UTF-8 text'}",
            code="file.unreadable",
            at="--out",
        ) from None


def _write(out: Path, text: str) -> None:
    """Whole or not at all: what was there is not lost half-way."""
    try:
        descriptor, temporary = tempfile.mkstemp(dir=out.parent, prefix=f".{out.name}.")
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8", newline="\n") as file:
                file.write(text)
            mode = out.stat().st_mode & 0o777 if out.exists() else 0o644
            Path(temporary).chmod(mode)
            Path(temporary).replace(out)
        except OSError:
            Path(temporary).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise UsageError(
            f"The file {out} cannot be written: {error.strerror}", code="file.unwritable", at="--out"
        ) from None


async def _whole(data: bytes) -> AsyncIterator[bytes]:
    yield data


def _print(session: Session, done: DescriptionImported, *, out: Path | None, plan: bool) -> None:
    output = session.output
    for change in done.changes[:_MOST_LINES]:
        settings = f": {', '.join(change.settings)}" if change.settings else ""
        what = visible(change.endpoint or "the connector itself")
        output.text(f"{what}: {_WORDS[change.change]}{visible(settings)}")
    if len(done.changes) > _MOST_LINES:
        counts = Counter(change.change for change in done.changes[_MOST_LINES:])
        more = ", ".join(f"{count} {_WORDS[kind]}" for kind, count in sorted(counts.items()))
        output.text(f"… and {more}")
    for one in done.refused[:_MOST_LINES]:
        output.note(f"not imported: {visible(one.operation)}: {visible(one.why)}. {visible(one.way_out)}")
    if len(done.refused) > _MOST_LINES:
        output.note(f"… and {len(done.refused) - _MOST_LINES} more; --json lists them all")
    for note in done.notes[:_MOST_LINES]:
        where = f"{visible(note.operation)}: " if note.operation else ""
        output.note(f"note: {where}{visible(note.text)}")
    if len(done.notes) > _MOST_LINES:
        output.note(f"… and {counted(len(done.notes) - _MOST_LINES, 'more note')}; --json lists them all")
    for setting in done.settings:
        kind = "secret" if setting.secret else "setting"
        default = f" Default: {visible(setting.default)}." if setting.default else ""
        output.note(f"a connection's {kind} {setting.name}: {visible(setting.description)}{default}")
    place = "nothing is stored" if plan else f"written to {out}" if out is not None else str(done.result)
    output.text(
        f"{visible(done.connector)}: {done.imported} of {done.operations} operations "
        f"({visible(done.kind)}): {visible(place)}."
    )
