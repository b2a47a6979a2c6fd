"""The grammar of triggers: what may start runs of a flow by itself."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Annotated, Any, ClassVar, Final, Literal, Self

from cronsim import CronSim, CronSimError
from pydantic import AfterValidator, Field, StringConstraints, model_validator

from redrive.core.flow import Overlap
from redrive.core.paths import Path, PathInvalid
from redrive.core.template import TemplateInvalid, compile_value
from redrive.documents.forms import Form, FormError
from redrive.documents.problems import shown
from redrive.documents.scalars import DurationS, EnvName, Id, Name, Text, Timezone, VariableName

DEFAULT_MAX_BYTES: Final = 64 << 20
MOST_BYTES: Final = 100 << 30
KEY_ROOTS: Final = ("payload", "meta", "vars")
ANSWER_ROOTS: Final = ("payload", "meta", "run", "now")
SIGNED_PARTS: Final = re.compile(r"\{(body|timestamp|header\.[A-Za-z0-9-]+)\}")
_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}")
_OWN_HEADERS: Final = frozenset(
    {"content-length", "transfer-encoding", "connection", "content-type", "set-cookie"}
)


def _cron(text: str) -> str:
    try:
        next(CronSim(text, datetime(2026, 1, 1, tzinfo=UTC)))
    except (CronSimError, StopIteration) as error:
        reason = str(error) or "it never comes"
        raise FormError(
            f"the cron text is not valid: {reason[0].lower()}{reason[1:]}",
            "minute hour day month weekday, such as */15 * * * *",
        ) from None
    return text


def _header(text: str) -> str:
    if not _HEADER.fullmatch(text):
        raise FormError(f"{shown(text)} is not the name of a header", "a name such as X-Signature")
    return text


def _path(text: str) -> str:
    try:
        Path.parse(text)
    except PathInvalid as error:
        raise FormError(error.title, error.expected, error.nearest) from None
    return text


def _key_template(text: str) -> str:
    try:
        made = compile_value(text, KEY_ROOTS)
    except TemplateInvalid as error:
        raise FormError(error.title, error.expected or "", error.nearest) from None
    if made.constant:
        raise FormError("the key is the same for every start", "a template such as {{ payload.id }}")
    return text


KeyTemplate = Annotated[str, StringConstraints(max_length=10_000), AfterValidator(_key_template)]
Cron = Annotated[str, AfterValidator(_cron)]
Header = Annotated[str, AfterValidator(_header)]
PathOf = Annotated[str, AfterValidator(_path)]


class TriggerBody(Form):
    """What every trigger may say about its starts."""

    overlap: Overlap | None = Field(
        None,
        description="What happens if the flow already runs. Default: as the flow's settings say, else "
        "`queue` for schedules and `allow` for the others.",
    )
    overlap_key: KeyTemplate | None = Field(
        None,
        description="A template of `payload`, `meta` and `vars` of the start: only runs with the same value "
        "of it count as overlapping. Default: the flow's.",
    )


class ScheduleForm(TriggerBody):
    """Starts a run at times: `cron` or `every`."""

    cron: Cron | None = Field(None, description="When: minute hour day month weekday.")
    every: DurationS | None = Field(
        None, description="A distance, at least 10 s; times are whole multiples of it since 1970 in UTC."
    )
    timezone: Timezone = Field("UTC", description="The time zone that the cron text is in.")
    missed: Literal["skip", "once", "all"] = Field(
        "once",
        description="Times that passed while nothing served the home: none is made up for, all by one run, "
        "each by one of its own.",
    )
    missed_within: DurationS = Field(
        86_400.0, description="What was missed longer ago is not made up for; at most 31 days."
    )

    @model_validator(mode="after")
    def _one_rule(self) -> Self:
        if (self.cron is None) == (self.every is None):
            title = "cron and every are both given" if self.cron else "it is not said when"
            raise FormError(title, "exactly one of cron or every")
        if self.missed_within > 31 * 86_400:
            error = FormError("that is too long ago", "at most 31 days")
            error.setting = "missed_within"
            raise error
        if self.every is not None and self.every < 10:
            error = FormError("the times are too close together", "at least 10 seconds")
            error.setting = "every"
            raise error
        if self.every is not None and "timezone" in self.model_fields_set:
            error = FormError("a time zone counts for cron only", "no timezone beside every")
            error.setting = "timezone"
            raise error
        return self


class TriggerSecretForm(Form):
    """Where a trigger's secret is. The secret itself never stands in a flow document."""

    env: EnvName | None = Field(None, description="The environment variable that holds it.")
    file: Text | None = Field(None, description="The file that holds it (a Docker or Kubernetes secret).")
    connection: Name | None = Field(None, description="The connection that holds it; with `name`.")
    name: VariableName | None = Field(None, description="Its name among the connection's secrets.")

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        given = [self.env, self.file, self.connection]
        if given.count(None) != 2 or self.file == "":
            raise FormError(
                "it is not clear where the secret is", "exactly one of env, file, or connection with name"
            )
        if (self.connection is None) != (self.name is None):
            raise FormError("connection and name belong together", "connection: NAME, name: SECRET")
        return self


class TokenForm(Form):
    """A token that the caller sends: `Authorization: Bearer TOKEN`, a header of its own, or the end of the
    address.
    """

    secret: TriggerSecretForm | None = Field(
        None, description="Where it is; unset: Redrive makes one, `redrive triggers` shows it."
    )
    header: Header = Field("Authorization", description="The header that carries it.")
    path: bool = Field(True, description="It may stand at the end of the address instead.")


class TimestampForm(Form):
    """When the caller signed: a signature of long ago, or of the future, does not count."""

    header: Header = Field(description="The header that carries it.")
    field: Id | None = Field(None, description="Its name in a header such as `t=1700000000,v1=…`.")
    unit: Literal["s", "ms"] = Field("s", description="What it counts since 1970; ISO 8601 is read too.")
    tolerance: DurationS = Field(300.0, description="How far it may be from now.")


class HmacForm(Form):
    """A signature of the body by a shared key."""

    secret: TriggerSecretForm = Field(description="Where the key is.")
    header: Header = Field(description="The header that carries the signature.")
    algorithm: Literal["sha256", "sha1", "sha384", "sha512"] = Field("sha256", description="The hash.")
    encoding: Literal["hex", "base64"] = Field("hex", description="How the signature is written.")
    prefix: Text = Field("", description="What stands before the signature, such as `sha256=`.")
    key: Literal["text", "hex", "base64"] = Field("text", description="How the key is written.")
    signed: Annotated[str, StringConstraints(min_length=1, max_length=1000)] = Field(
        "{body}",
        description="What is signed: `{body}`, and around it text, `{timestamp}`, `{header.NAME}`.",
    )
    timestamp: TimestampForm | None = Field(None, description="Where the instant of signing stands.")
    replay: DurationS | None = Field(
        None,
        description="How long the same signature is refused a second time; default: twice the tolerance of "
        "the timestamp; without a timestamp not at all.",
    )

    @model_validator(mode="after")
    def _parts(self) -> Self:
        parts = SIGNED_PARTS.findall(self.signed)
        if parts.count("body") != 1:
            raise _at("signed", "the body is not signed, or twice", "{body} once, such as {timestamp}.{body}")
        if "timestamp" in parts and self.timestamp is None:
            raise _at("signed", "it names {timestamp}, which is not described", "timestamp: {header: NAME}")
        if self.timestamp is not None and "timestamp" not in parts:
            raise _at("signed", "the timestamp is not part of what is signed", "such as {timestamp}.{body}")
        return self


def _at(setting: str, title: str, expected: str) -> FormError:
    error = FormError(title, expected)
    error.setting = setting
    return error


class IdempotencyForm(Form):
    """What makes a repeated call the same call: it gets the same run, and the same answer."""

    header: Header | None = Field(None, description="The header that carries the key.")
    field: PathOf | None = Field(None, description="The path of the key in a JSON body.")
    keep: DurationS = Field(7 * 86_400.0, description="How long a key is remembered.")
    required: bool = Field(False, description="A call without a key is refused.")

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if (self.header is None) == (self.field is None):
            raise FormError("it is not clear where the key is", "exactly one of header or field")
        return self


class MetaForm(Form):
    """Where a value of meta comes from."""

    header: Header | None = Field(None, description="A header of the call.")
    query: Annotated[str, StringConstraints(min_length=1, max_length=200)] | None = Field(
        None, description="A parameter of the address."
    )

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if (self.header is None) == (self.query is None):
            raise FormError("it is not clear where the value is", "exactly one of header or query")
        return self


class AnswerForm(Form):
    """What the caller gets once the body is stored."""

    status: int = Field(202, ge=200, le=299, description="The status of the answer.")
    headers: dict[Header, Annotated[str, StringConstraints(max_length=1000, pattern=r"^[ -~]*$")]] = Field(
        {}, description="Further headers."
    )
    media_type: Text = Field("application/json", description="The media type of the body.")
    body: Any = Field(
        None,
        description='A text or JSON value, with templates of `payload meta run now`; default: `{"run": ID}`.',
    )

    @model_validator(mode="after")
    def _renders(self) -> Self:
        if taken := sorted({name.lower() for name in self.headers} & _OWN_HEADERS):
            raise _at("headers", f"{taken[0]} is set by Redrive", "other headers; media_type for the type")
        try:
            compile_value(self.body, ANSWER_ROOTS)
        except TemplateInvalid as error:
            raise _at("body", error.title, error.expected or "") from None
        return self


class HookForm(TriggerBody):
    """What webhooks and callbacks share."""

    name: Id | None = Field(None, description="The end of its address; needed where a flow has several.")
    methods: list[Literal["POST", "PUT", "GET"]] = Field(
        ["POST"], min_length=1, description="The methods that it takes; of a GET the query is the payload."
    )
    token: TokenForm | None = Field(
        None,
        description="The token that a caller sends; without `token`, `hmac` and `open` it is one that "
        "Redrive makes.",
    )
    hmac: HmacForm | None = Field(None, description="The signature that a call carries.")
    open: bool = Field(False, description="Anybody may call, without token and signature.")
    items: Text = Field("", description="Path of the items in the body.")
    media_type: Text | None = Field(None, description="What the body is, whatever the call says.")
    max_bytes: int = Field(DEFAULT_MAX_BYTES, ge=1, le=MOST_BYTES, description="The largest body, in bytes.")
    meta: dict[VariableName, MetaForm] = Field({}, description="Meta of the payload from headers and query.")
    idempotency: IdempotencyForm | None = Field(None, description="The key that makes a repeat harmless.")

    @model_validator(mode="after")
    def _one_way_in(self) -> Self:
        if self.open and (self.token is not None or self.hmac is not None):
            raise _at(
                "open", "it is open, and has a token or signature", "either open: true, or token or hmac"
            )
        return self


class WebhookForm(HookForm):
    """Starts a run for each call of an address of its own; the body is stored before the answer."""

    answer: AnswerForm = Field(
        default_factory=lambda: AnswerForm.model_validate({}), description="What the caller gets."
    )


class CallbackForm(HookForm):
    """Starts a run for each call, and answers it from a `callback` step."""

    timeout: DurationS = Field(30.0, description="How long the caller waits at most, up to 5 minutes.")
    late: Literal["error", "link"] = Field(
        "error",
        description="When the time is over: the answer 504, or 202 with a link to the answer to come.",
    )

    @model_validator(mode="after")
    def _bounded(self) -> Self:
        if self.timeout > 300:
            raise _at("timeout", "no caller waits that long", "at most 300 seconds")
        return self


class EventForm(TriggerBody):
    """Starts a run for each message of a broker."""

    connection: Name = Field(description="The connection to the broker.")
    source: Text = Field(description="The queue, topic or channel.")
    items: Text = Field("", description="Path of the items in a message.")


class TriggerForm(Form):
    """One trigger: a mapping with one name, its kind."""

    schedule: ScheduleForm | None = None
    webhook: WebhookForm | None = None
    callback: CallbackForm | None = None
    event: EventForm | None = None

    kinds: ClassVar[tuple[str, ...]] = ("schedule", "webhook", "callback", "event")

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        given = [kind for kind in self.kinds if getattr(self, kind) is not None]
        if len(given) != 1:
            title = f"{len(given)} kinds in one trigger" if given else "the trigger has no settings"
            raise FormError(title, f"exactly one of {', '.join(self.kinds)}, with its settings")
        return self
