"""Buckets that step records and plans name."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from redrive.core.flow import PathNode, StepNode
from redrive.core.run import Begin, Plan, StepRun

Inputs = list[int] | None
"""The buckets of an input; None: a start without data, which is one empty payload."""


class Routed(msgspec.Struct):
    """How far the distribution of a route has come: of each path its bucket, and the payloads, items
    and bytes in it that stay.
    """

    paths: dict[str, tuple[int, int, int, int]] = msgspec.field(default_factory=dict, name="routed")
    unrouted: int = 0


def path_key(node: StepNode, path: PathNode) -> str:
    """How records and plans name a path: STEP/PATH."""
    return f"{node.id}/{path.id}"


def begin_of(plan: Plan, step: str) -> Begin | None:
    """Where the plan begins inside a step: with its buckets, its checkpoints, what is finished."""
    begin = plan.begins.get(step)
    return None if begin is None or begin.after else begin


def outputs_of(plan: Plan, step: StepRun) -> Inputs:
    """The buckets that a step has put out as far as it got."""
    begin = begin_of(plan, step.step)
    outputs = list(begin.finished) if begin is not None else []
    taken = buckets_of(step.taken)
    if taken is None and not outputs and step.bucket is None:
        return None  # a start without data goes on as one
    outputs += taken or []
    return [*outputs, step.bucket] if step.bucket is not None else outputs


def buckets_of(text: str) -> Inputs:
    """The buckets that a step record names."""
    buckets: Inputs = msgspec.json.decode(text)
    return buckets


def paths_of(text: str) -> dict[str, Inputs]:
    """`StepRun.paths` or `StepRun.joined`."""
    paths: dict[str, Inputs] = msgspec.json.decode(text)
    return paths


def as_text(value: Any) -> str:
    return msgspec.json.encode(value).decode()


def joined(parts: Iterable[Inputs]) -> Inputs:
    """What several paths put out together, in their order."""
    parts = list(parts)
    buckets = [bucket for part in parts if part for bucket in part]
    return None if not buckets and any(part is None for part in parts) else buckets


def routed_so_far(step: StepRun) -> Routed:
    """Of a route whose distribution has not ended."""
    return msgspec.json.decode(step.checkpoint, type=Routed) if step.checkpoint else Routed()


def handed_so_far(plan: Plan, step: StepRun, paths: Sequence[str]) -> dict[str, Inputs]:
    """What the paths of a route have been handed: what was laid out for them, then its own."""
    routed = routed_so_far(step)
    begin = begin_of(plan, step.step)
    before = {**paths_of(step.paths), **(begin.handed if begin is not None else {})}
    handed: dict[str, Inputs] = {}
    for path in paths:
        key = f"{step.step}/{path}"
        bucket, kept, _, _ = routed.paths.get(path, (0, 0, 0, 0))
        handed[key] = [*(before.get(key) or []), *([bucket] if kept else [])]
    return handed
