"""Named points where a test may kill, pause or fail the process. Inert in production.

`REDRIVE_FAILPOINT=name[:n]` kills the process (SIGKILL) when the point is passed the n-th time
(default 1). Tests in the same process set `action` instead. The crash suite visits every name.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable

NAMES: tuple[str, ...] = (
    "start.queued",  # a start is committed, nobody has it yet
    "run.claimed",  # a runner has taken it, in memory only
    "step.begun",  # a step is about to run its shape
    "payload.written",  # an output is in the content store, no record names it
    "payload.recorded",  # its record is on its way to the committer
    "payload.finished",  # one input payload is done
    "step.finished",  # the last record of a step is on its way
    "claim.before",  # deliveries are about to be claimed
    "claim.after",  # they are begun, durably; nothing has left
    "send.after",  # the answer is there, nothing of it is recorded
    "settle.after",  # the outcome is on its way to the committer
    "run.ending",  # all steps done, the run not ended
    "commit.before",  # inside the transaction of a group
    "commit.after",  # it is durable, nobody has been told
    "blob.written",
    "blob.fsynced",
    "blob.renamed",
    "blob.folder_synced",
)

BESIDE: tuple[str, ...] = (  # not on the way of a run
    "search.begun",  # an empty search index stands where there was none, the records do not know
    "search.applied",  # runs are in the search index, and still in its queue
)


class Failpoints:
    """Counts passes; `action` is called with the name at each pass of an armed point."""

    def __init__(self) -> None:
        self.action: Callable[[str], None] | None = None
        self._armed: str | None = None
        self._left = 0
        if spec := os.environ.get("REDRIVE_FAILPOINT"):
            name, _, count = spec.partition(":")
            if name not in NAMES + BESIDE:
                raise ValueError(f"no failpoint {name!r}; there are {', '.join(NAMES + BESIDE)}")
            self._armed, self._left = name, int(count or 1)

    def hit(self, name: str) -> None:
        if self._armed == name:
            self._left -= 1
            if self._left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
        if self.action is not None:
            self.action(name)


failpoints = Failpoints()
