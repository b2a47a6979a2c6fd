"""Hides elements, attributes and values of XML text, in a stream; every other byte stays as it is."""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from typing import Final

from redrive.core.masking.rules import HIDDEN, Mask, Unreadable

_TOKEN: Final = re.compile(
    rb"<!\[CDATA\[(?P<cdata>.*?)\]\]>|<!--(?P<comment>.*?)-->|<\?.*?\?>|<!(?!\[CDATA\[|--)[^<>]*+>"
    rb"|<(?P<end>/)?(?P<name>[^\s<>/!?'\"=]++)(?P<attributes>(?:[^<>\"'/]++|\"[^\"<]*+\"|'[^'<]*+'|/(?!>))*+)(?P<empty>/)?>"
    rb"|(?P<text>[^<]++)",
    re.DOTALL,
)
_ATTRIBUTE: Final = re.compile(rb"([^\s=/]+)(\s*=\s*)(\"[^\"]*\"|'[^']*')")
_LONGEST: Final = 1 << 20
_PUT: Final = HIDDEN.encode()


class XmlMasker:
    """Names count without their prefix; an attribute is a field of its element. What does not read as XML is
    withheld from there on.
    """

    def __init__(self, mask: Mask, within: Sequence[str] = ()) -> None:
        self._mask = mask
        self._path: list[str] = list(within)
        self._above = len(self._path)
        self._hidden = 0  # open elements within a hidden one, itself included
        self._rest = b""
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
            if len(self._rest) > _LONGEST or (self._rest and ended):
                raise Unreadable
        except Unreadable:
            self._broken = True
            self._rest = b""
            out.append(_PUT)
        return b"".join(out)

    def _walk(self, buffer: bytes, out: list[bytes], *, ended: bool) -> bytes:
        """What is not complete yet at the end of the buffer."""
        at = 0
        while at < len(buffer):
            found = _TOKEN.match(buffer, at)
            if found is None or (found.end() == len(buffer) and not ended and found["text"] is not None):
                break
            out.append(self._token(found))
            at = found.end()
        return buffer[at:]

    def _token(self, found: re.Match[bytes]) -> bytes:
        if found["name"] is not None:
            if found["end"] is not None:
                return self._end(found)
            return self._start(found)
        if self._hidden:
            return b""
        for kind in ("text", "cdata", "comment"):
            if (inside := found[kind]) is not None:
                text = inside.decode("utf-8", "surrogateescape")
                value = html.unescape(text) if kind == "text" else text
                hidden = self._mask.prose(value) if kind == "comment" else self._mask.text(value)
                if hidden == value:
                    return found.group()
                return _PUT if kind != "comment" else b"<!--" + _PUT + b"-->"
        return found.group()

    def _start(self, found: re.Match[bytes]) -> bytes:
        name = _local(found["name"])
        if self._hidden:
            self._hidden += found["empty"] is None
            return b""
        path = [*self._path, name]
        attributes = _ATTRIBUTE.sub(lambda one: self._attribute(one, path), found["attributes"])
        empty = found["empty"] or b""
        hidden = self._mask.hides(path)
        tag = b"<" + found["name"] + (b"" if hidden else attributes) + empty + b">"
        if found["empty"] is None:
            self._path.append(name)
            if hidden:
                self._hidden = 1
                return tag + _PUT
        return tag

    def _end(self, found: re.Match[bytes]) -> bytes:
        if self._hidden > 1:
            self._hidden -= 1
            return b""
        self._hidden = 0
        if len(self._path) <= self._above or self._path.pop() != _local(found["name"]):
            raise Unreadable
        return found.group()

    def _attribute(self, found: re.Match[bytes], path: list[str]) -> bytes:
        name, sign, written = found[1], found[2], found[3]
        value = html.unescape(written[1:-1].decode("utf-8", "surrogateescape"))
        if self._mask.hides([*path, _local(name)]) or self._mask.text(value) != value:
            return name + sign + written[:1] + _PUT + written[-1:]
        return found.group()


def _local(name: bytes) -> str:
    return name.rpartition(b":")[2].decode("utf-8", "surrogateescape")
