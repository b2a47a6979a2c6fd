"""The items of an XML document: the elements at its items path, as they stand in it.

The path leads from the root, whose name it begins with: `orders.order` for
`<orders><order/>…</orders>`. A name without a prefix stands for that name with any prefix. What stands
between two items (white space, comments, other elements) is no item, and is not kept where the
items are put together anew.
"""

from __future__ import annotations

from redrive.core.formats.base import WINDOW_BYTES, ItemReader, ItemsInvalid
from redrive.core.formats.charset import keeps_ascii, marked
from redrive.core.formats.json_items import parse_items_path
from redrive.core.formats.xml_parser import MAX_DEPTH, TAG, XmlParser, too_deep


def element_path(items_path: str) -> tuple[str, ...]:
    """The names of the elements that lead to the items. Errors: `ItemsInvalid`."""
    names = [segment for segment in parse_items_path(items_path) if isinstance(segment, str)]
    if len(names) != len(parse_items_path(items_path)):
        raise ItemsInvalid(
            f"the items path {items_path!r} names one element of a list",
            hint="In XML it is the names of elements from the root: orders.order",
        )
    return tuple(names)


def is_named(element: str, name: str) -> bool:
    """Whether a segment of an items path means this element."""
    return element == name or element.rpartition(":")[2] == name


class XmlItems(ItemReader):
    """Elements keep their bytes, and with them the prefixes that the elements around them declare."""

    def __init__(self, items_path: str) -> None:
        self._path = items_path
        self._names = element_path(items_path)
        self._parser = XmlParser(self._start, self._end)
        self._buffer = bytearray()
        self._base = 0
        self._pending: list[bytes] = []
        self._waiting = 0
        self._depth = 0
        self._matched = 0
        self._begin: int | None = None
        self._cuts: list[tuple[int, int]] = []
        self._count = 0

    def feed(self, data: bytes) -> list[bytes]:
        self._pending.append(data)
        self._waiting += len(data)
        if self._waiting < WINDOW_BYTES:
            return []
        return self._parse(last=False)

    def close(self) -> list[bytes]:
        items = self._parse(last=True)
        if self._count:
            self.suffix = bytes(self._buffer[self.stop - self._base :])
        else:
            self.prefix = bytes(self._buffer)
        return items

    def _parse(self, *, last: bool) -> list[bytes]:
        data = b"".join(self._pending)
        self._pending, self._waiting = [], 0
        if not self._base and not self._buffer and not _in_bytes(data[:4]):
            raise ItemsInvalid(
                "the document is in UTF-16 or UTF-32, in which single elements are not read",
                hint="Put a convert step to xml before this one.",
            )
        self._buffer += data
        self._parser.feed(data, last=last)
        items = [bytes(self._buffer[begin - self._base : end - self._base]) for begin, end in self._cuts]
        if items and not self._count:
            self.start = self._cuts[0][0]
            self.prefix = bytes(self._buffer[: self.start])
        if items and self._count < 2 <= self._count + len(items):
            second = 1 if not self._count else 0
            left = self._cuts[0][1] if second else self.stop
            gap = bytes(self._buffer[left - self._base : self._cuts[second][0] - self._base])
            self.separator = gap if gap.isspace() else b""
        if items:
            self.stop = self._cuts[-1][1]
            self._count += len(items)
            self._cuts.clear()
        if self._count:
            keep = self.stop - self._base
            del self._buffer[:keep]
            self._base += keep
        return items

    def _start(self, name: str, _attributes: list[str]) -> None:
        depth = self._depth
        self._depth = depth + 1
        if depth == self._matched < len(self._names):
            if is_named(name, self._names[depth]):
                self._matched += 1
                if self._matched == len(self._names):
                    self._begin = self._parser.at
            elif not depth:
                raise ItemsInvalid(
                    f"the root is {name}, and the items path {self._path!r} begins with {self._names[0]}",
                    hint="Write the names from the root to the items: orders.order",
                )
        if depth >= MAX_DEPTH:
            too_deep()

    def _end(self, _name: str) -> None:
        if self._depth == self._matched:
            if self._begin is not None:
                self._cuts.append((self._begin, self._end_of_item(self._begin)))
                self._begin = None
            self._matched -= 1
        self._depth -= 1

    def _end_of_item(self, begin: int) -> int:
        """Behind the tag that has just been told of; of an empty element (`<a/>`) it is the only one."""
        at = self._parser.at
        if self._buffer.startswith(b"/>", at - 2 - self._base):
            first = TAG.match(self._buffer, begin - self._base)
            if first is not None and first.end() + self._base == at:
                return at
        last = TAG.match(self._buffer, at - self._base)
        assert last is not None
        return last.end() + self._base


def _in_bytes(head: bytes) -> bool:
    encoding = marked(head)
    return (encoding is None or keeps_ascii(encoding)) and b"\0" not in head


def root_of(prefix: bytes) -> tuple[bytes, bytes]:
    """What stands around items without their siblings: declaration and open tags; closing tags.

    `prefix` is all that stands before the first item.
    """
    tags: list[bytes] = []
    names: list[bytes] = []
    first: list[int] = []

    def start(_name: str, _attributes: list[str]) -> None:
        found = TAG.match(prefix, parser.at)
        assert found is not None
        first.append(parser.at)
        tags.append(found.group())
        names.append(found.group()[1:-1].split()[0].rstrip(b"/"))

    def end(_name: str) -> None:
        tags.pop()
        names.pop()

    parser = XmlParser(start, end)
    parser.feed(prefix)
    declaration = prefix[: prefix.find(b"?>") + 2] if b"<?xml" in prefix[:8] else b""
    return declaration + b"".join(tags), b"".join(b"</" + name + b">" for name in reversed(names))
