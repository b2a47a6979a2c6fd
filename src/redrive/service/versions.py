"""Which version of a flow is meant, and freezing a document as one: for deploys, starts and exports."""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

from blake3 import blake3

from redrive.core.nearest import nearest
from redrive.documents.export import normalise
from redrive.documents.load import Document
from redrive.documents.problems import one_of, shown
from redrive.errors import NotFound
from redrive.service.kernel import Kernel
from redrive.store import flows as store
from redrive.store.committer import Transaction
from redrive.store.flows import FlowRow, Source, VersionRow

Resolved: TypeAlias = tuple[Literal["version"], int] | tuple[Literal["draft"]]

_WORDS: Final = ("deployed", "draft")


def digest_of(document: Document) -> bytes:
    """The same for equal documents, however they are spelt."""
    return blake3(normalise(document.data)).digest()


def text_tag(text: bytes) -> str:
    """Names exactly this text: whoever saves over a draft tells the tag of the one that was read."""
    return blake3(text).hexdigest(16)


def flow_named(source: Source, name: str) -> FlowRow:
    """Errors: `flow.unknown`, which names the nearest one."""
    found = store.get_flow(source, name)
    if found is None:
        raise unknown_flow(source, name)
    return found


def unknown_flow(source: Source, name: str) -> NotFound:
    near = nearest(name, store.names(source))
    return NotFound(
        f"there is no flow {shown(name)}",
        code="flow.unknown",
        hint=f"Did you mean {near!r}?" if near else "`redrive flows` lists them.",
    )


def ensure_flow(transaction: Transaction, kernel: Kernel, name: str) -> FlowRow:
    """The flow of a name; where there is none, a new one without a draft and without versions."""
    found = store.get_flow(transaction, name)
    if found is not None:
        return found
    flow = FlowRow(
        id=kernel.deps.ids.next(),
        name=name,
        enabled=True,
        draft=None,
        draft_file=None,
        created_at=kernel.deps.clock.micros(),
        last_success=None,
    )
    store.insert_flow(transaction, flow)
    return flow


def record(
    transaction: Transaction, kernel: Kernel, flow_id: int, number: int, kind: str, note: str | None = None
) -> None:
    """Note that a version was created, deployed or restored."""
    deps = kernel.deps
    event = store.VersionEvent(deps.ids.next(), number, kind, deps.clock.micros(), kernel.actor, note)
    store.insert_event(transaction, flow_id, event)


def freeze(
    transaction: Transaction,
    kernel: Kernel,
    flow_id: int,
    text: bytes,
    file: str,
    digest: bytes,
    note: str | None = None,
) -> int:
    """The number of the version that is equal to the document, else of a new inactive one of it."""
    equal = store.equal_version(transaction, flow_id, digest)
    if equal is not None:
        return equal.number
    version = VersionRow(
        flow_id=flow_id,
        number=store.newest_number(transaction, flow_id) + 1,
        state=store.INACTIVE,
        digest=digest,
        created_at=kernel.deps.clock.micros(),
    )
    store.insert_version(transaction, version, text, file)
    record(transaction, kernel, flow_id, version.number, "created", note)
    return version.number


def resolve_version(source: Source, flow: FlowRow, asked: str | None) -> Resolved:
    """What `--version` means: `deployed`, `draft` or a number; None: the deployed one, else the draft.

    Errors: `version.unknown`.
    """
    deployed = store.deployed(source, flow.id) if asked in {None, "deployed"} else None
    if deployed is not None:
        return ("version", deployed.number)
    if asked in {None, "draft"} and flow.draft is not None:
        return ("draft",)
    if asked is not None and asked.isascii() and asked.isdecimal():
        # More digits than a version can have: no number that the database could be asked for.
        number = int(asked) if len(asked) < 10 else 0
        if store.get_version(source, flow.id, number) is not None:
            return ("version", number)
    raise _unknown_version(source, flow, asked)


def text_of(source: Source, flow: FlowRow, resolved: Resolved) -> tuple[bytes, str | None]:
    """The exact text of what was resolved, and the file that it came from."""
    if resolved[0] == "draft":
        assert flow.draft is not None
        return flow.draft, flow.draft_file
    found = store.document(source, flow.id, resolved[1])
    assert found is not None
    return found


def unknown_number(source: Source, flow: FlowRow, number: int) -> NotFound:
    return _unknown_version(source, flow, str(number))


def _unknown_version(source: Source, flow: FlowRow, asked: str | None) -> NotFound:
    there = [str(version.number) for version in store.versions(source, flow.id, before=None, at_most=16)]
    known = [*there, *(["draft"] if flow.draft is not None else [])]
    if asked is None:
        detail = f"the flow {flow.name!r} has neither a deployed version nor a draft"
    elif asked in _WORDS:
        detail = f"the flow {flow.name!r} has no {asked}{' version' if asked == 'deployed' else ''}"
    else:
        detail = f"the flow {flow.name!r} has no version {shown(asked)}"
    near = nearest(asked, _WORDS) if asked is not None and asked not in _WORDS else None
    if near:
        hint = f"Did you mean {near!r}?"
    elif not known:
        hint = "Import its document to give it a draft."
    elif asked == "deployed":
        hint = f"Deploy one (`redrive deploy {flow.name}`), or name one of {one_of(known)}."
    else:
        hint = f"There is {one_of(known)}."
    return NotFound(detail, code="version.unknown", hint=hint)
