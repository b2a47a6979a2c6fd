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
    "paths.handed",  # what the paths of a step get is on its way to the committer
    "path.ended",  # what a path adds to the join is on its way
    "catch.filling",  # the payloads for `catch` are on their way, no record names their bucket
    "catch.filled",  # the record that does is on its way
    "paths.joined",  # the last record of a step that owns paths is on its way
    "state.reached",  # a step has made a checkpoint of its own durable
    "call.drafted",  # a called run is about to be queued
    "call.queued",  # it is queued, durably
    "call.ended",  # it has ended, and the step that called it has seen it
    "notice.sent",  # a message has reached its group, nothing of it is recorded
    "run.ending",  # all steps done, the run not ended
    "commit.before",  # inside the transaction of a group
    "commit.after",  # it is durable, nobody has been told
    "blob.written",
    "blob.fsynced",
    "blob.renamed",
    "blob.folder_synced",
)
"""Points that a run passes; the suite knows which flows pass which."""

SHARED: tuple[str, ...] = (
    "pool.claimed",  # the keys of a step are its run's, durably
    "cache.added",  # a page is on its way to the committer
    "dictionary.begun",  # a step has put out enough to learn from
    "dictionary.made",  # there is one, no record names it
    "dictionary.stored",  # it is durable, nothing is packed with it
)
"""Points of what runs share: pools, caches, dictionaries."""

CIRCUITS: tuple[str, ...] = (
    "circuit.opened",  # a target is known to be down in memory, the record of it is on its way
    "circuit.probing",  # it is tried again, and the store knows by whom
    "circuit.closed",  # it answered, what says that it is down is on its way out of the store
)
"""Points that a target which is down makes runs pass."""

RETENTION: tuple[str, ...] = (
    "retention.begun",  # a run is marked, nothing of it is gone
    "retention.bucket",  # a bucket of it is empty
    "retention.piece",  # some rows of it are gone
    "retention.emptied",  # only its own record is left
    "retention.marked",  # all references are scanned, nothing is deleted
    "retention.swept",  # records of contents are gone, their objects are not
)
"""Points that a retention passes, not a run."""

BACKUP: tuple[str, ...] = (
    "backup.begun",  # it is recorded, nothing is written
    "restore.rows",  # some records are in the new home
    "restore.whole",  # everything is, not yet in its place
    "restore.passed_on",  # the records are in a database of their own, the home is not in its place
)

ERASE: tuple[str, ...] = (
    "erase.begun",  # what is to be erased is on record
    "erase.content",  # a content was written anew, nothing refers to it
    "erase.moved",  # some records refer to the new ones
    "erase.replaced",  # all do, the old contents are there
    "erase.swept",  # they are gone, the file is not yet written anew
)

SEARCH: tuple[str, ...] = (
    "search.begun",  # an empty search index stands where there was none, the records do not know
    "search.applied",  # runs are in the search index, and still in its queue
)

SECRETS: tuple[str, ...] = (
    "secrets.written",  # the new key stands beside the old one, everything is sealed with that
    "secrets.sealed",  # everything is sealed with the new one, the old one is still there
    "secrets.dropped",  # it is gone
)


GROUPS: tuple[tuple[str, ...], ...] = (NAMES, SHARED, CIRCUITS, RETENTION, BACKUP, ERASE, SEARCH, SECRETS)
"""All of them. A structure test compares this with what the code passes."""


class Failpoints:
    """Counts passes; `action` is called with the name at each pass of an armed point."""

    def __init__(self) -> None:
        self.action: Callable[[str], None] | None = None
        self._armed: str | None = None
        self._left = 0
        if spec := os.environ.get("REDRIVE_FAILPOINT"):
            name, _, count = spec.partition(":")
            if name not in (known := [one for group in GROUPS for one in group]):
                raise ValueError(f"no failpoint {name!r}; there are {', '.join(known)}")
            self._armed, self._left = name, int(count or 1)

    def hit(self, name: str) -> None:
        if self._armed == name:
            self._left -= 1
            if self._left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
        if self.action is not None:
            self.action(name)


failpoints = Failpoints()
