"""Hides values of JSON text, in a stream; every other byte stays as it is. Several documents in a row too."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Final, Literal, cast

from redrive.core.masking.rules import HIDDEN, Mask, Unreadable

_STRING: Final = rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"'
_WORD: Final = rb"[-+.0-9A-Za-z]++"
_TOKEN: Final = re.compile(rb"[ \t\r\n]++|" + _STRING + rb"|[{}\[\],:]|" + _WORD, re.DOTALL)
_IN_STRING: Final = re.compile(rb'[^"\\]*+(?:\\.[^"\\]*+)*+', re.DOTALL)
_INSIDE: Final = re.compile(rb'(?:[^{}\[\]"]++|' + _STRING + rb")++", re.DOTALL)
"""What stands between the brackets of a hidden value."""
_ITEMS: Final = re.compile(rb"(?:[ \t\r\n]*+(?:" + _STRING + rb"|" + _WORD + rb")[ \t\r\n]*+,)++", re.DOTALL)
_LONGEST: Final = 1 << 20
"""A text of more bytes is not searched by patterns, and never a name."""
_PUT: Final = f'"{HIDDEN}"'.encode()
_BOM: Final = b"\xef\xbb\xbf"

State = Literal["value", "first", "name", "colon", "after"]
"""What comes next. `first`: a value or the end of a list, or a name or the end of an object."""


@lru_cache(maxsize=64)
def _members(names: tuple[str, ...]) -> re.Pattern[bytes]:
    """Members with plain values whose names are none of these last names of rules, as many as there are."""
    either = b"|".join(re.escape(name.encode()).replace(rb"\*", rb'[^"]*') for name in names)
    name = rb'(?!"(?i:' + either + rb')")"[^"\\\x80-\xff]*+"'
    value = rb"(?:" + _STRING + rb"|" + _WORD + rb")"
    space = rb"[ \t\r\n]*+"
    return re.compile(rb"(?:" + space + name + space + rb":" + space + value + space + rb",)++", re.DOTALL)


class JsonMasker:
    """What does not read as JSON is withheld from there on: nobody knows which field it belongs to."""

    def __init__(self, mask: Mask, within: Sequence[str] = ()) -> None:
        self._mask = mask
        self._only_fields = not mask.by_pattern
        self._skip = _members(mask.last_names) if self._only_fields else None
        self._rest = b""
        self._begun = False
        self._path: list[str] = list(within)  # with one name for each open object
        self._lists: list[bool] = []  # for each open value: whether it is a list
        self._state: State = "value"
        self._hidden = 0  # open values within a hidden one, itself included
        self._long: bool | None = None  # within a very long text: whether it is shown
        self._broken = False

    def feed(self, data: bytes) -> bytes:
        return self._run(data, ended=False)

    def close(self) -> bytes:
        return self._run(b"", ended=True)

    def _run(self, data: bytes, *, ended: bool) -> bytes:
        if self._broken:
            return b""
        out: list[bytes] = []
        try:
            self._rest = self._walk(self._rest + data, out, ended=ended)
            if self._rest and ended:
                raise Unreadable
            if len(self._rest) > _LONGEST and self._long is None:
                self._begin_long(out)
        except Unreadable:
            self._broken = True
            self._rest = b""
            out.append(_PUT)
        return b"".join(out)

    def _walk(self, buffer: bytes, out: list[bytes], *, ended: bool) -> bytes:
        """What is not complete yet at the end of the buffer."""
        at = shown = 0  # what stands from `shown` on goes out as it is
        if not self._begun and buffer:
            self._begun = True
            at = len(_BOM) if buffer.startswith(_BOM) else 0
        size = len(buffer)
        try:
            while at < size:
                if self._long is not None or self._hidden:
                    at = shown = self._onward(buffer, at, out)
                    if self._long is not None or self._hidden:
                        break
                    continue
                at = self._plain(buffer, at)
                if (end := _end_of(buffer, at, ended=ended)) is None:
                    break
                put = self._token(buffer[at:end])
                if put is not None:
                    out += (buffer[shown:at], put)
                    shown = end
                at = end
        finally:
            out.append(buffer[shown:at])
        return buffer[at:]

    def _onward(self, buffer: bytes, at: int, out: list[bytes]) -> int:
        if self._long is not None:
            return self._through_long(buffer, at, out)
        return self._through_hidden(buffer, at)

    def _plain(self, buffer: bytes, at: int) -> int:
        """On over what no rule is about."""
        if self._skip is None or not self._lists or self._state not in {"first", "name", "value"}:
            return at
        if self._lists[-1]:
            if self._state == "name" or self._mask.hides(self._path):
                return at
            found = _ITEMS.match(buffer, at)
            to = "value"
        elif self._state != "value":
            found = self._skip.match(buffer, at)
            to = "name"
        else:
            return at
        if found is None:
            return at
        self._state = cast("State", to)
        return found.end()

    # ---- tokens

    def _token(self, token: bytes) -> bytes | None:
        """What to put in place of a token; None: itself."""
        first = token[:1]
        if first in b" \t\r\n":
            return None
        if first in b"{[":
            return self._open(is_list=first == b"[")
        if first in b"}]":
            return self._close(is_list=first == b"]")
        if first == b",":
            if self._state != "after" or not self._lists:
                raise Unreadable
            self._state = "value" if self._lists[-1] else "name"
            return None
        if first == b":":
            if self._state != "colon":
                raise Unreadable
            self._state = "value"
            return None
        if self._state == "name" or (self._state == "first" and not self._lists[-1]):
            return self._name(token)
        return self._scalar(token)

    def _takes_value(self) -> bool:
        if self._state == "first":
            return self._lists[-1]
        return self._state == "value" or (self._state == "after" and not self._lists)

    def _open(self, *, is_list: bool) -> bytes | None:
        if not self._takes_value():
            raise Unreadable
        self._lists.append(is_list)
        if self._mask.hides(self._path):
            self._hidden = 1
            return _PUT
        self._state = "first"
        if not is_list:
            self._path.append("")  # until its first name
        return None

    def _close(self, *, is_list: bool) -> bytes | None:
        if self._state not in {"first", "after"} or not self._lists or self._lists.pop() != is_list:
            raise Unreadable
        self._state = "after"
        if not is_list:
            self._path.pop()
        return None

    def _through_hidden(self, buffer: bytes, at: int) -> int:
        """On to behind the end of a hidden value, or as far as the piece goes."""
        while at < len(buffer):
            if (found := _INSIDE.match(buffer, at)) is not None:
                at = found.end()
                if at == len(buffer):
                    return at
            first = buffer[at : at + 1]
            if first == b'"':  # a text that goes on in the next piece
                return at
            self._hidden += 1 if first in b"{[" else -1
            at += 1
            if not self._hidden:
                self._lists.pop()
                self._state = "after"
                return at
        return at

    def _name(self, token: bytes) -> bytes | None:
        name = _text_of(token) if token[:1] == b'"' else None
        if name is None:
            raise Unreadable
        self._path[-1] = name
        self._state = "colon"
        if self._only_fields:
            return None
        hidden = self._mask.text(name)
        return None if hidden == name else json.dumps(hidden).encode()

    def _scalar(self, token: bytes) -> bytes | None:
        if not self._takes_value():
            raise Unreadable
        self._state = "after"
        if self._mask.hides(self._path):
            return _PUT
        if self._only_fields:
            return None
        text = _text_of(token)
        if text is None:
            return _PUT
        hidden = self._mask.text(text)
        if hidden == text:
            return None
        if b"\\" in token or token[:1] != b'"':
            return _PUT
        return b'"' + hidden.encode("utf-8", "surrogateescape") + b'"'

    # ---- a text of more than a megabyte

    def _begin_long(self, out: list[bytes]) -> None:
        if not self._hidden:
            if self._rest[:1] != b'"' or not self._takes_value():
                raise Unreadable
            self._long = self._only_fields and not self._mask.hides(self._path)
            self._state = "after"
            out.append(b'"' if self._long else _PUT)
        else:
            self._long = False
        self._rest = self._rest[self._through_long(self._rest, 1, out) :]

    def _through_long(self, buffer: bytes, at: int, out: list[bytes]) -> int:
        """On through the text: to behind its end, or as far as the piece goes."""
        found = _IN_STRING.match(buffer, at)
        end = found.end() if found is not None else at
        if buffer[end : end + 1] == b'"':
            end += 1
            if self._long:
                out.append(buffer[at:end])
            self._long = None
        elif self._long:
            out.append(buffer[at:end])
        return end


def _end_of(buffer: bytes, at: int, *, ended: bool) -> int | None:
    """Where the token ends; None where it may go on in the next piece. Errors: `Unreadable`."""
    found = _TOKEN.match(buffer, at)
    if found is None:
        if buffer[at : at + 1] in {b'"', b""}:
            return None
        raise Unreadable
    end = found.end()
    open_ended = end == len(buffer) and not ended and buffer[at] not in b'{}[],:"'
    return None if open_ended else end


def _text_of(token: bytes) -> str | None:
    """The characters of a JSON text, or a number or word as it is spelt."""
    if token[:1] != b'"':
        return token.decode("utf-8", "surrogateescape")
    if b"\\" not in token:
        return token[1:-1].decode("utf-8", "surrogateescape")
    try:
        return str(json.loads(token, strict=False))
    except ValueError:
        return None
