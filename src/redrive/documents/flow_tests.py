"""The grammar of the tests that a flow document carries."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Final, Literal, Self

from pydantic import AfterValidator, Field, StringConstraints, ValidationError, model_validator

from redrive.core.dates import parse_iso
from redrive.core.nearest import nearest
from redrive.documents.forms import Form, FormError
from redrive.documents.nodes import pointer_to
from redrive.documents.problems import Findings, one_of, setting_name, shown
from redrive.shapes.assert_ import Assert

if TYPE_CHECKING:
    from redrive.core.flow import Flow

CLOCK: Final = "2026-01-01T00:00:00Z"
"""The clock of a test that names none."""

Text = Annotated[str, StringConstraints(max_length=10_000)]
Count = Annotated[int, Field(ge=0)]
Status = Literal["success", "partial_success", "failure", "stopped"]
StepStatus = Literal["pending", "success", "partial_success", "failure", "skipped", "stopped"]
Failure = Literal["unsent", "timeout", "cut"]


def _instant(text: str) -> str:
    try:
        moment = parse_iso(text)
    except ValueError:
        moment = None
    if not isinstance(moment, datetime):
        raise FormError(f"{shown(text)} is not an instant", "an instant such as 2026-01-31T12:00:00Z")
    return text


Instant = Annotated[str, AfterValidator(_instant)]


class ContentForm(Form):
    """Bytes, by one of the names `json`, `text` or `file`."""

    json_: Any = Field(None, alias="json", description="A JSON value.")
    text: str | None = Field(None, description="The text itself.")
    file: Text | None = Field(None, description="A file beside the document that holds the bytes.")

    fewest: ClassVar[int] = 1

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        given = [name for name in ("json_", "text", "file") if name in self.model_fields_set]
        if not self.fewest <= len(given) <= 1:
            title = "several contents at once" if given else "there is no content"
            raise FormError(title, "exactly one of json, text or file")
        return self

    @property
    def has_content(self) -> bool:
        return bool(self.model_fields_set & {"json_", "text", "file"})


class GivenForm(ContentForm):
    """One payload that a test begins with."""

    media_type: Text | None = Field(None, description="What it is; default: by its form or file name.")
    items: Text | None = Field(None, description="Path of its items.")
    meta: dict[str, str] = Field({}, description="Its meta.")


class RequestForm(Form):
    """Which request an exchange answers: what is not named may be anything."""

    method: Text | None = Field(None, description="GET, POST, …")
    url: Text | None = Field(
        None,
        description="A whole URL, or the part after the host (`/orders?page=2`). Without a `?` any query "
        "fits; the order of parameters does not matter; a value `[masked]` stands for any.",
    )
    json_: Any = Field(None, alias="json", description="The body, compared as JSON.")
    contains: Any = Field(None, description="A part that the JSON body, or the text, must have.")


class AnswerForm(ContentForm):
    """A recorded answer."""

    fewest: ClassVar[int] = 0

    status: int | None = Field(None, ge=100, le=599, description="Default: 200.")
    headers: dict[str, str | list[str]] = Field({}, description="Its headers.")
    error: Failure | None = Field(None, description="Why there was no whole answer.")


class ExchangeForm(Form):
    """A request and the answer that a step gets to it."""

    request: RequestForm = Field(
        default_factory=lambda: RequestForm.model_validate({}), description="Which request it answers."
    )
    response: AnswerForm = Field(description="What the step gets.")
    repeat: bool = Field(False, description="Answer any number of such requests; else one.")


class OutForm(Form):
    """What one payload must be; everything that is named must hold."""

    equals: Any = Field(None, description="The value that is expected, compared as a whole.")
    contains: Any = Field(None, description="A part that must be there.")
    schema_: Any = Field(None, alias="schema", description="A JSON Schema.")
    conditions: Any = Field(None, description="A condition, as in `filter`, that each item must meet.")
    text: str | None = Field(None, description="The exact text.")
    file: Text | None = Field(None, description="A file with the exact bytes.")
    items: Count | None = Field(None, description="How many items it has.")
    media_type: Text | None = Field(None, description="What it is.")
    meta: dict[str, str] | None = Field(None, description="Its meta, whole.")

    @model_validator(mode="after")
    def _as_assert(self) -> Self:
        if settings := self.asserted():
            try:
                Assert.model_validate(settings)
            except ValidationError as error:
                first = error.errors(include_url=False)[0]
                cause = (first.get("ctx") or {}).get("error")
                told = FormError(str(getattr(cause, "title", None) or first["msg"]))
                told.setting = str(first["loc"][0]) if first["loc"] else ""
                raise told from None
        return self

    def asserted(self) -> dict[str, Any]:
        """The settings of an `assert` step that expects the same."""
        names = {"equals": "equals", "contains": "contains", "schema_": "schema", "conditions": "conditions"}
        return {name: getattr(self, field) for field, name in names.items() if field in self.model_fields_set}


class SentForm(RequestForm):
    """A request that a send step must have made."""


class StepExpectForm(Form):
    """What a step must have done; what is not named may be anything."""

    status: StepStatus | None = Field(None, description="How it ended.")
    payloads: Count | None = Field(None, description="How many payloads it put out.")
    items: Count | None = Field(None, description="How many items they have together.")
    out: list[OutForm] | None = Field(None, description="Its payloads, one after the other, and no others.")
    every: OutForm | None = Field(None, description="What each of its payloads must be.")
    failed: Count | None = Field(None, description="How many of its payloads failed.")
    warnings: Count | None = Field(None, description="How many warnings it gave.")
    error: Text | None = Field(None, description="The code of the error that it ended with.")
    error_contains: Text | None = Field(None, description="A part of what that error says.")
    log: list[Text] = Field([], description="Texts that its log lines must contain.")
    sent: list[SentForm] | None = Field(
        None, description="The requests that it would have sent, in order, and no others."
    )
    delivered: list[Text] | None = Field(None, description="The keys that it delivered, in order.")
    rejected: Count | None = Field(None, description="How many items were rejected.")
    unknown: Count | None = Field(None, description="How many deliveries are unknown.")
    left_out: Count | None = Field(None, description="How many items the delivery policy left out.")


class ExpectForm(Form):
    """What a run must come to."""

    status: Status = Field("success", description="How the run must end.")
    warnings: Count | None = Field(None, description="How many warnings the run has.")
    summary: Text | None = Field(None, description="A part of its summary.")
    steps: dict[str, StepExpectForm] = Field({}, description="By step id.")


class FlowTestForm(Form):
    """One test: what the flow is given, what other systems answer, and what must come out.

    Nothing leaves the machine: connector steps get recorded answers, and sends are only noted.
    """

    test: Annotated[str, StringConstraints(min_length=1, max_length=200)] = Field(
        description="What it shows, in a few words; its name."
    )
    note: Text = Field("", description="A remark for whoever reads it.")
    clock: Instant = Field(CLOCK, description="The run's clock.")
    last_success: Instant | None = Field(None, description="What `last_success` is; default: nothing.")
    variables: dict[str, Any] = Field({}, description="Values of flow variables.")
    lookups: dict[str, dict[str, str]] = Field(
        {}, description="Entries of lookups by name, instead of those of the home."
    )
    pools: dict[str, list[Text]] = Field({}, description="Keys that data pools hold already, by name.")
    given: list[GivenForm] = Field([], description="Payloads that it starts with; default: no data.")
    at: Text | None = Field(None, description="The step to begin at; default: the first.")
    path: Text | None = Field(
        None,
        description="The one path to run: its id, or `STEP/PATH` (`check/otherwise`, `save/catch`).",
    )
    until: Text | None = Field(None, description="The last step to run; default: that of the flow.")
    skip: list[Text] = Field([], description="Steps to skip.")
    exchanges: dict[str, list[ExchangeForm]] = Field(
        {}, description="What connector steps get answered, by step id."
    )
    expect: ExpectForm = Field(
        default_factory=lambda: ExpectForm.model_validate({}), description="What must come out."
    )

    @model_validator(mode="after")
    def _one_start(self) -> Self:
        if self.at is not None and self.path is not None:
            raise FormError("two starting points", "one of at and path")
        return self

    def files(self) -> Iterator[str]:
        """The files that it names."""
        contents: list[ContentForm | OutForm] = list(self.given)
        contents += [one.response for exchanges in self.exchanges.values() for one in exchanges]
        for step in self.expect.steps.values():
            contents += [*(step.out or ()), *([step.every] if step.every else ())]
        yield from (one.file for one in contents if one.file is not None)


def check_tests(flow: Flow, tests: list[FlowTestForm], findings: Findings) -> None:
    """What tests name must be in the flow."""
    steps = [step.id for step in flow.walk()]
    paths = paths_of(flow)
    seen: set[str] = set()
    for index, test in enumerate(tests):
        base = pointer_to("/tests", index)
        if test.test in seen:
            findings.add(
                "test.duplicate",
                f"a test {shown(test.test)} stands above already",
                pointer_to(base, "test"),
                setting=setting_name(pointer_to(base, "test")),
                expected="a name of its own",
            )
        seen.add(test.test)
        named: list[tuple[str, str]] = [
            (name, pointer_to(base, "skip", number)) for number, name in enumerate(test.skip)
        ]
        named += [(name, pointer_to(base, "exchanges", name)) for name in test.exchanges]
        named += [(name, pointer_to(base, "expect", "steps", name)) for name in test.expect.steps]
        named += [
            (name, pointer_to(base, place))
            for place, name in (("at", test.at), ("until", test.until))
            if name is not None
        ]
        for name, pointer in named:
            if name not in steps:
                findings.add(
                    "step.unknown",
                    f"the test names the step {shown(name)}, which the flow does not have",
                    pointer,
                    setting=setting_name(pointer),
                    expected=one_of(steps),
                    nearest=nearest(name, steps),
                )
        if test.path is not None and test.path not in paths:
            findings.add(
                "path.unknown",
                f"the test names the path {shown(test.path)}, which the flow does not have",
                pointer_to(base, "path"),
                setting=setting_name(pointer_to(base, "path")),
                expected=one_of(paths),
                nearest=nearest(test.path, paths),
            )
        for name in test.variables:
            declared: Mapping[str, Any] = flow.variables
            if declared and name not in declared and not (test.at or test.path):
                pointer = pointer_to(base, "variables", name)
                findings.add(
                    "variable.unknown",
                    f"the test gives the variable {shown(name)}, which the flow does not declare",
                    pointer,
                    setting=setting_name(pointer),
                    expected=one_of(sorted(declared)),
                    nearest=nearest(name, declared),
                )


def paths_of(flow: Flow) -> list[str]:
    """How tests may call the paths of a flow: `STEP/PATH`, and ids of paths alone where unique."""
    whole: list[str] = []
    alone: list[str] = []
    for step in flow.walk():
        for path in step.paths:
            whole.append(f"{step.id}/{path.id}")
            alone.append(path.id)
    return [*(one for one in dict.fromkeys(alone) if alone.count(one) == 1), *whole]
