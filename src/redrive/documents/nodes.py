"""The parsed tree of a document: every value with its place in the text."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from redrive.errors import Problem

# Bounds of one file; what is beyond them is not a document that a person wrote.
MAX_BYTES = 8 << 20
MAX_DEPTH = 100
MAX_NODES = 200_000
MAX_DIGITS = 4_000


class Node:
    """One value. `children` are its members (a mapping), its elements (a list) or None.

    `start` and `end` are offsets in the file's text; `line` counts from 1. `keys` holds the line of
    each name of a mapping. A node that an alias repeats is one object.
    """

    __slots__ = ("children", "end", "keys", "line", "start", "value")

    def __init__(self, value: Any, line: int, start: int, end: int) -> None:
        self.value = value
        self.line = line
        self.start = start
        self.end = end
        self.children: dict[str, Node] | list[Node] | None = None
        self.keys: dict[str, int] = {}

    def member(self, token: str) -> Node | None:
        """The member or element of that name or number."""
        if isinstance(self.children, dict):
            return self.children.get(token)
        if isinstance(self.children, list) and token.isdecimal() and int(token) < len(self.children):
            return self.children[int(token)]
        return None

    def line_at(self, pointer: str) -> int:
        """The line of a JSON Pointer: of the name, for a member; of the nearest there is, else."""
        node, line = self, self.line
        for token in tokens(pointer):
            inner = node.member(token)
            if inner is None:
                break
            line = node.keys.get(token, inner.line)
            node = inner
        return line

    def at(self, pointer: str) -> Node | None:
        """The node of a JSON Pointer, if there is one."""
        node: Node | None = self
        for token in tokens(pointer):
            if node is None:
                return None
            node = node.member(token)
        return node


def tokens(pointer: str) -> Iterator[str]:
    """The unescaped parts of a JSON Pointer."""
    for token in pointer.split("/")[1:]:
        yield token.replace("~1", "/").replace("~0", "~")


def pointer_to(base: str, *parts: str | int) -> str:
    """A JSON Pointer further in."""
    return base + "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in parts)


class Lines:
    """Offsets in a text to line numbers, counted as editors do."""

    def __init__(self, text: str) -> None:
        self._ends = [i for i, char in enumerate(text) if char == "\n"] if "\n" in text else []

    def at(self, offset: int) -> int:
        return bisect_left(self._ends, offset) + 1


@dataclass(slots=True)
class Part:
    """One document of a file: its tree and its text, from `start` to before `end`."""

    node: Node
    start: int
    end: int


@dataclass(slots=True)
class Parsed:
    """What a file's text gave: its documents and what was wrong."""

    parts: list[Part] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)


class Unparsable(Exception):
    """Parsing cannot go on after this problem."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.title)
        self.problem = problem
