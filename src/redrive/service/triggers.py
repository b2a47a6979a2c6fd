"""The triggers of flows as people see them: when they come, where they are called, what is missing."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from redrive.core.flow import Flow, TriggerSpec
from redrive.core.ids import to_text
from redrive.engine.clock import instant
from redrive.engine.flows import build
from redrive.errors import RedriveError
from redrive.service.doors import KINDS, Door, Doors
from redrive.service.kernel import Kernel
from redrive.service.trigger_views import TriggerView
from redrive.service.versions import unknown_flow
from redrive.service.views import Page
from redrive.store import flows as flow_store
from redrive.store import schedules as schedule_store
from redrive.store.database import Rows
from redrive.store.hooks import Owner
from redrive.triggers.schedule import Schedule

PAGE = 100


class Triggers:
    """The noun `triggers`."""

    def __init__(self, kernel: Kernel, doors: Doors) -> None:
        self._kernel = kernel
        self._doors = doors

    async def list(
        self, flow: str | None = None, *, limit: int = PAGE, cursor: str | None = None
    ) -> Page[TriggerView]:
        """The triggers of a flow, or of all: `limit` counts flows, and a cursor is a flow's name.

        Errors: `flow.unknown`.
        """
        now = instant(self._kernel.deps.clock.micros())

        def work(rows: Rows) -> Page[TriggerView]:
            if flow is not None:
                one = flow_store.listed_one(rows, flow)
                if one is None:
                    raise unknown_flow(rows, flow)
                return Page[TriggerView](items=list(self._of(rows, one, now)))
            found = flow_store.listed(rows, after=cursor or "", at_most=limit + 1)
            items = [view for one in found[:limit] for view in self._of(rows, one, now)]
            return Page[TriggerView](items=items, next=found[limit - 1].name if len(found) > limit else None)

        return await self._kernel.deps.reader.run(work)

    def _of(self, rows: Rows, listed: flow_store.ListedFlow, now: datetime) -> Iterator[TriggerView]:
        flow = self._document(rows, listed)
        owner = Owner(listed.id, listed.enabled, listed.deployed)
        missing = [
            word
            for word, there in (("enabled", listed.enabled), ("deployed", listed.deployed is not None))
            if not there
        ]
        for spec in flow.triggers if flow is not None else ():
            view = TriggerView(
                flow=listed.name,
                kind=spec.kind,
                version=listed.deployed,
                active=not missing and spec.kind != "event",
                missing=missing,
            )
            if spec.kind == "schedule":
                yield self._schedule(rows, view, owner, Schedule(spec.settings), now)
            elif flow is not None and spec.kind in KINDS:
                yield self._hook(view, owner, flow, spec)
            else:
                yield view.model_copy(update={"problems": ["event triggers are not carried out yet"]})

    def _document(self, rows: Rows, listed: flow_store.ListedFlow) -> Flow | None:
        if listed.deployed is not None:
            found = flow_store.document(rows, listed.id, listed.deployed)
            text = found[0] if found is not None else None
        else:
            row = flow_store.get_flow(rows, listed.name)
            text = bytes(row.draft) if row is not None and row.draft is not None else None
        try:
            return build(text.decode(), None, self._kernel.registry).flow if text is not None else None
        except RedriveError:
            return None  # a draft that does not parse has no triggers yet

    def _schedule(
        self, rows: Rows, view: TriggerView, owner: Owner, schedule: Schedule, now: datetime
    ) -> TriggerView:
        last = schedule_store.last(rows, (owner.flow_id, schedule.rule))
        return view.model_copy(
            update={
                "rule": schedule.rule,
                "missed": schedule.missed,
                "next": schedule.next_times(now),
                "last": instant(last[0]) if last is not None else None,
                "last_run": to_text("r", last[1]) if last is not None else None,
            }
        )

    def _hook(self, view: TriggerView, owner: Owner, flow: Flow, spec: TriggerSpec) -> TriggerView:
        hook = KINDS[spec.kind](spec.settings)
        wants = [
            word
            for word, there in (("token", hook.token is not None), ("signature", hook.signature is not None))
            if there
        ]
        problems = []
        for source in hook.secrets():
            try:
                self._doors.secret(source)
            except RedriveError as error:
                problems.append(error.detail)
        door = Door(owner, flow, hook, None)
        return view.model_copy(
            update={
                "name": hook.name,
                "address": "/".join(["/hooks", flow.name, *([hook.name] if hook.name else [])]),
                "methods": list(hook.methods),
                "wants": wants or ["open"],
                "token": self._doors.made_tokens(door.key)[0] if hook.makes_token else None,
                "problems": problems,
            }
        )
