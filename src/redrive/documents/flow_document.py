"""A flow document to the flow's records: everything that is wrong with it is told at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from redrive.core.flow import Flow, FlowSettings, PathNode, StepNode, TriggerSpec, Variable
from redrive.core.nearest import nearest
from redrive.core.retention import ByState, Keep, Limit
from redrive.core.template import Template, TemplateInvalid
from redrive.documents.flow_tests import check_tests
from redrive.documents.forms import kind_of, read_form
from redrive.documents.grammar import (
    FlowForm,
    KeepForm,
    LimitForm,
    SettingsForm,
    StepForm,
    VariableForm,
)
from redrive.documents.load import Document
from redrive.documents.nodes import pointer_to
from redrive.documents.owned import OwnedSteps, owned_steps
from redrive.documents.problems import Findings, one_of, setting_name, shown
from redrive.documents.trigger_grammar import HookForm, ScheduleForm, TriggerBody, TriggerForm
from redrive.documents.variables import variables_in, variables_read, variables_set
from redrive.errors import Notice, UsageError
from redrive.sdk.shape import CONNECTOR_NAMES, STEP_NAMES

if TYPE_CHECKING:
    from redrive.registry import Registry
    from redrive.sdk.shape import ShapeBase


def parse_flow(document: Document, registry: Registry) -> Flow:
    """The flow of a document.

    Errors: `document.invalid` with every problem, in file order.
    """
    if document.kind != "flow":
        raise UsageError(f"{document.name or 'the document'} is a {document.kind}, not a flow")
    findings = Findings(document)
    form = read_form(FlowForm, document.data, "", findings, what="name")
    reader = _Steps(findings, registry)
    steps = reader.list_of(document.data.get("steps"), "/steps", _TOP)
    if form is not None:
        reader.read.extend((name, at, _TOP) for name, at in _check_overlap_keys(form, findings))
        _check_twins(form, findings)
    reader.check_variables()
    findings.raise_if_any()
    assert form is not None
    flow = Flow(
        name=form.flow,
        description=form.description,
        variables={name: _variable(variable) for name, variable in form.variables.items()},
        triggers=tuple(
            _trigger(trigger, document.line_of(f"/triggers/{n}")) for n, trigger in enumerate(form.triggers)
        ),
        settings=_settings(form.settings),
        steps=steps,
        tests=tuple(document.data.get("tests") or ()),
    )
    check_tests(flow, form.tests, findings)
    findings.raise_if_any()
    return flow


def build_steps(flow: Flow, registry: Registry) -> dict[str, ShapeBase]:
    """The shape of every step with its settings, by step id. Shapes are frozen and may be shared.

    Errors: `shape.unknown` where a shape is no longer installed; `pydantic.ValidationError` where
    the settings of a stored flow no longer fit it.
    """
    return {step.id: registry.shape(step.shape).model_validate(step.settings) for step in flow.walk()}


def warnings(flow: Flow, *, file: str | None = None) -> list[Notice]:
    """What a person should know about a flow that is valid, above all where it is deployed."""
    found = [
        Notice(
            "step.skip",
            "the step is set to be skipped in every run",
            file,
            step.line,
            step.id,
            "skip",
            expected="false, or no skip, in a flow that is deployed",
        )
        for step in flow.walk()
        if step.skip
    ]
    found.extend(
        Notice(
            "callback.unanswered",
            "the flow has no callback step: whoever calls gets an error",
            file,
            trigger.line,
            expected="a step of the shape callback",
        )
        for trigger in flow.triggers
        if trigger.kind == "callback" and all(step.shape != "callback" for step in flow.walk())
    )
    unset = [name for name, it in flow.variables.items() if it.required and it.default is None]
    found.extend(
        Notice(
            "variable.no_default",
            f"the {trigger.kind} gives no value for the required variable {name!r}",
            file,
            trigger.line,
            setting=f"variables.{name}.default",
            expected="a default, which every start but a manual one takes",
        )
        for trigger in flow.triggers
        for name in unset
    )
    return found


class _Steps:
    """Reads lists of steps, however deep, and keeps which ids are taken."""

    def __init__(self, findings: Findings, registry: Registry) -> None:
        self.findings = findings
        self.registry = registry
        self.ids: dict[str, str] = {}
        """Each with where it stands."""
        self.read: list[tuple[str, str, _At]] = []
        self.set: set[str] = set()
        self.twins: set[str] = set()

    def list_of(self, data: Any, pointer: str, owner: _At) -> tuple[StepNode, ...]:
        if not isinstance(data, list):
            if data is not None and owner.pointer:  # of the flow itself, its form tells it
                self._add("setting.invalid", f"this is {kind_of(data)}", pointer, owner, "a list of steps")
            return ()
        nodes = [self.step(inner, pointer_to(pointer, index)) for index, inner in enumerate(data)]
        return tuple(node for node in nodes if node is not None)

    def step(self, data: Any, pointer: str) -> StepNode | None:
        if not isinstance(data, Mapping):
            self._add("step.invalid", f"this is {kind_of(data)}", pointer, _TOP, "a step, which is a mapping")
            return None
        step_id = data.get("id")
        at = _At(step_id if isinstance(step_id, str) else None, pointer)
        own = {name: value for name, value in data.items() if name in STEP_NAMES}
        form = read_form(StepForm, own, pointer, self.findings, step=at.step, base=at.base)
        if at.step is not None:
            self._claim(at.step, pointer_to(pointer, "id"), at)
        kind = data.get("shape")
        shape = self.registry.shapes.get(kind) if isinstance(kind, str) else None
        if shape is None:
            if isinstance(kind, str):
                self._unknown_shape(kind, at)
            return None
        lists = list(owned_steps(shape, data, pointer))
        paths = tuple(self._path(owned, at) for owned in lists)
        self._refuse_twin_paths(paths, {owned.name for owned in lists if owned.element is None}, at)
        if shape.tree == "try" and not any(path.id == shape.owns_steps[0] for path in paths):
            name = shape.owns_steps[0]
            self._add(
                "setting.missing", f"{name!r} is missing", pointer_to(pointer, name), at, "a list of steps"
            )
        settings = shape.own_settings({name: value for name, value in data.items() if name not in STEP_NAMES})
        if shape.kind != "connector":
            self._refuse_connector_names(settings, at, shape.kind)
        instance = read_form(
            shape,
            settings,
            pointer,
            self.findings,
            step=at.step,
            base=at.base,
            also=STEP_NAMES | {location.split(".")[0].removesuffix("[]") for location in shape.owns_steps},
        )
        if instance is not None:
            self.read.extend((name, where, at) for name, where in variables_read(instance, settings, pointer))
            self.set.update(variables_set(instance))
        if form is None:
            return None
        return StepNode(
            id=form.id,
            shape=shape.kind,
            settings=settings,
            name=form.name,
            note=form.note,
            skip=form.skip,
            retries=form.retries,
            timeout_s=form.timeout,
            missing=form.missing,
            paths=paths,
            line=self.findings.document.line_of(pointer),
        )

    def check_variables(self) -> None:
        """Every `vars.NAME` in a template must be declared, or set by a step."""
        declared = self.findings.document.data.get("variables")
        known = {*(declared if isinstance(declared, Mapping) else ()), *self.set}
        for name, pointer, at in self.read:
            if name not in known:
                self._add(
                    "variable.unknown",
                    f"the template names the variable {shown(name)}, which the flow does not declare",
                    pointer,
                    at,
                    one_of(sorted(known)) if known else "its declaration under variables",
                    near=nearest(name, known),
                )

    def _path(self, owned: OwnedSteps, at: _At) -> PathNode:
        path_id, when = owned.name, None
        if owned.element is not None:
            given, when = owned.element.get("id"), owned.element.get("when")
            if isinstance(given, str):
                path_id = given
                self._claim(given, pointer_to(owned.owner, "id"), at)
        return PathNode(id=path_id, steps=self.list_of(owned.steps, owned.pointer, at), when=when)

    def _refuse_twin_paths(self, paths: tuple[PathNode, ...], unnamed: set[str], at: _At) -> None:
        """A path may not be called as a list without an id is: `otherwise`, for example."""
        names = [path.id for path in paths]
        for name in sorted(name for name in unnamed - self.twins if names.count(name) > 1):
            self.twins.add(name)
            self._add(
                "id.reserved", f"{name!r} cannot be the id of a path here", at.pointer, at, "another id"
            )

    def _claim(self, name: str, pointer: str, at: _At) -> None:
        if name in self.ids:
            line = self.findings.document.line_of(self.ids[name])
            self._add(
                "id.duplicate",
                f"the id {shown(name)} is taken already, in line {line}",
                pointer,
                at,
                "an id that no other step or path of the flow has",
            )
        else:
            self.ids[name] = pointer

    def _unknown_shape(self, kind: str, at: _At) -> None:
        reason = next((f": {plugin.reason}" for plugin in self.registry.broken if plugin.name == kind), "")
        self._add(
            "shape.unknown",
            f"unknown shape {shown(kind)}{reason}",
            pointer_to(at.pointer, "shape"),
            at,
            one_of(self.registry.shapes),
            near=nearest(kind, self.registry.shapes),
        )

    def _refuse_connector_names(self, settings: dict[str, Any], at: _At, kind: str) -> None:
        for name in sorted(CONNECTOR_NAMES & settings.keys()):
            del settings[name]
            self._add(
                "setting.connector_only",
                f"{name!r} belongs to connector steps only; this is a step of shape {kind}",
                pointer_to(at.pointer, name),
                at,
                None,
            )

    def _add(
        self, code: str, title: str, pointer: str, at: _At, expected: str | None, *, near: str | None = None
    ) -> None:
        self.findings.add(
            code,
            title,
            pointer,
            step=at.step,
            setting=setting_name(pointer, at.base) or None,
            expected=expected,
            nearest=near,
        )


class _At(NamedTuple):
    """A step while it is read: its id, as far as it has one, and where it stands."""

    step: str | None
    pointer: str

    @property
    def base(self) -> str:
        """What names of settings are relative to: a step without an id is told by its position."""
        return self.pointer if self.step is not None else ""


_TOP = _At(None, "")


def _check_overlap_keys(form: FlowForm, findings: Findings) -> set[tuple[str, str]]:
    """Compiles the templates of a flow's own settings. The variables that they name, with their places."""
    places: list[tuple[str, str]] = []
    if form.settings.overlap_key is not None:
        places.append((form.settings.overlap_key, "/settings/overlap_key"))
    for index, trigger in enumerate(form.triggers):
        kind, body = _body(trigger)
        if body.overlap_key is not None:
            places.append((body.overlap_key, f"/triggers/{index}/{kind}/overlap_key"))
    read: set[tuple[str, str]] = set()
    for text, pointer in places:
        try:
            Template.parse(text)
        except TemplateInvalid as error:
            findings.add(
                "setting.invalid",
                error.title,
                pointer,
                setting=setting_name(pointer),
                expected=error.expected,
                nearest=error.nearest,
            )
        read.update(variables_in(text, pointer))
    return read


def _check_twins(form: FlowForm, findings: Findings) -> None:
    """Two triggers that nobody could tell apart: one address, or one rule."""
    seen: dict[tuple[str, ...], int] = {}
    for index, trigger in enumerate(form.triggers):
        kind, body = _body(trigger)
        own: tuple[str, ...]
        if isinstance(body, HookForm):
            own, what, setting = ("hook", body.name or ""), "has the same address", "name"
        elif isinstance(body, ScheduleForm):
            own = ("schedule", body.cron or "", str(body.every or ""), body.timezone)
            what, setting = "comes at the same times", "cron" if body.cron else "every"
        else:
            continue
        first = seen.setdefault(own, index)
        if first != index:
            pointer = f"/triggers/{index}/{kind}"
            findings.add(
                "setting.invalid",
                f"it {what} as triggers[{first}]",
                pointer,
                setting=f"{setting_name(pointer)}.{setting}",
                expected="a name of its own" if setting == "name" else "one schedule for these times",
            )


def _body(trigger: TriggerForm) -> tuple[str, TriggerBody]:
    for kind in TriggerForm.kinds:
        body = getattr(trigger, kind)
        if isinstance(body, TriggerBody):
            return kind, body
    raise AssertionError("a trigger form has one kind")


def _trigger(trigger: TriggerForm, line: int) -> TriggerSpec:
    kind, body = _body(trigger)
    return TriggerSpec(
        kind=kind,
        settings=body.model_dump(exclude={"overlap", "overlap_key"}),
        overlap=body.overlap,
        overlap_key=body.overlap_key,
        line=line,
    )


def _variable(form: VariableForm) -> Variable:
    return Variable(
        type=form.type, default=form.default, description=form.description, required=form.required
    )


def _settings(form: SettingsForm) -> FlowSettings:
    return FlowSettings(
        priority=form.priority,
        overlap=form.overlap,
        overlap_key=form.overlap_key,
        max_running=form.max_running,
        max_running_per_key=form.max_running_per_key,
        use_queued_time=form.use_queued_time,
        timeout_s=form.timeout,
        retention=Keep(payloads=_by_state(form.retention.payloads), runs=_by_state(form.retention.runs)),
        search=form.search,
        notify_on_failure=tuple(form.notify_on_failure),
        labels=tuple(form.labels),
    )


def _by_state(form: KeepForm | None) -> ByState:
    if form is None:
        return ByState()
    every = _limit(form)
    return ByState(success=_limit(form.success).over(every), failure=_limit(form.failure).over(every))


def _limit(form: LimitForm | None) -> Limit:
    return Limit(age_s=form.age, count=form.count, size_bytes=form.bytes) if form is not None else Limit()
