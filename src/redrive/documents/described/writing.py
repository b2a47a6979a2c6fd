"""A connector document as YAML text: the same text for the same document, with comments that say why."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any, Final

from redrive.core.jsonvalue import encode
from redrive.documents.described.model import Described, Draft, Setting

WIDTH: Final = 110
MARK: Final = "imported"
_PLAIN: Final = re.compile(r"[A-Za-z_/][A-Za-z0-9_./ -]*[A-Za-z0-9_./]|[A-Za-z_]")
_KEY: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")
_WORDS: Final = frozenset({"null", "true", "false", "yes", "no", "on", "off", "y", "n"})


def heading(described: Described) -> list[str]:
    """The comment at the top: where it came from, and what a connection has to say."""
    source = " ".join(part for part in (described.title, described.version) if part)
    lines = [
        f"# Made by `redrive connectors import` from {source} ({described.kind}).",
        "# Endpoints that are edited by hand stay as they are at the next import.",
    ]
    lines += _settings("Settings of a connection", [one for one in described.settings if not one.secret])
    lines += _settings("Secrets of a connection", [one for one in described.settings if one.secret])
    return [comment_line(line) for line in lines]


def _settings(title: str, settings: list[Setting]) -> Iterator[str]:
    if settings:
        yield f"# {title}:"
    for one in settings:
        more = f" Default: {one.default}." if one.default else ""
        more += f" One of {', '.join(one.one_of)}." if one.one_of else ""
        yield f"#   {one.name}: {one.help}{more}"


def comment_line(text: str) -> str:
    """One line of a comment, whatever the description holds."""
    return "".join(char if char.isprintable() else " " for char in text)


def head_lines(head: Mapping[str, Any], comments: Mapping[str, str]) -> list[str]:
    """The names of the document above `endpoints`."""
    lines: list[str] = []
    for name, value in head.items():
        if name in comments:
            lines.append(comment_line(f"# {comments[name]}"))
        lines += member(name, value, 0)
    return lines


def endpoint_lines(draft: Draft, mark: str) -> list[str]:
    """One endpoint under `endpoints`, with its comments."""
    lines = [f"  {key(draft.name)}:", comment_line(f"    # {draft.operation}")]
    written: set[str] = set()
    for name, value in draft.document.items():
        if name in draft.comments:
            lines.append(comment_line(f"    # {name}: {draft.comments[name]}"))
            written.add(name)
        lines += member(name, value, 2)
    lines += [
        comment_line(f"    # {name}: {why}") for name, why in draft.comments.items() if name not in written
    ]
    return [*lines, f"    {MARK}: {scalar(mark)}"]


def member(name: str, value: Any, level: int) -> list[str]:
    """`name: value` in block form, or in flow form where that fits a line."""
    start = f"{'  ' * level}{key(name)}:"
    flat = flow(value)
    if not isinstance(value, (Mapping, list)) or not value or len(start) + 1 + len(flat) <= WIDTH:
        return [f"{start} {flat}"]
    if isinstance(value, Mapping):
        return [start, *(line for inner, one in value.items() for line in member(inner, one, level + 1))]
    lines = [start]
    for one in value:
        flat = flow(one)
        if isinstance(one, Mapping) and one and len(flat) + 2 * level + 4 > WIDTH:
            inner = [line for name, below in one.items() for line in member(name, below, level + 2)]
            inner[0] = f"{'  ' * (level + 1)}- {inner[0].lstrip()}"
            lines += inner
        else:
            lines.append(f"{'  ' * (level + 1)}- {flat}")
    return lines


def flow(value: Any) -> str:
    """A value in one line."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key(name)}: {flow(inner)}" for name, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(flow, value)) + "]"
    return scalar(value)


def key(name: str) -> str:
    return name if _KEY.fullmatch(name) and name.casefold() not in _WORDS else quoted(name)


def scalar(value: Any) -> str:
    """A scalar that reads back as the same value."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, Decimal)):
        return encode(value).decode()
    text = str(value)
    plain = _PLAIN.fullmatch(text) and text.casefold() not in _WORDS and "  " not in text
    return text if plain else quoted(text)


def quoted(text: str) -> str:
    """Text in double quotes; what does not print, or YAML cannot hold, stands as an escape."""
    clean = "".join("\ufffd" if "\ud800" <= char <= "\udfff" else char for char in text)
    made = encode(clean).decode()
    if made.isprintable():
        return made
    return "".join(char if char.isprintable() else _escape(ord(char)) for char in made)


def _escape(code: int) -> str:
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
