"""What tests of flows, replays and trials of single shapes give."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import ConfigDict

from redrive.service.views import ErrorView, LogLine, View


class Difference(View):
    """One thing that is not as expected; `lines` say what differs, each at its place."""

    step: str | None
    what: str
    lines: list[str] = []


class FlowTestResult(View):
    """How one test of a flow ended. `notes` are no failures: exchanges nobody asked for."""

    flow: str
    test: str
    file: str | None = None
    line: int | None = None
    passed: bool
    duration_s: float
    status: str | None
    differences: list[Difference] = []
    notes: list[str] = []


class FlowTestReport(View):
    passed: int
    failed: int
    results: list[FlowTestResult]


class ReplayStep(View):
    """One step of a replayed run beside the run as it was.

    `same`, `changed` (its outputs, how it ended, or what it sends), `new` and `gone` (the step is in
    one of the versions only), `not_compared` (`lines` say why).
    """

    step: str
    shape: str
    result: Literal["same", "changed", "new", "gone", "not_compared"]
    payloads_before: int | None = None
    payloads_after: int | None = None
    items_before: int | None = None
    items_after: int | None = None
    lines: list[str] = []


class ReplayView(View):
    """A past run, run again on another version against its recorded answers. Nothing was recorded."""

    run: str
    flow: str
    version: int
    replayed: str
    same: bool
    status_before: str
    status_after: str
    clock: datetime
    steps: list[ReplayStep]
    notes: list[str] = []


class MadeFile(View):
    """A large content that a made test names: where it is kept, to be fetched from there."""

    name: str
    payload: str | None = None
    exchange: str | None = None
    size_bytes: int


class MadeTest(View):
    """A test made from a run: the part of a document, and the whole document with it."""

    flow: str
    run: str
    test: str
    text: str
    document: str
    files: list[MadeFile] = []
    notes: list[str] = []
    stored: bool = False


class TrialRequest(View):
    """One shape on payloads: either `shape` and `settings`, or the `step` of a `flow`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    shape: str | None = None
    settings: dict[str, Any] = {}
    flow: str | None = None
    step: str | None = None
    version: str | None = None
    payloads: list[str] = []
    values: list[Any] = []
    variables: dict[str, Any] = {}
    clock: datetime | None = None
    exchanges: list[dict[str, Any]] = []


class TrialPayload(View):
    """A payload that came out. `text` is at most 64 KiB of it; null where it is not text."""

    items: int | None
    size_bytes: int
    media_type: str
    meta: dict[str, str]
    text: str | None
    trimmed: bool = False
    path: str | None = None


class TrialSent(View):
    """A request that would have been sent."""

    method: str
    url: str
    body: str | None
    size_bytes: int


class TrialView(View):
    """What one shape did. No run was recorded, nothing was sent."""

    shape: str
    status: str
    payloads: list[TrialPayload]
    payloads_out: int
    items_out: int
    failed: int
    error: ErrorView | None
    logs: list[LogLine]
    sent: list[TrialSent] = []
