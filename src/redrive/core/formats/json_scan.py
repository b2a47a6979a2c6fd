"""Finds boundaries in JSON text without parsing it: the slow, sure way, linear on any input.

It follows strings, escapes and brackets only. Whether the text between two boundaries is JSON is
for the parser to say; on text that is JSON the boundaries are the true ones.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

import msgspec

from redrive.core.formats.base import ItemsInvalid

WHITESPACE: Final = re.compile(rb"[ \t\n\r]*+")
STRING: Final = re.compile(rb'"[^"\\]*+(?s:\\.[^"\\]*+)*+"')
SCALAR: Final = re.compile(rb"[^ \t\n\r,:\"\[\]{}]++")

# Possessive throughout: a failed match never goes back over what it has read.
_IN_STRING = re.compile(rb'[^"\\]*+(?s:\\.[^"\\]*+)*+')
_AT_TOP = re.compile(rb'(?:[^",\[\]{}]++|' + STRING.pattern + rb")*+")
_FLAT = rb'[^"\[\]{}]*+(?:' + STRING.pattern + rb'[^"\[\]{}]*+)*+'
# Inside an element also steps over objects and lists that hold no further ones.
_INSIDE = re.compile(_FLAT + rb"(?:[\[{]" + _FLAT + rb"[\]}]" + _FLAT + rb")*+")
_OPENING = re.compile(rb"[\[{]++")
_CLOSING = re.compile(rb"[\]}]++")

_QUOTE, _COMMA = b'",'
_OPENERS, _CLOSERS = frozenset(b"[{"), frozenset(b"]}")


class Scan:
    """Walks the elements of one list (or members of one object) in a buffer that grows.

    Begin just behind its opening bracket and call `run` whenever bytes were added: each byte is
    looked at once. `cut` is the last comma between two elements so far, `end` the closing bracket;
    0 while there is none. With `skip` only the closing bracket is looked for, which is faster.
    """

    __slots__ = ("_depth", "_floor", "_in_string", "_pos", "cut", "end")

    def __init__(self, pos: int, *, skip: bool = False) -> None:
        self._pos = pos
        self._depth = self._floor = int(skip)
        self._in_string = False
        self.cut = 0
        self.end = 0

    def run(self, buffer: bytes | bytearray) -> None:
        """Go on to the end of the buffer, or of the list."""
        size = len(buffer)
        pos, depth = self._pos, self._depth
        while pos < size and not self.end:
            if self._in_string:
                pos, self._in_string = _leave_string(buffer, pos)
                if self._in_string:
                    break
                continue
            pos = _stop(_INSIDE if depth else _AT_TOP, buffer, pos)
            if pos == size:
                break
            byte = buffer[pos]
            if byte == _QUOTE:  # a string that does not end in the buffer yet
                self._in_string = True
                pos += 1
            elif byte == _COMMA:
                self.cut = pos
                pos += 1
            elif byte in _OPENERS:
                stop = _stop(_OPENING, buffer, pos)
                depth += stop - pos
                pos = stop
            elif depth:
                closed = min(_stop(_CLOSING, buffer, pos) - pos, depth)
                depth -= closed
                pos += closed
                if depth < self._floor:
                    self.end = pos - 1
            else:
                self.end = pos
        self._pos, self._depth = pos, depth


def _leave_string(buffer: bytes | bytearray, pos: int) -> tuple[int, bool]:
    """Behind the closing quote; or as far as it goes, and still in the string."""
    size = len(buffer)
    quote = buffer.find(b'"', pos)
    stop = size if quote < 0 else quote
    if buffer.find(b"\\", pos, stop) >= 0:
        stop = _stop(_IN_STRING, buffer, pos)
    # Short of a quote it is the end, or a backslash that waits for the byte behind it.
    if stop < size and buffer[stop] == _QUOTE:
        return stop + 1, False
    return stop, True


def _stop(pattern: re.Pattern[bytes], buffer: bytes | bytearray, pos: int) -> int:
    """Where the match ends; patterns that match nothing match the empty string."""
    found = pattern.match(buffer, pos)
    return found.end() if found else pos


def skip_space(buffer: bytes | bytearray, pos: int) -> int:
    return _stop(WHITESPACE, buffer, pos)


def kind_at(buffer: bytes | bytearray, pos: int) -> str:
    """What begins there, for a message: a kind, never a value."""
    kinds = {"{": "an object", "[": "a list", '"': "a string", "t": "true", "f": "false", "n": "null"}
    return kinds.get(chr(buffer[pos]), "a number")


class _Incomplete(Exception):
    """The buffer ends before the list begins."""


def locate(buffer: bytes | bytearray, path: Sequence[str | int], pos: int, text: str) -> int | None:
    """The offset of the `[` at `path`; None if the buffer ends before it.

    The first of equal keys counts. `text` is the path as written, for the messages.
    Errors: `ItemsInvalid` where the path leads nowhere, or not to a list.
    """
    try:
        pos = _here(buffer, skip_space(buffer, pos))
        for depth, segment in enumerate(path):
            place = _written(path[:depth]) or "the document"
            if isinstance(segment, str):
                pos = _member(buffer, pos, segment, place, text)
            else:
                pos = _element(buffer, pos, segment, place, text)
    except _Incomplete:
        return None
    if buffer[pos : pos + 1] != b"[":
        raise ItemsInvalid(
            f"there is {kind_at(buffer, pos)} at the items path {text!r} (byte {pos}), not a list",
            hint="Name the path of a list, or leave it out to take the whole document as one item.",
        )
    return pos


def _written(path: Sequence[str | int]) -> str:
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).lstrip(".")


def _here(buffer: bytes | bytearray, pos: int) -> int:
    if pos >= len(buffer):
        raise _Incomplete
    return pos


def _missing(text: str, why: str) -> ItemsInvalid:
    return ItemsInvalid(
        f"nothing is at the items path {text!r}: {why}",
        hint="Compare the items path with the document; an empty path takes the document's own list.",
    )


def _member(buffer: bytes | bytearray, pos: int, name: str, place: str, text: str) -> int:
    if buffer[pos : pos + 1] != b"{":
        raise _missing(text, f"{place} is {kind_at(buffer, pos)} (byte {pos}), not an object")
    pos = _here(buffer, skip_space(buffer, pos + 1))
    while buffer[pos : pos + 1] != b"}":
        found = STRING.match(buffer, pos)
        if found is None:
            if buffer[pos] != _QUOTE:
                raise ItemsInvalid(f"not JSON: expected a key at byte {pos}")
            raise _Incomplete
        key = found.group()
        pos = _here(buffer, skip_space(buffer, found.end()))
        if buffer[pos : pos + 1] != b":":
            raise ItemsInvalid(f"not JSON: expected ':' at byte {pos}")
        pos = _here(buffer, skip_space(buffer, pos + 1))
        if _reads_as(key, name):
            return pos
        pos = _after(buffer, pos, b"}")
    raise _missing(text, f"{place} has no {name!r}")


def _element(buffer: bytes | bytearray, pos: int, index: int, place: str, text: str) -> int:
    if buffer[pos : pos + 1] != b"[":
        raise _missing(text, f"{place} is {kind_at(buffer, pos)} (byte {pos}), not a list")
    pos = _here(buffer, skip_space(buffer, pos + 1))
    number = 0
    while buffer[pos : pos + 1] != b"]":
        if number == index:
            return pos
        number += 1
        pos = _after(buffer, pos, b"]")
    raise _missing(text, f"{place} has only {number} elements")


def _after(buffer: bytes | bytearray, pos: int, closer: bytes) -> int:
    """Skip the value at `pos` and the comma behind it; or stand at the closer."""
    byte = buffer[pos]
    if byte in _OPENERS:
        scan = Scan(pos + 1, skip=True)
        scan.run(buffer)
        if not scan.end:
            raise _Incomplete
        pos = scan.end + 1
    else:
        pattern = STRING if byte == _QUOTE else SCALAR
        found = pattern.match(buffer, pos)
        if found is None:
            if byte != _QUOTE:
                raise ItemsInvalid(f"not JSON: expected a value at byte {pos}")
            raise _Incomplete
        pos = found.end()
    pos = _here(buffer, skip_space(buffer, pos))
    if buffer[pos : pos + 1] == closer:
        return pos
    if buffer[pos] != _COMMA:
        raise ItemsInvalid(f"not JSON: expected ',' or '{closer.decode()}' at byte {pos}")
    return _here(buffer, skip_space(buffer, pos + 1))


def _reads_as(key: bytes, name: str) -> bool:
    if b"\\" not in key:
        return key[1:-1] == name.encode()
    try:
        return bool(msgspec.json.decode(key, type=str) == name)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return False
