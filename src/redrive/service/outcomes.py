"""Whether an item was delivered in its run: follows it by lineage to the steps that sent it."""

from __future__ import annotations

from redrive.core.lineage import Lineage
from redrive.core.run import StepRun
from redrive.engine.stored import paths_of
from redrive.service.present import inputs_of
from redrive.store import runs as run_store
from redrive.store import search as store
from redrive.store.database import Rows
from redrive.store.payloads import get_payload
from redrive.store.search import OutputRow, Place

MAX_PAYLOADS = 1_000
MAX_ITEMS = 20_000

Standing = dict[int, set[tuple[int, int, int]]]
"""By bucket: items as (position of the payload in it, payload id, item)."""


class TooFar(Exception):
    """Following the item would read more than one answer may cost."""


class Tracing:
    """For all rows of one answer, which together read at most so many records."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows
        self._left = MAX_PAYLOADS
        self._steps: dict[int, list[StepRun]] = {}
        self._outputs: dict[int, list[OutputRow]] = {}
        self._outcomes: dict[tuple[int, int], store.Outcomes] = {}

    def steps(self, run_id: int) -> list[StepRun]:
        if run_id not in self._steps:
            self._steps[run_id] = run_store.step_runs(self._rows, run_id)
        return self._steps[run_id]

    def step(self, place: Place) -> StepRun | None:
        return next((step for step in self.steps(place.run_id) if step.position == place.position), None)

    def outcome(self, place: Place) -> str | None:
        """The latest outcome of an item, or of what was made from it, at its step or a later one.

        Errors: `TooFar`.
        """
        latest: tuple[int, str] | None = None
        standing: Standing = {}
        for step in self.steps(place.run_id):
            if step.position < place.position:
                continue
            if step.position == place.position:
                items, origins = self._begin(step, place, standing)
            else:
                items, origins = self._arrived(step, standing)
            if not origins:
                continue
            ended = self._ended(step)
            for item in items & ended.keys():
                latest = max(latest, ended[item]) if latest else ended[item]
            self._pass_on(step, origins, standing)
        return latest[1] if latest else None

    def _begin(
        self, step: StepRun, place: Place, standing: Standing
    ) -> tuple[set[tuple[int, int]], list[tuple[int, int]]]:
        if not place.payload_id:  # the empty payload of a start without data
            return {(0, place.item)}, [(0, place.item)]
        payload = get_payload(self._rows, place.payload_id)
        if payload is not None:
            standing[payload.bucket] = {(payload.position, payload.id, place.item)}
        return self._arrived(step, standing)

    def _arrived(
        self, step: StepRun, standing: Standing
    ) -> tuple[set[tuple[int, int]], list[tuple[int, int]]]:
        """What of it stands in the step's input: as (payload id, item), and as (number, item)."""
        items: set[tuple[int, int]] = set()
        origins: list[tuple[int, int]] = []
        inputs = inputs_of(step)
        offset = 0
        for bucket in inputs:
            if standing and bucket in self._handed_over(step.run_id):
                self._catch(bucket, standing)
        for n, bucket in enumerate(inputs):
            for position, payload_id, item in standing.get(bucket, ()):
                items.add((payload_id, item))
                origins.append((offset + position, item))
            if any(later in standing for later in inputs[n + 1 :]):
                offset += run_store.bucket_count(self._rows, bucket)
        return items, origins

    def _pass_on(self, step: StepRun, origins: list[tuple[int, int]], standing: Standing) -> None:
        buckets = [step.bucket] if step.bucket is not None else self._handed(step)
        for bucket in buckets:  # none if it was skipped: its input goes on as it is
            made = standing.setdefault(bucket, set())
            for row in self._output(step, bucket):
                lineage = Lineage(row.lineage, items=row.items or 0)
                made.update((row.position, row.id, item) for item in lineage.outputs_of_many(origins))
                if len(made) > MAX_ITEMS:
                    raise TooFar

    def _handed(self, step: StepRun) -> list[int]:
        """The buckets that a step made for its paths: not what it only passes on, nor what it caught."""
        handed = {bucket for found in paths_of(step.paths).values() for bucket in found or ()}
        handed -= set(inputs_of(step))
        return [bucket for bucket in sorted(handed) if not self._caught(bucket)]

    def _caught(self, bucket: int) -> bool:
        return any(row.edited_from is not None for row in self._output(None, bucket)[:1])

    def _catch(self, bucket: int, standing: Standing) -> None:
        """What a `try` caught stands in its bucket under another id."""
        if bucket in standing or not self._caught(bucket):
            return
        by_id: dict[int, set[int]] = {}
        for found in standing.values():
            for _, payload_id, item in found:
                by_id.setdefault(payload_id, set()).add(item)
        standing[bucket] = {
            (row.position, row.id, item)
            for row in self._output(None, bucket)
            for item in by_id.get(row.edited_from or 0, ())
        }

    def _handed_over(self, run_id: int) -> set[int]:
        """The buckets that steps of a run have handed to their paths."""
        return {
            bucket
            for step in self.steps(run_id)
            if step.paths != "{}"
            for found in paths_of(step.paths).values()
            for bucket in found or ()
        }

    def _output(self, step: StepRun | None, bucket: int) -> list[OutputRow]:
        if bucket not in self._outputs:
            self._spend(step.payloads_out if step is not None else run_store.bucket_count(self._rows, bucket))
            self._outputs[bucket] = store.output_rows(self._rows, bucket)
        return self._outputs[bucket]

    def _ended(self, step: StepRun) -> store.Outcomes:
        at = (step.run_id, step.position)
        if at not in self._outcomes:
            events = step.delivered + step.skipped + step.rejected + step.unknown
            self._spend(events // 20)  # their rows are small
            self._outcomes[at] = store.outcomes_of_step(self._rows, *at) if events else {}
            if step.status == "running":
                self._outcomes[at] |= store.claims_of_step(self._rows, *at)
        return self._outcomes[at]

    def _spend(self, records: int) -> None:
        if records > self._left:
            raise TooFar
        self._left -= records
