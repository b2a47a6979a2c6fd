"""What becomes of the provisional entries in data pools when a run ends.

Success makes them entries. Any other end does so only for items of which it is certain that they came
to where they were to go; the other claims stay with the ended run, where they hold nobody back. A
retry or redrive that brings such an item to its end later makes an entry of the claim then.

Items are followed by their lineage, payload by payload, so it does not matter in which path of the
flow a step stands, or which run of a lineage carried it out.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from functools import partial
from typing import NamedTuple

from redrive.core.lineage import Lineage
from redrive.core.run import PayloadRow, StepRun
from redrive.engine.buckets import Buckets
from redrive.engine.contents import StoredContent
from redrive.engine.flows import BuiltFlow
from redrive.engine.references import RunReferences
from redrive.engine.stored import buckets_of, paths_of
from redrive.store import pools as store
from redrive.store import runs as run_store
from redrive.store.committer import Transaction
from redrive.store.database import Rows

Marks = dict[int, set[int]]
"""Payload id to item numbers."""

_FINE = frozenset({"delivered", "skipped"})
_ENDED = frozenset({"success", "partial_success", "failure", "stopped", "skipped", "kept"})
FAILED_AT_ONCE = 1_000_000


class Claim(NamedTuple):
    position: int
    payload: int
    item: int
    pool_id: int
    key: str


async def settling(
    references: RunReferences, status: str, built: BuiltFlow, steps: Sequence[StepRun]
) -> Callable[[Transaction], None] | None:
    """What the transaction that ends the run in this state has to do; None where nothing is to settle."""
    run, deps = references.run, references.deps
    own = references.pools_used
    if not own and run.source_run is None:
        return None
    keep: list[tuple[int, int, str]] = []
    if status != "success" or run.source_run is not None:
        keep = await _Settling(references, status, built, steps).ended()
    if status != "success" or not own:
        own = False
        if not keep:
            return None

    def work(transaction: Transaction) -> None:
        if own:
            store.keep_all(transaction, run.id)
        store.keep_some(transaction, keep)
        transaction.after_commit.append(deps.signal.notify)

    return work


class _Settling:
    def __init__(
        self, references: RunReferences, status: str, built: BuiltFlow, steps: Sequence[StepRun]
    ) -> None:
        self._references = references
        self._status = status
        self._built = built
        self._steps = sorted(steps, key=lambda step: step.position)
        self._buckets = Buckets(references.deps.reader, references.deps.contents)
        self._fine: Marks = {}
        self._undone: Marks = {}

    async def ended(self) -> list[tuple[int, int, str]]:
        """The claims (run, pool, key) of this run and of those it was made from that become entries."""
        run, reader = self._references.run, self._references.deps.reader
        await self._references.journal.barrier()
        lineage = await reader.run(self._lineage)
        if not any(claims for _, claims in lineage):
            return []
        keep: list[tuple[int, int, str]] = []
        for run_id, claims in lineage:
            steps = (
                self._steps
                if run_id == run.id
                else await reader.run(partial(run_store.step_runs, run_id=run_id))
            )
            for step in reversed([one for one in steps if one.status != "kept"]):
                held = [claim for claim in claims if claim.position == step.position]
                keep += [
                    (run_id, claim.pool_id, claim.key) for claim in await self._through(run_id, step, held)
                ]
            if self._unreached(-1):
                break  # what earlier runs of the lineage hold was not brought to its end by this one
        return keep

    async def _through(self, run_id: int, step: StepRun, claims: Sequence[Claim]) -> list[Claim]:
        """Take the marks from the output of a step to its input; those of its claims whose items came
        to their end.
        """
        here = run_id == self._references.run.id
        inputs = {number: row async for number, row, _ in self._rows(step.inputs)}
        async for _, row, _ in self._buckets.rows(_put_out(step)):
            for marks in (self._fine, self._undone):
                if marked := marks.get(row.id):
                    _to_inputs(row, marked, inputs, marks)
        if here:
            await self._ends_in(step, inputs, self._fine, self._undone)
        through = []
        # On success those of this run are kept as a whole.
        if not here or (self._status != "success" and not self._unreached(step.position)):
            through = [
                claim
                for claim in claims
                if (source := inputs.get(claim.payload)) is not None
                and self._came_through(source.id, claim.item)
            ]
        for row in inputs.values():
            _to_origin(row, self._fine)
            _to_origin(row, self._undone)
        return through

    def _came_through(self, payload_id: int, item: int) -> bool:
        return item in self._fine.get(payload_id, ()) and item not in self._undone.get(payload_id, ())

    def _rows(self, buckets: str) -> AsyncIterator[tuple[int, PayloadRow, StoredContent]]:
        return self._buckets.rows(buckets_of(buckets) or [])

    def _lineage(self, rows: Rows) -> list[tuple[int, list[Claim]]]:
        """This run and those that it was made from, the nearest first, with their claims."""
        found: list[tuple[int, list[Claim]]] = []
        run_id: int | None = self._references.run.id
        source = self._references.run.source_run
        while run_id is not None:
            claims = [Claim(*row) for row in rows.all(store.CLAIMS_OF_RUN, run_id=run_id)]
            found.append((run_id, claims))
            run_id = source
            if run_id is not None:
                record = run_store.get_run(rows, run_id)
                source = record.source_run if record is not None else None
        return found

    def _unreached(self, after: int) -> bool:
        """Whether a step that reaches out comes later and was not carried out: nobody knows what of it
        was still to be sent. (What was, is left out by the delivery ledger when it comes again.)
        """
        if self._status in {"success", "partial_success"}:
            return False
        by_position = {step.position: step for step in self._steps}
        for node in self._built.flow.walk():
            position = self._built.positions[node.id]
            if position <= after or not self._built.shapes[node.id].effects:
                continue
            step = by_position.get(position)
            if step is None or step.status not in _ENDED:
                return True
        return False

    async def _ends_in(
        self, step: StepRun, inputs: dict[int, PayloadRow], fine: Marks, undone: Marks
    ) -> None:
        """The outcomes of the items of a step's input, in that step."""
        reader, run = self._references.deps.reader, self._references.run
        failed = await reader.run(
            lambda rows: rows.all(
                run_store.FAILED_OF_STEP,
                run_id=run.id,
                position=step.position,
                start=0,
                at_most=FAILED_AT_ONCE,
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
        ended_well = self._status in {"success", "partial_success"}
        for row in inputs.values():
            ended = outcomes.get(row.id, {})
            good = {item for item, status in ended.items() if status in _FINE}
            bad = {item for item, status in ended.items() if status not in _FINE}
            if row.id in bad_payloads:
                bad |= {item for item in range(row.items or 1) if item not in good}
            if ended_well:
                good |= {item for item in range(row.items or 1) if item not in bad}
            _mark(fine, row.id, good)
            _mark(undone, row.id, bad)


def _put_out(step: StepRun) -> list[int]:
    """What a step put out; of one with paths, what it handed to these."""
    handed = paths_of(step.paths)
    if not handed:
        return buckets_of(step.outputs) or []
    return [bucket for buckets in handed.values() for bucket in buckets or ()]


def _mark(marks: Marks, payload_id: int, items: Iterable[int]) -> None:
    if items:
        marks.setdefault(payload_id, set()).update(items)


def _to_inputs(row: PayloadRow, marked: set[int], inputs: dict[int, PayloadRow], marks: Marks) -> None:
    if row.edited_from is not None or any(row.id == one.id for one in inputs.values()):
        return  # caught by a `try`, or passed on by reference
    lineage = Lineage(row.lineage, items=row.items or 0)
    for item in marked:
        for number, origin in lineage.origins(item):
            if (source := inputs.get(number)) is not None:
                _mark(marks, source.id, [origin])


def _to_origin(row: PayloadRow, marks: Marks) -> None:
    """From a payload that a redrive began with to the one that it was taken from."""
    marked = marks.get(row.id)
    if not marked or row.edited_from is None:
        return
    if row.lineage is None:
        _mark(marks, row.edited_from, marked)
        return
    lineage = Lineage(row.lineage, items=row.items or 0)
    for item in marked:
        _mark(marks, row.edited_from, [origin for _, origin in lineage.origins(item)])
