"""The document that a start runs: a numbered version, or one that is frozen when the run is queued."""

from __future__ import annotations

import msgspec

from redrive.documents.load import as_text, load_one
from redrive.engine.flows import BuiltFlow, build
from redrive.errors import NotFound
from redrive.service.kernel import Kernel
from redrive.service.versions import digest_of, ensure_flow, flow_named, resolve_version, text_of
from redrive.service.versions import freeze as freeze_version
from redrive.store import flows as store
from redrive.store.committer import Transaction
from redrive.store.database import Rows


class Chosen(msgspec.Struct):
    """`number` is None for a draft or a file: it gets one when it is frozen; `next_number` is what
    a plan shows for it.
    """

    name: str
    flow_id: int | None
    number: int | None
    text: bytes
    file: str | None
    next_number: int = 1

    def built(self, kernel: Kernel) -> BuiltFlow:
        """Errors: `document.invalid` with all problems."""
        if self.flow_id is not None and self.number is not None:
            return kernel.deps.flows.get(self.flow_id, self.number)
        return build(self.text.decode(), self.file, kernel.registry)


async def choose(kernel: Kernel, name: str, asked: str | None) -> Chosen:
    """What `--version` means for a flow; None: the deployed version, else the draft.

    Errors: `flow.unknown`, `version.unknown`.
    """
    if asked is None:
        found = kernel.deps.reader.look(lambda rows: store.deployed_of(rows, name))
        if found is not None:
            flow_id, number, text, file = found
            return Chosen(name, flow_id, number, text, file)

    def read(rows: Rows) -> Chosen:
        flow = flow_named(rows, name)
        resolved = resolve_version(rows, flow, asked)
        text, file = text_of(rows, flow, resolved)
        number = resolved[1] if resolved[0] == "version" else None
        return Chosen(name, flow.id, number, text, file)

    return await _equal(kernel, kernel.deps.reader.here(read))


async def choose_original(kernel: Kernel, name: str, flow_id: int, number: int) -> Chosen:
    """The very version that a run had; also of a flow that was deleted since.

    Errors: `version.unknown`.
    """
    found = await kernel.deps.reader.run(lambda rows: store.document(rows, flow_id, number))
    if found is None:
        raise NotFound(
            f"version {number} of flow {name!r} is no longer kept",
            code="version.unknown",
            hint="Choose another one with --version.",
        )
    return Chosen(name, flow_id, number, found[0], found[1])


async def choose_document(kernel: Kernel, text: bytes, file: str) -> Chosen:
    """A document that need not be in the store. Errors: `document.invalid`."""
    name = load_one(as_text(text, file), file).name
    flow = await kernel.deps.reader.run(lambda rows: store.get_flow(rows, name))
    chosen = Chosen(name, flow.id if flow is not None else None, None, text, file)
    return await _equal(kernel, chosen)


async def _equal(kernel: Kernel, chosen: Chosen) -> Chosen:
    """With the number of the version that is equal to the document, if there is one."""
    if chosen.number is None and chosen.flow_id is not None:
        digest = digest_of(load_one(chosen.text.decode(), chosen.file))
        flow_id = chosen.flow_id

        def read(rows: Rows) -> tuple[int | None, int]:
            equal = store.equal_version(rows, flow_id, digest)
            return equal.number if equal is not None else None, store.newest_number(rows, flow_id)

        chosen.number, newest = await kernel.deps.reader.run(read)
        chosen.next_number = newest + 1
    return chosen


def freeze(transaction: Transaction, kernel: Kernel, chosen: Chosen) -> tuple[int, int]:
    """Flow and version number of what runs: made here if it has none yet."""
    if chosen.flow_id is not None and chosen.number is not None:
        return chosen.flow_id, chosen.number
    flow = ensure_flow(transaction, kernel, chosen.name)
    digest = digest_of(load_one(chosen.text.decode(), chosen.file))
    number = freeze_version(transaction, kernel, flow.id, chosen.text, chosen.file or "", digest)
    return flow.id, number
