"""Documents into a home: read and checked with what is there, then written all together or not at all."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, Literal, TypeAlias

import msgspec

from redrive.documents.check import Checked, check
from redrive.documents.connection_document import ConnectionSpec
from redrive.documents.export import check_renames, normalise, rename_connections
from redrive.documents.load import Document, Loaded, load_one, not_text, read_text
from redrive.errors import FlowInvalid, Notice, Problem, StateConflict, UsageError
from redrive.registry import Registry
from redrive.service.bundles import lacking
from redrive.service.interface import Document as Given
from redrive.service.kernel import Kernel
from redrive.service.versions import digest_of, ensure_flow, freeze, record, text_tag
from redrive.service.views import Imported
from redrive.store import connections as connection_store
from redrive.store import flows as flow_store
from redrive.store import lookups as lookup_store
from redrive.store import notices as notice_store
from redrive.store.committer import Transaction
from redrive.store.connections import ConnectionRow, ConnectorRow
from redrive.store.flows import FlowRow, Source
from redrive.store.secrets import SecretBox


class FlowImport(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    text: bytes
    file: str
    digest: bytes
    stored: bytes | None
    """The draft that was there when the import was prepared, and its digest."""
    stored_digest: bytes | None


class ConnectorImport(msgspec.Struct, frozen=True, kw_only=True):
    row: ConnectorRow


class ConnectionImport(msgspec.Struct, frozen=True, kw_only=True):
    spec: ConnectionSpec


Prepared: TypeAlias = tuple[FlowImport | ConnectorImport | ConnectionImport, list[str]]


def read_documents(documents: Sequence[Given], renames: Mapping[str, str], registry: Registry) -> Loaded:
    """The documents of all files, with connections renamed; what cannot be read is in the problems.

    Errors: `usage` where there is nothing to read, or for a rename that fits nothing.
    """
    if not documents:
        raise UsageError("no document was given")
    files = [(name, _read(name, data)) for name, data in documents]
    loaded = _joined(one for _, one in files)
    if not renames or loaded.problems:
        return loaded
    check_renames(renames, loaded.documents, registry)
    return _joined(
        # A file's documents, one after the other, are its text: so lines stay what they are.
        read_text("".join(rename_connections(one, renames, registry) for one in file.documents), name)
        for name, file in files
    )


def _read(name: str, data: bytes) -> Loaded:
    try:
        return read_text(data.decode(), name)
    except UnicodeDecodeError:
        return Loaded(problems=[not_text(name)])


def _joined(files: Iterable[Loaded]) -> Loaded:
    """All of them as one; what stands in two files is a problem."""
    joined = Loaded()
    first: dict[tuple[str, str], Document] = {}
    for file in files:
        joined.problems.extend(file.problems)
        here: dict[tuple[str, str], Document] = {}
        for document in file.documents:
            joined.documents.append(document)
            here.setdefault((document.kind, document.name), document)
            other = first.get((document.kind, document.name))
            if other is not None and document.name:
                joined.problems.append(
                    Problem(
                        "document.duplicate",
                        f"the {document.kind} {document.name} stands twice "
                        f"(first at {other.file}:{other.first_line})",
                        document.file,
                        document.first_line,
                        setting=document.kind,
                    )
                )
        first = {**here, **first}
    return joined


def check_with_home(source: Source, loaded: Loaded, registry: Registry) -> Checked:
    """Check documents together with the connections and connectors that the home has.

    Problems and notices stand in the order of files and lines.
    """
    checked = check(
        loaded,
        registry,
        connections={one.name: one.connector for one in connection_store.connections(source)},
        endpoints={one.name: endpoints_of(one) for one in connection_store.connectors(source)},
        lookups=lambda name: lookup_store.get(source, name) is not None,
        flows=flow_store.names(source),
        groups=[one.name for one in notice_store.all_groups(source)],
    )
    checked.problems.sort(key=_place)
    checked.notices.sort(key=_place)
    return checked


def _place(problem: Problem) -> tuple[str, int]:
    return problem.file or "", problem.line or 0


def endpoints_of(connector: ConnectorRow) -> Mapping[str, Mapping[str, Any]]:
    """What its document says of each endpoint."""
    return _endpoints(connector.document, connector.file)


@lru_cache(maxsize=256)
def _endpoints(text: bytes, file: str) -> Mapping[str, Mapping[str, Any]]:
    endpoints = load_one(text.decode(), file).data.get("endpoints")
    if not isinstance(endpoints, Mapping):
        return {}
    return {name: one if isinstance(one, Mapping) else {} for name, one in endpoints.items()}


def prepare(
    source: Source, kernel: Kernel, documents: Sequence[Given], renames: Mapping[str, str]
) -> Sequence[Prepared]:
    """Everything that needs no transaction. Errors: `document.invalid` with every problem, `usage`."""
    loaded = read_documents(documents, renames, kernel.registry)
    checked = check_with_home(source, loaded, kernel.registry)
    checked.raise_if_any()
    warnings = _by_document(loaded.documents, checked.notices)
    return [
        (_prepared(source, document, checked), warnings[n]) for n, document in enumerate(loaded.documents)
    ]


def _by_document(documents: Sequence[Document], notices: Iterable[Notice]) -> Sequence[list[str]]:
    """The notices of each document, as sentences."""
    found: list[list[str]] = [[] for _ in documents]
    for notice in notices:
        owner = max(
            (n for n, one in enumerate(documents) if one.file == notice.file),
            key=lambda n: (documents[n].first_line <= (notice.line or 0), n),
        )
        found[owner].append(str(notice))
    return found


def _prepared(
    source: Source, document: Document, checked: Checked
) -> FlowImport | ConnectorImport | ConnectionImport:
    text, file = document.text.encode(), document.file or ""
    match document.kind:
        case "flow":
            there = flow_store.get_flow(source, document.name)
            return FlowImport(
                name=document.name,
                text=text,
                file=file,
                digest=digest_of(document),
                stored=there.draft if there else None,
                stored_digest=_draft_digest(there),
            )
        case "connector":
            row = ConnectorRow(name=document.name, digest=digest_of(document), document=text, file=file)
            return ConnectorImport(row=row)
        case "connection":
            _, spec = checked.connections[document.name]
            return ConnectionImport(spec=spec)


def _draft_digest(flow: FlowRow | None) -> bytes | None:
    if flow is None or flow.draft is None:
        return None
    try:
        return digest_of(load_one(flow.draft.decode(), flow.draft_file))
    except FlowInvalid:
        return None  # of a release that read documents otherwise: equal to nothing


def apply(
    transaction: Transaction,
    kernel: Kernel,
    prepared: Sequence[Prepared],
    *,
    deploy: bool,
    note: str | None = None,
    based_on: Mapping[str, str] | None = None,
) -> Sequence[Imported]:
    """Write all of it. What each document did, in their order.

    `based_on`: of flows, the tag of the draft that was edited, "" where there was none.
    Errors: `draft.changed`.
    """
    for name, tag in (based_on or {}).items():
        _unchanged(transaction, name, tag)
    done = []
    for item, warnings in prepared:
        match item:
            case FlowImport():
                one = _import_flow(transaction, kernel, item, deploy=deploy, note=note)
            case ConnectorImport():
                one = _import_connector(transaction, kernel, item)
            case _:
                one = _import_connection(transaction, kernel, item)
        done.append(one.model_copy(update={"warnings": [*one.warnings, *warnings]}))
    # Connectors of the same import are there now, wherever they stood in it.
    return [
        one.model_copy(update={"warnings": [*one.warnings, *_lacking(transaction, one.name)]})
        if one.kind == "connection"
        else one
        for one in done
    ]


def _unchanged(transaction: Transaction, name: str, tag: str) -> None:
    there = flow_store.get_flow(transaction, name)
    stored = text_tag(there.draft) if there is not None and there.draft is not None else ""
    if stored != tag.strip('"'):
        raise StateConflict(
            f"the draft of {name!r} was changed since it was read",
            code="draft.changed",
            hint="Read it again, or save without based_on to replace it.",
        )


def _lacking(transaction: Transaction, name: str) -> list[str]:
    """What the connection still has to be given: secrets above all, which no export holds."""
    connection = connection_store.get_connection(transaction, name)
    assert connection is not None
    connector = connection_store.get_connector(transaction, connection.connector)
    if connector is None:
        return []
    return [
        f"the connection {name} has no {one!r}, which the connector {connector.name} reads; "
        "give it under secrets or settings"
        for one in lacking(connection, connector)
    ]


def _import_flow(
    transaction: Transaction, kernel: Kernel, item: FlowImport, *, deploy: bool, note: str | None
) -> Imported:
    flow = ensure_flow(transaction, kernel, item.name)
    # Somebody may have replaced the draft in the meantime.
    digest = item.stored_digest if flow.draft == item.stored else _draft_digest(flow)
    equal = flow.draft is not None and digest == item.digest
    if flow.draft != item.text or flow.draft_file != item.file:
        # An equal document in another spelling too: an export gives the text that was imported last.
        flow_store.put_draft(transaction, flow.id, item.text, item.file)
    if not equal:
        kernel.audit(transaction, "flow.imported", item.name, digest=item.digest.hex())
    number, moved = None, False
    if deploy:
        number = freeze(transaction, kernel, flow.id, item.text, item.file, item.digest)
        moved = set_deployed(transaction, kernel, flow, number, note)
    result = _result(new=flow.draft is None, same=equal and not moved)
    return Imported(kind="flow", name=item.name, result=result, version=number)


def _result(*, new: bool, same: bool = False) -> Literal["created", "changed", "unchanged"]:
    if new:
        return "created"
    return "unchanged" if same else "changed"


def set_deployed(
    transaction: Transaction, kernel: Kernel, flow: FlowRow, number: int, note: str | None = None
) -> bool:
    """Make a version the deployed one. Whether it was not so before."""
    before = flow_store.deployed(transaction, flow.id)
    if before is not None and before.number == number:
        return False
    flow_store.set_deployed(transaction, flow.id, number)
    record(transaction, kernel, flow.id, number, "deployed", note)
    kernel.audit(
        transaction,
        "flow.deployed",
        flow.name,
        version=number,
        before=before.number if before else None,
        note=note,
    )
    return True


def _import_connector(transaction: Transaction, kernel: Kernel, item: ConnectorImport) -> Imported:
    new = item.row
    old = connection_store.get_connector(transaction, new.name)
    if old is not None and old.digest == new.digest:
        if (old.document, old.file) != (new.document, new.file):
            connection_store.respell_connector(transaction, new)
        return Imported(kind="connector", name=new.name, result="unchanged")
    connection_store.put_connector(transaction, new, at=kernel.deps.clock.micros())
    # A version that was there before keeps its old spelling otherwise.
    connection_store.respell_connector(transaction, new)
    transaction.after_commit.append(kernel.deps.connections.look_again)
    kernel.audit(transaction, "connector.imported", new.name, digest=new.digest.hex())
    return Imported(kind="connector", name=new.name, result=_result(new=old is None))


def _import_connection(transaction: Transaction, kernel: Kernel, item: ConnectionImport) -> Imported:
    spec = item.spec
    old = connection_store.get_connection(transaction, spec.name)
    kept = dict(old.secrets) if old else {}
    warnings = [
        f"the connection {spec.name}: {name!r} is a setting now; the secret of that name was removed"
        for name in sorted(kept.keys() & spec.settings.keys())
    ]
    secrets = {name: where for name, where in kept.items() if name not in spec.settings}
    secrets.update(_given(transaction, item, kept, kernel.secrets))
    if (
        old is not None
        and _settings(old.connector, old.settings) == _settings(spec.connector, spec.settings)
        and old.secrets == secrets
        and old.limits == spec.limits
    ):
        return Imported(kind="connection", name=spec.name, result="unchanged")
    at = kernel.deps.clock.micros()
    connection_store.put_connection(
        transaction,
        ConnectionRow(
            name=spec.name,
            connector=spec.connector,
            settings=dict(spec.settings),
            secrets=secrets,
            # Strictly later, whatever the clock does: open connections are made anew when it moves.
            updated_at=at if old is None else max(at, old.updated_at + 1),
            limits=dict(spec.limits),
        ),
    )
    transaction.after_commit.append(kernel.deps.connections.look_again)
    changed = sorted(name for name, where in secrets.items() if kept.get(name) != where)
    kernel.audit(
        transaction, "connection.imported", spec.name, connector=spec.connector, secrets_changed=changed
    )
    return Imported(
        kind="connection",
        name=spec.name,
        result=_result(new=old is None),
        warnings=warnings,
    )


def _settings(connector: str, settings: Mapping[str, Any]) -> bytes:
    return normalise({"connector": connector, "settings": settings})


def _given(
    transaction: Transaction,
    item: ConnectionImport,
    kept: Mapping[str, Mapping[str, str]],
    box: SecretBox,
) -> dict[str, dict[str, str]]:
    """Where the secrets are that the document names; one that is stored already stays sealed as it is."""
    found: dict[str, dict[str, str]] = {}
    for name, source in item.spec.secrets.items():
        if source.kind != "value":
            found[name] = {source.kind: source.text}
            continue
        stored = kept.get(name, {}).get("sealed")
        if stored is None or box.opened(stored) != source.text:
            stored = box.seal(transaction, source.text)
        found[name] = {"sealed": stored}
    return found
