"""What the verbs lookups and pools share: options of CSV files, and bytes in and out."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO, Literal

from cyclopts import Parameter

from redrive.cli.inputs import STDIN, chunks_of, opened
from redrive.cli.output import visible
from redrive.cli.payloads import write_whole
from redrive.cli.session import Session
from redrive.client.records import CsvForm, TableImported
from redrive.core.counting import counted
from redrive.errors import ConfirmationNeeded

if TYPE_CHECKING:
    from collections.abc import Iterator

Source = Annotated[str, Parameter(allow_leading_hyphen=True, help="CSV file, or - for stdin.")]
Header = Annotated[
    Literal["auto", "yes", "no"],
    Parameter(help="Whether the first row names the columns; auto knows usual names."),
]
Column = Annotated[
    list[str] | None, Parameter(help="Column to take, by its name in the header; may be repeated.")
]
Delimiter = Annotated[str | None, Parameter(help="What separates columns: , ; | or tab.")]
Encoding = Annotated[str, Parameter(help="utf-8, windows-1252 or iso-8859-1.")]
OutFile = Annotated[Path | None, Parameter(help="File to write to; else stdout.")]


def form_of(
    source: str,
    header: Literal["auto", "yes", "no"],
    column: list[str] | None,
    delimiter: str | None,
    encoding: str,
) -> CsvForm:
    return CsvForm(
        header=header,
        columns=tuple(column or ()),
        delimiter="\t" if delimiter in {"tab", "\\t"} else delimiter,
        encoding=encoding,
        filename="stdin" if source == STDIN else source,
    )


@contextmanager
def csv_chunks(source: str) -> Iterator[AsyncIterator[bytes]]:
    """The bytes of a file or of stdin. Errors: `file.unknown`, `file.unreadable`."""
    if source == STDIN:
        yield chunks_of(sys.stdin.buffer)
        return
    with opened(source, "FILE") as file:
        binary: BinaryIO = file
        yield chunks_of(binary)


def tell_imported(session: Session, done: TableImported) -> None:
    if session.json:
        session.output.view(done)
        return
    left_out = f", {counted(done.duplicates, 'duplicate')} left out" if done.duplicates else ""
    header = "the first row as a header" if done.header else "no header"
    session.output.text(f"{visible(done.name)}: {counted(done.entries, 'entry')}{left_out} ({header})")


async def write_out(session: Session, out: Path | None, chunks: AsyncIterator[bytes]) -> None:
    """Into a file, whole or not at all, or to stdout."""
    if out is None:
        async for chunk in chunks:
            session.output.bytes(chunk)
        return
    written = await write_whole(out, chunks)
    session.output.note(f"{written} bytes written to {visible(str(out))}")


def confirm(session: Session, question: str, *, yes: bool) -> None:
    """Errors: `confirmation.needed` without --yes and without a person who says so."""
    if not yes and not (session.output.may_ask and session.output.ask(question)):
        raise ConfirmationNeeded(question, hint="--yes does it without a question.")
