"""Bodies of requests as pieces: bytes that never vary, templates, and slots for the payload's own bytes.

Each kind says how the value of a template is spelt (`spell`), and how the payload stands in it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, Literal
from xml.sax.saxutils import escape

import msgspec

from redrive.connectors.rest.parts import Call, GraphQL, JsonRpc, Part, Soap
from redrive.sdk import CONNECTOR_ROOTS, Templated, as_text, compile_value, encode

JSON: Final = "application/json"
FORM: Final = "application/x-www-form-urlencoded"
TEXT: Final = "text/plain; charset=utf-8"
BOUNDARY: Final = b"\0boundary\0"
"""Stands for a boundary that is known only when the payload is."""

EXPRESSION: Final = re.compile(r"\{\{.*?\}\}", re.DOTALL)
_WHOLE = re.compile(r"^\s*\{\{\s*(payload|item)\s*\}\}\s*$")
_ENVELOPES: Final = {
    "1.1": "http://schemas.xmlsoap.org/soap/envelope/",
    "1.2": "http://www.w3.org/2003/05/soap-envelope",
}


class Slot:
    """Where the bytes of the payload or item stand in a body."""


SLOT: Final = Slot()
Piece = bytes | Slot | Templated


class Compiled(msgspec.Struct, frozen=True):
    """`slots`: how the payload stands in it: as JSON, as XML, or as it is.

    `text`: a single template that gives a text is the body itself. `headers` belong to this kind of body.
    """

    pieces: tuple[Piece, ...]
    media_type: str = JSON
    spell: Callable[[Any], bytes] = encode
    slots: Literal["json", "xml", "plain"] = "json"
    text: bool = False
    headers: tuple[tuple[str, str], ...] = ()

    @property
    def roots(self) -> frozenset[str]:
        templates = [part for part in self.pieces if not isinstance(part, (bytes, Slot))]
        found = {root for part in templates for root in part.roots}
        # The payload within XML is looked into: its declaration must go.
        if self.slots == "xml" and any(isinstance(part, Slot) for part in self.pieces):
            found |= {"payload", "item"}
        return frozenset(found)


def compile_call(call: Call, cursor: str | None = None) -> Compiled | None:
    """The body of a request that is not a plain form. `cursor`: the GraphQL variable of the pagination."""
    if call.graphql is not None:
        return _graphql(call.graphql, cursor)
    if call.json_rpc is not None:
        return _json_rpc(call.json_rpc)
    if call.soap is not None:
        return _soap(call.soap)
    if call.multipart is not None:
        return _multipart(call.multipart)
    if call.body is None:
        return None
    if isinstance(call.body, str):
        whole = (SLOT,) if _WHOLE.match(call.body) else (compile_value(call.body, CONNECTOR_ROOTS),)
        return Compiled(whole, text=True)
    pieces: list[Piece] = []
    _collect(call.body, pieces)
    return Compiled(tuple(_merged(pieces)))


def _graphql(call: GraphQL, cursor: str | None) -> Compiled:
    pieces: list[Piece] = [b'{"query":' + encode(call.query) + b',"variables":']
    variables = dict(call.variables)
    if cursor is not None:
        variables[cursor] = "{{ page.token }}"
    _collect(variables, pieces)
    if call.operation is not None:
        pieces.append(b',"operationName":' + encode(call.operation))
    pieces.append(b"}")
    headers = (("Accept", "application/graphql-response+json, application/json"),)
    return Compiled(tuple(_merged(pieces)), headers=headers)


def _json_rpc(call: JsonRpc) -> Compiled:
    pieces: list[Piece] = [b'{"jsonrpc":"2.0","id":1,"method":' + encode(call.method)]
    if call.params is not None:
        pieces.append(b',"params":')
        _collect(call.params, pieces)
    pieces.append(b"}")
    return Compiled(tuple(_merged(pieces)))


def _soap(call: Soap) -> Compiled:
    space = _ENVELOPES[call.version]
    pieces: list[Piece] = [
        f'<?xml version="1.0" encoding="utf-8"?><soap:Envelope xmlns:soap="{space}">'.encode()
    ]
    if call.header:
        pieces += [b"<soap:Header>", *_texts(call.header), b"</soap:Header>"]
    pieces += [b"<soap:Body>", *_texts(call.body), b"</soap:Body></soap:Envelope>"]
    media_type = "text/xml; charset=utf-8"
    headers: tuple[tuple[str, str], ...] = ()
    if call.version == "1.1":
        headers = (("SOAPAction", f'"{call.action}"'),)
    else:
        media_type = "application/soap+xml; charset=utf-8"
        if call.action:
            media_type += f'; action="{call.action}"'
    return Compiled(tuple(_merged(pieces)), media_type, _as_xml, slots="xml", headers=headers)


def _multipart(parts: Mapping[str, Part]) -> Compiled:
    pieces: list[Piece] = []
    for name, part in parts.items():
        start = [b"--", BOUNDARY, b'\r\nContent-Disposition: form-data; name="', _quoted(name), b'"']
        pieces += start
        if part.filename is not None:
            pieces += [b'; filename="', part.filename, b'"']
        if part.media_type is not None:
            pieces.append(f"\r\nContent-Type: {part.media_type}".encode())
        elif part.filename is not None:
            pieces.append(b"\r\nContent-Type: application/octet-stream")
        pieces.append(b"\r\n\r\n")
        if isinstance(part.value, str) and _WHOLE.match(part.value):
            pieces.append(SLOT)
        elif isinstance(part.value, str):
            pieces.append(compile_value(part.value, CONNECTOR_ROOTS))
        else:
            _collect(part.value, pieces)
        pieces.append(b"\r\n")
    pieces += [b"--", BOUNDARY, b"--\r\n"]
    return Compiled(tuple(pieces), "multipart/form-data", _as_part, slots="plain")


def _texts(text: str) -> Iterable[Piece]:
    at = 0
    for match in EXPRESSION.finditer(text):
        if literal := text[at : match.start()]:
            yield literal.encode()
        expression = match.group()
        yield SLOT if _WHOLE.match(expression) else compile_value(expression, CONNECTOR_ROOTS)
        at = match.end()
    if literal := text[at:]:
        yield literal.encode()


def _as_xml(value: Any) -> bytes:
    return escape(as_text(value), {'"': "&quot;", "'": "&apos;"}).encode()


def _as_part(value: Any) -> bytes:
    """Text within a part, or the name of a file, where a line break or quote would end it."""
    return as_text(value).encode()


def _quoted(name: str) -> bytes:
    return name.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A").encode()


def _collect(value: Any, pieces: list[Piece]) -> None:
    if isinstance(value, Mapping):
        for number, (name, member) in enumerate(value.items()):
            pieces.append((b"," if number else b"{") + encode(str(name)) + b":")
            _collect(member, pieces)
        pieces.append(b"}" if value else b"{}")
    elif isinstance(value, (list, tuple)):
        for number, element in enumerate(value):
            pieces.append(b"," if number else b"[")
            _collect(element, pieces)
        pieces.append(b"]" if value else b"[]")
    elif isinstance(value, str) and _WHOLE.match(value):
        pieces.append(SLOT)
    elif isinstance(value, str) and "{{" in value:
        pieces.append(compile_value(value, CONNECTOR_ROOTS))
    else:
        pieces.append(encode(value))


def _merged(pieces: Iterable[Piece]) -> Iterable[Piece]:
    run: list[bytes] = []
    for piece in pieces:
        if isinstance(piece, bytes):
            run.append(piece)
            continue
        if run:
            yield b"".join(run)
            run = []
        yield piece
    if run:
        yield b"".join(run)
