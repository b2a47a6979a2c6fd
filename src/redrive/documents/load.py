"""Files and texts to documents: what kind each is, what it is called, where each line of it stands."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from redrive.core.nearest import nearest
from redrive.documents.json_source import parse_json
from redrive.documents.nodes import MAX_BYTES, Node, Parsed, Part
from redrive.documents.yaml_source import parse_yaml
from redrive.errors import FlowInvalid, NotFound, Problem

Kind = Literal["flow", "connector", "connection"]
KINDS: tuple[Kind, ...] = ("flow", "connector", "connection")
EXTENSIONS = frozenset({".yaml", ".yml", ".json"})


@dataclass(frozen=True, slots=True)
class Document:
    """One flow, connector or connection as it was written.

    `text` is its exact part of the file; `data` its value, never to be changed (aliases share
    parts of it); `first_line` the line of its first name in the file.
    """

    kind: Kind
    name: str
    text: str
    data: Mapping[str, Any]
    file: str | None
    first_line: int
    node: Node = field(repr=False, compare=False)
    start: int = field(default=0, repr=False, compare=False)
    """Where `text` begins in the file: the offsets of `node` count from the file's start."""

    def line_of(self, pointer: str) -> int:
        """The line in the file of a JSON Pointer: of the nearest value that is there."""
        return self.node.line_at(pointer)

    def line_in(self, step_id: str, setting: str) -> int | None:
        """The line of a setting of the step with an id, wherever it stands; `with/day`: of one inside it."""
        outer, _, inner = setting.partition("/")
        waiting = [self.node]
        while waiting:
            node = waiting.pop()
            if isinstance(node.children, dict):
                own = node.children.get("id")
                if own is not None and own.value == step_id and "shape" in node.children:
                    below = node.children.get(outer)
                    return node.keys.get(outer) if not inner else below.keys.get(inner) if below else None
                waiting.extend(node.children.values())
            elif isinstance(node.children, list):
                waiting.extend(node.children)
        return None

    def line_inside(self, pointer: str, line: int) -> int:
        """The line in the file of a line (from 1) of the text at a JSON Pointer.

        Exact for a block (`|`), whose lines stand as they are; of other texts the first line.
        """
        node = self.node.at(pointer)
        if node is None:
            return self.line_of(pointer)
        block = self.text[node.start - self.start : node.start - self.start + 1] in ("|", ">")
        return node.line + line if block else node.line


@dataclass(slots=True)
class Loaded:
    """What files gave: the documents that could be read and the problems of the rest."""

    documents: list[Document] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    def checked(self) -> list[Document]:
        """The documents, if there was no problem. Errors: `document.invalid` with all problems."""
        if self.problems:
            raise FlowInvalid(self.problems)
        return self.documents


def load_path(path: str | Path) -> list[Document]:
    """All documents of a file, or of the *.yaml, *.yml and *.json files in a folder and below.

    Errors: `document.invalid` with the problems of all files, `file.unknown`.
    """
    return read_paths([path]).checked()


def load_text(text: str, name: str | None = None) -> list[Document]:
    """All documents of a text; `name` is shown as its file. Errors: `document.invalid`."""
    return read_text(text, name).checked()


def as_text(data: bytes, name: str | None = None) -> str:
    """The text of a file's bytes. Errors: `document.invalid` where they are not UTF-8."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise FlowInvalid([not_text(name)]) from None


def not_text(name: str | None) -> Problem:
    return Problem("document.encoding", "the file is not UTF-8 text", name, 1)


def load_one(text: str, name: str | None = None) -> Document:
    """The one document of a text. Errors: `document.invalid`."""
    documents = load_text(text, name)
    if len(documents) != 1:
        raise FlowInvalid(
            [Problem("document.count", f"{len(documents)} documents", name, 1, expected="exactly one")]
        )
    return documents[0]


def read_paths(paths: Iterable[str | Path]) -> Loaded:
    """As `load_path` for several paths, but gives the problems instead of raising them."""
    loaded = Loaded()
    seen: set[Path] = set()
    for path in map(Path, paths):
        files = _files(path)
        for file in files:
            if (real := file.resolve()) not in seen:
                seen.add(real)
                _read_file(file, loaded, chosen=file == path)
    _refuse_twins(loaded)
    return loaded


def read_text(text: str, name: str | None = None) -> Loaded:
    """As `load_text`, but gives the problems instead of raising them."""
    loaded = Loaded()
    parsed = _parse(text, name)
    loaded.problems.extend(parsed.problems)
    for part in parsed.parts:
        _add(part, text, name, loaded)
    if not parsed.parts and not parsed.problems:
        loaded.problems.append(
            Problem("document.empty", "there is no document in it", name, 1, expected=_KINDS_EXPECTED)
        )
    _refuse_twins(loaded)
    return loaded


_KINDS_EXPECTED = "a document that starts with flow:, connector: or connection:"


def _files(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    if not path.is_dir():
        siblings = path.parent.iterdir() if path.parent.is_dir() else ()
        near = nearest(path.name, [sibling.name for sibling in siblings])
        raise NotFound(
            f"there is no file or folder {path}",
            code="file.unknown",
            at=str(path),
            hint=f"Did you mean {path.parent / near}?" if near else None,
        )
    files = sorted(
        file
        for file in path.rglob("*")
        if file.suffix.lower() in EXTENSIONS
        and file.is_file()
        and not any(part.startswith(".") for part in file.relative_to(path).parts)
    )
    if not files:
        raise NotFound(
            f"the folder {path} holds no document",
            code="file.unknown",
            at=str(path),
            hint="Documents are files that end in .yaml, .yml or .json.",
        )
    return files


def _read_file(file: Path, loaded: Loaded, *, chosen: bool) -> None:
    """`chosen`: the file was named itself, so it must hold a document."""
    name = str(file)
    try:
        if file.stat().st_size > MAX_BYTES:
            raise ValueError(f"the file has more than {MAX_BYTES >> 20} MiB")
        text = file.read_bytes().decode("utf-8")
    except UnicodeDecodeError:
        loaded.problems.append(not_text(name))
        return
    except (OSError, ValueError) as error:
        reason = error.strerror or "it cannot be read" if isinstance(error, OSError) else str(error)
        loaded.problems.append(Problem("document.unreadable", reason, name, None))
        return
    result = read_text(text, name)
    if not chosen and file.suffix.lower() == ".json" and _is_plain_data(result):
        return
    loaded.documents.extend(result.documents)
    loaded.problems.extend(result.problems)


def _is_plain_data(result: Loaded) -> bool:
    """A JSON file in a folder that is clearly no document: test data beside a flow, for example."""
    return bool(result.problems) and all(
        problem.code == "document.empty" or (problem.code == "document.kind" and problem.nearest is None)
        for problem in result.problems
    )


def _parse(text: str, name: str | None) -> Parsed:
    if len(text) > MAX_BYTES:
        problem = Problem("document.too_large", f"more than {MAX_BYTES >> 20} MiB of text", name, 1)
        return Parsed(problems=[problem])
    if name is not None and name.lower().endswith(".json"):
        return parse_json(text, name)
    if text.lstrip("\ufeff \t\r\n").startswith("{"):
        # JSON is YAML but for a few escapes and tabs: as JSON if it is, whatever its file is called.
        parsed = parse_json(text, name)
        if parsed.parts:
            return parsed
    return parse_yaml(text, name)


def _add(part: Part, text: str, name: str | None, loaded: Loaded) -> None:
    node = part.node
    data = node.value
    if not isinstance(data, dict):
        loaded.problems.append(
            Problem(
                "document.kind",
                "a document is a mapping, and this is not one",
                name,
                node.line,
                expected=_KINDS_EXPECTED,
            )
        )
        return
    kind = _kind(data)
    if kind is None:
        loaded.problems.append(_unknown_kind(data, node, name))
        return
    title = data[kind]
    loaded.documents.append(
        Document(
            kind=kind,
            name=title if isinstance(title, str) else "",
            text=text[part.start : part.end],
            data=data,
            file=name,
            first_line=node.line,
            node=node,
            start=part.start,
        )
    )


def _kind(data: Mapping[str, Any]) -> Kind | None:
    first = next(iter(data), None)
    if first == "connector" and "connection" in data:
        return "connection"
    if first in KINDS:
        return first
    # Written by a program, in another order: only a connection has two of the names.
    for kind in ("flow", "connection", "connector"):
        if kind in data:
            return kind
    return None


def _unknown_kind(data: Mapping[str, Any], node: Node, name: str | None) -> Problem:
    first = next(iter(data), None)
    near = next((found for key in data if (found := nearest(key, KINDS))), None)
    title = f"a document that starts with {first!r} is none that Redrive knows" if first else "it is empty"
    line = node.keys[first] if first is not None else node.line
    return Problem("document.kind", title, name, line, expected=_KINDS_EXPECTED, nearest=near)


def _refuse_twins(loaded: Loaded) -> None:
    first: dict[tuple[str, str], Document] = {}
    for document in loaded.documents:
        other = first.setdefault((document.kind, document.name), document)
        if other is not document and document.name:
            problem = Problem(
                "document.duplicate",
                f"the {document.kind} {document.name} stands twice "
                f"(first at {other.file}:{other.first_line})",
                document.file,
                document.first_line,
                setting=document.kind,
            )
            if problem not in loaded.problems:
                loaded.problems.append(problem)
