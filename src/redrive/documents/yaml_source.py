"""YAML text to nodes, by the core schema of YAML 1.2: `no` is text, and numbers stay exact."""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any, Final

import yaml

from redrive.documents.nodes import (
    MAX_DEPTH,
    MAX_DIGITS,
    MAX_NODES,
    Lines,
    Node,
    Parsed,
    Part,
    Unparsable,
)
from redrive.errors import Problem

# libyaml where PyYAML was built with it (ten times as fast); both give the same events.
FAST_LOADER: Final[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
PURE_LOADER: Final[Any] = yaml.SafeLoader

_CONSTANTS: Final = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_INT = re.compile(r"[-+]?[0-9]+", re.ASCII)
_OCTAL = re.compile(r"0o[0-7]+", re.ASCII)
_HEX = re.compile(r"0x[0-9a-fA-F]+", re.ASCII)
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", re.ASCII)
_NOT_FINITE = re.compile(r"[-+]?(\.inf|\.Inf|\.INF)|\.nan|\.NaN|\.NAN", re.ASCII)
_UNPRINTABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_NUMBER_STARTS = frozenset("+-.0123456789")

# What both parsers say, in one set of words.
_REASONS: Final = {
    "mapping values are not allowed": "a ':' stands where no name can; put text that holds ': ' into quotes",
    "cannot start any token": "a character that no text starts with; indent with spaces, not tabs, and put "
    "text that starts with @, ` or % into quotes",
    "unexpected end of stream": "a quote is not closed",
}


def parse_yaml(text: str, file: str | None = None, *, loader: Any = FAST_LOADER) -> Parsed:
    """All documents of a YAML text. The parts' texts, one after the other, are the text."""
    return _Composer(text, file).run(loader)


class _Composer:
    """Builds nodes from the parser's events; bounded in depth and in nodes, aliases counted in full."""

    def __init__(self, text: str, file: str | None) -> None:
        self.text = text
        self.file = file
        self.lines = Lines(text)
        self.parsed = Parsed()
        self.anchors: dict[str, tuple[Node | None, int]] = {}
        self.count = 0
        # Byte order marks are no part of the first document's tree, but of its text. All that lead: of a
        # second one the two loaders think differently.
        self.shift = len(text) - len(text.lstrip("\ufeff"))

    def run(self, loader: Any) -> Parsed:
        try:
            if bad := _UNPRINTABLE.search(self.text, self.shift):
                raise self._stop(
                    bad.start(), f"the character U+{ord(bad[0]):04X} cannot stand in YAML", "document.syntax"
                )
            self._documents(iter(yaml.parse(self.text[self.shift :], Loader=loader)))
        except Unparsable as stop:
            self.parsed.problems.append(stop.problem)
        except yaml.MarkedYAMLError as error:
            mark: Any = error.problem_mark or error.context_mark
            at = mark.index + self.shift if mark else 0
            offset = min(at, max(len(self.text.rstrip()) - 1, 0))
            reason = error.problem or "it does not parse"
            for part, words in _REASONS.items():
                if part in reason:
                    reason = words
                    break
            self.parsed.problems.append(
                self._stop(offset, f"the file is not YAML: {reason}", "document.syntax").problem
            )
        if self.parsed.parts:
            self.parsed.parts[-1].end = len(self.text)
        return self.parsed

    def _documents(self, events: Iterator[Any]) -> None:
        start = 0
        for event in events:
            if isinstance(event, yaml.DocumentStartEvent):
                if self.parsed.parts:
                    mark: Any = event.start_mark
                    start = mark.index + self.shift
                    self.parsed.parts[-1].end = start
                self.anchors.clear()
                node = self._node(next(events), events, 0)
                if not (node.value is None and node.start == node.end):
                    self.parsed.parts.append(Part(node, start, len(self.text)))

    def _node(self, event: Any, events: Iterator[Any], depth: int) -> Node:
        start, end = event.start_mark.index + self.shift, event.end_mark.index + self.shift
        if isinstance(event, yaml.AliasEvent):
            return self._alias(str(event.anchor), start)
        if event.tag is not None:
            raise self._stop(start, "tags (!) are not part of documents; leave it out", "document.tag")
        self._add(1, start)
        if depth > MAX_DEPTH:
            raise self._stop(start, f"nested more than {MAX_DEPTH} levels deep", "document.too_deep")
        before = self.count
        if event.anchor is not None:
            self.anchors[event.anchor] = (None, 0)
        node = Node(None, self.lines.at(start), start, end)
        if isinstance(event, yaml.ScalarEvent):
            node.value = self._scalar(event, start)
        elif isinstance(event, yaml.SequenceStartEvent):
            elements: list[Node] = []
            for inner in events:
                if isinstance(inner, yaml.SequenceEndEvent):
                    break
                elements.append(self._node(inner, events, depth + 1))
            node.children = elements
            node.value = [element.value for element in elements]
        else:
            self._mapping(node, events, depth)
        if event.anchor is not None:
            self.anchors[event.anchor] = (node, self.count - before + 1)
        return node

    def _mapping(self, node: Node, events: Iterator[Any], depth: int) -> None:
        members: dict[str, Node] = {}
        for event in events:
            if isinstance(event, yaml.MappingEndEvent):
                break
            start = event.start_mark.index + self.shift
            name = self._name(event, start)
            if name in members:
                self._report(
                    start,
                    f"the name {name!r} stands twice in one mapping (first in line {node.keys[name]})",
                    "document.duplicate_name",
                )
            else:
                node.keys[name] = self.lines.at(start)
            members[name] = self._node(next(events), events, depth + 1)
        node.children = members
        node.value = {name: member.value for name, member in members.items()}

    def _name(self, event: Any, start: int) -> str:
        """A name of a mapping: always text, as it is spelt."""
        if isinstance(event, yaml.AliasEvent):
            value = self._alias(str(event.anchor), start).value
            if isinstance(value, str):
                return value
        elif isinstance(event, yaml.ScalarEvent):
            if event.tag is not None:
                raise self._stop(start, "tags (!) are not part of documents; leave it out", "document.tag")
            if event.value == "<<" and event.implicit[0]:
                raise self._stop(start, "merge keys (<<) are not part of YAML 1.2", "document.merge_key")
            if event.anchor is not None:
                end: Any = event.end_mark
                node = Node(event.value, self.lines.at(start), start, end.index + self.shift)
                self.anchors[event.anchor] = (node, 1)
            self._add(1, start)
            return event.value
        raise self._stop(start, "a name of a mapping is text, not a list or a mapping", "document.name")

    def _alias(self, anchor: str, start: int) -> Node:
        if anchor not in self.anchors:
            raise self._stop(start, f"the alias *{anchor} names no anchor (&{anchor})", "document.syntax")
        node, weight = self.anchors[anchor]
        if node is None:
            raise self._stop(start, f"the alias *{anchor} stands inside its own anchor", "document.alias")
        self._add(weight, start)
        return node

    def _scalar(self, event: Any, start: int) -> Any:
        text: str = event.value
        if not event.implicit[0]:  # quoted, or a block: text as it stands
            return text
        if text in _CONSTANTS:
            return _CONSTANTS[text]
        if text[0] not in _NUMBER_STARTS:
            return text
        return self._number(text, start)

    def _number(self, text: str, start: int) -> Any:
        if len(text) > MAX_DIGITS and (_INT.fullmatch(text) or _FLOAT.fullmatch(text)):
            self._report(start, f"a number of more than {MAX_DIGITS} digits", "document.number")
            return 0
        if _INT.fullmatch(text):
            digits = text.lstrip("+-")
            if len(digits) > 1 and digits[0] == "0":
                # The core schema would read 02134 as 2134: what was meant is more often a text.
                self._report(
                    start,
                    "a whole number does not start with 0; put it into quotes if it is a text",
                    "document.number",
                )
            return int(text)
        if _OCTAL.fullmatch(text):
            return int(text, 0)
        if _HEX.fullmatch(text):
            return int(text, 0)
        if _FLOAT.fullmatch(text):
            return Decimal(text)
        if _NOT_FINITE.fullmatch(text):
            self._report(start, "infinity and not-a-number are no JSON numbers", "document.number")
            return 0
        return text

    def _add(self, nodes: int, start: int) -> None:
        self.count += nodes
        if self.count > MAX_NODES:
            raise self._stop(
                start, f"more than {MAX_NODES} values (each use of an alias counts)", "document.too_large"
            )

    def _report(self, offset: int, title: str, code: str) -> None:
        self.parsed.problems.append(self._stop(offset, title, code).problem)

    def _stop(self, offset: int, title: str, code: str) -> Unparsable:
        return Unparsable(Problem(code=code, title=title, file=self.file, line=self.lines.at(offset)))
