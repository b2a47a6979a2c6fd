"""The records of a run and of its steps, as they stand in the store.

Instants are microseconds since 1970-01-01 UTC; ids are 63-bit numbers (`core.ids` writes them).
Fields stand in the order of the table's columns: a record is a row.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from redrive.core.admission import turn_of

RunStatus = Literal["queued", "running", "success", "partial_success", "failure", "stopped"]
StepStatus = Literal[
    "pending", "running", "success", "partial_success", "failure", "skipped", "stopped", "kept"
]
ENDED: frozenset[str] = frozenset({"success", "partial_success", "failure", "stopped"})
FAILED: frozenset[str] = frozenset({"partial_success", "failure", "stopped"})

PRIORITIES = {"highest": 0, "high": 1, "regular": 2, "low": 3, "lowest": 4}
DONE: frozenset[str] = frozenset({"success", "partial_success", "skipped", "kept"})
"""Step states after which what follows the step goes on with what it put out."""
FAILING: frozenset[str] = frozenset({"failure", "stopped", "running"})
"""Of a step, once its run has ended: where a retry goes on."""

Start = Literal["start", "failed", "at", "after"]


class Begin(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Where a run goes into a list of steps that it does not execute from its first step on.

    `inputs` are the buckets that wait there (None: one empty payload); with `after` they stand for
    what the step has put out. What the steps before it put out in this run, if any of them runs,
    comes behind them.
    """

    inputs: list[int] | None = None
    after: bool = False
    finished: list[int] = msgspec.field(default_factory=list)
    """Buckets that the source's interrupted step had already put out: they come before what it puts
    out now."""
    handed: dict[str, list[int] | None] = msgspec.field(default_factory=dict)
    """The same for a route: STEP/PATH to the buckets that the path had been handed."""
    checkpoints: dict[str, Any] = msgspec.field(default_factory=dict)
    """Where to go on inside an input payload, by its number."""


class Plan(msgspec.Struct, kw_only=True, omit_defaults=True):
    """How a run was asked to run. Stored with it; the whole difference to an ordinary run.

    An ordinary run has no `begins`: it starts with `inputs` (None: one empty payload) at the first
    step. A run made from another one begins at each step named in `begins`; the steps before one in
    its list are not executed. Steps around it (a route, branch or try) have a record that is
    `pending` and names the buckets of their paths; a path of theirs runs if it is named there.
    """

    start: Start = "start"
    step: str | None = None
    """Of `at` and `after` the step that was asked for, of `failed` the first one that begins."""
    inputs: list[int] | None = None
    begins: dict[str, Begin] = msgspec.field(default_factory=dict)
    paths: dict[str, list[int] | None] = msgspec.field(default_factory=dict)
    """STEP/PATH to buckets that come first in what the path contributes to the join: all of it, where
    the path is not executed."""
    caught: dict[str, int] = msgspec.field(default_factory=dict)
    """Steps that are kept while `catch` goes on with payloads that had failed in them, and the runs that
    have these payloads: a later retry tries them again.
    """
    skips: list[str] = msgspec.field(default_factory=list)
    delivery: str | None = None
    reason: str | None = None
    redriven: bool = False
    """Of a called run: somewhere above it a run is a retry or redrive, so the delivery policy is theirs."""
    asked: dict[str, Any] = msgspec.field(default_factory=dict)
    """What the person asked for, in the words of the command: for the run log and the audit."""

    @property
    def waiting(self) -> list[int]:
        """The buckets that wait for the steps that the run begins with."""
        return [*(self.inputs or []), *(one for it in self.begins.values() for one in it.inputs or [])]

    @property
    def buckets(self) -> list[int]:
        """All buckets that the run goes on with."""
        handed = [named for it in self.begins.values() for named in it.handed.values()]
        lists = [*(it.finished for it in self.begins.values()), *handed, *self.paths.values()]
        return [*self.waiting, *(one for named in lists for one in named or [])]


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
    pinned: bool = False
    """Retention passes it by."""
    retention: int = 0
    """0 whole, 1 its payloads are being taken away, 2 they are gone, 3 it is being deleted."""
    parent_run: int | None = None
    """The run whose step called this flow."""
    parent_step: str | None = None
    depth: int = 0
    """How many calls deep it stands; 0 where nobody called it."""
    family: int | None = None
    """Of a run in a called flow: the first run of the lineage of the outermost caller."""
    turn: int = -1
    """Its place in the queue (`core.admission.turn_of`)."""
    overlap: str | None = None
    """What it was to do if the flow ran already; None: nothing."""
    lane: str | None = None
    """The runs with which it overlaps (`core.admission.lane_of`); None: its flow asks for none."""

    def __post_init__(self) -> None:
        if self.turn == -1:
            self.turn = turn_of(self.queued_at, self.priority)

    @property
    def lineage_since(self) -> int:
        """When the first run of this lineage was queued."""
        return self.root_queued_at if self.root_queued_at is not None else self.queued_at

    @property
    def family_id(self) -> int:
        """The run that all runs which may share buckets with this one go back to."""
        return self.family or self.root_run or self.id


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
    paths: str = "{}"
    """JSON, of a step that owns paths: STEP/PATH to the buckets that the path was handed (null: a start
    without data). Written when all of them are there."""
    joined: str = "{}"
    """JSON: STEP/PATH to the buckets that the path contributes to the join; of each that has ended."""
    error: bytes | None = None
    next_attempt_at: int | None = None
    taken: str = "[]"
    """JSON: buckets that the step hands on as they are: its input, or what a called flow put out. They
    come before `bucket`."""
    waits: str | None = None
    """JSON: what a running step waits for: {"until": instant}, {"run": id}, {"paused": what} or
    {"circuit": connection, "until": instant}."""


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
