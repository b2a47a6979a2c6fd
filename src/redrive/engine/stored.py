"""Buckets that step records and plans name."""

from __future__ import annotations

import msgspec

from redrive.core.run import Plan, StepRun

Inputs = list[int] | None
"""The buckets of an input; None: a start without data, which is one empty payload."""


def starts_at(plan: Plan, step: str) -> bool:
    """Whether the plan begins inside a step: with its buckets, its checkpoints, what is finished."""
    return plan.step == step and plan.start in {"at", "failed"}


def outputs_of(plan: Plan, step: StepRun) -> list[int]:
    """The buckets that a step has put out as far as it got."""
    outputs = list(plan.finished) if starts_at(plan, step.step) else []
    return [*outputs, step.bucket] if step.bucket is not None else outputs


def buckets_of(text: str) -> Inputs:
    """The buckets that a step record names."""
    buckets: Inputs = msgspec.json.decode(text)
    return buckets
