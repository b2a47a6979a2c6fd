"""What every execution of a worker shares."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec

from redrive.core.jsonvalue import decode
from redrive.core.run import Run
from redrive.engine.answers import Answers
from redrive.engine.apart import Apart
from redrive.engine.clock import Clock, Ids
from redrive.engine.connections import Connections
from redrive.engine.contents import ContentStore
from redrive.engine.ends import Ends
from redrive.engine.gates import Gates
from redrive.engine.limits import Limits
from redrive.engine.target import LedgerSignal
from redrive.engine.waits import Waits
from redrive.sandbox import Sandbox
from redrive.settings import Settings
from redrive.store.committer import Committer
from redrive.store.database import Reader

if TYPE_CHECKING:
    from redrive.engine.calling import Calls
    from redrive.engine.flows import FlowCache


class Deps(msgspec.Struct):
    """One per process."""

    committer: Committer
    reader: Reader
    contents: ContentStore
    connections: Connections
    flows: FlowCache
    ids: Ids
    clock: Clock
    signal: LedgerSignal
    settings: Settings
    gates: Gates
    changed: Callable[[Run], None]
    """Told of every change of a run's own record."""
    apart: Apart = msgspec.field(default_factory=Apart)
    sandbox: Sandbox = msgspec.field(default_factory=Sandbox)
    answers: Answers = msgspec.field(default_factory=Answers)
    waits: Waits = msgspec.field(default_factory=Waits)
    ends: Ends = msgspec.field(default_factory=Ends)
    limits: Limits = msgspec.field(default_factory=Limits)
    outbox: LedgerSignal = msgspec.field(default_factory=LedgerSignal)
    """Something may be there to send to notification groups."""
    calls: Calls | None = None
    """Drafts the runs that steps start; set by whoever opens the home."""

    def used_connectors(self, run: Run) -> dict[str, str]:
        """Connector name to the hash of the document that the run has used so far."""
        return dict(decode(run.connectors)) if run.connectors else {}
