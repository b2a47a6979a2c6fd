"""What becomes of the provisional entries in data pools when a run ends.

Success makes them entries. Any other end keeps only those of items of which it is certain that they
came to where they were to go; the others are let go, so that no later run leaves them out.

Items are followed by their lineage, payload by payload, so it does not matter in which path of the
flow a step stands.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from redrive.core.lineage import Lineage
from redrive.core.run import PayloadRow, StepRun
from redrive.engine.buckets import Buckets
from redrive.engine.flows import BuiltFlow
from redrive.engine.references import RunReferences
from redrive.engine.stored import buckets_of
from redrive.store import pools as store
from redrive.store import runs as run_store
from redrive.store.committer import Transaction

Marks = dict[int, set[int]]
"""Payload id to item numbers."""

_FINE = frozenset({"delivered", "skipped"})
_ENDED = frozenset({"success", "partial_success", "failure", "skipped", "kept"})
FAILED_AT_ONCE = 1_000_000


async def settling(
    references: RunReferences, status: str, built: BuiltFlow, steps: Sequence[StepRun]
) -> Callable[[Transaction], None] | None:
    """What the transaction that ends the run in this state has to do; None where it has tracked nothing."""
    run, deps = references.run, references.deps
    if not references.pools_used:
        return None
    let_go: list[tuple[int, str]] | None = []
    if status != "success":
        await references.journal.barrier()
        claims = await deps.reader.run(lambda rows: rows.all(store.CLAIMS_OF_RUN, run_id=run.id))
        let_go = await _let_go(references, status, built, steps, claims) if claims else []

    def work(transaction: Transaction) -> None:
        store.settle(transaction, run.id, let_go)
        transaction.after_commit.append(deps.signal.notify)

    return work


async def _let_go(
    references: RunReferences,
    status: str,
    built: BuiltFlow,
    steps: Sequence[StepRun],
    claims: Sequence[tuple[int, int, int, int, str]],
) -> list[tuple[int, str]]:
    let_go: list[tuple[int, str]] = []
    buckets = Buckets(references.deps.reader, references.deps.contents)
    by_position = {step.position: step for step in steps}
    for position in sorted({claim[0] for claim in claims}):
        own = [claim for claim in claims if claim[0] == position]
        step = by_position.get(position)
        if step is None or (status != "partial_success" and _unreached(built, by_position, position)):
            let_go += [(pool_id, key) for _, _, _, pool_id, key in own]
            continue
        later = sorted((one for one in steps if one.position > position), key=lambda one: -one.position)
        fine, undone = await _followed(references, buckets, [*later, step])
        number_to_id = {
            number: row.id async for number, row, _ in buckets.rows(buckets_of(step.inputs) or [])
        }
        for _, payload, item, pool_id, key in own:
            payload_id = number_to_id.get(payload, 0)
            bad = item in undone.get(payload_id, ())
            good = item in fine.get(payload_id, ()) or status == "partial_success"
            if bad or not good:
                let_go.append((pool_id, key))
    return let_go


def _unreached(built: BuiltFlow, by_position: dict[int, StepRun], after: int) -> bool:
    """Whether a step that reaches out comes later and was not carried out: nobody knows what of it
    was still to be sent. (What was, is left out by the delivery ledger when it comes again.)
    """
    for node in built.flow.walk():
        position = built.positions[node.id]
        if position <= after or not built.shapes[node.id].effects:
            continue
        step = by_position.get(position)
        if step is None or (step.status not in _ENDED and step.status != "stopped"):
            return True
    return False


async def _followed(
    references: RunReferences, buckets: Buckets, backwards: Sequence[StepRun]
) -> tuple[Marks, Marks]:
    """Items, in the payloads of all inputs on the way, that were delivered later on; and those that
    failed, were rejected, are unknown, or were not reached.
    """
    fine: Marks = {}
    undone: Marks = {}
    for step in backwards:
        inputs = {number: row async for number, row, _ in buckets.rows(buckets_of(step.inputs) or [])}
        async for _, row, _ in buckets.rows(buckets_of(step.outputs) or []):
            for marks in (fine, undone):
                if marked := marks.get(row.id):
                    _to_inputs(row, marked, inputs, marks)
        await _ends_in(references, step, inputs, fine, undone)
    return fine, undone


def _to_inputs(row: PayloadRow, marked: set[int], inputs: dict[int, PayloadRow], marks: Marks) -> None:
    if any(row.id == one.id for one in inputs.values()):
        return  # passed on by reference
    lineage = Lineage(row.lineage, items=row.items or 0)
    for item in marked:
        for number, origin in lineage.origins(item):
            if (source := inputs.get(number)) is not None:
                marks.setdefault(source.id, set()).add(origin)


async def _ends_in(
    references: RunReferences, step: StepRun, inputs: dict[int, PayloadRow], fine: Marks, undone: Marks
) -> None:
    """The outcomes of the items of a step's input, in that step."""
    reader, run = references.deps.reader, references.run
    failed = await reader.run(
        lambda rows: rows.all(
            run_store.FAILED_OF_STEP, run_id=run.id, position=step.position, start=0, at_most=FAILED_AT_ONCE
        )
    )
    outcomes: dict[int, dict[int, str]] = {}
    for payload_id, item, status in await reader.run(
        lambda rows: rows.all(run_store.OUTCOMES_OF_STEP, run_id=run.id, position=step.position)
    ):
        outcomes.setdefault(payload_id, {})[item] = status  # the latest one stays
    bad_payloads = {row[1] for row in failed}
    if step.status in {"failure", "stopped", "running"}:
        bad_payloads |= {row.id for number, row in inputs.items() if number >= step.done}
    for row in inputs.values():
        ended = outcomes.get(row.id, {})
        good = {item for item, status in ended.items() if status in _FINE}
        bad = {item for item, status in ended.items() if status not in _FINE}
        if row.id in bad_payloads:
            bad |= {item for item in range(row.items or 1) if item not in good}
        if good:
            fine.setdefault(row.id, set()).update(good)
        if bad:
            undone.setdefault(row.id, set()).update(bad)
