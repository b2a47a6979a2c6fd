"""What the CLI prints and the API answers: one set of records for both.

Ids are strings, instants are aware UTC, sizes are bytes. Field names are a contract with scripts.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Generic, Literal, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from redrive.core.jsonvalue import decode, encode

T = TypeVar("T")

OnlyTrue = Annotated[bool, Field(exclude_if=lambda value: not value)]
"""Written only where it is true."""

OnlySet = Annotated[str | None, Field(exclude_if=lambda value: value is None)]
"""Written only where there is one."""

RunStatus = Literal["queued", "running", "success", "partial_success", "failure", "stopped"]
StepStatus = Literal[
    "pending", "running", "success", "partial_success", "failure", "skipped", "stopped", "kept"
]
DeliveryStatus = Literal["begun", "delivered", "rejected", "unknown"]
DeliveryPolicy = Literal["send_changed", "skip_delivered", "send_all"]


class View(BaseModel):
    model_config = ConfigDict(frozen=True, ser_json_timedelta="float")

    def to_json(self) -> bytes:
        """Compact JSON. Numbers keep their digits: pydantic alone would write a Decimal as a string."""
        return encode(self.model_dump(by_alias=True))

    @classmethod
    def from_json(cls, data: bytes) -> Self:
        return cls.model_validate(decode(data))


class Page(View, Generic[T]):
    """One page of a list. `next` is the cursor of the page after it, or null."""

    items: list[T]
    next: str | None = None


class ErrorView(View):
    code: str
    title: str
    detail: str
    at: str | None = None
    hint: str | None = None


class PayloadView(View):
    """One payload in a list. `items` is null where the payload's form is not known."""

    id: str
    items: int | None
    size_bytes: int
    media_type: str
    meta: dict[str, str]
    expired: OnlyTrue = False
    """Its content is no longer kept. Written only where it is so."""
    healed_by: OnlySet = None
    """Of a failed payload: the later run by which it was made good. Written only where it was."""


class DeliveryCounts(View):
    delivered: int = 0
    skipped: int = 0
    rejected: int = 0
    unknown: int = 0


class StepRunView(View):
    """One step of a run. The payload lists hold at most the first 100; `*_next` is a cursor."""

    step: str
    shape: str
    name: str | None = None
    status: StepStatus
    attempts: int
    started_at: datetime | None = None
    duration_s: float | None = None
    warnings: int
    payloads_in: list[PayloadView]
    payloads_in_next: str | None = None
    payloads_out: list[PayloadView]
    payloads_out_next: str | None = None
    failed_payloads: list[PayloadView]
    failed_payloads_next: str | None = None
    counts: dict[str, int] = {}
    deliveries: DeliveryCounts = DeliveryCounts()
    error: ErrorView | None = None
    next_attempt_at: datetime | None = None
    healed_by: OnlySet = None
    """The last of the runs by which all its failed payloads were made good. Written only where they were."""
    waits: dict[str, str] | None = None
    """What a running step waits for: `{"until": instant}`, `{"run": id}` of a called run, `{"paused": what}`,
    or `{"circuit": connection, "until": instant}` of a target that is down."""
    called: list[str] = []
    """Runs that the step has started, the first 100."""


class Cause(View):
    """Why a run failed: the first step that did, and the first record that it failed on."""

    step: str
    code: str
    title: str
    detail: str
    hint: str | None = None
    key: str | None = None
    """The delivery key of the record, where the step sends with one."""
    keys: int = 0
    """How many records were rejected, or may have been sent, in that step."""
    payload: str | None = None
    item: int | None = None
    payloads: int = 0
    """How many payloads failed in that step."""


class RunBrief(View):
    """What a list tells of a run beyond its row: how much went through it, and why it failed.

    Counted are the payloads that its own steps put out, and what stands in them.
    """

    payloads: int
    items: int
    size_bytes: int
    delivered: int = 0
    cause: Cause | None = None


OnlyBrief = Annotated[RunBrief | None, Field(exclude_if=lambda value: value is None)]
"""Written only where it was asked for."""


class RunRow(View):
    """A run as the run log lists it: the run object without its steps."""

    id: str
    flow: str
    version: int
    status: RunStatus
    trigger: str
    warnings: int
    summary: str
    queued_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    duration_s: float | None
    clock: datetime
    variables: dict[str, Any]
    source_run: str | None
    start_step: str | None
    redrives: list[str]
    parent_run: str | None = None
    """The run that called this one's flow, and the step by which it did."""
    parent_step: str | None = None
    healed_by: str | None = None
    """The later run by which everything that had failed in this one was made good."""
    pinned: OnlyTrue = False
    payloads_expired: OnlyTrue = False
    """These two are written only where they are so."""
    brief: OnlyBrief = None


class RunView(RunRow):
    steps: list[StepRunView]
    plan: dict[str, Any] | None = None


class LogLine(View):
    at: datetime
    level: Literal["info", "warning", "error"]
    step: str | None
    message: str
    data: dict[str, Any] = {}


class ExchangeView(View):
    """One request and its answer, secrets masked. Bodies are contents of their own."""

    id: str
    step: str
    payload: str | None
    attempt: int
    method: str
    url: str
    request_headers: list[tuple[str, str]]
    request_body: str | None
    request_bytes: int
    status: int | None
    response_headers: list[tuple[str, str]]
    response_body: str | None
    response_bytes: int
    error: str | None
    at: datetime
    duration_ms: float | None


class PayloadDetail(PayloadView):
    """A payload with where it stands and, as far as it is bounded, its text.

    `text` is at most 64 KiB of the content as stored, then ends in `[trimmed]`; null where the
    content is not text. `edited_from` links an edited payload to its original, `patch` is the
    JSON Patch between them. `masked`: masking rules hold for it, so its bytes are handed out without
    what they hide, and `digest` is not that of its bytes.
    """

    run: str | None
    step: str | None
    side: Literal["in", "out", "failed"] | None
    position: int
    items_path: str
    digest: str
    text: str | None
    trimmed: bool
    edited_from: str | None = None
    patch: list[dict[str, Any]] | None = None
    edit_reason: str | None = None
    masked: OnlyTrue = False


class ItemRange(View):
    """Items `start` to before `stop` of a payload, each as its own text, in order."""

    payload: str
    start: int
    stop: int
    total: int | None
    items: list[str]


class FindItem(View):
    run: str
    flow: str
    step: str
    payload: str
    item: int
    field: str
    value: str
    delivery: str | None
    at: datetime


class FindPage(Page[FindItem]):
    """`note` says what the answer does not show, if there is anything."""

    note: str | None = None


class SearchStatus(View):
    """The search index: what it holds, and what it has not taken up yet: counted as far as 5,000 runs,
    so that asking costs the same however many there are.
    """

    enabled: bool
    state: Literal["off", "missing", "building", "behind", "complete"]
    waiting_runs: int
    """Runs that have begun and are not in it, or not all of them."""
    waiting_payloads: int
    waiting_since: datetime | None
    """When the first of those that ended did."""
    older_runs: int
    """Runs that a new index has yet to take up; the newest come first."""
    documents: int
    size_bytes: int


class DeliveryEvent(View):
    run: str
    status: str
    at: datetime


class DeliveryView(View):
    id: str
    ledger: str
    connection: str
    endpoint: str
    key: str
    status: DeliveryStatus
    run: str
    step: str
    payload: str | None
    item: int | None
    at: datetime
    history: list[DeliveryEvent]


class PlanStep(View):
    """What one send step would do. A count that cannot be known before it runs is null."""

    step: str
    to_send: int | None
    delivered: int | None
    changed: int | None
    unknown: int | None
    newer: int | None = None
    details: list[dict[str, Any]] = []


class PlanView(View):
    source_run: str | None
    start: dict[str, Any]
    version: int
    clock: datetime
    skips: list[str]
    steps: list[PlanStep]
    warnings: list[str]
    delivery: str | None = None
    confirm: str | None = None


class FlowView(View):
    name: str
    enabled: bool
    deployed: int | None
    draft: bool
    versions: int
    warnings: list[str] = []
    labels: list[str] = []


class FlowVersionView(View):
    flow: str
    number: int
    state: Literal["draft", "deployed", "inactive"]
    created_at: datetime
    digest: str
    created_by: str | None = None
    deployed_at: datetime | None = None
    deployed_by: str | None = None
    note: str | None = None
    """Why, as the latest that made, deployed or restored it said."""


class ConnectionView(View):
    name: str
    connector: str
    settings: dict[str, Any]
    secrets: dict[str, str]
    """By name: where it comes from (`stored`, `env:NAME`, `file:PATH`), never the value."""


class AuthorizationView(View):
    """`url` is the page on which a person agrees; `authorized` says that it is done."""

    connection: str
    url: str | None = None
    authorized: bool = False


class ConnectorView(View):
    name: str
    digest: str
    endpoints: dict[str, str]


class Imported(View):
    """What an import did with each document: `created`, `changed` or `unchanged`."""

    kind: str
    name: str
    result: Literal["created", "changed", "unchanged"]
    version: int | None = None
    warnings: list[str] = []


class Hour(View):
    """What became of the runs that were queued in one hour."""

    at: datetime
    counts: dict[RunStatus, int]


class Overview(View):
    """What there is to see to: the runs of the last day, hour by hour, and what runs and waits now.

    `open_failures` are those of the day that no later run has made good; where `more_failures`, the older
    of them were not looked at.
    """

    since: datetime
    hours: list[Hour]
    counts: dict[RunStatus, int]
    running: int
    queued: int
    open_failures: int
    more_failures: bool = False


class StartRequest(View):
    """How to start a run without a source. `payloads` are ids of stored payloads or uploads."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    variables: dict[str, Any] = {}
    payloads: list[str] = []
    skips: list[str] = []
    version: str | None = None
    delivery: DeliveryPolicy | None = None
    reason: str | None = None
    clock: datetime | None = None


class RetryRequest(View):
    from_: Literal["failed", "start"] = "failed"
    delivery: DeliveryPolicy | None = None
    reason: str | None = None
    confirm: bool = False

    model_config = ConfigDict(
        frozen=True, extra="forbid", alias_generator=lambda n: n.rstrip("_"), populate_by_name=True
    )


class RedriveRequest(View):
    """Where to start (`after` or `at`, one of them), with what, how.

    `edits` maps payload ids of the start bucket to ids of uploads that replace them; `item_edits`
    payload ids to new texts of single items, by the item's number.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    after: str | None = None
    at: str | None = None
    payloads: list[str] = []
    edits: dict[str, str] = {}
    item_edits: dict[str, dict[str, str]] = {}
    items: str | None = None
    skips: list[str] = []
    variables: dict[str, Any] = {}
    version: str = "original"
    clock: Literal["original", "now"] = "original"
    delivery: DeliveryPolicy | None = None
    reason: str | None = None
    force: bool = False
    confirm: bool = False


class UploadView(View):
    """Bytes put into the store, to be used as a payload of a start."""

    id: str
    size_bytes: int
    media_type: str
    items_path: str
    items: int | None


class ProblemView(View):
    """One fault of a document, as `check` and a refused import list it."""

    code: str
    title: str
    file: str | None = None
    line: int | None = None
    step: str | None = None
    setting: str | None = None
    expected: str | None = None
    nearest: str | None = None


class ScheduleTimes(View):
    """The next five times of a schedule of a document."""

    flow: str
    rule: str
    next: list[datetime]


class CheckResult(View):
    """What `check` found; the documents are valid when `problems` is empty."""

    problems: list[ProblemView]
    warnings: list[str] = []
    times: list[ScheduleTimes] = []


class TokenView(View):
    """`account` null: made in the home itself. `scopes`: roles and rights, side by side."""

    id: str
    name: str
    account: str | None = None
    scopes: list[str]
    created_at: datetime
    expires_at: datetime | None = None
    last_used_at: datetime | None = None


class NewToken(TokenView):
    """The one time that the text of a token is shown; only its hash is kept."""

    token: str


class Health(View):
    """`runner` is true while a process executes the runs of this home."""

    ready: bool
    runner: bool
    version: str
    home: str


class Finding(View):
    """One check of `doctor`; `hint` says how to mend what is not ok."""

    ok: bool
    name: str
    detail: str
    hint: str | None = None


class Moved(View):
    """One kind of record, or `objects`, that was moved; `digest` is the hash of all, the same in both."""

    name: str
    count: int
    digest: str


class MoveView(View):
    """What was copied from one store to another and compared; `target` null: objects only."""

    source: str
    target: str | None
    moved: list[Moved]


class ContentsChecked(View):
    """A part of the check of all contents. `next` goes on where it ended; None at the end.

    `checked` and `read_bytes` are those of this part; `total` is the number of contents that are stored.
    """

    findings: list[Finding]
    checked: int
    read_bytes: int
    total: int
    next: str | None = None


class SettingView(View):
    """A setting in force. A secret's value is masked."""

    name: str
    value: str | int | float | bool | None
    source: str
    unit: str | None = None
    help: str


class LoginLink(View):
    """An address that signs a browser in, once."""

    link: str
