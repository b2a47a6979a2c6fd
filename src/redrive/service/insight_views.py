"""What insights show: volume, failures and durations of flows over time."""

from __future__ import annotations

from datetime import datetime

from redrive.service.views import View


class InsightCounts(View):
    """Runs that have ended, by their outcome, and how long half of them, and 95 of 100, took at most."""

    runs: int
    success: int
    partial_success: int
    failure: int
    stopped: int
    p50_s: float | None = None
    p95_s: float | None = None


class InsightBucket(InsightCounts):
    """The runs that were queued within one hour or day from `at` on (UTC)."""

    at: datetime


class InsightFlow(InsightCounts):
    """The runs of one flow in the whole time."""

    flow: str


class InsightsView(View):
    """`complete` is false where older runs are still being counted: then numbers grow for a while."""

    since: datetime
    until: datetime
    bucket: str
    flow: str | None = None
    total: InsightCounts
    buckets: list[InsightBucket]
    flows: list[InsightFlow]
    complete: bool = True
