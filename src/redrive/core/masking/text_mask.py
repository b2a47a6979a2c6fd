"""Hides values in lines of text and in form bodies."""

from __future__ import annotations

from urllib.parse import quote_plus, unquote_plus

from redrive.core.masking.rules import HIDDEN, Mask

_LONGEST = 1 << 20


class TextMasker:
    """Line by line: what a pattern finds, and what stands behind the name of a hidden field."""

    def __init__(self, mask: Mask) -> None:
        self._mask = mask
        self._rest = b""
        self._long = False  # within a line too long to be searched

    def feed(self, data: bytes) -> bytes:
        whole, line_end, rest = (self._rest + data).rpartition(b"\n")
        out = self._lines(whole + line_end) if line_end else b""
        self._rest = rest
        if len(rest) > _LONGEST:
            out += b"" if self._long else HIDDEN.encode()
            self._long, self._rest = True, b""
        return out

    def close(self) -> bytes:
        rest, self._rest = self._rest, b""
        return self._lines(rest) if rest else b""

    def _lines(self, data: bytes) -> bytes:
        lines = data.split(b"\n")
        if self._long:
            lines[0] = b""
            self._long = len(lines) == 1
        return b"\n".join([self._line(line) for line in lines])

    def _line(self, line: bytes) -> bytes:
        text = line.decode("utf-8", "surrogateescape")
        hidden = self._mask.prose(text)
        return line if hidden == text else hidden.encode("utf-8", "surrogateescape")


class FormMasker:
    """`a=1&b=2`, as forms and queries of addresses are written. Read whole."""

    def __init__(self, mask: Mask) -> None:
        self._mask = mask
        self._data = b""

    def feed(self, data: bytes) -> bytes:
        self._data += data
        return b""

    def close(self) -> bytes:
        return query(self._data.decode("utf-8", "surrogateescape"), self._mask).encode(
            "utf-8", "surrogateescape"
        )


def query(text: str, mask: Mask) -> str:
    """A query of an address, or a form."""
    return "&".join([_pair(pair, mask) for pair in text.split("&")])


def address(url: str, mask: Mask) -> str:
    """An address of an exchange: its query, and what patterns find in the rest."""
    before, mark, rest = url.partition("?")
    return mask.text(before) + mark + (query(rest, mask) if mark else "")


def _pair(pair: str, mask: Mask) -> str:
    name, sign, written = pair.partition("=")
    value = unquote_plus(written)
    # `customer[email]=` is how some systems write customer.email.
    path = [part.rstrip("]") for part in unquote_plus(name).replace(".", "[").split("[")]
    hidden = HIDDEN if mask.hides([part for part in path if part]) else mask.text(value)
    return pair if hidden == value else f"{name}{sign}{quote_plus(hidden, safe='*')}"
