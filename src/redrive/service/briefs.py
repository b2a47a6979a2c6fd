"""What the run log's list tells of a run beyond its row: how much went through, and why it failed."""

from __future__ import annotations

from redrive.core.ids import to_text
from redrive.core.jsonvalue import decode
from redrive.core.run import FAILED, Run
from redrive.service.views import Cause, RunBrief
from redrive.store import briefs as store
from redrive.store.database import Rows


def brief_of(rows: Rows, run: Run) -> RunBrief:
    steps = store.steps(rows, run.id)
    own = [step for step in steps if step.status != "kept"]
    return RunBrief(
        payloads=sum(step.payloads_out for step in own),
        items=sum(step.items_out for step in own),
        size_bytes=sum(step.bytes_out for step in own),
        delivered=sum(step.delivered for step in own),
        cause=_cause(rows, run, own),
    )


def _cause(rows: Rows, run: Run, steps: list[store.StepBrief]) -> Cause | None:
    """The first step that ended in failure; where none did (a `try` caught it), the first with an error."""
    if run.status not in FAILED:
        return None
    faulty = [step for step in steps if step.error is not None]
    failing = [step for step in faulty if step.status == "failure"]
    found = (failing or faulty)[:1]
    if not found:
        return None
    step = found[0]
    assert step.error is not None
    error = decode(step.error)
    refused = store.first_refused(rows, run.id, step.position) if step.rejected or step.unknown else None
    payload = refused[1] if refused else None
    if payload is None and step.failed:
        payload = store.first_failed(rows, run.id, step.position)
    return Cause(
        step=step.step,
        code=str(error.get("code", "")),
        title=str(error.get("title", "")),
        detail=str(error.get("detail", "")),
        hint=error.get("hint"),
        key=refused[0] if refused else None,
        keys=step.rejected + step.unknown,
        payload=to_text("p", payload) if payload is not None else None,
        item=refused[2] if refused else None,
        payloads=step.failed,
    )
