"""The documents' own grammar: all of a flow but the settings of its shapes, and connections.

These models are the one description: the parser reads by them and the JSON Schema is made from them.
"""

from __future__ import annotations

from typing import Annotated, Any, Self

from pydantic import Field, StringConstraints, model_validator

from redrive.core.flow import (
    DEFAULT_TIMEOUT_S,
    EXPECTED_OF,
    MissingPolicy,
    Overlap,
    Priority,
    Variable,
    VariableType,
)
from redrive.documents.flow_tests import FlowTestForm
from redrive.documents.forms import Form, FormError
from redrive.documents.scalars import DurationS, EnvName, FlowName, Id, Name, Text, VariableName
from redrive.documents.trigger_grammar import TriggerForm


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


class RetentionForm(Form):
    """How long what a run leaves is kept."""

    runs: DurationS | None = Field(None, description="Runs, with everything that belongs to them.")
    payloads: DurationS | None = Field(None, description="The content of payloads.")


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
