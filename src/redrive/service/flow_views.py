"""What comparing versions, whole exports and the list of shapes give."""

from __future__ import annotations

from typing import Any, Literal

from redrive.service.views import View


class SettingChange(View):
    """One setting that differs: its place (`fields[2].to`), what it was, what it is."""

    setting: str
    kind: Literal["added", "removed", "changed"]
    old: Any = None
    new: Any = None


class StepDifference(View):
    """One step that differs. Places read `first`, `after STEP`, and ` in STEP/PATH` inside a path."""

    step: str
    shape: str
    result: Literal["added", "removed", "changed", "moved"]
    moved: bool = False
    place_before: str | None = None
    place_after: str | None = None
    changes: list[SettingChange] = []


class FlowDiff(View):
    """Two versions of a flow beside each other. `flow_changes` is all that is not a step."""

    flow: str
    before: str
    after: str
    same: bool
    steps: list[StepDifference]
    flow_changes: list[SettingChange]


class Restored(View):
    """A version that is the draft now. `kept`: the number under which the draft before it is kept, null
    where a version held it already or there was none.
    """

    flow: str
    version: int
    kept: int | None


class Bundle(View):
    """A flow with all that it refers to, as one YAML stream.

    `needs`: what an import elsewhere still has to be given: secrets by connection, and lookups, data
    pools and caches by name.
    """

    flow: str
    text: str
    documents: list[str]
    needs: list[str]


class ShapeView(View):
    """A shape that steps may have. `package` is where it comes from."""

    shape: str
    version: int
    group: str
    summary: str
    help: str
    package: str
    effects: bool
    gathers: bool
    owns_steps: list[str]
    settings_schema: dict[str, Any]
    examples: list[dict[str, Any]]
