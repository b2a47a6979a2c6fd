"""Records of bulk: many runs retried or redriven as one job."""

from __future__ import annotations

from datetime import datetime
from typing import Literal, TypeAlias

from pydantic import AwareDatetime, ConfigDict, Field

from redrive.service.views import ErrorView, PlanStep, RedriveRequest, RetryRequest, RunStatus, View

BulkState: TypeAlias = Literal["running", "paused", "cancelled", "ended"]
MAX_RUNS = 10_000


class RunsWhere(View):
    """The runs that a list with these filters shows."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    status: str | None = None
    flow: str | None = None
    trigger: str | None = None
    since: AwareDatetime | None = None
    until: AwareDatetime | None = None
    text: str | None = None
    version: int | None = None
    warnings: bool | None = None
    label: str | None = None
    value: str | None = None
    unhealed: bool = False


class BulkRequest(View):
    """Which runs (`runs` or `where`), and what is done with each (`retry` or `redrive`), the oldest first.

    `per_minute`: at most that many are started in a minute. `confirm` stands for that of each.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    runs: list[str] = Field([], max_length=MAX_RUNS)
    where: RunsWhere | None = None
    retry: RetryRequest | None = None
    redrive: RedriveRequest | None = None
    per_minute: int | None = Field(None, ge=1, le=100_000)
    confirm: bool = False


class BulkNote(View):
    """What is said of several runs alike: how many, and the first of them."""

    code: str | None = None
    text: str
    runs: int
    first: list[str]


class BulkPlan(View):
    """What a bulk would do. Counts are of the runs that were planned: of very many, the first."""

    runs: int
    planned: int
    able: int
    """Of those that were planned."""
    steps: list[PlanStep]
    warnings: list[BulkNote]
    refused: list[BulkNote]
    confirm: str | None = None


class BulkView(View):
    """`waiting` are those that were not looked at yet; the rest of `started` ended as it says."""

    id: str
    kind: Literal["retry", "redrive"]
    state: BulkState
    actor: str
    at: datetime
    ended_at: datetime | None
    per_minute: int | None
    runs: int
    waiting: int
    started: int
    refused: int
    under_way: int
    success: int
    failed: int
    problem: ErrorView | None = None


class BulkRun(View):
    """What became of one run: a new run, a problem, or nothing yet."""

    source_run: str
    run: str | None = None
    status: RunStatus | None = None
    summary: str = ""
    problem: ErrorView | None = None
