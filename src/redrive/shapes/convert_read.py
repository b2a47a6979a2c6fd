"""The documents that `convert` reads: each as JSON values, item by item."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Protocol

from redrive.errors import PayloadError
from redrive.sdk import MAX_VALUE_BYTES, Item, Payload, encode, is_json
from redrive.sdk.conversion import (
    CsvReader,
    CsvRows,
    ItemsInvalid,
    JsonItems,
    JsonLines,
    TextLines,
    Types,
    XmlValues,
    column_names,
    dialect_of,
    is_csv,
    is_ndjson,
    is_text,
    is_xml,
    keeps_ascii,
    known_encoding,
    marked,
    parameter,
    to_utf8,
)
from redrive.shapes.convert_options import Format, ReadOptions

UTF_8 = "utf-8"


def format_of(media_type: str) -> Format | None:
    """The format that a media type stands for."""
    if is_json(media_type):
        return "json"
    if is_ndjson(media_type):
        return "ndjson"
    if is_csv(media_type):
        return "csv"
    if is_xml(media_type):
        return "xml"
    return "text" if is_text(media_type) else None


class _Reader(Protocol):
    """Gives the JSON values that are complete after each piece."""

    def feed(self, data: bytes, *, last: bool = False) -> list[bytes]: ...


class Source:
    """A payload as a stream of JSON values, each with the item that it was made from.

    `single`: it is a document and no list; known once the first value has been read.
    """

    def __init__(self, payload: Payload, format: Format, options: ReadOptions) -> None:
        self._payload = payload
        self._format = format
        self._options = options
        self._stored = format_of(payload.media_type)
        self.single = False
        self.items_path = payload.items_path if options.items is None else options.items
        self._check_items_path()

    def _check_items_path(self) -> None:
        payload, path = self._payload, self.items_path
        if payload.items_path and path != payload.items_path and self._format in ("json", "xml"):
            raise PayloadError(
                f"payload {payload.position} has its items at {payload.items_path}, "
                f"and read.items says {path}",
                hint="Leave read.items out; split takes parts out of items.",
            )

    async def values(self) -> AsyncIterator[list[Item]]:
        """In lists of about a megabyte of the document. May be read more than once.

        Errors: `payload.invalid`, `payload.too_large` (a document that has to be read whole).
        """
        payload = self._payload
        reader: _Reader | None = None
        convert: Callable[[bytes, bool], bytes] | None = None
        number = 0
        origin: Callable[[int], int] = self._plain
        try:
            async for data in payload.content.stream():
                if reader is None:
                    encoding = self._encoding(data)
                    utf8 = encoding is None or encoding == UTF_8
                    convert = None if utf8 or encoding is None else to_utf8(encoding)
                    origin = self._origin(utf8=utf8 or (encoding is not None and keeps_ascii(encoding)))
                    reader = self._reader(forced=encoding is not None)
                piece = data if convert is None else convert(data, False)
                if found := reader.feed(piece):
                    yield [Item(raw, payload.position, origin(number + n)) for n, raw in enumerate(found)]
                    number += len(found)
            if reader is not None:
                rest = b"" if convert is None else convert(b"", True)
                if found := reader.feed(rest, last=True):
                    yield [Item(raw, payload.position, origin(number + n)) for n, raw in enumerate(found)]
        except ItemsInvalid as error:
            raise PayloadError(
                f"payload {payload.position} is not readable as {self._format}: {error}", hint=error.hint
            ) from None

    def _encoding(self, head: bytes) -> str | None:
        """None: that which the document itself says (XML), or UTF-8."""
        if self._options.encoding is not None:
            return self._options.encoding
        declared = parameter(self._payload.media_type, "charset")
        if self._format == "xml" and (declared is None or marked(head)):
            return None
        if (found := marked(head) or declared) is None:
            return None
        try:
            return known_encoding(found)
        except ValueError as error:
            raise ItemsInvalid(str(error), hint="Name the encoding in read.encoding.") from None

    def _reader(self, *, forced: bool) -> _Reader:
        options = self._options
        if self._format == "json":
            return _Json(self)
        if self._format == "ndjson":
            return _Lines(JsonLines())
        if self._format == "csv":
            return _Csv(self._payload, options)
        if self._format == "text":
            self.single = not options.lines
            if not options.lines:
                self._check_size()
            return _Text(options)
        self.single = not self.items_path
        if self.single:
            self._check_size()
        return XmlValues(
            self.items_path,
            types=Types(options.types, infer=options.infer),
            lists=frozenset(options.lists),
            namespaces=options.namespaces,
            trim=options.trim,
            utf8=forced,
        )

    def _check_size(self) -> None:
        if self._payload.size_bytes > MAX_VALUE_BYTES:
            raise PayloadError(
                f"payload {self._payload.position} has {self._payload.size_bytes} bytes; as one document, at "
                f"most {MAX_VALUE_BYTES} are converted",
                code="payload.too_large",
                hint="Name the elements that are its items: read: {items: orders.order}.",
            )

    # ---- which item of the payload a value was made from

    def _origin(self, *, utf8: bool) -> Callable[[int], int]:
        """The payload's items are cut by its own media type; other readings all come from its first."""
        payload, options = self._payload, self._options
        if self._stored != self._format or not utf8 or self._format == "text":
            return self._first
        if self._format in ("json", "xml"):
            return self._plain if self.items_path == payload.items_path else self._first
        if self._format == "csv":
            had = dialect_of(payload.media_type)[1]
            header = options.header is True if "header" in options.model_fields_set else had
            if had and not header:
                return lambda number: max(0, number - 1)
            if header and not had:
                return lambda number: number + 1
        return self._plain

    @staticmethod
    def _plain(number: int) -> int:
        return number

    @staticmethod
    def _first(_number: int) -> int:
        return 0


class _Json:
    def __init__(self, source: Source) -> None:
        self._source = source
        self._reader = JsonItems(source.items_path)

    def feed(self, data: bytes, *, last: bool = False) -> list[bytes]:
        found = self._reader.feed(data)
        if last:
            found = found + self._reader.close()
        self._source.single = self._reader.single
        return found


class _Lines:
    def __init__(self, reader: JsonLines) -> None:
        self._reader = reader

    def feed(self, data: bytes, *, last: bool = False) -> list[bytes]:
        found = self._reader.feed(data)
        return found + self._reader.close() if last else found


class _Text:
    def __init__(self, options: ReadOptions) -> None:
        self._lines = TextLines(lines=options.lines)
        self._around = (
            b"%b" if options.field is None else b"{%s:%%b}" % encode(options.field).replace(b"%", b"%%")
        )

    def feed(self, data: bytes, *, last: bool = False) -> list[bytes]:
        return [self._around % text for text in self._lines.feed(data, last=last)]


class _Csv:
    """The rows, then the values: the header is known once the first row has been read."""

    def __init__(self, payload: Payload, options: ReadOptions) -> None:
        dialect, header = dialect_of(payload.media_type)
        if "header" in options.model_fields_set:
            header = options.header is True
        self._options = options
        self._header = header
        self._rows = CsvRows(options.dialect or dialect, header=header)
        self._values: CsvReader | None = None
        self._row = 0

    def feed(self, data: bytes, *, last: bool = False) -> list[bytes]:
        rows = self._rows.feed(data)
        if last:
            rows = rows + self._rows.close()
        if not rows:
            return []
        if self._values is None:
            self._values = self._reader()
        if (at_once := self._values.values(rows)) is not None:
            self._row += len(rows)
            return at_once
        value = self._values.value
        found: list[bytes] = []
        append = found.append
        try:
            for row in rows:
                append(value(row))
        except ValueError as error:
            raise ItemsInvalid(f"row {self._row + len(found)}: {error}") from None
        self._row += len(rows)
        return found

    def _reader(self) -> CsvReader:
        options, dialect = self._options, self._rows.dialect
        names: list[str] | None = None
        try:
            if self._header:
                row = self._rows.prefix.removeprefix(b"\xef\xbb\xbf").decode()
                fields = dialect.fields(row.strip("\r\n"))
                names = column_names([field.strip() for field in fields] if options.trim else fields)
            elif isinstance(options.header, list):
                names = column_names(options.header)
        except ValueError as error:
            raise ItemsInvalid(
                f"the header: {error}", hint="Name the columns: read: {header: [id, name]}."
            ) from None
        return CsvReader(
            dialect,
            names,
            types=Types(options.types, infer=options.infer),
            uneven=options.uneven,
            null_as=options.null_as,
            trim=options.trim,
            unfold=options.unfold,
        )
