"""When a schedule comes: by a cron text in a time zone, or at whole multiples of a distance.

Where clocks change, a cron text means what Debian's cron does with it:

- a fixed time that does not exist that day (02:30, where 02:00 to 03:00 is left out) comes right behind it;
- a fixed time that exists twice comes once, the first time;
- a text with `*` or steps in hours or minutes goes by real time: every 15 minutes is every 15 minutes.

`every` knows no time zone: its times are multiples of the distance since 1970-01-01T00:00Z, whoever counts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from cronsim import CronSim

LATE: Final = timedelta(seconds=60)
"""What is due so long ago, or longer, was missed."""
MOST_AT_ONCE: Final = 1000
_START: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Schedule:
    """One schedule of a flow version. `rule` is the same text for the same times, also in later versions."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self._cron: str | None = settings["cron"]
        self._every = timedelta(seconds=settings["every"]) if settings["every"] else None
        self._zone = ZoneInfo(settings["timezone"])
        self.missed: str = settings["missed"]
        self._within = timedelta(seconds=settings["missed_within"])
        self.rule = (
            f"{' '.join(self._cron.split())} {self._zone.key}"
            if self._cron
            else f"every {settings['every']:g} s"
        )

    def after(self, moment: datetime) -> Iterator[datetime]:
        """Its times behind an instant, in UTC, without end."""
        if self._cron is not None:
            for found in CronSim(self._cron, moment.astimezone(self._zone)):
                at = found.astimezone(UTC)
                # Asked within the second of two equal hours, CronSim gives the time in the first.
                if at > moment:
                    yield at
            return
        assert self._every is not None
        at = _START + ((moment - _START) // self._every + 1) * self._every
        while True:
            yield at
            at += self._every

    def next_times(self, moment: datetime, count: int = 5) -> list[datetime]:
        times = self.after(moment)
        return [at for at, _ in zip(times, range(count), strict=False)]

    def due(self, since: datetime, now: datetime) -> list[datetime]:
        """Which of its times behind `since`, up to `now`, a run is started for: those that are due, and what
        its policy makes up for of those that were missed. The latest thousand at most.
        """
        times: list[datetime] = []
        for at in self.after(max(since, now - self._within)):
            if at > now:
                break
            times.append(at)
        late = [at for at in times if now - at >= LATE]
        prompt = times[len(late) :]
        if self.missed == "skip":
            late = []
        elif self.missed == "once":
            # A run that is due now makes up for what was missed before it.
            late = [] if prompt else late[-1:]
        return [*late, *prompt][-MOST_AT_ONCE:]
