"""What the service offers, noun by noun: the one interface behind CLI, HTTP API and Python.

The service in this process and the client of a server both have it, so a caller never knows which
of the two it talks to. Streams are async generators: an error comes with their first chunk.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Literal, Protocol, TypeAlias

from redrive.errors import RedriveError
from redrive.sdk.references import Direction, Match
from redrive.service.actors import Actor
from redrive.service.bulk_views import BulkPlan, BulkRequest, BulkRun, BulkView
from redrive.service.connector_views import (
    ConnectionUse,
    ConnectorDetail,
    DescriptionImported,
    DescriptionRequest,
    TryRequest,
    TryView,
)
from redrive.service.csv_table import Form
from redrive.service.flow_views import Bundle, FlowDiff, Restored, ShapeView
from redrive.service.flowtest_views import (
    FlowTestReport,
    MadeTest,
    ReplayView,
    TrialRequest,
    TrialView,
)
from redrive.service.group_views import GroupRequest, GroupView, NoticeStatus, NoticeView, TestSent
from redrive.service.hook_calls import HookAnswer, HookCall
from redrive.service.insight_views import InsightsView
from redrive.service.kept_views import (
    BackupView,
    Deleted,
    DeleteRequest,
    ErasePlan,
    EraseRequest,
    ErasureView,
    RetentionPlan,
    RetentionResult,
)
from redrive.service.people_views import (
    AccountChange,
    AccountRequest,
    AccountView,
    AuditLine,
    MaskRequest,
    MaskView,
    Me,
    NewSession,
    PasswordChange,
    SessionView,
    SignInRequest,
    WaysIn,
)
from redrive.service.queue_views import (
    CircuitView,
    MoveRequest,
    PauseKind,
    PauseRequest,
    PauseView,
    QueueItem,
)
from redrive.service.reading_views import HitPage, ItemWay, ItemWindow, PayloadDiff, Picked, StartOptions
from redrive.service.reference_views import (
    CacheEntryView,
    CachePageView,
    CacheView,
    LookupAnswer,
    LookupEntry,
    LookupView,
    PoolEntryView,
    PoolView,
    Removed,
    TableImported,
)
from redrive.service.secret_views import Rotated, RotateRequest, SecretsStatus
from redrive.service.trigger_views import TriggerView
from redrive.service.views import (
    AuthorizationView,
    CheckResult,
    ConnectionView,
    ConnectorView,
    ContentsChecked,
    DeliveryView,
    ExchangeView,
    Finding,
    FindPage,
    FlowVersionView,
    FlowView,
    Health,
    Imported,
    ItemRange,
    LogLine,
    NewToken,
    Overview,
    Page,
    PayloadDetail,
    PayloadView,
    PlanView,
    RedriveRequest,
    RetryRequest,
    RunRow,
    RunView,
    SearchStatus,
    StartRequest,
    TokenView,
    UploadView,
)

Document: TypeAlias = tuple[str, bytes]
"""A document's file name (for messages) and its exact text."""

Kind: TypeAlias = Literal["flow", "connector", "connection"]
Side: TypeAlias = Literal["in", "out", "failed"]
Which: TypeAlias = Literal["request", "response"]
Duplicates: TypeAlias = Literal["refuse", "first", "last"]


class Flows(Protocol):
    async def import_documents(
        self,
        documents: Sequence[Document],
        *,
        deploy: bool = False,
        rename: Mapping[str, str] | None = None,
        note: str | None = None,
        based_on: Mapping[str, str] | None = None,
    ) -> Sequence[Imported]: ...
    async def check(self, documents: Sequence[Document]) -> CheckResult: ...
    async def list(self, *, limit: int = 50, cursor: str | None = None) -> Page[FlowView]: ...
    async def get(self, name: str) -> FlowView: ...
    async def versions(
        self, name: str, *, limit: int = 50, cursor: str | None = None
    ) -> Page[FlowVersionView]: ...
    async def export(self, name: str, *, version: str | None = None) -> bytes: ...
    async def export_all(self, name: str, *, version: str | None = None) -> Bundle: ...
    async def deploy(
        self, name: str, *, version: int | None = None, note: str | None = None
    ) -> FlowVersionView: ...
    async def restore(self, name: str, version: int, *, note: str | None = None) -> Restored: ...
    async def start_form(self, name: str, *, version: str | None = None) -> StartOptions: ...
    async def diff(self, name: str, *, before: str | None = None, after: str | None = None) -> FlowDiff: ...
    async def shapes(self) -> Page[ShapeView]: ...
    async def shape(self, kind: str) -> ShapeView: ...
    async def enable(self, name: str, enabled: bool) -> FlowView: ...
    async def delete(self, name: str) -> None: ...
    async def connectors(self) -> Page[ConnectorView]: ...
    async def connections(self) -> Page[ConnectionView]: ...
    async def export_connector(self, name: str) -> bytes: ...
    async def export_connection(self, name: str) -> bytes: ...
    async def authorize_connection(self, name: str, redirect_uri: str) -> AuthorizationView: ...
    async def complete_authorization(self, name: str, url: str) -> AuthorizationView: ...
    async def schema(self, kind: Kind) -> dict[str, Any]: ...


class Connectors(Protocol):
    """Connectors by endpoint, made from descriptions, tried."""

    async def show(self, name: str) -> ConnectorDetail: ...
    async def import_description(self, request: DescriptionRequest) -> DescriptionImported: ...
    async def try_endpoint(self, connection: str, request: TryRequest) -> TryView: ...
    async def uses(self, connection: str) -> Page[ConnectionUse]: ...
    async def delete(self, name: str) -> Removed: ...
    async def delete_connection(self, name: str) -> Removed: ...


class Runs(Protocol):
    async def start(
        self,
        flow: str,
        request: StartRequest,
        *,
        trigger: str = "manual",
        idempotency_key: str | None = None,
    ) -> RunRow: ...
    async def plan(self, flow: str, request: StartRequest, *, trigger: str = "manual") -> PlanView: ...
    async def plan_document(self, text: bytes, filename: str, request: StartRequest) -> PlanView: ...
    async def start_document(
        self,
        text: bytes,
        filename: str,
        request: StartRequest,
        *,
        trigger: str = "manual",
        idempotency_key: str | None = None,
    ) -> RunRow: ...
    async def list(
        self,
        *,
        status: str | None = None,
        flow: str | None = None,
        trigger: str | None = None,
        since: datetime | None = None,
        text: str | None = None,
        version: int | None = None,
        warnings: bool | None = None,
        until: datetime | None = None,
        label: str | None = None,
        value: str | None = None,
        unhealed: bool = False,
        oldest: bool = False,
        brief: bool = False,
        limit: int = 50,
        cursor: str | None = None,
    ) -> Page[RunRow]: ...
    async def get(self, run_id: str, *, listed: int = 100) -> RunView: ...
    async def overview(self) -> Overview: ...
    async def wait(self, run_id: str, timeout_s: float | None = None) -> RunRow: ...
    async def logs(
        self, run_id: str, step: str | None = None, *, limit: int = 100, cursor: str | None = None
    ) -> Page[LogLine]: ...
    async def exchanges(
        self, run_id: str, step: str | None = None, *, limit: int = 100, cursor: str | None = None
    ) -> Page[ExchangeView]: ...
    async def payloads(
        self, run_id: str, step: str, side: Side, *, limit: int = 100, cursor: str | None = None
    ) -> Page[PayloadView]: ...
    def exchange_body(self, exchange_id: str, which: Which) -> AsyncGenerator[bytes, None]: ...
    async def answer(self, run_id: str) -> HookAnswer:
        """What a run has answered its caller. Errors: `run.unknown`, `answer.none`, `payload.expired`."""
        ...

    async def stop(self, run_id: str, force: bool = False) -> RunRow: ...
    def watch(self, run_id: str | None = None) -> AsyncGenerator[RunRow, None]: ...


class Payloads(Protocol):
    async def get(self, payload_id: str, *, text: bool = True) -> PayloadDetail: ...
    async def items(self, payload_id: str, start: int, stop: int) -> ItemRange: ...
    async def window(
        self, payload_id: str, start: int, stop: int, *, item_bytes: int = 65_536
    ) -> ItemWindow: ...
    async def search(
        self, payload_id: str, text: str, *, start: int = 0, most: int = 200, items: bool = True
    ) -> HitPage: ...
    async def pick(
        self,
        payload_id: str,
        expression: str,
        *,
        run: str | None = None,
        step: str | None = None,
        after: bool = False,
    ) -> Picked: ...
    async def compare(self, before: str, after: str, *, key: str | None = None) -> PayloadDiff: ...
    async def way(self, payload_id: str, item: int) -> ItemWay: ...
    def stream(self, payload_id: str, start: int = 0, stop: int | None = None) -> AsyncIterator[bytes]: ...
    def items_bytes(self, payload_id: str, start: int, stop: int) -> AsyncIterator[bytes]: ...
    async def upload(
        self,
        chunks: AsyncIterator[bytes],
        *,
        media_type: str | None = None,
        items_path: str | None = None,
        filename: str | None = None,
        like: str | None = None,
    ) -> UploadView:
        """Store bytes of any size. `like` names a payload that gives media type, items path and meta."""
        ...


class Redrives(Protocol):
    async def plan_retry(self, run_id: str, request: RetryRequest) -> PlanView: ...
    async def plan(self, run_id: str, request: RedriveRequest) -> PlanView: ...
    async def retry(
        self, run_id: str, request: RetryRequest, *, idempotency_key: str | None = None
    ) -> RunRow: ...
    async def redrive(
        self, run_id: str, request: RedriveRequest, *, idempotency_key: str | None = None
    ) -> RunRow: ...


class Bulks(Protocol):
    """Many runs retried or redriven as one job."""

    async def plan(self, request: BulkRequest) -> BulkPlan: ...
    async def start(self, request: BulkRequest, *, idempotency_key: str | None = None) -> BulkView: ...
    async def get(self, bulk_id: str) -> BulkView: ...
    async def list(self, *, limit: int = 50, cursor: str | None = None) -> Page[BulkView]: ...
    async def runs(self, bulk_id: str, *, limit: int = 100, cursor: str | None = None) -> Page[BulkRun]: ...
    async def pause(self, bulk_id: str) -> BulkView: ...
    async def resume(self, bulk_id: str) -> BulkView: ...
    async def cancel(self, bulk_id: str) -> BulkView: ...


class Search(Protocol):
    async def find(
        self,
        value: str,
        *,
        field: str | None = None,
        everywhere: bool = False,
        limit: int = 50,
        cursor: str | None = None,
    ) -> FindPage: ...
    async def status(self) -> SearchStatus: ...
    async def rebuild(self) -> SearchStatus: ...


class Ledger(Protocol):
    async def list(
        self,
        *,
        status: str | None = None,
        key: str | None = None,
        limit: int = 50,
        cursor: str | None = None,
    ) -> Page[DeliveryView]: ...
    async def get(self, delivery_id: str) -> DeliveryView: ...
    async def resolve(self, delivery_id: str, *, sent: bool, reason: str) -> DeliveryView: ...


class Retention(Protocol):
    async def plan(self) -> RetentionPlan: ...
    async def run(self, *, compact: bool = False) -> RetentionResult: ...
    async def pin(self, run_id: str, pinned: bool) -> RunRow: ...
    async def delete(self, request: DeleteRequest) -> Deleted: ...


class Backups(Protocol):
    def create(self, *, name: str = "", secrets: bool = False) -> AsyncGenerator[bytes, None]: ...
    async def list(self, *, limit: int = 50, cursor: str | None = None) -> Page[BackupView]: ...


class Erasures(Protocol):
    async def plan(self, request: EraseRequest) -> ErasePlan: ...
    async def erase(self, request: EraseRequest) -> ErasureView: ...
    async def list(self, *, limit: int = 50, cursor: str | None = None) -> Page[ErasureView]: ...


class Lookups(Protocol):
    async def list(self, *, limit: int = 50, cursor: str | None = None) -> Page[LookupView]: ...
    async def get(self, name: str) -> LookupView: ...
    async def entries(
        self, name: str, *, text: str | None = None, limit: int = 50, cursor: str | None = None
    ) -> Page[LookupEntry]: ...
    async def find(
        self, name: str, value: str, *, direction: Direction = "forward", match: Match = "exact"
    ) -> LookupAnswer: ...
    async def set(self, name: str, source: str, target: str) -> LookupView: ...
    async def remove(self, name: str, source: str) -> Removed: ...
    async def import_(
        self,
        name: str,
        chunks: AsyncIterator[bytes],
        *,
        form: Form | None = None,
        duplicates: Duplicates = "refuse",
    ) -> TableImported: ...
    def export(self, name: str) -> AsyncGenerator[bytes, None]: ...
    async def clear(self, name: str) -> Removed: ...
    async def delete(self, name: str) -> Removed: ...


class Pools(Protocol):
    """A pool of one flow is named with that flow; without, it is one that flows share."""

    async def list(self, *, limit: int = 50, cursor: str | None = None) -> Page[PoolView]: ...
    async def get(self, name: str, *, flow: str | None = None) -> PoolView: ...
    async def entries(
        self,
        name: str,
        *,
        flow: str | None = None,
        text: str | None = None,
        before: datetime | None = None,
        limit: int = 50,
        cursor: str | None = None,
    ) -> Page[PoolEntryView]: ...
    async def add(self, name: str, keys: Sequence[str], *, flow: str | None = None) -> PoolView: ...
    async def remove(self, name: str, keys: Sequence[str], *, flow: str | None = None) -> Removed: ...
    async def clear(
        self, name: str, *, flow: str | None = None, before: datetime | None = None
    ) -> Removed: ...
    async def delete(self, name: str, *, flow: str | None = None) -> Removed: ...
    async def import_(
        self, name: str, chunks: AsyncIterator[bytes], *, flow: str | None = None, form: Form | None = None
    ) -> TableImported: ...
    def export(self, name: str, *, flow: str | None = None) -> AsyncGenerator[bytes, None]: ...


class Caches(Protocol):
    """A cache is named by its id, or by a name that only one has."""

    async def list(
        self,
        *,
        scope: str | None = None,
        name: str | None = None,
        limit: int = 50,
        cursor: str | None = None,
    ) -> Page[CacheView]: ...
    async def get(self, cache: str) -> CacheView: ...
    async def entries(
        self, cache: str, *, text: str | None = None, limit: int = 50, cursor: str | None = None
    ) -> Page[CacheEntryView]: ...
    async def pages(self, cache: str, entry: str) -> Page[CachePageView]: ...
    def content(self, cache: str, entry: str, number: int = -1) -> AsyncGenerator[bytes, None]: ...
    async def remove(self, cache: str, entry: str) -> Removed: ...
    async def clear(self, cache: str, *, expired: bool = False) -> Removed: ...
    async def delete(self, cache: str) -> Removed: ...


class Insights(Protocol):
    async def get(
        self,
        *,
        flow: str | None = None,
        since: datetime | None = None,
        bucket: Literal["hour", "day"] | None = None,
    ) -> InsightsView: ...


class Queue(Protocol):
    """What waits and why; what is paused; which targets are down."""

    async def list(self, *, limit: int = 100, cursor: str | None = None) -> Page[QueueItem]: ...
    async def move(self, run_id: str, request: MoveRequest) -> QueueItem: ...
    async def pauses(self) -> Page[PauseView]: ...
    async def pause(self, request: PauseRequest) -> PauseView: ...
    async def resume(self, kind: PauseKind, name: str = "") -> Removed: ...
    async def circuits(self) -> Page[CircuitView]: ...
    async def reset(self, connection: str) -> Removed: ...


class Triggers(Protocol):
    async def list(
        self, flow: str | None = None, *, limit: int = 100, cursor: str | None = None
    ) -> Page[TriggerView]: ...


class Groups(Protocol):
    """Notification groups, and what became of their notices."""

    async def list(self, *, limit: int = 50, cursor: str | None = None) -> Page[GroupView]: ...
    async def get(self, name: str) -> GroupView: ...
    async def set(self, name: str, request: GroupRequest) -> GroupView: ...
    async def delete(self, name: str) -> Removed: ...
    async def test(self, name: str) -> TestSent: ...
    async def sent(
        self,
        *,
        group: str | None = None,
        status: NoticeStatus | None = None,
        limit: int = 50,
        cursor: str | None = None,
    ) -> Page[NoticeView]: ...
    async def send_again(self, notice_id: str) -> NoticeView: ...


class Accounts(Protocol):
    """People who may sign in."""

    async def list(self, *, limit: int = 50, cursor: str | None = None) -> Page[AccountView]: ...
    async def get(self, name: str) -> AccountView: ...
    async def create(self, request: AccountRequest) -> AccountView: ...
    async def change(self, name: str, request: AccountChange) -> AccountView: ...
    async def change_password(self, request: PasswordChange) -> None: ...
    async def delete(self, name: str) -> Removed: ...


class Sessions(Protocol):
    """Browsers that are signed in."""

    async def list(self, *, everybody: bool = False) -> Page[SessionView]: ...
    async def end(self, session_id: str) -> Removed: ...


class Masks(Protocol):
    """What is hidden from those who may not see it."""

    async def list(self) -> Page[MaskView]: ...
    async def get(self, name: str) -> MaskView: ...
    async def set(self, name: str, request: MaskRequest) -> MaskView: ...
    async def delete(self, name: str) -> Removed: ...


class Audit(Protocol):
    """Who did what."""

    async def list(
        self,
        *,
        who: str | None = None,
        what: str | None = None,
        subject: str | None = None,
        since: datetime | None = None,
        limit: int = 50,
        cursor: str | None = None,
    ) -> Page[AuditLine]: ...


class Secrets(Protocol):
    async def status(self) -> SecretsStatus: ...
    async def rotate(self, request: RotateRequest | None = None) -> Rotated: ...


class Tokens(Protocol):
    async def create(
        self, name: str, *, days: int | None = None, scopes: Sequence[str] | None = None
    ) -> NewToken: ...
    async def list(self) -> Page[TokenView]: ...
    async def revoke(self, token_id: str) -> None: ...


class Tests(Protocol):
    """Flows on a bench: against recorded answers, sending nothing, recording no run."""

    async def run(
        self,
        documents: Sequence[Document],
        *,
        files: Mapping[str, bytes] | None = None,
        only: Sequence[str] = (),
    ) -> FlowTestReport: ...
    async def run_flow(
        self, name: str, *, version: str | None = "draft", only: Sequence[str] = ()
    ) -> FlowTestReport: ...
    async def make(self, run_id: str, *, name: str | None = None, store: bool = False) -> MadeTest: ...
    async def replay(self, run_id: str, *, version: str = "draft") -> ReplayView: ...
    async def trial(self, request: TrialRequest) -> TrialView: ...


class Services(Protocol):
    """All nouns, and the state of the home."""

    @property
    def flows(self) -> Flows: ...
    @property
    def connectors(self) -> Connectors: ...
    @property
    def runs(self) -> Runs: ...
    @property
    def payloads(self) -> Payloads: ...
    @property
    def redrives(self) -> Redrives: ...
    @property
    def search(self) -> Search: ...
    @property
    def ledger(self) -> Ledger: ...
    @property
    def retention(self) -> Retention: ...
    @property
    def backups(self) -> Backups: ...
    @property
    def erasures(self) -> Erasures: ...
    @property
    def lookups(self) -> Lookups: ...
    @property
    def pools(self) -> Pools: ...
    @property
    def caches(self) -> Caches: ...
    @property
    def groups(self) -> Groups: ...
    @property
    def secrets(self) -> Secrets: ...
    @property
    def tokens(self) -> Tokens: ...
    @property
    def accounts(self) -> Accounts: ...
    @property
    def sessions(self) -> Sessions: ...
    @property
    def audit(self) -> Audit: ...
    @property
    def masks(self) -> Masks: ...
    @property
    def tests(self) -> Tests: ...
    @property
    def triggers(self) -> Triggers: ...
    @property
    def bulks(self) -> Bulks: ...
    @property
    def queue(self) -> Queue: ...
    @property
    def insights(self) -> Insights: ...
    async def health(self) -> Health: ...
    async def doctor(self) -> Sequence[Finding]: ...
    async def check_contents(self, after: str | None = None, *, repair: bool = False) -> ContentsChecked:
        """Compare what is stored with its hashes: the part after `after` (`next` of the part before).

        `repair` mends what can be mended. Errors: `usage`.
        """
        ...


class CheckedTokens(Tokens, Protocol):
    """Tokens where they are kept: they can be checked too."""

    async def verify(self, token: str, address: str | None = None) -> Actor:
        """Who comes with a valid token. Errors: `forbidden`."""
        ...


class CheckedAccounts(Accounts, Protocol):
    async def administrators(self) -> int:
        """How many administrators can sign in."""
        ...


class CheckedSessions(Sessions, Protocol):
    """Sessions where they are kept: they can be recognised too."""

    async def identify(self, text: str, address: str | None, *, used: bool = True) -> Actor | None: ...
    async def sign_out(self, text: str) -> None: ...


class SignIns(Protocol):
    """How people come in."""

    async def by_password(
        self, request: SignInRequest, *, address: str | None, agent: str | None
    ) -> NewSession: ...
    async def by_link(self, code: str, *, address: str | None, agent: str | None) -> NewSession | None: ...
    def new_code(self) -> str: ...
    async def me(self, actor: Actor | None, ways_in: WaysIn) -> Me: ...
    def refused(self, actor: Actor, action: str, subject: str, code: str) -> None:
        """Write into the audit log that somebody tried what is not allowed, or what failed."""
        ...


class OidcDoor(Protocol):
    """Sign-in by an identity provider."""

    @property
    def name(self) -> str | None: ...
    async def start(self, redirect_uri: str, to: str) -> tuple[str, str]: ...
    async def finish(
        self, answer: dict[str, str], sealed: str | None, *, address: str | None, agent: str | None
    ) -> tuple[NewSession, str]: ...


class HookDoor(Protocol):
    """Where calls of webhooks and callbacks come in."""

    async def receive(self, call: HookCall) -> HookAnswer:
        """Take a call: durable when this returns."""
        ...


class CheckedServices(Services, Protocol):
    """The service in this process."""

    @property
    def hooks(self) -> HookDoor: ...
    @property
    def tokens(self) -> CheckedTokens: ...
    @property
    def accounts(self) -> CheckedAccounts: ...
    @property
    def sessions(self) -> CheckedSessions: ...
    @property
    def sign_ins(self) -> SignIns: ...
    @property
    def oidc(self) -> OidcDoor: ...
    async def halted(self) -> RedriveError:
        """Waits until this process can no longer execute (a full or broken disk), and says why."""
        ...

    async def execute_until(self, run_id: str) -> RunRow:
        """Take the runner lock when it is free, execute what is queued up to this run, and its end."""
        ...
