"""Reading tables from CSV in bounded memory, and writing them; what is wrong is told by line."""

from __future__ import annotations

import asyncio
import codecs
import csv
import io
import tempfile
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import IO, Final, Literal

import msgspec

from redrive.core.nearest import nearest
from redrive.errors import FlowInvalid, Problem, UsageError

Header = Literal["auto", "yes", "no"]

ENCODINGS: Final = ("utf-8", "windows-1252", "iso-8859-1")
DELIMITERS: Final = (",", ";", "\t", "|")
MAX_CELL: Final = 10_000
MAX_PROBLEMS: Final = 100
_IN_MEMORY: Final = 16 << 20
_WORDS: Final = frozenset(
    {"from", "to", "key", "value", "source", "target", "left", "right", "code", "name", "old", "new", "id"}
)

Row = tuple[int, list[str]]
"""The line on which it begins, and its cells."""


class Form(msgspec.Struct, frozen=True, kw_only=True):
    """How a CSV file is to be read. `columns` names those to take, by its header."""

    header: Header = "auto"
    columns: tuple[str, ...] = ()
    delimiter: str | None = None
    encoding: str = "utf-8"
    filename: str = "csv"
    """As messages name it."""

    def checked(self) -> Form:
        """Errors: `encoding.unknown`, `delimiter.invalid`."""
        try:
            name = codecs.lookup(self.encoding).name
        except (LookupError, ValueError):
            name = ""
        if name not in {codecs.lookup(one).name for one in (*ENCODINGS, "utf-8-sig")}:
            near = nearest(self.encoding, ENCODINGS)
            raise UsageError(
                f"CSV in the encoding {self.encoding!r} cannot be read",
                code="encoding.unknown",
                at="encoding",
                hint=f"Did you mean {near!r}?" if near else f"One of {', '.join(ENCODINGS)}.",
            )
        if self.delimiter is not None and self.delimiter not in DELIMITERS:
            raise UsageError(
                f"{self.delimiter!r} does not separate columns",
                code="delimiter.invalid",
                at="delimiter",
                hint="One of , ; | or a tab.",
            )
        return self


class CsvTable:
    """The rows of a CSV file, one after the other. `problems` grow while it is read.

    `width`: how many cells a row has where no columns are named. `names`: of the columns of the table
    that it goes into, by which a header is known too.
    """

    def __init__(self, file: IO[bytes], form: Form, *, width: int, names: Sequence[str] = ()) -> None:
        self._file = file
        self._form = form
        self._width = width
        self._words = _WORDS | {name.casefold() for name in names}
        self._line = 0
        self.problems: list[Problem] = []
        self.header: list[str] | None = None
        self.delimiter = form.delimiter or self._delimiter()

    def _delimiter(self) -> str:
        first = self._file.readline(1 << 16).decode(self._form.encoding, "replace")
        self._file.seek(0)
        return max(DELIMITERS, key=lambda one: (first.count(one), -DELIMITERS.index(one)))

    def rows(self) -> Iterator[Row]:
        """Errors: `document.invalid` (`FlowInvalid`) with every problem, by line, at the end."""
        take: list[int] | None = None
        first = True
        reader = csv.reader(self._lines(), delimiter=self.delimiter, strict=True)
        while True:
            line = self._line + 1
            try:
                cells = next(reader)
            except StopIteration:
                break
            except csv.Error as error:
                self._problem("csv.invalid", f"it is not CSV: {error}", line)
                break
            if not cells:
                continue
            if first:
                first = False
                if self._is_header(cells):
                    self.header = [cell.strip() for cell in cells]
                    take = self._columns(self.header, line)
                    continue
            if (row := self._row(cells, take, line)) is not None:
                yield line, row
            if len(self.problems) >= MAX_PROBLEMS:
                break
        if self.problems:
            raise FlowInvalid(self.problems)

    def refuse(self, code: str, title: str, line: int) -> None:
        """Something is wrong with a row; told when all has been read."""
        self._problem(code, title, line)

    def _lines(self) -> Iterator[str]:
        encoding = self._form.encoding
        for raw in self._file:
            self._line += 1
            if self._line == 1:
                raw = raw.removeprefix(codecs.BOM_UTF8) if encoding.startswith("utf") else raw  # noqa: PLW2901
            try:
                yield raw.decode(encoding)
            except UnicodeDecodeError as error:
                self._problem(
                    "csv.encoding",
                    f"byte {error.start + 1} of the line is not {encoding}",
                    self._line,
                    expected="another encoding" if encoding.startswith("utf") else None,
                )
                if len(self.problems) >= MAX_PROBLEMS:
                    return

    def _is_header(self, cells: Sequence[str]) -> bool:
        if self._form.header != "auto":
            return self._form.header == "yes"
        if self._form.columns:
            return True
        return all(cell.strip().casefold() in self._words for cell in cells)

    def _columns(self, header: Sequence[str], line: int) -> list[int] | None:
        if not self._form.columns:
            return None
        take = []
        for name in self._form.columns:
            if name in header:
                take.append(header.index(name))
            else:
                self._problem(
                    "csv.column", f"there is no column {name!r}", line, nearest=nearest(name, header)
                )
        return take if len(take) == len(self._form.columns) else []

    def _row(self, cells: list[str], take: list[int] | None, line: int) -> list[str] | None:
        if take is not None:
            if take and max(take) >= len(cells):
                self._problem(
                    "csv.columns", f"the row has {len(cells)} cells, and less than its header", line
                )
                return None
            cells = [cells[number] for number in take]
        elif len(cells) != self._width:
            expected = f"{self._width}; or name the columns to take"
            self._problem("csv.columns", f"the row has {len(cells)} cells", line, expected=expected)
            return None
        for cell in cells:
            if len(cell) > MAX_CELL:
                self._problem(
                    "csv.too_long", f"a cell has {len(cell)} characters", line, f"at most {MAX_CELL}"
                )
                return None
            if "\x00" in cell:
                self._problem("csv.invalid", "a cell holds a zero byte", line)
                return None
        return cells

    def _problem(
        self, code: str, title: str, line: int, expected: str | None = None, nearest: str | None = None
    ) -> None:
        if len(self.problems) < MAX_PROBLEMS:
            self.problems.append(
                Problem(code, title, self._form.filename, line, expected=expected, nearest=nearest)
            )


async def spooled(chunks: AsyncIterator[bytes]) -> IO[bytes]:
    """The bytes of a stream in a temporary file, at its beginning; the caller closes it."""
    file = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115 - it outlives this
    try:
        async for chunk in chunks:
            await asyncio.to_thread(file.write, chunk)
    except BaseException:
        file.close()
        raise
    file.seek(0)
    return file


async def batches(rows: Iterator[Row], size: int) -> AsyncIterator[list[Row]]:
    """Rows in lists, read in a thread."""

    def some() -> list[Row]:
        found = []
        for row in rows:
            found.append(row)
            if len(found) == size:
                break
        return found

    while batch := await asyncio.to_thread(some):
        yield batch


def as_csv(rows: Sequence[Sequence[str]]) -> bytes:
    """Rows as CSV (RFC 4180) in UTF-8."""
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()
