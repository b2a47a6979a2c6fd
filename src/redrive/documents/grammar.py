"""The documents' own grammar: all of a flow but the settings of its shapes, and connections.

These models are the one description: the parser reads by them and the JSON Schema is made from them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Self

from pydantic import BeforeValidator, Field, StringConstraints, WithJsonSchema, model_validator

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
from redrive.core.retention import FOREVER, SIZE_EXPECTED, SIZE_PATTERN, size_of
from redrive.documents.flow_tests import FlowTestForm
from redrive.documents.forms import Form, FormError
from redrive.documents.scalars import DurationS, EnvName, FlowName, Id, Name, Text, VariableName
from redrive.documents.trigger_grammar import KeyTemplate, TriggerForm


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
    overlap_key: KeyTemplate | None = Field(
        None,
        description="A template of `payload`, `meta` and `vars` of the start: only runs with the same value "
        "of it count as overlapping.",
    )
    max_running: Annotated[int, Field(ge=1)] | None = Field(
        None, description="Most runs of the flow at the same time; further ones wait in the queue."
    )
    max_running_per_key: Annotated[int, Field(ge=1)] | None = Field(
        None, description="Most runs at the same time with the same value of `overlap_key`."
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

    @model_validator(mode="after")
    def _counted_by_a_key(self) -> Self:
        if self.max_running_per_key is not None and self.overlap_key is None:
            error = FormError("there is no key to count by", "overlap_key beside it; or max_running")
            error.setting = "max_running_per_key"
            raise error
        return self


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


class CircuitForm(Form):
    """When the target counts as down, and how long it is then left alone."""

    failures: Annotated[int, Field(ge=1, le=10_000)] | None = Field(
        None, description="So many failures in a row open the circuit; default: `circuit_failures`."
    )
    within: DurationS | None = Field(None, description="Within such a span; default: `circuit_within_s`.")
    wait: DurationS | None = Field(None, description="How long nothing is tried; default: `circuit_wait_s`.")
    longest: DurationS | None = Field(
        None,
        description="It doubles with each try that fails, up to this; default: `circuit_longest_wait_s`.",
    )


class ConnectionForm(Form):
    """A connector with credentials and settings."""

    connection: Name = Field(description="The connection's name.")
    connector: Name = Field(description="The connector that it uses.")
    description: Text = Field("", description="What it is for.")
    settings: dict[VariableName, Any] = Field({}, description="Values that the connector's templates see.")
    secrets: dict[VariableName, SecretForm | str] = Field(
        {}, description="Secrets, or where each is to be read from."
    )
    max_running: Annotated[int, Field(ge=1)] | None = Field(
        None,
        description="Most runs at the same time that use the connection; further ones wait in the queue.",
    )
    circuit: CircuitForm | bool = Field(
        True,
        description="What happens when the target is down; `false`: nothing, each run fails for itself.",
    )


class ConnectorEnvelope(Form):
    """What every connector has, whatever its protocol; the protocol reads the rest."""

    connector: Name = Field(description="The connector's name.")
    description: Text = Field("", description="Which system it describes.")
    protocol: Annotated[str, StringConstraints(min_length=1)] = Field(
        "http", description="How the system is spoken to."
    )
    endpoints: dict[Name, dict[str, Any]] = Field(min_length=1, description="Its operations by name.")
