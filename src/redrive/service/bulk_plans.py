"""The plan of a bulk: the plans of its runs, summed up."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from redrive.errors import RedriveError
from redrive.service.bulk_views import BulkNote, BulkPlan
from redrive.service.views import PlanStep, PlanView

FIRST: Final = 5
_COUNTS: Final = ("to_send", "delivered", "changed", "unknown", "newer")


class Planned(msgspec.Struct, frozen=True):
    """One run: its plan, or why there is none."""

    run: str
    plan: PlanView | None
    error: RedriveError | None


def plan_of(runs: int, planned: Sequence[Planned]) -> BulkPlan:
    """`runs` is how many there are in all."""
    plans = [(one.run, one.plan) for one in planned if one.plan is not None]
    refusals = [(one.run, one.error) for one in planned if one.error is not None]
    asks = [run for run, plan in plans if plan.confirm is not None]
    return BulkPlan(
        runs=runs,
        planned=len(planned),
        able=len(plans),
        steps=_steps(step for _, plan in plans for step in plan.steps),
        warnings=_notes((run, None, text) for run, plan in plans for text in plan.warnings),
        refused=_notes((run, error.code, _alike(error.detail, run)) for run, error in refusals),
        confirm=_confirmation(asks, plans) if asks else None,
    )


def _confirmation(asks: Sequence[str], plans: Sequence[tuple[str, PlanView]]) -> str:
    said = next(plan.confirm for _, plan in plans if plan.confirm is not None)
    if len(asks) == 1:
        return str(said)
    return f"{len(asks)} of the runs did not fail; the first: {said}"


def _steps(steps: Iterable[PlanStep]) -> list[PlanStep]:
    """Of each step the sums; one that is not known for some run is not known."""
    by_step: dict[str, list[PlanStep]] = {}
    for step in steps:
        by_step.setdefault(step.step, []).append(step)

    def total(of: Sequence[PlanStep], name: str) -> int | None:
        counts = [getattr(one, name) for one in of]
        return None if any(one is None for one in counts) else sum(counts)

    return [
        PlanStep.model_validate({"step": step, **{name: total(of, name) for name in _COUNTS}})
        for step, of in by_step.items()
    ]


def _notes(said: Iterable[tuple[str, str | None, str]]) -> list[BulkNote]:
    """What is said alike of several runs, once."""
    found: dict[tuple[str | None, str], list[str]] = {}
    for run, code, text in said:
        found.setdefault((code, text), []).append(run)
    return [
        BulkNote(code=code, text=text, runs=len(runs), first=runs[:FIRST])
        for (code, text), runs in found.items()
    ]


def _alike(text: str, run: str) -> str:
    """The message without the run's own id, so that equal ones are one."""
    return text.replace(f"run {run}", "the run").replace(run, "the run")
