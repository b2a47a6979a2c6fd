"""JSON text to nodes: one document of strict JSON, with the line of every value."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from typing import Any, Final

from redrive.documents.nodes import MAX_DEPTH, MAX_DIGITS, MAX_NODES, Lines, Node, Parsed, Part, Unparsable
from redrive.errors import Problem

_SPACE = re.compile(r"[ \t\n\r]*")
_STRING = re.compile(r'"(?:[^"\\\x00-\x1f]+|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"')
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?")
_WORD = re.compile(r"true|false|null")
_WORDS: Final = {"true": True, "false": False, "null": None}


def parse_json(text: str, file: str | None = None) -> Parsed:
    """The one document of a JSON text."""
    return _Reader(text, file).run()


class _Reader:
    def __init__(self, text: str, file: str | None) -> None:
        self.text = text
        self.file = file
        self.lines = Lines(text)
        self.parsed = Parsed()
        self.count = 0
        self.at = 1 if text.startswith("\ufeff") else 0

    def run(self) -> Parsed:
        try:
            self._skip()
            if self.at < len(self.text):
                node = self._value(0)
                self._skip()
                if self.at < len(self.text):
                    raise self._stop("the file goes on after the end of its JSON document")
                self.parsed.parts.append(Part(node, 0, len(self.text)))
        except Unparsable as stop:
            self.parsed.problems.append(stop.problem)
        return self.parsed

    def _value(self, depth: int) -> Node:
        self.count += 1
        if self.count > MAX_NODES:
            raise self._stop(f"more than {MAX_NODES} values", "document.too_large")
        if depth > MAX_DEPTH:
            raise self._stop(f"nested more than {MAX_DEPTH} levels deep", "document.too_deep")
        start = self.at
        node = Node(None, self.lines.at(start), start, start)
        match self.text[start : start + 1]:
            case "{":
                self._mapping(node, depth)
            case "[":
                self._list(node, depth)
            case '"':
                node.value = self._string()
            case _:
                node.value = self._word_or_number()
        node.end = self.at
        return node

    def _mapping(self, node: Node, depth: int) -> None:
        members: dict[str, Node] = {}
        self.at += 1
        self._skip()
        if not self._take("}"):
            while True:
                line = self.lines.at(self.at)
                if self.text[self.at : self.at + 1] != '"':
                    raise self._wanted("a name in double quotes")
                name = self._string()
                if name in members:
                    self._report(
                        line,
                        f"the name {name!r} stands twice in one mapping (first in line {node.keys[name]})",
                        "document.duplicate_name",
                    )
                else:
                    node.keys[name] = line
                self._skip()
                if not self._take(":"):
                    raise self._wanted("':'")
                self._skip()
                members[name] = self._value(depth + 1)
                self._skip()
                if self._take("}"):
                    break
                if not self._take(","):
                    raise self._wanted("',' or '}'")
                self._skip()
        node.children = members
        node.value = {name: member.value for name, member in members.items()}

    def _list(self, node: Node, depth: int) -> None:
        elements: list[Node] = []
        self.at += 1
        self._skip()
        if not self._take("]"):
            while True:
                elements.append(self._value(depth + 1))
                self._skip()
                if self._take("]"):
                    break
                if not self._take(","):
                    raise self._wanted("',' or ']'")
                self._skip()
        node.children = elements
        node.value = [element.value for element in elements]

    def _string(self) -> str:
        found = _STRING.match(self.text, self.at)
        if found is None:
            raise self._stop("a text that is not closed, or holds a bare control character or a bad escape")
        value: str = json.loads(found[0])
        if not value.isascii() and any("\ud800" <= char <= "\udfff" for char in value):
            raise self._stop("half of a surrogate pair in a text")
        self.at = found.end()
        return value

    def _word_or_number(self) -> Any:
        if found := _WORD.match(self.text, self.at):
            self.at = found.end()
            return _WORDS[found[0]]
        found = _NUMBER.match(self.text, self.at)
        if found is None:
            raise self._wanted("a value")
        if len(found[0]) > MAX_DIGITS:
            raise self._stop(f"a number of more than {MAX_DIGITS} digits", "document.number")
        self.at = found.end()
        return Decimal(found[0]) if found[1] or found[2] else int(found[0])

    def _skip(self) -> None:
        found = _SPACE.match(self.text, self.at)
        if found is not None:
            self.at = found.end()

    def _take(self, char: str) -> bool:
        if self.text.startswith(char, self.at):
            self.at += 1
            return True
        return False

    def _wanted(self, what: str) -> Unparsable:
        return self._stop(f"the file is not JSON: {what} should stand here")

    def _stop(self, title: str, code: str = "document.syntax") -> Unparsable:
        offset = min(self.at, max(len(self.text.rstrip()) - 1, 0))
        return Unparsable(Problem(code=code, title=title, file=self.file, line=self.lines.at(offset)))

    def _report(self, line: int, title: str, code: str) -> None:
        self.parsed.problems.append(Problem(code=code, title=title, file=self.file, line=line))
