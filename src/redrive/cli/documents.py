"""The verbs check, import, export, deploy and schema: documents in and out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from cyclopts import Parameter

from redrive.cli.options import Note, pairs
from redrive.cli.output import visible
from redrive.cli.session import Injected, Session
from redrive.client.records import Bundle, Document
from redrive.core.counting import counted, is_or_are
from redrive.core.jsonvalue import decode
from redrive.core.nearest import nearest
from redrive.errors import FlowInvalid, NotFound, Problem, UsageError

_ENDINGS: Final = frozenset({".yaml", ".yml", ".json"})
_KINDS: Final = ("flow", "connector", "connection")

Paths = Annotated[list[str], Parameter(help="Files, or folders with .yaml, .yml and .json files.")]


def read_documents(paths: Sequence[str]) -> list[Document]:
    """The bytes of all files; of folders, those of the documents in them. Errors: `file.unknown`."""
    documents: list[Document] = []
    seen: set[Path] = set()
    for name in paths:
        path = Path(name)
        if path.is_dir():
            found = [
                (str(file), text)
                for file in _files(path)
                if _holds_document(file, text := _read(file)) and file.resolve() not in seen
            ]
            if not found:
                raise NotFound(
                    f"The folder {name} holds no document",
                    code="file.unknown",
                    at=name,
                    hint="Documents are files that end in .yaml, .yml or .json.",
                )
            seen.update(Path(file).resolve() for file, _ in found)
            documents += found
        elif path.exists():
            if path.resolve() not in seen:
                seen.add(path.resolve())
                documents.append((name, _read(path)))
        else:
            siblings = [one.name for one in path.parent.iterdir()] if path.parent.is_dir() else []
            near = nearest(path.name, siblings)
            raise NotFound(
                f"There is no file or folder {name}",
                code="file.unknown",
                at=name,
                hint=f"Did you mean {path.parent / near}?" if near else None,
            )
    return documents


def _files(folder: Path) -> Iterator[Path]:
    for file in sorted(folder.rglob("*")):
        hidden = any(part.startswith(".") for part in file.relative_to(folder).parts)
        if file.suffix.lower() in _ENDINGS and not hidden and file.is_file():
            yield file


def _holds_document(file: Path, text: bytes) -> bool:
    """False for a JSON file of a folder that is plain data, such as an example payload."""
    if file.suffix.lower() != ".json":
        return True
    try:
        value: Any = decode(text)
    except ValueError:
        return True
    return isinstance(value, dict) and any(kind in value for kind in _KINDS)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UsageError(
            f"The file {path} cannot be read: {error.strerror}", code="file.unreadable", at=str(path)
        ) from None


async def check(paths: Paths, /, *, session: Injected) -> None:
    """Validate documents and list every problem found. Nothing is stored. Exit code 2 if there is one."""
    documents = read_documents(paths)
    async with session.connect() as client:
        result = await client.flows.check(documents)
    if result.problems:
        raise FlowInvalid([Problem(**problem.model_dump()) for problem in result.problems])
    if session.json:
        session.output.view(result)
        return
    for warning in result.warnings:
        session.output.text(f"warning: {visible(warning)}")
    for one in result.times:
        times = ", ".join(time.strftime("%Y-%m-%dT%H:%M:%SZ") for time in one.next)
        session.output.text(f"{visible(one.flow)}: {visible(one.rule)}: next {times}")
    count = len(documents)
    session.output.text(f"{counted(count, 'file')} {is_or_are(count)} valid.")


async def import_(
    paths: Paths,
    /,
    *,
    deploy: Annotated[bool, Parameter(help="Deploy the imported flows.")] = False,
    map: Annotated[
        list[str] | None,
        Parameter(help="NAME=OTHER: the documents' connection NAME is OTHER here; may be repeated."),
    ] = None,
    note: Note = None,
    session: Injected,
) -> None:
    """Take flows, connectors and connections in: all or, where one has a problem, none.

    A flow that exists gets a new draft. An equal document changes nothing.
    """
    rename = pairs("--map", map, "NAME=OTHER")
    documents = read_documents(paths)
    async with session.connect() as client:
        done = await client.flows.import_documents(documents, deploy=deploy, rename=rename, note=note)
    if session.json:
        session.output.page(done, None)
        return
    session.output.table(
        ("kind", "name", "result", "version"),
        [(one.kind, one.name, one.result, one.version) for one in done],
        empty="Nothing was imported.",
    )
    for one in done:
        for warning in one.warnings:
            session.output.note(f"warning: {visible(one.name)}: {visible(warning)}")


async def export(
    flow: Annotated[str, Parameter(help="Name of the flow.")],
    /,
    *,
    version: Annotated[str | None, Parameter(help="draft, deployed or a number.")] = None,
    all: Annotated[
        bool, Parameter(help="Also the flows that it calls, its connectors and connections; no secrets.")
    ] = False,
    session: Injected,
) -> None:
    """Print a flow's document byte for byte as it was imported; with --all what it refers to as well."""
    async with session.connect() as client:
        if all:
            _print_bundle(session, await client.flows.export_all(flow, version=version))
            return
        text = await client.flows.export(flow, version=version)
    if session.json:
        session.output.value({"flow": flow, "document": text.decode("utf-8", "replace")})
    else:
        session.output.bytes(text)


def _print_bundle(session: Session, bundle: Bundle) -> None:
    if session.json:
        session.output.view(bundle)
        return
    session.output.bytes(bundle.text.encode())
    for one in bundle.needs:
        session.output.note(f"needed where this is imported: {visible(one)}")


async def deploy(
    flow: Annotated[str, Parameter(help="Name of the flow.")],
    /,
    *,
    version: Annotated[int | None, Parameter(help="Number of a version; else the draft.")] = None,
    note: Note = None,
    session: Injected,
) -> None:
    """Make the draft, or an older version, the deployed one."""
    async with session.connect() as client:
        done = await client.flows.deploy(flow, version=version, note=note)
    if session.json:
        session.output.view(done)
        return
    session.output.text(f"{visible(done.flow)} version {done.number} is {done.state}.")


async def schema(
    kind: Annotated[Literal["flow", "connector", "connection"], Parameter(help="Kind of document.")] = "flow",
    /,
    *,
    session: Injected,
) -> None:
    """Print the JSON Schema of a kind of document."""
    async with session.connect() as client:
        session.output.value(await client.flows.schema(kind))
