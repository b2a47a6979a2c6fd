"""Records of what is kept and what goes: retention, erasing, backups."""

from __future__ import annotations

from datetime import datetime

from redrive.service.views import View


class LimitView(View):
    """Null: no bound."""

    days: float | None
    count: int | None
    size_bytes: int | None


class FlowRetention(View):
    """What a flow's rules are, and what of its runs is due."""

    flow: str
    payloads_success: LimitView
    payloads_failure: LimitView
    runs_success: LimitView
    runs_failure: LimitView
    expire: int
    delete: int
    waiting: int
    size_bytes: int


class RetentionPlan(View):
    """What the next pass would take away. `size_bytes`: what the steps of these runs had put out."""

    flows: list[FlowRetention]
    every_s: float
    last_at: datetime | None


class RetentionResult(View):
    """What a pass took away. `size_bytes` are plain bytes, before compression."""

    expired: int
    deleted: int
    waiting: int
    uploads: int
    start_keys: int
    contents: int
    size_bytes: int
    objects: int
    compacted: bool = False


class DeleteRequest(View):
    """Runs to delete by hand."""

    runs: list[str]
    reason: str | None = None
    confirm: bool = False


class Deleted(View):
    runs: list[str]
    size_bytes: int


class BackupView(View):
    """A backup that was made of this home. `name` is where whoever made it keeps it."""

    id: str
    name: str
    actor: str
    state: str
    started_at: datetime
    finished_at: datetime | None
    rows: int
    objects: int
    size_bytes: int
    secrets: bool


class RestoredHome(View):
    """A home that was made from a backup. `stopped` runs had not ended, `unknown` deliveries were open.
    `store`: the database with its records, where they are not in the home; `left_out`: settings of the
    backup's home that are not taken over.
    """

    home: str
    store: str | None = None
    left_out: list[str] = []
    made_at: datetime
    rows: int
    objects: int
    stopped: int
    unknown: int
    secrets: bool


class EraseRequest(View):
    """Erase every item that holds `value`, in any field or in `field`."""

    value: str
    field: str | None = None
    reason: str = ""
    confirm: bool = False


class ErasePlan(View):
    """What holds the value. `backups` were made since it was first stored and hold it still."""

    payloads: int
    items: int
    exchanges: int
    records: int
    deliveries: int
    contents: int
    backups: list[BackupView]


class ErasureView(View):
    """An erasing. What was erased is not told any more: `value_hash` is a keyed hash of it."""

    id: str
    at: datetime
    finished_at: datetime | None
    actor: str
    reason: str
    field: str | None
    value_hash: str
    found: ErasePlan | None
