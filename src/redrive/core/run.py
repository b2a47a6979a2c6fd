"""The records of a run and of its steps, as they stand in the store.

Instants are microseconds since 1970-01-01 UTC; ids are 63-bit numbers (`core.ids` writes them).
Fields stand in the order of the table's columns: a record is a row.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

RunStatus = Literal["queued", "running", "success", "partial_success", "failure", "stopped"]
StepStatus = Literal[
    "pending", "running", "success", "partial_success", "failure", "skipped", "stopped", "kept"
]
ENDED: frozenset[str] = frozenset({"success", "partial_success", "failure", "stopped"})
FAILED: frozenset[str] = frozenset({"partial_success", "failure", "stopped"})

PRIORITIES = {"highest": 0, "high": 1, "regular": 2, "low": 3, "lowest": 4}

Start = Literal["start", "failed", "at", "after"]


class Plan(msgspec.Struct, kw_only=True, omit_defaults=True):
    """How a run was asked to run. Stored with it; the whole difference to an ordinary run.

    `start` is where execution begins: at the first step, `at` a step, or `after` one. `inputs`
    are the buckets handed to the step that is executed first (None: one empty payload).
    `kept` are the steps whose buckets are taken over from the source run. `finished` are
    buckets that the source's interrupted step had already put out: they come before what it puts
    out now.
    """

    start: Start = "start"
    step: str | None = None
    inputs: list[int] | None = None
    kept: list[str] = msgspec.field(default_factory=list)
    finished: list[int] = msgspec.field(default_factory=list)
    checkpoints: dict[str, Any] = msgspec.field(default_factory=dict)
    """Where to go on inside an input payload of that step, by its number."""
    skips: list[str] = msgspec.field(default_factory=list)
    delivery: str | None = None
    reason: str | None = None
    asked: dict[str, Any] = msgspec.field(default_factory=dict)
    """What the person asked for, in the words of the command: for the run log and the audit."""


class Run(msgspec.Struct, kw_only=True):
    id: int
    flow_id: int
    flow: str
    version: int
    status: str
    trigger: str
    priority: int
    epoch: int
    losses: int
    """Workers lost since the run last made progress; -1 while it has been let go of."""
    queued_at: int
    started_at: int | None = None
    finished_at: int | None = None
    clock: int
    source_run: int | None = None
    root_run: int | None = None
    """The first run of the lineage; None where this is it."""
    root_queued_at: int | None = None
    start_step: str | None = None
    warnings: int = 0
    summary: str = ""
    stop: int = 0
    """0 no, 1 at the next payload boundary, 2 at once."""
    overridden: bool = False
    """Started with data or with variables of its own: never moves `last_success`."""
    variables: bytes | None = None
    plan: bytes | None = None
    connectors: bytes | None = None
    """JSON: connector name to the hash of the document that the run used."""

    @property
    def lineage_since(self) -> int:
        """When the first run of this lineage was queued."""
        return self.root_queued_at if self.root_queued_at is not None else self.queued_at


class StepRun(msgspec.Struct, kw_only=True):
    run_id: int
    position: int
    """Of the step in document order."""
    step: str
    shape: str
    name: str | None = None
    status: str = "pending"
    attempts: int = 0
    started_at: int | None = None
    finished_at: int | None = None
    inputs: str = "[]"
    """JSON: the buckets of the input, in order."""
    outputs: str = "[]"
    bucket: int | None = None
    """The bucket that this execution writes; its last one of `outputs`."""
    done: int = 0
    """Input payloads finished (or failed for good), counted from the front."""
    out: int = 0
    """Payloads of `bucket` that stay if the step goes on after a crash."""
    checkpoint: bytes | None = None
    """JSON: where to go on inside the input payload number `done`."""
    payloads_in: int = 0
    items_in: int = 0
    bytes_in: int = 0
    payloads_out: int = 0
    items_out: int = 0
    bytes_out: int = 0
    failed: int = 0
    delivered: int = 0
    skipped: int = 0
    rejected: int = 0
    unknown: int = 0
    warnings: int = 0
    variables: bytes | None = None
    """JSON: flow variables that the step set."""
    error: bytes | None = None
    next_attempt_at: int | None = None


class PayloadRow(msgspec.Struct, kw_only=True):
    id: int
    bucket: int
    position: int
    digest: bytes
    size_bytes: int
    items: int | None
    media_type: str
    items_path: str = ""
    meta: bytes | None = None
    lineage: bytes | None = None
    edited_from: int | None = None
    """The payload that this one replaces (an edit) or was selected from."""
