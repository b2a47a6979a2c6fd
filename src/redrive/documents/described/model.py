"""What a description says, in the words of connector documents, before it is written down."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final, Literal

from redrive.errors import ConfigInvalid

Direction = Literal["receive", "send"]
Reason = Literal[
    "authentication",
    "body",
    "method",
    "parameter",
    "path",
    "reference",
    "server",
    "webhook",
]

MOST_TEXT: Final = 500
"""Longest description that is taken over, in characters."""


class DescriptionInvalid(ConfigInvalid):
    """The description as a whole cannot be read, or is of another kind."""


class Unfit(Exception):
    """One operation cannot be imported. `way_out` says what to do instead."""

    def __init__(self, reason: Reason, why: str, way_out: str) -> None:
        super().__init__(why)
        self.reason: Reason = reason
        self.why = why
        self.way_out = way_out


@dataclass(frozen=True)
class Refused:
    """An operation that is not in the document, why, and the way out."""

    operation: str
    reason: Reason
    why: str
    way_out: str


@dataclass(frozen=True)
class Note:
    """Something that was left out or guessed; `operation` is empty where it holds for all."""

    operation: str
    text: str


@dataclass(frozen=True)
class Wanted:
    """What is taken of a description.

    `only`: tags, paths (`/orders` is that path and all below it; `*` stands for one part), operation ids
    or names of endpoints. `server` and `authentication`: one of those that it names.
    """

    name: str | None = None
    only: tuple[str, ...] = ()
    server: str | None = None
    authentication: str | None = None


@dataclass
class Draft:
    """One endpoint. `document` is what stands under its name, `comments` why: by its settings."""

    operation: str
    name: str
    document: dict[str, Any]
    comments: dict[str, str] = field(default_factory=dict)

    @property
    def direction(self) -> str:
        return str(self.document["direction"])


@dataclass
class Setting:
    """Something that a connection has to, or may, say."""

    name: str
    help: str
    secret: bool = False
    default: str | None = None
    one_of: tuple[str, ...] = ()


@dataclass
class Described:
    """A whole description. `head` is the document without its endpoints."""

    kind: str
    title: str
    version: str
    name: str
    head: dict[str, Any] = field(default_factory=dict)
    comments: dict[str, str] = field(default_factory=dict)
    settings: list[Setting] = field(default_factory=list)
    endpoints: list[Draft] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    nodes: int = 0
    """Most values of one schema or sample that was kept."""
    operations: int = 0
    """All that the description names, chosen or not."""
    chosen: int = 0


def text_of(value: Any, most: int = MOST_TEXT) -> str:
    """A description as one line that can stand in a document and on a terminal."""
    if not isinstance(value, str):
        return ""
    words = "".join(char if char.isprintable() else " " for char in value[: most * 4]).split()
    line = " ".join(words)
    return line if len(line) <= most else line[: most - 1].rstrip() + "…"
