"""What callers see of triggers."""

from __future__ import annotations

from datetime import datetime

from redrive.service.views import View


class TriggerView(View):
    """One trigger of the deployed version of a flow, else of its draft.

    `missing` says what keeps it from starting runs: `enabled`, `deployed`. Of a schedule: its rule, the
    next five times (also while it is not active) and the latest one that started a run. Of a hook: its
    address, what a call needs (`token`, `signature`, `open`), and the token where Redrive makes it.
    """

    flow: str
    kind: str
    name: str | None = None
    version: int | None = None
    active: bool
    missing: list[str] = []
    rule: str | None = None
    missed: str | None = None
    next: list[datetime] = []
    last: datetime | None = None
    last_run: str | None = None
    address: str | None = None
    methods: list[str] = []
    wants: list[str] = []
    token: str | None = None
    problems: list[str] = []
