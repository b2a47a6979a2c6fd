"""The documents' own grammar: all of a flow but the settings of its shapes, and connections.

These models are the one description: the parser reads by them and the JSON Schema is made from them.
"""

from __future__ import annotations

import re
import zoneinfo
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, ClassVar, Final, Self

from cronsim import CronSim, CronSimError
from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    StringConstraints,
    WithJsonSchema,
    model_validator,
)

from redrive.core import durations
from redrive.core.flow import (
    DEFAULT_TIMEOUT_S,
    EXPECTED_OF,
    MissingPolicy,
    Overlap,
    Priority,
    Variable,
    VariableType,
)
from redrive.core.nearest import nearest
from redrive.core.retention import FOREVER, SIZE_EXPECTED, SIZE_PATTERN, size_of
from redrive.documents.flow_tests import FlowTestForm
from redrive.documents.forms import Form, FormError
from redrive.documents.problems import shown

NAME_PATTERN: Final = r"^[A-Za-z0-9][A-Za-z0-9._-]*$"
ID_PATTERN: Final = r"^[A-Za-z0-9][A-Za-z0-9_-]*$"
VARIABLE_PATTERN: Final = r"^[A-Za-z_][A-Za-z0-9_-]*$"
ENV_PATTERN: Final = r"^[A-Za-z_][A-Za-z0-9_]*$"
_MAX_NAME = 100


def _named(pattern: str, expected: str) -> AfterValidator:
    """The check of a name, which messages tell in words."""
    compiled = re.compile(pattern)

    def check(text: str) -> str:
        # `$` also matches before a last line end.
        if not compiled.match(text) or text.endswith("\n"):
            raise FormError(
                "the name is empty" if not text else f"{shown(text)} cannot be a name here", expected
            )
        if len(text) > _MAX_NAME:
            raise FormError("the name is too long", f"at most {_MAX_NAME} characters")
        return text

    return AfterValidator(check)


def _pattern(pattern: str) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", "pattern": pattern, "maxLength": _MAX_NAME})


def _no_file_name(text: str) -> str:
    # `redrive run X` takes X for a file where it ends so.
    if text.lower().endswith((".yaml", ".yml", ".json")):
        raise FormError(
            "the name ends like that of a file", "a name that does not end in .yaml, .yml or .json"
        )
    return text


def _timezone(text: str) -> str:
    known = zoneinfo.available_timezones()
    if text not in known:
        raise FormError(
            f"the time zone {shown(text)} is not known", "a name such as Europe/London", nearest(text, known)
        )
    return text


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


def _duration(value: Any) -> float:
    try:
        return durations.duration_s(value)
    except ValueError as error:
        raise FormError(str(error), durations.EXPECTED) from None


Name = Annotated[
    str,
    _named(NAME_PATTERN, "letters, digits, dots, hyphens and underscores, a letter or digit first"),
    _pattern(NAME_PATTERN),
]
FlowName = Annotated[
    str,
    _named(NAME_PATTERN, "letters, digits, dots, hyphens and underscores, a letter or digit first"),
    AfterValidator(_no_file_name),
    _pattern(NAME_PATTERN),
]
Id = Annotated[
    str,
    _named(ID_PATTERN, "letters, digits, hyphens and underscores, a letter or digit first"),
    _pattern(ID_PATTERN),
]
VariableName = Annotated[
    str,
    _named(VARIABLE_PATTERN, "letters, digits, hyphens and underscores, a letter first"),
    _pattern(VARIABLE_PATTERN),
]
EnvName = Annotated[str, _named(ENV_PATTERN, "the name of an environment variable"), _pattern(ENV_PATTERN)]
Text = Annotated[str, StringConstraints(max_length=10_000)]
Cron = Annotated[str, AfterValidator(_cron)]
Timezone = Annotated[str, AfterValidator(_timezone)]
DurationS = Annotated[
    float,
    BeforeValidator(_duration),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "number", "exclusiveMinimum": 0},
                {"type": "string", "pattern": durations.PATTERN, "minLength": 2},
            ],
            "examples": ["30m", "2h", 90],
        }
    ),
]


def _age(value: Any) -> float:
    if value == "forever":
        return FOREVER
    try:
        return durations.duration_s(value)
    except ValueError as error:
        raise FormError(str(error), f"{durations.EXPECTED}; or forever") from None


def _size(value: Any) -> int:
    try:
        return size_of(value)
    except ValueError as error:
        raise FormError(str(error), SIZE_EXPECTED) from None


AgeS = Annotated[
    float,
    BeforeValidator(_age),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "number", "exclusiveMinimum": 0},
                {"type": "string", "pattern": durations.PATTERN, "minLength": 2},
                {"const": "forever"},
            ],
            "examples": ["30d", "forever"],
        }
    ),
]
SizeBytes = Annotated[
    int,
    BeforeValidator(_size),
    WithJsonSchema(
        {
            "anyOf": [{"type": "integer", "minimum": 0}, {"type": "string", "pattern": SIZE_PATTERN}],
            "examples": ["10GB", "500MiB"],
        }
    ),
]


class VariableForm(Form):
    """A value that a start may give, and that templates see as `vars.NAME`."""

    type: VariableType = Field("string", description="What kind of value it holds.")
    default: Any = Field(None, description="Its value where a start gives none.")
    description: Text = Field("", description="What it is for, as the start form shows it.")
    required: bool = Field(False, description="A manual start must give it.")

    @model_validator(mode="after")
    def _default_fits(self) -> Self:
        if not Variable(type=self.type).accepts(self.default):
            error = FormError("the default is not of the variable's type", EXPECTED_OF[self.type])
            error.setting = "default"
            raise error
        return self


class TriggerBody(Form):
    """What every trigger may say about its starts."""

    overlap: Overlap | None = Field(None, description="What happens if the flow already runs.")
    overlap_key: Text | None = Field(
        None, description="A template: only runs with the same value of it count as overlapping."
    )


class ScheduleForm(TriggerBody):
    """Starts a run at times."""

    cron: Cron = Field(description="When: minute hour day month weekday.")
    timezone: Timezone = Field("UTC", description="The time zone that the cron text is in.")


class WebhookForm(TriggerBody):
    """Starts a run for each request to an address of its own."""

    name: Id | None = Field(None, description="The end of its address; needed where a flow has several.")
    items: Text = Field("", description="Path of the items in the body.")


class CallbackForm(TriggerBody):
    """Starts a run for each request, and answers it from a `callback` step."""

    name: Id | None = Field(None, description="The end of its address; needed where a flow has several.")
    items: Text = Field("", description="Path of the items in the body.")
    timeout: DurationS = Field(30.0, description="How long the caller waits at most.")


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


class LimitForm(Form):
    """Bounds; whatever is reached first holds. What is not named is as the home's settings say."""

    age: AgeS | None = Field(None, description="How long after the end of the run; or `forever`.")
    count: Annotated[int, Field(ge=0)] | None = Field(
        None, description="Of so many newest runs of the flow that ended so."
    )
    bytes: SizeBytes | None = Field(
        None, description="Of the newest runs, up to so many bytes of payloads; not for runs."
    )


def _as_form(value: Any) -> Any:
    """An age alone is a form that says the age."""
    return value if isinstance(value, Mapping) else {"age": value}


_Limit = Annotated[LimitForm, BeforeValidator(_as_form, json_schema_input_type=AgeS | LimitForm)]


class KeepForm(LimitForm):
    """Bounds for every state, or for each."""

    success: _Limit | None = Field(None, description="For runs that ended in success.")
    failure: _Limit | None = Field(
        None, description="For those that ended in failure or partial success, or were stopped."
    )

    @model_validator(mode="after")
    def _not_twice(self) -> Self:
        if self.success is not None and self.failure is not None:
            for name in ("age", "count", "bytes"):
                if all(getattr(form, name) is not None for form in (self, self.success, self.failure)):
                    error = FormError(f"{name!r} is said for each state already", "it in one place")
                    error.setting = name
                    raise error
        return self


_Keep = Annotated[KeepForm, BeforeValidator(_as_form, json_schema_input_type=AgeS | KeepForm)]


class RetentionForm(Form):
    """How long what a run leaves is kept. An age alone is a bound for every state."""

    runs: _Keep | None = Field(None, description="Runs, with their logs and all that belongs to them.")
    payloads: _Keep | None = Field(None, description="The content of payloads and exchanges.")

    @model_validator(mode="after")
    def _runs_are_not_weighed(self) -> Self:
        if self.runs is not None:
            for limit in (self.runs, self.runs.success, self.runs.failure):
                if limit is not None and limit.bytes is not None:
                    error = FormError("runs are not kept by bytes", "age or count; or bytes under payloads")
                    error.setting = "runs"
                    raise error
        return self


class SettingsForm(Form):
    """How the runs of a flow are carried out."""

    priority: Priority = Field("regular", description="Which of the queued runs go first.")
    overlap: Overlap | None = Field(
        None, description="What happens if the flow already runs, however started."
    )
    overlap_key: Text | None = Field(
        None, description="A template: only runs with the same value of it count as overlapping."
    )
    use_queued_time: bool = Field(
        True, description="The run's clock stands at the time it was queued; false: at its start."
    )
    timeout: DurationS | None = Field(None, description="How long a run may take at most.")
    retention: RetentionForm = Field(
        default_factory=lambda: RetentionForm.model_validate({}),
        description="How long runs and payloads are kept.",
    )
    search: bool = Field(
        True, description="Whether values in the payloads of its runs can be found (`redrive find`)."
    )
    notify_on_failure: list[Name] = Field([], description="Notification groups told of a failed run.")
    labels: list[Annotated[str, StringConstraints(min_length=1, max_length=100)]] = Field(
        [], description="Words to find the flow by."
    )


class FlowForm(Form):
    """A flow: what starts it, what it is told, and its steps."""

    flow: FlowName = Field(description="The flow's name.")
    description: Text = Field("", description="What it is for.")
    variables: dict[VariableName, VariableForm] = Field({}, description="Values that a start may give.")
    triggers: list[TriggerForm] = Field([], description="What starts runs by itself.")
    settings: SettingsForm = Field(
        default_factory=lambda: SettingsForm.model_validate({}), description="How its runs are carried out."
    )
    steps: list[Any] = Field(min_length=1, description="The steps, in the order in which they run.")
    tests: list[FlowTestForm] = Field([], description="Tests of the flow, run by `redrive test`.")


class StepForm(Form):
    """What every step has, whatever its shape."""

    id: Id = Field(description="Its name, unique in the flow.")
    shape: str = Field(description="The kind of the step.")
    name: Text = Field("", description="A longer name to show.")
    note: Text = Field("", description="A remark for whoever reads the flow.")
    skip: bool = Field(False, description="Hand the bucket on unchanged, with a warning in the run log.")
    retries: int | None = Field(
        None, ge=0, le=100, description="How often a failed payload is tried again; default: by the shape."
    )
    timeout: DurationS = Field(DEFAULT_TIMEOUT_S, description="How long one attempt may take.")
    missing: MissingPolicy = Field(
        "error", description="What a template of the step does where its path finds nothing."
    )


class SecretForm(Form):
    """Where a secret is, by one of the names."""

    env: EnvName | None = Field(None, description="The environment variable that holds it.")
    file: Text | None = Field(None, description="The file that holds it (a Docker or Kubernetes secret).")
    value: Text | None = Field(
        None, description="The secret itself; it is encrypted when it is imported, and never exported."
    )

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if [self.env, self.file, self.value].count(None) != len(
            type(self).model_fields
        ) - 1 or self.file == "":
            raise FormError("it is not clear where the secret is", "exactly one of env, file or value")
        return self


class ConnectionForm(Form):
    """A connector with credentials and settings."""

    connection: Name = Field(description="The connection's name.")
    connector: Name = Field(description="The connector that it uses.")
    description: Text = Field("", description="What it is for.")
    settings: dict[VariableName, Any] = Field({}, description="Values that the connector's templates see.")
    secrets: dict[VariableName, SecretForm | str] = Field(
        {}, description="Secrets, or where each is to be read from."
    )


class ConnectorEnvelope(Form):
    """What every connector has, whatever its protocol; the protocol reads the rest."""

    connector: Name = Field(description="The connector's name.")
    description: Text = Field("", description="Which system it describes.")
    protocol: Annotated[str, StringConstraints(min_length=1)] = Field(
        "http", description="How the system is spoken to."
    )
    endpoints: dict[Name, dict[str, Any]] = Field(min_length=1, description="Its operations by name.")
