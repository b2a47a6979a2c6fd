"""What there is to see to in a home: the last day hour by hour, open failures, what runs and waits."""

from __future__ import annotations

from typing import Final, get_args

from redrive.core.ids import lowest_at
from redrive.core.run import Run
from redrive.engine.clock import instant
from redrive.service.healing import Healing
from redrive.service.kernel import Kernel
from redrive.service.views import Hour, Overview, RunStatus
from redrive.store import briefs as store
from redrive.store import runlog
from redrive.store.database import Rows

HOURS: Final = 24
_HOUR_MS: Final = 3_600_000
MOST: Final = 100_000
"""Runs of each state that are counted: some milliseconds' worth of the index."""
LOOKED_AT: Final = 200
"""Failures of which it is found out whether they were made good."""
_STATUSES: Final[tuple[RunStatus, ...]] = get_args(RunStatus)
_FAILED: Final = ("failure", "partial_success")


async def overview(kernel: Kernel) -> Overview:
    """Counted by when runs were queued."""
    now_ms = kernel.deps.clock.micros() // 1000
    first_ms = (now_ms // _HOUR_MS - HOURS + 1) * _HOUR_MS
    starts = [first_ms + _HOUR_MS * hour for hour in range(HOURS + 1)]
    bounds = [lowest_at(start) for start in starts]
    wanted = runlog.RunFilter(statuses=_FAILED, since=first_ms * 1000)

    def read(rows: Rows) -> tuple[dict[RunStatus, list[int]], int, int, list[Run]]:
        by_status = {status: store.counts(rows, status, bounds, MOST) for status in _STATUSES}
        running, queued = (store.count(rows, status, MOST) for status in ("running", "queued"))
        return by_status, running, queued, runlog.runs_page(rows, wanted, None, LOOKED_AT + 1)

    by_status, running, queued, failed = await kernel.deps.reader.run(read)
    healing = Healing(kernel.deps)
    made_again = await kernel.deps.reader.run(
        lambda rows: runlog.redrives_of(rows, [run.id for run in failed[:LOOKED_AT]])
    )
    still_open = [
        run for run in failed[:LOOKED_AT] if run.id not in made_again or await healing.healed_by(run) is None
    ]
    return Overview(
        since=instant(first_ms * 1000),
        hours=[
            Hour(
                at=instant(starts[hour] * 1000),
                counts={status: found[hour] for status, found in by_status.items() if found[hour]},
            )
            for hour in range(HOURS)
        ],
        counts={status: total for status, found in by_status.items() if (total := sum(found))},
        running=running,
        queued=queued,
        open_failures=len(still_open),
        more_failures=len(failed) > LOOKED_AT,
    )
