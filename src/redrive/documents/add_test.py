"""A test put into a flow document: every character that stands there already stays."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import yaml
from yaml.nodes import MappingNode, Node, SequenceNode

from redrive.core.jsonvalue import decode, encode
from redrive.documents.load import Document, load_one
from redrive.errors import Fault

WIDE = 100
"""JSON up to this length stands on one line."""

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_WORDS = frozenset({"true", "false", "null", "yes", "no", "on", "off", "y", "n"})
# What YAML does not allow as it is in a text, though JSON does.
_UNPRINTABLE = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")


def with_test(document: Document, test: Mapping[str, Any]) -> str:
    """The text of the document with one more test, at the end of its tests."""
    text = document.text
    if text.lstrip("\ufeff \t\r\n").startswith("{"):
        data = {**document.data, "tests": [*(document.data.get("tests") or []), test]}
        result = encode(data).decode() + "\n"
    else:
        result = _in_yaml(text, test)
    again = load_one(result, document.file).data
    wanted = {**document.data, "tests": [*(document.data.get("tests") or []), _read(test)]}
    if encode(again.get("tests")) != encode(wanted["tests"]):
        raise Fault("the test could not be written into the document", code="test.not_written")
    return result


def _read(test: Mapping[str, Any]) -> Any:
    return decode(encode(test))


def _in_yaml(text: str, test: Mapping[str, Any]) -> str:
    node = _tests(text)
    if node is None:
        return f"{text.rstrip()}\ntests:\n" + _item(test, "  ")
    start, end = node.start_mark.index, node.end_mark.index
    if not isinstance(node, SequenceNode):  # `tests:` with nothing behind it
        return f"{text[:end].rstrip()}\n{_item(test, '  ')}{text[end:].lstrip(' ')}"
    if node.flow_style:
        comma = ", " if node.value else ""
        return f"{text[: end - 1].rstrip()}{comma}{_json(test)}]{text[end:]}"
    line = text.rfind("\n", 0, start) + 1
    indent = text[line:start].partition("-")[0]
    last = text[:end].rstrip()
    rest = text[len(last) :]
    return f"{last}\n{_item(test, indent)}" + (rest.lstrip("\n") if rest.strip() else "")


def _tests(text: str) -> Node | None:
    """The value of `tests`, with the places of its first and last sign."""
    # The pure loader: its marks say where a list ends.
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    if isinstance(root, MappingNode):
        for key, value in root.value:
            if key.value == "tests":
                found: Node = value
                return found
    return None


def as_yaml(test: Mapping[str, Any]) -> str:
    """One test as an element of `tests:`."""
    return _item(test, "  ")


def _item(test: Mapping[str, Any], indent: str) -> str:
    lines = list(_mapping(test, f"{indent}  "))
    lines[0] = f"{indent}- {lines[0].strip()}"
    return "\n".join(lines) + "\n"


_STRUCTURE = frozenset({"exchanges", "expect", "steps", "given", "out", "sent", "request", "response"})
"""Names below which the test's own structure goes on; everything else is a value."""


def _mapping(data: Mapping[str, Any], indent: str, *, open_names: bool = False) -> Iterator[str]:
    for name, value in data.items():
        yield from _member(
            _name(name), value, indent, structure=open_names or name in _STRUCTURE, inside=name
        )


def _member(head: str, value: Any, indent: str, *, structure: bool, inside: str) -> Iterator[str]:
    flat = _json(value)
    if not structure or len(indent) + len(head) + len(flat) < WIDE or not value:
        yield from _value(f"{indent}{head}: ", value, indent)
    elif isinstance(value, Mapping):
        yield f"{indent}{head}:"
        yield from _mapping(value, f"{indent}  ", open_names=inside in {"exchanges", "steps"})
    else:
        yield f"{indent}{head}:"
        for element in value:
            if isinstance(element, Mapping):
                lines = list(_mapping(element, f"{indent}    "))
                yield f"{indent}  - {lines[0].strip()}"
                yield from lines[1:]
            else:
                yield from _value(f"{indent}  - ", element, indent)


def _value(head: str, value: Any, indent: str) -> Iterator[str]:
    """A value as JSON: on one line where it is short, else its elements one a line."""
    flat = _json(value)
    if len(head) + len(flat) <= WIDE or not isinstance(value, list) or len(value) < 2:
        yield head + flat
        return
    yield f"{head}["
    line = ""
    for number, element in enumerate(value):
        text = _json(element) + ("," if number + 1 < len(value) else "")
        if line and len(indent) + len(line) + len(text) + 3 > WIDE:
            yield f"{indent}  {line}"
            line = text
        else:
            line = f"{line} {text}" if line else text
    yield f"{indent}  {line}"
    yield f"{indent}]"


def _json(value: Any) -> str:
    text = encode(value).decode()
    return _UNPRINTABLE.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def _name(name: str) -> str:
    return name if _PLAIN.fullmatch(name) and name.lower() not in _WORDS else _json(name)
