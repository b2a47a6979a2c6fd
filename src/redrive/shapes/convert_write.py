"""The documents that `convert` writes, from JSON values."""

from __future__ import annotations

import codecs
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Final
from xml.sax.saxutils import quoteattr

from redrive.errors import PayloadError
from redrive.sdk import JSON, Elements, Envelope, Item, Out, Payload, spelt, unreadable
from redrive.sdk.conversion import (
    CSV,
    MAX_COLUMNS,
    NDJSON,
    TEXT,
    XML,
    CsvWriter,
    XmlWriter,
    is_single_byte,
    keeps_ascii,
)
from redrive.shapes.convert_options import Format, WriteOptions
from redrive.shapes.convert_read import UTF_8, Source

Items = AsyncIterator[Sequence[Item]]
_REFERENCES: Final = "xmlcharrefreplace"
_LINE_ENDS: Final = {"lf": "\n", "crlf": "\r\n"}


class Target(ABC):
    """One format to write. `out` is made once the first values have been read."""

    def __init__(self, options: WriteOptions) -> None:
        self.options = options

    @abstractmethod
    async def out(self, payload: Payload, source: Source, first: list[Item], rest: Items) -> Out: ...


class _Json(Target):
    async def out(self, payload: Payload, source: Source, first: list[Item], rest: Items) -> Out:
        wrap = self.options.wrap
        return Out(
            _stream(first, rest),
            like=payload,
            media_type=JSON,
            items_path=wrap or "",
            envelope=Envelope.at(wrap or ""),
            unwrap_single=source.single and wrap is None,
        )


class _Ndjson(Target):
    async def out(self, payload: Payload, source: Source, first: list[Item], rest: Items) -> Out:
        return Out(
            _stream(first, rest, _one_line),
            like=payload,
            media_type=NDJSON,
            items_path="",
            envelope=Envelope(b"", b"\n", b"\n"),
        )


class _Text(Target):
    async def out(self, payload: Payload, source: Source, first: list[Item], rest: Items) -> Out:
        options = self.options
        end = _LINE_ENDS[options.line_end]
        elements = None if options.field is None else Elements(options.field)

        async def texts() -> AsyncIterator[str]:
            async for items in _stream(first, rest):
                lines = []
                for item in items:
                    parts = [item] if elements is None else elements.of(item)
                    lines += [_as_line(part) + end for part in parts]
                yield "".join(lines)

        return Out(
            content=_encoded(texts(), payload, options),
            like=payload,
            media_type=TEXT + _charset(options.encoding),
            items_path="",
        )


class _Csv(Target):
    async def out(self, payload: Payload, source: Source, first: list[Item], rest: Items) -> Out:
        options = self.options
        writer = CsvWriter(
            options.dialect,
            quoting=options.quoting,
            nested=options.nested,
            null_as=options.null_as,
            guard_formulas=options.guard_formulas,
        )
        second = await anext(rest, None)
        columns = options.columns or await _columns(writer, first if second is None else source)
        end = _LINE_ENDS[options.line_end]
        try:
            header = writer.header(columns) + end if options.header else ""
        except ValueError as error:
            raise PayloadError(f"payload {payload.position}: the name of a column {error}") from None

        def text(item: Item) -> str:
            return writer.row(writer.flat(item.raw), columns)

        values = _stream(first, _after(second, rest))
        media_type = CSV + _charset(options.encoding) + _dialect_parameters(options)
        if not keeps_ascii(options.encoding):
            return Out(
                content=_encoded(_texts(values, text, header, end), payload, options),
                like=payload,
                media_type=media_type,
                items_path="",
            )
        encode = _encoder(options)
        mark = codecs.BOM_UTF8 if options.bom and options.encoding == UTF_8 else b""
        return Out(
            _mapped(values, lambda item: encode(text(item))),
            like=payload,
            media_type=media_type,
            items_path="",
            envelope=Envelope(mark + _whole(encode, header, payload), end.encode(), end.encode()),
        )


class _Xml(Target):
    async def out(self, payload: Payload, source: Source, first: list[Item], rest: Items) -> Out:
        options = self.options
        writer = XmlWriter(options.namespaces, encoding=options.encoding)
        encoding = options.encoding
        declaration = f'<?xml version="1.0" encoding="{encoding.upper()}"?>\n'
        media_type = XML if encoding == UTF_8 else XML + _charset(encoding)
        if source.single and not options.namespaces:
            return Out(
                content=_element_alone(writer, first[0], declaration, options),
                like=payload,
                media_type=media_type,
                items_path="",
            )
        root, name = options.root or "items", options.item
        declared = "".join(
            f" xmlns{':' + prefix if prefix else ''}={quoteattr(uri)}"
            for prefix, uri in options.namespaces.items()
        )
        head, tail = f"{declaration}<{root}{declared}>\n", f"\n</{root}>\n"
        values = _stream(first, rest)

        def text(item: Item) -> str:
            return writer.element(name, item.raw)

        if not (encoding == UTF_8 or (keeps_ascii(encoding) and is_single_byte(encoding))):
            return Out(
                content=_encoded(_texts(values, text, head, "\n", tail[1:]), payload, options, _REFERENCES),
                like=payload,
                media_type=media_type,
                items_path="",
            )
        encode = _encoder(options, _REFERENCES)
        return Out(
            _mapped(values, lambda item: encode(text(item))),
            like=payload,
            media_type=media_type,
            items_path=".".join(_path_name(one) for one in (root, name)).replace(".[", "["),
            envelope=Envelope(_whole(encode, head, payload), b"\n", _whole(encode, tail, payload)),
        )


TARGETS: Final[dict[Format, type[Target]]] = {
    "json": _Json,
    "ndjson": _Ndjson,
    "csv": _Csv,
    "xml": _Xml,
    "text": _Text,
}


def _element_alone(writer: XmlWriter, item: Item, declaration: str, options: WriteOptions) -> bytes:
    try:
        text = None if options.root is not None else writer.document(item.raw)
        text = text or writer.element(options.root or "root", item.raw)
        return f"{declaration}{text}\n".encode(options.encoding, _REFERENCES)
    except ValueError as error:
        raise unreadable(item, error) from None


async def _columns(writer: CsvWriter, values: list[Item] | Source) -> list[str]:
    """The names of all fields of all items, in the order in which they first appear."""
    columns: dict[str, None] = {}

    def note(items: Sequence[Item]) -> None:
        for item in items:
            try:
                columns.update(dict.fromkeys(writer.flat(item.raw)))
            except ValueError as error:
                raise unreadable(item, error) from None
            if len(columns) > MAX_COLUMNS:
                raise PayloadError(
                    f"payload {item.payload}, item {item.number}: the items have more than {MAX_COLUMNS} "
                    "different fields, too many for columns of CSV",
                    hint="Name the columns in write.columns, or map the items to fewer fields.",
                )

    if isinstance(values, list):
        note(values)
    else:
        async for items in values.values():
            note(items)
    # Items without any field still are rows.
    return list(columns) or ["value"]


def _one_line(item: Item) -> bytes:
    # Line ends in JSON stand between values only; within a string they are escaped.
    raw = item.raw
    if b"\n" in raw or b"\r" in raw:
        return raw.replace(b"\r", b" ").replace(b"\n", b" ")
    return raw


def _as_line(item: Item) -> str:
    try:
        text = spelt(item.raw)
        return _one_line(item).decode() if text is None else text
    except ValueError as error:
        raise unreadable(item, error) from None


async def _after(second: Sequence[Item] | None, rest: Items) -> Items:
    if second is not None:
        yield second
    async for items in rest:
        yield items


async def _stream(
    first: Sequence[Item], rest: Items, write: Callable[[Item], bytes] | None = None
) -> AsyncIterator[Sequence[Item]]:
    if write is None:
        yield first
        async for items in rest:
            yield items
    else:
        async for items in _stream(first, rest):
            yield [item.of(write(item)) for item in items]


async def _mapped(values: AsyncIterator[Sequence[Item]], write: Callable[[Item], bytes]) -> Items:
    async for items in values:
        written = []
        for item in items:
            try:
                written.append(item.of(write(item)))
            except ValueError as error:
                raise unreadable(item, error) from None
        yield written


async def _texts(
    values: AsyncIterator[Sequence[Item]], write: Callable[[Item], str], head: str, end: str, tail: str = ""
) -> AsyncIterator[str]:
    yield head
    async for items in values:
        lines = []
        for item in items:
            try:
                lines.append(write(item) + end)
            except ValueError as error:
                raise unreadable(item, error) from None
        yield "".join(lines)
    yield tail


async def _encoded(
    texts: AsyncIterator[str], payload: Payload, options: WriteOptions, errors: str | None = None
) -> AsyncIterator[bytes]:
    encoding = "utf-8-sig" if options.bom and options.encoding == UTF_8 else options.encoding
    encoder = codecs.getincrementalencoder(encoding)(errors or _errors(options))
    async for text in texts:
        try:
            if data := encoder.encode(text):
                yield data
        except UnicodeEncodeError as error:
            raise PayloadError(
                f"payload {payload.position}: {_lacking(options.encoding, error)}", hint=_LACKING
            ) from None


def _encoder(options: WriteOptions, errors: str | None = None) -> Callable[[str], bytes]:
    encoding, errors = options.encoding, errors or _errors(options)

    def encode(text: str) -> bytes:
        try:
            return text.encode(encoding, errors)
        except UnicodeEncodeError as error:
            raise ValueError(f"{_lacking(encoding, error)}; {_LACKING}") from None

    return encode


_LACKING: Final = "write in utf-8, or set write.unencodable to replace"


def _lacking(encoding: str, error: UnicodeEncodeError) -> str:
    return f"{encoding} has no character U+{ord(error.object[error.start]):04X}"


def _whole(encode: Callable[[str], bytes], text: str, payload: Payload) -> bytes:
    try:
        return encode(text)
    except ValueError as error:
        raise PayloadError(f"payload {payload.position}: {error}") from None


def _errors(options: WriteOptions) -> str:
    return "replace" if options.unencodable == "replace" else "strict"


def _charset(encoding: str) -> str:
    return "" if encoding == UTF_8 else f"; charset={encoding}"


def _dialect_parameters(options: WriteOptions) -> str:
    """What a reader of the rows has to know: a header is not to be seen, nor an unusual quote."""
    parameters = "" if options.header else "; header=absent"
    dialect = options.dialect
    if dialect.delimiter not in ",;\t|":
        parameters += f"; delimiter={_quoted(dialect.delimiter)}"
    if dialect.quote != '"':
        parameters += f"; quote={_quoted(dialect.quote)}"
    if dialect.escape:
        parameters += f"; escape={_quoted(dialect.escape)}"
    return parameters


def _quoted(value: str) -> str:
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _path_name(name: str) -> str:
    return f'["{name}"]' if "." in name else name
