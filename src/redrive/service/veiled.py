"""Views of the run log without what masking rules hide from who acts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias, TypeVar

from redrive.service.kernel import Kernel
from redrive.service.veil import Veil, any_rules, rules_of_flows, veil
from redrive.service.views import (
    ErrorView,
    ExchangeView,
    FindItem,
    FindPage,
    LogLine,
    Page,
    PayloadView,
    PlanView,
    RunRow,
    RunView,
    StepRunView,
    View,
)

R = TypeVar("R", bound=RunRow)
V = TypeVar("V", bound=View)


async def run(kernel: Kernel, row: R) -> R:
    """A run: its variables, its summary, what its steps tell."""
    if not await any_rules(kernel):
        return row
    return _run(row, await veil(kernel, row.flow))


async def runs(kernel: Kernel, page: Page[RunRow]) -> Page[RunRow]:
    if not await any_rules(kernel):
        return page
    items = [_run(row, await veil(kernel, row.flow)) for row in page.items]
    return page.model_copy(update={"items": items})


def _run(row: R, over: Veil) -> R:
    if over.mask is None:
        return row
    changed: dict[str, object] = {
        "variables": over.value(row.variables),
        "summary": over.text(row.summary) if row.summary else row.summary,
    }
    brief = getattr(row, "brief", None)
    if brief is not None and brief.cause is not None:
        # The field that the key comes from is not known here: it is not told at all.
        cause = brief.cause.model_copy(
            update={
                "detail": over.text(brief.cause.detail),
                "hint": over.text(brief.cause.hint) if brief.cause.hint else brief.cause.hint,
                "key": None,
            }
        )
        changed["brief"] = brief.model_copy(update={"cause": cause})
    if isinstance(row, RunView):
        changed["steps"] = [_step(step, over) for step in row.steps]
        changed["plan"] = over.value(row.plan)
    return row.model_copy(update=changed)


def _step(step: StepRunView, over: Veil) -> StepRunView:
    lists = {
        name: payloads(getattr(step, name), over)
        for name in ("payloads_in", "payloads_out", "failed_payloads")
    }
    return step.model_copy(update={**lists, "error": error(step.error, over)})


def error(view: ErrorView | None, over: Veil) -> ErrorView | None:
    if view is None:
        return None
    hint = over.text(view.hint) if view.hint else view.hint
    return view.model_copy(update={"detail": over.text(view.detail), "hint": hint})


def payloads(views: Sequence[PayloadView], over: Veil) -> list[PayloadView]:
    """The meta of payloads are fields too."""
    if over.mask is None:
        return list(views)
    return [one.model_copy(update={"meta": over.value(one.meta)}) for one in views]


def log_line(line: LogLine, over: Veil) -> LogLine:
    if over.mask is None:
        return line
    return line.model_copy(update={"message": over.text(line.message), "data": over.value(line.data)})


def exchange(view: ExchangeView, over: Veil) -> ExchangeView:
    if over.mask is None:
        return view
    return view.model_copy(
        update={
            "url": over.address(view.url),
            "request_headers": over.headers(view.request_headers),
            "response_headers": over.headers(view.response_headers),
            "error": over.text(view.error) if view.error else view.error,
        }
    )


async def plan(kernel: Kernel, view: PlanView, flow: str, fields: Mapping[str, str]) -> PlanView:
    """A plan; `fields`: of which field the keys of a step are."""
    over = await veil(kernel, flow)
    if over.mask is None:
        return view

    def keyed(step: str, detail: dict[str, Any]) -> dict[str, Any]:
        return detail | {"key": over.field(fields.get(step, ""), str(detail["key"]))}

    steps = [
        step.model_copy(update={"details": [keyed(step.step, one) for one in step.details]})
        for step in view.steps
    ]
    warnings = [over.text(one) for one in view.warnings]
    confirm = over.text(view.confirm) if view.confirm else view.confirm
    return view.model_copy(update={"steps": steps, "warnings": warnings, "confirm": confirm})


async def texts(kernel: Kernel, view: V, flow: str | None, *fields: str) -> V:
    """A record with messages that people read, of a flow or (None) of nobody knows which."""
    over = await veil(kernel, flow)
    if over.mask is None:
        return view
    shown = {name: over.text(text) for name in fields if (text := getattr(view, name))}
    return view.model_copy(update=shown)


async def found(kernel: Kernel, page: FindPage) -> FindPage:
    """What stands in hidden fields is not found: otherwise a guess could be confirmed."""
    if not page.items or not await any_rules(kernel):
        return page
    items: list[FindItem] = []
    for one in page.items:
        over = await veil(kernel, one.flow)
        if not over.hides(one.field) and over.field(one.field, one.value) == one.value:
            items.append(one)
    return page.model_copy(update={"items": items})


Key: TypeAlias = Callable[[str, str | None, str], str]
"""Ledger, field and key of a delivery -> the key as it may be seen."""


async def keys(kernel: Kernel) -> Key:
    """A key is the value of a field. Whose flow a ledger is, its name tells, unless it is shared."""
    if not await any_rules(kernel):
        return lambda _ledger, _field, key: key
    known = {name: await veil(kernel, name) for name in await rules_of_flows(kernel)}
    every, common = await veil(kernel, None), await veil(kernel, "")

    def shown(ledger: str, field: str | None, key: str) -> str:
        flow, slash, _ = ledger.partition("/")
        over = known.get(flow, common) if slash else every
        return over.field(field or "", key) if field else over.text(key)

    return shown
