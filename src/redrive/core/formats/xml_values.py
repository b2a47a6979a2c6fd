"""The elements of an XML document as JSON values.

    <order id="7"><sku>a</sku><sku>b</sku><note lang="en">x</note><gift/></order>
    {"@id": "7", "sku": ["a", "b"], "note": {"@lang": "en", "#text": "x"}, "gift": null}

An attribute is a member `@name`. An element without attributes and children is its text, or null
where it has none; otherwise its text is the member `#text`, unless it is white space. Elements of
one name become a list where there are several; `lists` names those that always are one. Numbers are
texts unless types are given. `xsi:nil` gives null. Comments and instructions are left out, and of
text between elements only the text itself is kept, not its place.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal

from redrive.core.formats.base import ItemsInvalid
from redrive.core.formats.scalars import Types
from redrive.core.formats.xml_items import element_path, is_named
from redrive.core.formats.xml_parser import MAX_DEPTH, XmlParser, too_deep
from redrive.core.jsonvalue import encode

Namespaces = Literal["keep", "strip"] | Mapping[str, str]

_NIL: Final = "http://www.w3.org/2001/XMLSchema-instance nil"


class _Open:
    """An element that has begun."""

    __slots__ = ("members", "name", "path", "texts")

    def __init__(self, name: str, path: str) -> None:
        self.name = name
        self.path = path
        self.members: dict[str, Any] = {}
        self.texts: list[str] = []


class XmlValues:
    """Feeds on a document and gives the JSON of each element at the items path, or of the document.

    `lists` and the names of `types` are paths from the item (`lines.line`, `lines.line.@no`).
    `namespaces`: `keep` the prefixes as they are written, `strip` them, or a map of the prefixes
    to use by namespace: names of other namespaces then go without.
    """

    def __init__(
        self,
        items_path: str = "",
        *,
        types: Types | None = None,
        lists: frozenset[str] = frozenset(),
        namespaces: Namespaces = "keep",
        trim: bool = False,
        utf8: bool = False,
    ) -> None:
        self._path = items_path
        self._names = element_path(items_path)
        self._types = None if types is None or types.plain else types
        self._lists = lists
        self._prefixes = (
            None if isinstance(namespaces, str) else {uri: one for one, uri in namespaces.items()}
        )
        self._trim = trim
        self._parser = XmlParser(
            self._start,
            self._end,
            self._text,
            encoding="utf-8" if utf8 else None,
            namespaces=namespaces != "keep",
        )
        self._spaces = namespaces != "keep"
        self._depth = 0
        self._matched = 0
        self._open: list[_Open] = []
        self._found: list[bytes] = []
        self._renamed: dict[str, str] = {}

    def feed(self, data: bytes, *, last: bool = False) -> list[bytes]:
        """The values that are complete by now. Errors: `ItemsInvalid`."""
        self._parser.feed(data, last=last)
        found, self._found = self._found, []
        return found

    def _name(self, name: str) -> str:
        if not self._spaces:
            return name
        renamed = self._renamed.get(name)
        if renamed is None:
            space, _, local = name.rpartition(" ")
            prefix = self._prefixes.get(space, "") if self._prefixes is not None else ""
            renamed = f"{prefix}:{local}" if prefix else local
            if len(self._renamed) < 10_000:
                self._renamed[name] = renamed
        return renamed

    def _start(self, name: str, attributes: list[str]) -> None:
        depth = self._depth
        self._depth = depth + 1
        if depth >= MAX_DEPTH:
            too_deep()
        name = self._name(name)
        if not self._open:
            if depth != self._matched or not self._begins(name, depth):
                return
            path = "" if self._names else name
        else:
            above = self._open[-1].path
            path = f"{above}.{name}" if above else name
        element = _Open(name, path)
        members = element.members
        for at in range(0, len(attributes), 2):
            attribute, value = attributes[at], attributes[at + 1]
            if attribute in (_NIL, "xsi:nil") and value in ("true", "1"):
                continue
            key = "@" + self._name(attribute)
            members[key] = self._read(f"{path}.{key}" if path else key, value)
        self._open.append(element)

    def _begins(self, name: str, depth: int) -> bool:
        """Whether an item begins with this element; the whole document is one where no path is given."""
        if not self._names:
            return True
        if is_named(name, self._names[depth]):
            if depth + 1 == len(self._names):
                return True
            self._matched += 1
        elif not depth:
            raise ItemsInvalid(
                f"the root is {name}, and the items path {self._path!r} begins with {self._names[0]}",
                hint="Write the names from the root to the items: orders.order",
            )
        return False

    def _text(self, text: str) -> None:
        if self._open:
            self._open[-1].texts.append(text)

    def _end(self, _name: str) -> None:
        self._depth -= 1
        if not self._open:
            self._matched = min(self._matched, self._depth)
            return
        element = self._open.pop()
        value = self._value(element)
        if self._open:
            self._add(self._open[-1].members, element, value)
            return
        self._found.append(encode(value if self._names else {element.name: value}))

    def _value(self, element: _Open) -> Any:
        text = "".join(element.texts)
        if not text or text.isspace():
            return element.members or None
        if self._trim:
            text = text.strip()
        members = element.members
        if not members:
            return self._read(element.path, text)
        members["#text"] = self._read(f"{element.path}.#text" if element.path else "#text", text)
        return members

    def _add(self, members: dict[str, Any], element: _Open, value: Any) -> None:
        name = element.name
        if name not in members:
            members[name] = [value] if element.path in self._lists else value
            return
        there = members[name]
        # A value is never a list of its own: only repeated elements make one.
        if type(there) is list:
            there.append(value)
        else:
            members[name] = [there, value]

    def _read(self, path: str, text: str) -> Any:
        if self._types is None:
            return text
        read = self._types.of(path)
        if read is None:
            return text
        try:
            return read(text)
        except ValueError as error:
            raise ItemsInvalid(f"{path or 'the item'} is {error}", hint="Mend types, or the value.") from None
