"""The parts of a multipart body, each with its name, file name and media type."""

from __future__ import annotations

import re
from email.message import Message
from typing import NamedTuple

from redrive.errors import PayloadError

MAX_PARTS = 1000


class Part(NamedTuple):
    """One part; its bytes as they stand."""

    name: str
    filename: str | None
    media_type: str
    data: bytes


def is_multipart(media_type: str) -> bool:
    return media_type.lower().lstrip().startswith("multipart/")


def parts_of(media_type: str, body: bytes) -> list[Part]:
    """The parts in order. Errors: `payload.invalid`."""
    header = Message()
    header["Content-Type"] = media_type
    boundary = header.get_param("boundary")
    if not isinstance(boundary, str) or not 1 <= len(boundary) <= 200:
        raise PayloadError("the media type of the multipart body names no boundary")
    pieces = (b"\r\n" + body).split(b"\r\n--" + boundary.encode("latin-1", "replace"))
    if len(pieces) < 3 or not pieces[-1].startswith(b"--"):
        raise PayloadError("the multipart body does not end with its boundary", hint="Send it whole.")
    if len(pieces) - 2 > MAX_PARTS:
        raise PayloadError(f"the multipart body has more than {MAX_PARTS} parts")
    return [_part(piece) for piece in pieces[1:-1]]


def _part(piece: bytes) -> Part:
    _, _, rest = piece.partition(b"\r\n")
    head, separator, data = (b"\r\n" + rest).partition(b"\r\n\r\n")
    if not separator:
        raise PayloadError("a part of the multipart body has no end of its headers")
    message = Message()
    for line in re.split(rb"\r\n(?![ \t])", head.strip(b"\r\n")):
        name, colon, value = line.decode("utf-8", "replace").partition(":")
        if colon:
            message[name.strip()] = value.strip()
    name = message.get_param("name", header="content-disposition")
    filename = message.get_filename()
    return Part(
        name if isinstance(name, str) else "",
        filename,
        message["Content-Type"] or ("application/octet-stream" if filename else "text/plain"),
        data,
    )
