"""JSON values as XML elements: the way back of `xml_values`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from redrive.core.jsonvalue import decode
from redrive.core.members import elements, members

_NAME: Final = re.compile(r"[^\W\d][\w.\-·]*(?::[^\W\d][\w.\-·]*)?")
# What no XML 1.0 document may hold, not even as a reference.
_FORBIDDEN: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_TEXT: Final = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", "\r": "&#13;"})
_VALUE: Final = str.maketrans(
    {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "\r": "&#13;", "\n": "&#10;", "\t": "&#9;"}
)
_DEEPEST: Final = 256


def check_name(name: str) -> str:
    """Errors: `ValueError` for what cannot be the name of an element."""
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name[:80]!r} cannot be the name of an XML element; give it another name with map")
    return name


class XmlWriter:
    """`namespaces` are the prefixes that stand declared around what it writes.

    What `encoding` lacks can be written as a reference, but not in a name.
    """

    def __init__(self, namespaces: Mapping[str, str] | None = None, *, encoding: str = "utf-8") -> None:
        self._encoding = encoding
        self._prefixes = frozenset({"xml", *(namespaces or {})})
        self._names: set[str] = set()

    def element(self, name: str, raw: Any) -> str:
        """One element of this name with a JSON value. Errors: `ValueError`."""
        out: list[str] = []
        self._write(out, name, raw, self._prefixes, 0)
        return "".join(out)

    def document(self, raw: Any) -> str | None:
        """The element that a value with one member stands for; None where it is none."""
        named = members(raw)
        if named is None or len(named) != 1:
            return None
        name, value = next(iter(named.items()))
        if name.startswith(("@", "#")) or bytes(value).startswith(b"["):
            return None
        return self.element(name, value)

    def _write(self, out: list[str], name: str, raw: Any, prefixes: frozenset[str], depth: int) -> None:
        if depth > _DEEPEST:
            raise ValueError(f"more than {_DEEPEST} levels cannot be written as XML")
        first = bytes(raw[:1]) if isinstance(raw, bytes) else bytes(raw)[:1]
        if first == b"{":
            self._object(out, name, members(raw) or {}, prefixes, depth)
            return
        self._check(name, prefixes)
        if first == b"[":
            # A list within a list (or as an item): its elements are items of it.
            out.append(f"<{name}>")
            for one in elements(raw) or ():
                self._write(out, "item", bytes(one), prefixes, depth + 1)
            out.append(f"</{name}>")
            return
        text = _text(raw)
        out.append(f"<{name}/>" if text is None else f"<{name}>{text.translate(_TEXT)}</{name}>")

    def _object(
        self, out: list[str], name: str, named: Mapping[str, Any], prefixes: frozenset[str], depth: int
    ) -> None:
        declared = [one[7:] for one in named if one.startswith("@xmlns:")]
        if declared:
            prefixes = prefixes.union(declared)
        self._check(name, prefixes)
        out.append(f"<{name}")
        for key, value in named.items():
            if key.startswith("@"):
                self._attribute(out, key[1:], bytes(value), prefixes)
        at = len(out)
        out.append(">")
        for key, value in named.items():
            if key == "#text":
                out.append((_text(value) or "").translate(_TEXT))
            elif not key.startswith("@"):
                inside = bytes(value)
                if inside.startswith(b"["):
                    for one in elements(inside) or ():
                        self._write(out, key, bytes(one), prefixes, depth + 1)
                else:
                    self._write(out, key, inside, prefixes, depth + 1)
        if len(out) == at + 1:
            out[at] = "/>"
        else:
            out.append(f"</{name}>")

    def _attribute(self, out: list[str], name: str, raw: bytes, prefixes: frozenset[str]) -> None:
        if not name.startswith("xmlns:") and name != "xmlns":
            self._check(name, prefixes)
        if raw.startswith((b"{", b"[")):
            raise ValueError(f"the attribute @{name} is a list or an object; an attribute is a text")
        text = _text(raw)
        if text is not None:
            out.append(f' {name}="{text.translate(_VALUE)}"')

    def _check(self, name: str, prefixes: frozenset[str]) -> None:
        if name not in self._names:
            check_name(name)
            try:
                name.encode(self._encoding)
            except UnicodeEncodeError:
                raise ValueError(
                    f"the name {name[:80]!r} cannot be written in {self._encoding}; write in utf-8"
                ) from None
            if ":" not in name and len(self._names) < 10_000:
                self._names.add(name)
        prefix, colon, _ = name.partition(":")
        if colon and prefix not in prefixes:
            raise ValueError(f"the prefix of {name} is not declared; name it in write.namespaces")


def _text(raw: Any) -> str | None:
    """A scalar as text; None for null. Errors: `ValueError` for characters that XML cannot hold."""
    data = bytes(raw)
    if data == b"null":
        return None
    if not data.startswith(b'"'):
        return data.decode()
    text: str = decode(data)
    if (found := _FORBIDDEN.search(text)) is not None:
        raise ValueError(f"the character U+{ord(found.group()):04X} cannot stand in XML")
    return text
