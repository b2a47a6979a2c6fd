"""The versions of a flow: two compared, an older one made the draft again."""

from __future__ import annotations

import msgspec

from redrive.documents.compare import Change, compare_parts, compare_steps
from redrive.documents.flow_document import parse_flow
from redrive.documents.load import Document, load_one
from redrive.service.flow_views import FlowDiff, Restored, SettingChange, StepDifference
from redrive.service.kernel import Kernel
from redrive.service.versions import (
    Resolved,
    digest_of,
    flow_named,
    freeze,
    record,
    resolve_version,
    text_of,
    unknown_number,
)
from redrive.store import flows as store
from redrive.store.committer import Transaction
from redrive.store.database import Rows
from redrive.store.flows import FlowRow, Source


class FlowHistory:
    """The part of the noun `flows` that looks at versions side by side."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel

    async def diff(self, name: str, *, before: str | None = None, after: str | None = None) -> FlowDiff:
        """Compare two versions: `deployed`, `draft` or numbers.

        `before` defaults to the deployed version, else the newest one; `after` to the draft, else the
        deployed version. Errors: `flow.unknown`, `version.unknown`.
        """
        registry = self._kernel.registry

        def work(rows: Rows) -> FlowDiff:
            flow = flow_named(rows, name)
            one = _resolved(rows, flow, before, newest=True)
            other = _resolved(rows, flow, after, newest=False)
            old, new = (_document(rows, flow, chosen) for chosen in (one, other))
            steps = compare_steps(old.data, new.data, registry)
            parts = compare_parts(old.data, new.data)
            return FlowDiff(
                flow=flow.name,
                before=_label(one),
                after=_label(other),
                same=not (steps or parts),
                steps=[
                    StepDifference(
                        **{
                            **msgspec.structs.asdict(step),
                            "changes": [_change(change) for change in step.changes],
                        }
                    )
                    for step in steps
                ],
                flow_changes=[_change(change) for change in parts],
            )

        return await self._kernel.deps.reader.run(work)

    async def restore(self, name: str, version: int, *, note: str | None = None) -> Restored:
        """Make a numbered version the draft. A draft that no version holds is kept as one first.

        Errors: `flow.unknown`, `version.unknown`, `document.invalid` where it no longer validates.
        """
        kernel = self._kernel

        def work(transaction: Transaction) -> int | None:
            flow = flow_named(transaction, name)
            if store.get_version(transaction, flow.id, version) is None:
                raise unknown_number(transaction, flow, version)
            text, file = text_of(transaction, flow, ("version", version))
            parse_flow(load_one(text.decode(), file), kernel.registry)
            kept = _keep(transaction, kernel, flow, f"the draft that version {version} replaced")
            store.put_draft(transaction, flow.id, text, file or "")
            record(transaction, kernel, flow.id, version, "restored", note)
            kernel.audit(transaction, "flow.restored", name, version=version, kept=kept, note=note)
            return kept

        return Restored(flow=name, version=version, kept=await kernel.write(work))


def _keep(transaction: Transaction, kernel: Kernel, flow: FlowRow, note: str) -> int | None:
    """The number under which the present draft is kept; None where a version holds it already."""
    if flow.draft is None:
        return None
    document = load_one(flow.draft.decode(), flow.draft_file)
    digest = digest_of(document)
    if store.equal_version(transaction, flow.id, digest) is not None:
        return None
    return freeze(transaction, kernel, flow.id, flow.draft, flow.draft_file or "", digest, note)


def _resolved(source: Source, flow: FlowRow, asked: str | None, *, newest: bool) -> Resolved:
    if asked is not None:
        return resolve_version(source, flow, asked)
    if newest:
        deployed = store.deployed(source, flow.id)
        number = deployed.number if deployed else store.newest_number(source, flow.id)
        return ("version", number) if number else resolve_version(source, flow, None)
    return ("draft",) if flow.draft is not None else resolve_version(source, flow, None)


def _document(source: Source, flow: FlowRow, chosen: Resolved) -> Document:
    text, file = text_of(source, flow, chosen)
    return load_one(text.decode(), file)


def _label(chosen: Resolved) -> str:
    return "draft" if chosen[0] == "draft" else f"version {chosen[1]}"


def _change(change: Change) -> SettingChange:
    return SettingChange(**msgspec.structs.asdict(change))
