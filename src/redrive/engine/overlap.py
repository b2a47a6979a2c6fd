"""What a start does if its flow runs already: decided in the transaction that queues its run."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import Any, Final

import msgspec
from blake3 import blake3

from redrive.core.admission import KEYED, lane_of
from redrive.core.flow import Flow, TriggerSpec
from redrive.core.ids import to_text
from redrive.core.jsonvalue import MISSING, decode, encode
from redrive.core.run import Plan, Run
from redrive.core.template import TemplateMissing, compile_value
from redrive.engine.buckets import Buckets, YoungBucket, as_payload
from redrive.engine.deps import Deps
from redrive.errors import PayloadError
from redrive.store import queue as store
from redrive.store import runs as run_store
from redrive.store.committer import Transaction

MOST_READ_BYTES: Final = 16 << 20
"""A larger payload is not looked into for a key."""
_ROOTS: Final = ("payload", "meta", "vars")
_LAST_LINE: Final = (1 << 32) - 1
_RUN_LINE: Final = -1


class Overlapping(msgspec.Struct):
    """The policy of one start. `key`: digest of the value of its overlap key; None: it has no key."""

    policy: str
    key: str | None = None

    def enter(self, transaction: Transaction, run: Run, at: int) -> None:
        """Set what the queue goes by. A run that is skipped ends here, one that cancels others stops them.

        May be applied twice, so it begins anew each time.
        """
        run.status, run.summary, run.finished_at = "queued", "", None
        run.overlap = self.policy if self.policy != "allow" else None
        run.lane = lane_of(run.flow_id, self.key)
        if self.policy not in {"skip", "cancel_running"}:
            return
        found = store.overlapping(transaction, run.flow_id, run.lane, self.key is not None)
        above = store.callers(transaction, run.parent_run)
        others = [one for one in found if one[0] not in above]
        if not others:
            return
        if self.policy == "skip":
            first, status, _ = others[0]
            does = "is running" if status == "running" else "waits in the queue"
            run.status, run.finished_at = "stopped", at
            run.summary = f"skipped: run {to_text('r', first)} {does} (overlap: skip)"
            return
        for other, status, epoch in others:
            _cancel(transaction, other, status, epoch, run, at)


def _cancel(transaction: Transaction, run_id: int, status: str, epoch: int, by: Run, at: int) -> None:
    name = to_text("r", by.id)
    told = f"cancelled by run {name} (overlap: cancel_running)"
    if status == "queued" and transaction.run(
        store.CANCEL_QUEUED, run_id=run_id, b_finished_at=at, b_summary=told
    ):
        return
    if transaction.run(run_store.STOP, run_id=run_id, b_stop=1):
        # Behind the lines of the execution that is under way.
        sequence = (epoch << 32) + _LAST_LINE
        line = (run_id, sequence, _RUN_LINE, at, "warning", told, encode({"run": name}))
        transaction.insert(run_store.INSERT_LOG, line)


def uses_lanes(flow: Flow) -> bool:
    """Whether any start of the flow asks what else of it runs."""
    settings = flow.settings
    return (
        settings.overlap is not None
        or settings.overlap_key is not None
        or any(one.overlap or one.overlap_key or one.kind == "schedule" for one in flow.triggers)
    )


async def overlapping(
    deps: Deps,
    flow: Flow,
    run: Run,
    plan: Plan,
    buckets: Mapping[int, YoungBucket],
    *,
    spec: TriggerSpec | None = None,
    source: Run | None = None,
) -> Overlapping | None:
    """What holds for a start. `spec`: the trigger that made it; `source`: the run that it was made from,
    whose key it has too. None: the flow does not ask.
    """
    if not uses_lanes(flow):
        return None
    policy = (spec.overlap if spec is not None else None) or flow.settings.overlap
    if policy is None:
        policy = "queue" if spec is not None and spec.kind == "schedule" else "allow"
    template = (spec.overlap_key if spec is not None else None) or flow.settings.overlap_key
    if template is None:
        return Overlapping(policy)
    if source is not None and source.lane is not None and KEYED in source.lane:
        return Overlapping(policy, source.lane.partition(KEYED)[2])
    return Overlapping(policy, await _key(deps, template, flow, run, plan, buckets))


async def _key(
    deps: Deps, template: str, flow: Flow, run: Run, plan: Plan, buckets: Mapping[int, YoungBucket]
) -> str:
    """Digest of the key. What finds nothing is one key too: that of all such starts."""
    made = compile_value(template, _ROOTS)
    scope: dict[str, Any] = {"payload": MISSING, "meta": {}, "vars": _variables(flow, run, plan)}
    if made.roots & {"payload", "meta"} and plan.waiting:
        reading = Buckets(deps.reader, deps.contents)
        reading.young.update(buckets)
        async for _, row, content in reading.rows(plan.waiting):
            scope["meta"] = decode(row.meta) if row.meta else {}
            if "payload" in made.roots and 0 < row.size_bytes <= MOST_READ_BYTES:
                with contextlib.suppress(PayloadError):  # it does not parse: its first step will tell
                    scope["payload"] = await as_payload(0, row, content).value()
            break
    try:
        value = made.render(scope)
    except TemplateMissing:
        value = None
    return blake3(encode(value)).hexdigest(16)


def _variables(flow: Flow, run: Run, plan: Plan) -> dict[str, Any]:
    values: dict[str, Any] = {name: it.default for name, it in flow.variables.items()}
    values |= decode(run.variables) if run.variables else {}
    values |= plan.asked.get("variables") or {}
    return values
