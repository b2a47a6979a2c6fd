"""How a script sees the items of JSON, NDJSON and CSV, and how they are written again."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from redrive.errors import PayloadError, StepError
from redrive.sdk import Envelope, Item, decode, elements, encode, spell

_CSV = frozenset({"text/csv", "application/csv"})
_DELIMITERS = ",;\t|"
_BOM = "\ufeff"


def is_rows(media_type: str) -> bool:
    """Whether the items are rows of CSV."""
    return media_type.partition(";")[0].strip().lower() in _CSV


def result_error(where: str, what: str) -> StepError:
    return StepError(
        f"{where}: the script returns {what}",
        code="script.result",
        at="code",
        hint="A row of CSV is a dict of texts and numbers; a document of rows or lines is a list.",
    )


def table(media_type: str, prefix: bytes) -> Records:
    """The reader and writer for the items of a payload; `prefix` is what stands before the first."""
    return CsvRecords(prefix) if is_rows(media_type) else Records()


class Records:
    """Items that are JSON values already. `envelope`: what is around them, where it is another."""

    envelope: Envelope | None = None

    def read(self, item: Item, where: str) -> bytes:
        return item.raw

    def write(self, result: bytes, where: str) -> bytes:
        return result

    def kept(self, item: Item, where: str) -> Item:
        return item

    def document(self, result: bytes, where: str) -> bytes | None:
        """NDJSON of a list; None where it is empty."""
        values = elements(result)
        if values is None:
            raise result_error(where, "one value for a payload of lines")
        return b"".join([bytes(one) + b"\n" for one in values]) or None


class CsvRecords(Records):
    """Rows as dicts. The columns put out are those of the first record that is put out."""

    def __init__(self, prefix: bytes) -> None:
        header = prefix.decode("utf-8", "replace").removeprefix(_BOM)
        self._end = "\r\n" if header.endswith("\r\n") else "\n"
        header = header.rstrip("\r\n")
        self._delimiter = max(_DELIMITERS, key=header.count)
        self._given = self._cells(header)
        self._columns: list[str] | None = None

    def _cells(self, row: str) -> list[str]:
        return next(csv.reader([row], delimiter=self._delimiter), [])

    def read(self, item: Item, where: str) -> bytes:
        try:
            return encode(self._record(item.raw.decode()))
        except (UnicodeDecodeError, csv.Error):
            raise PayloadError(
                f"{where}, item {item.number}: the row cannot be read as CSV in UTF-8",
                at=f"/{item.number}",
            ) from None
        except ValueError as error:
            raise PayloadError(
                f"{where}, item {item.number}: {error}",
                at=f"/{item.number}",
                hint="Edit the row; a cell that holds the delimiter stands in quotes.",
            ) from None

    def _record(self, row: str) -> dict[str, str]:
        # A quoted cell may hold line ends, so the reader gets the row as lines.
        cells = next(csv.reader(row.splitlines(keepends=True), delimiter=self._delimiter), [])
        if len(cells) > len(self._given):
            raise ValueError(f"the row has {len(cells)} cells, the header {len(self._given)}")
        return dict(zip(self._given, cells + [""] * (len(self._given) - len(cells)), strict=True))

    def kept(self, item: Item, where: str) -> Item:
        if self._columns is None:
            self._columns = self._given
        if self._columns == self._given:
            return item
        return item.of(self._row(self._record(item.raw.decode()), where))

    def write(self, result: bytes, where: str) -> bytes:
        record = decode(result)
        if not isinstance(record, dict):
            raise result_error(where, "something else than a dict for a row of CSV")
        if self._columns is None:
            self._columns = list(record)
            if self._columns != self._given:
                end = self._end.encode()
                self.envelope = Envelope(self._line(self._columns) + end, end, end)
        return self._row(record, where)

    def document(self, result: bytes, where: str) -> bytes | None:
        """A table of a list of records, its columns in the order in which they appear."""
        records = decode(result)
        if not isinstance(records, list) or not all(isinstance(one, dict) for one in records):
            raise result_error(where, "something else than a list of dicts for CSV")
        if not records:
            return None
        self._columns = list(dict.fromkeys(name for record in records for name in record))
        lines = [self._line(self._columns), *(self._row(record, where) for record in records)]
        return b"".join(line + self._end.encode() for line in lines)

    def _row(self, record: dict[str, Any], where: str) -> bytes:
        columns = self._columns or []
        if len(record) > len(columns) or any(name not in columns for name in record):
            raise result_error(where, "a row with a column that the first row put out does not have")
        cells = []
        for name in columns:
            value = record.get(name)
            if not isinstance(value, str | int | Decimal | None):
                raise result_error(where, "a row with a list or dict in a cell")
            cells.append("" if value is None else spell(value))
        return self._line(cells)

    def _line(self, cells: Iterable[str]) -> bytes:
        out = io.StringIO()
        csv.writer(out, delimiter=self._delimiter, lineterminator="").writerow(cells)
        return out.getvalue().encode()
