"""Volume, failures and durations over time, from hours that are counted and the runs since then."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, Literal

from redrive.core.ids import lowest_at, made_at_ms
from redrive.core.insights import quantile_s
from redrive.engine import insights as engine
from redrive.engine.clock import instant
from redrive.errors import UsageError
from redrive.service.insight_views import InsightBucket, InsightCounts, InsightFlow, InsightsView
from redrive.service.kernel import Kernel
from redrive.store import insights as store
from redrive.store import loose
from redrive.store.database import Rows

Width = Literal["hour", "day"]

LIVE_MOST = 40_000
"""Runs that are counted while somebody waits."""
MOST_FLOWS = 200
DEFAULT = timedelta(days=7)
HOURLY = timedelta(days=3)
"""So long a time is shown by hours unless it is said otherwise."""
MOST_HOURS = timedelta(days=31)
MOST_DAYS = timedelta(days=800)
_HOURS = {"hour": 1, "day": 24}
_OUTCOMES = len(store.OUTCOMES)


class Insights:
    """Implements `interface.Insights`."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel
        self._engine = engine.Insights(kernel.deps)

    async def main(self) -> None:
        """Count hours that are over, in the background, until it is cancelled."""
        await self._engine.main()

    async def fold(self) -> None:
        """Count what is over now."""
        await self._engine.fold()

    async def get(
        self, *, flow: str | None = None, since: datetime | None = None, bucket: Width | None = None
    ) -> InsightsView:
        """Of all flows or one, from the hour (or day) of `since` on; the last seven days unless it is said.

        Errors: `since.invalid`, `bucket.invalid`.
        """
        now_us = self._kernel.deps.clock.micros()
        until = instant(now_us)
        begin = since or until - DEFAULT
        if begin.tzinfo is None:
            raise UsageError("`since` needs a time zone", code="since.invalid", at="since")
        length = until - begin
        if length > MOST_DAYS:
            raise UsageError(
                f"`since` is more than {MOST_DAYS.days} days ago",
                code="since.invalid",
                at="since",
                hint="Ask for a shorter time.",
            )
        width: Width = bucket or ("hour" if length <= HOURLY else "day")
        if width == "hour" and length > MOST_HOURS:
            raise UsageError(
                f"{length.days} days are too many to show by hours",
                code="bucket.invalid",
                at="bucket",
                hint=f"Ask for at most {MOST_HOURS.days} days, or for `day`.",
            )
        step = _HOURS[width]
        first = max(0, int(begin.timestamp() // 3600)) // step * step

        def work(rows: Rows) -> tuple[dict[tuple[int, str], list[int]], bool]:
            return _counted(rows, width, first, flow)

        counts, complete = await self._kernel.deps.reader.run(work)
        return InsightsView(
            since=instant(first * 3_600_000_000),
            until=until,
            bucket=width,
            flow=flow,
            total=_view(_sum(counts.values())),
            buckets=_buckets(counts, first // step, now_us // 3_600_000_000 // step, step),
            flows=_flows(counts),
            complete=complete,
        )


def _counted(
    rows: Rows, width: Width, first: int, flow: str | None
) -> tuple[dict[tuple[int, str], list[int]], bool]:
    """Counts by hour or day and flow; and whether all runs are among them."""
    step = _HOURS[width]
    found = {
        (int(at), name): [int(one) for one in numbers]
        for at, name, *numbers in store.summed(rows, width, first, flow)
    }
    following = int(loose.fact(rows, engine.NEXT) or b"0")
    live = store.runs(rows, lowest_at(max(following, first) * engine.HOUR_MS), lowest_at(1 << 60), LIVE_MOST)
    by_time: dict[int, engine.Counts] = {}
    for run in live:
        if flow is None or run[1] == flow:
            engine.add(by_time.setdefault(made_at_ms(run[0]) // engine.HOUR_MS // step, {}), [run])
    for at, counts in by_time.items():
        for name, row in counts.items():
            there = found.get((at, name))
            found[at, name] = row if there is None else [a + b for a, b in zip(there, row, strict=True)]
    return found, len(live) < LIVE_MOST


def _buckets(
    counts: dict[tuple[int, str], list[int]], first: int, last: int, step: int
) -> list[InsightBucket]:
    by_time: dict[int, list[list[int]]] = {}
    for (at, _), row in counts.items():
        by_time.setdefault(at, []).append(row)
    return [
        InsightBucket(at=instant(at * step * 3_600_000_000), **_fields(_sum(by_time.get(at, []))))
        for at in range(first, last + 1)
    ]


def _flows(counts: dict[tuple[int, str], list[int]]) -> list[InsightFlow]:
    """Those with the most runs first."""
    by_flow: dict[str, list[list[int]]] = {}
    for (_, flow), row in counts.items():
        by_flow.setdefault(flow, []).append(row)
    found = [InsightFlow(flow=flow, **_fields(_sum(rows))) for flow, rows in by_flow.items()]
    return sorted(found, key=lambda one: (-one.runs, one.flow))[:MOST_FLOWS]


def _sum(rows: Iterable[Sequence[int]]) -> list[int]:
    return [sum(column) for column in zip(*rows, strict=True)]


def _view(row: Sequence[int]) -> InsightCounts:
    return InsightCounts(**_fields(row))


def _fields(row: Sequence[int]) -> dict[str, Any]:
    outcomes = list(row[:_OUTCOMES]) or [0] * _OUTCOMES
    slots = row[_OUTCOMES:]
    return {
        **dict(zip(store.OUTCOMES, outcomes, strict=True)),
        "runs": sum(outcomes),
        "p50_s": quantile_s(slots, 0.5),
        "p95_s": quantile_s(slots, 0.95),
    }
