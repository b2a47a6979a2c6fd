"""Where a run made from another one begins, by the records of that other one. Pure.

`retry` finds every place at which a run had not got on, `redrive` the one that was asked for. Both
lay out the records of the new run: steps whose buckets are taken over (`kept`), and steps around a
beginning (`pending`, with what their paths are handed).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Literal

import msgspec

from redrive.core.flow import Flow, PathNode, StepNode
from redrive.core.run import DONE, FAILING, Begin, Plan, StepRun

Buckets = list[int] | None
Tree = Literal["route", "branch", "try"]

_COUNTS = ("payloads_in", "items_in", "bytes_in", "payloads_out", "items_out", "bytes_out")
_TAKEN = (*_COUNTS, "inputs", "outputs", "variables", "paths", "joined")


class Point(msgspec.Struct):
    """A step that goes on: with all that it had not finished, or only with the payloads that failed."""

    step: StepRun
    only_failed: bool


class Layout:
    """Made for one new run. `trees` says of the steps that own paths how these are run."""

    def __init__(
        self,
        *,
        run_id: int,
        flow: Flow,
        trees: Mapping[str, Tree],
        source: Sequence[StepRun],
        plan: Plan | None = None,
        caught: Sequence[StepRun] = (),
    ) -> None:
        """`caught`: the records that `plan.caught` names."""
        self._run_id = run_id
        self._flow = flow
        self._trees = trees
        self._source = {step.step: step for step in source}
        self._plan = plan or Plan()
        self._caught = {step.step: step for step in caught}
        self._positions = {node.id: position for position, node in enumerate(flow.walk())}
        self._again = False
        self.records: dict[str, StepRun] = {}
        self.points: list[Point] = []
        self.begins: dict[str, Begin] = {}
        """Beginnings of the source that it never came to."""
        self.paths: dict[str, Buckets] = {}
        self.caught: dict[str, int] = {}

    # ---- records

    def _record(self, node: StepNode) -> StepRun:
        record = StepRun(
            run_id=self._run_id,
            position=self._positions[node.id],
            step=node.id,
            shape=node.shape,
            name=node.name or None,
        )
        self.records[node.id] = record
        return record

    def _keep(self, node: StepNode, *, inner: bool = True) -> None:
        """Take a step over by reference, with those of its paths that had ended."""
        for one in node.walk() if inner else [node]:
            there = self._source.get(one.id)
            if one is node or (there is not None and there.status in DONE):
                record = self._record(one)
                record.status = "kept"
                if there is not None:
                    for name in _TAKEN:
                        setattr(record, name, getattr(there, name))

    def _keep_ended(self, nodes: Sequence[StepNode]) -> None:
        for node in nodes:
            there = self._source.get(node.id)
            if there is not None and there.status in DONE:
                self._keep(node)

    def _open(self, node: StepNode) -> dict[str, Buckets]:
        """Lay out a step around a beginning; what its paths are handed is filled in by the caller."""
        record = self._record(node)
        there = self._source.get(node.id)
        if there is not None:
            for name in ("inputs", "payloads_in", "items_in", "bytes_in"):
                setattr(record, name, getattr(there, name))
        return {}

    def _hand(self, node: StepNode, handed: dict[str, Buckets]) -> None:
        # Never empty: a step that was laid out is told by it.
        laid = handed or {_key(node, node.paths[0]): []}
        self.records[node.id].paths = msgspec.json.encode(laid).decode()

    def _executed(self, node: StepNode) -> StepRun | None:
        """The record of a step that ran in the source, or before it with payloads that `catch` has had."""
        there = self._source.get(node.id)
        if there is None or there.status == "pending":
            return None
        return there if there.status != "kept" else self._caught.get(node.id)

    # ---- redrive

    def redrive(self, step_id: str, *, after: bool) -> None:
        """Begin at one step (or after it); of the steps around it that path goes on."""
        chain = self._flow.chain(step_id)
        for depth, place in enumerate(chain):
            for before in place.siblings[: place.index]:
                self._keep(before)
            if place.step.id == step_id:
                if after:
                    self._keep(place.step)
                return
            inner = chain[depth + 1].path
            assert inner is not None
            self._into(place.step, inner)

    def _into(self, node: StepNode, inner: PathNode) -> None:
        handed = self._open(node)
        there = self._source.get(node.id)
        ended, had = _paths(there.joined if there else "{}"), _paths(there.paths if there else "{}")
        later = False
        for path in node.paths:
            key = _key(node, path)
            if path is inner:
                handed[key] = []
                later = True
            elif self._trees[node.id] == "branch" and later and key in had and key not in ended:
                handed[key] = had[key]
            elif not (self._trees[node.id] == "try" and later):
                self.paths[key] = []
                self._keep_ended(path.steps)
        self._hand(node, handed)

    # ---- retry

    def retry(self, status: str) -> None:
        """Begin at each step that failed, in every failed path."""
        if status == "partial_success":
            self._again = True
            self._failed_in(self._flow.steps, caught=False)
        else:
            self._unfinished(self._flow.steps, arriving=False, caught=False)

    def _unfinished(self, nodes: Sequence[StepNode], *, arriving: bool, caught: bool) -> None:
        """Lay out a list that the source had begun. From where something begins or arrives, what
        follows is executed; steps before it are kept.
        """
        begun = arriving
        for index, node in enumerate(nodes):
            there = self._source.get(node.id)
            ran = self._executed(node)
            begin = self._plan.begins.get(node.id)
            if ran is not None and ran.status in FAILING:
                if node.id in self._trees and _paths(ran.paths) and ran.checkpoint is None:
                    self._go_into(node, ran, caught=caught)
                else:
                    self.points.append(Point(ran, only_failed=False))
                begun = True
            elif there is not None and there.status == "pending":
                self._go_into(node, there, caught=caught)
                begun = True
            elif ran is not None and caught and self._holds(node, caught=True):
                self._failed(node, caught=True, taken=self._ran_behind(nodes, index))
                begun = True
            elif ran is None and begin is not None and not (begin.after and self._ran_behind(nodes, index)):
                self.begins[node.id] = begin
                if begin.after:
                    self._keep(node)
                begun = True
            elif not begun and there is not None:
                self._keep(node)

    def _ran_behind(self, nodes: Sequence[StepNode], index: int) -> bool:
        return index + 1 < len(nodes) and self._executed(nodes[index + 1]) is not None

    def _go_into(self, node: StepNode, there: StepRun, *, caught: bool) -> None:
        """A step whose paths had been handed something and had not all ended."""
        handed = self._open(node)
        ended, had = _paths(there.joined), _paths(there.paths)
        if self._trees[node.id] == "try":
            self._go_into_try(node, ended, had, handed, caught=caught)
        else:
            for path in node.paths:
                key = _key(node, path)
                if key in ended:
                    self._ended(path, key, ended[key], handed, caught=caught, taken=False)
                elif key in had:
                    self._path(path, key, had[key], handed, caught=caught)
                else:
                    self.paths[key] = self._plan.paths.get(key, [])
                    self._keep_ended(path.steps)
        self._hand(node, handed)

    def _go_into_try(
        self,
        node: StepNode,
        ended: Mapping[str, Buckets],
        had: Mapping[str, Buckets],
        handed: dict[str, Buckets],
        *,
        caught: bool,
    ) -> None:
        body, *rest = node.paths
        key = _key(node, body)
        catch = rest[0] if rest else None
        catch_key = _key(node, catch) if catch is not None else ""
        if key not in ended:
            self._path(body, key, had.get(key, []), handed, caught=True)
            if catch is not None:
                self._unfinished(catch.steps, arriving=False, caught=caught)
        elif catch is not None and catch_key in had and catch_key not in ended:
            self.paths[key] = ended[key]
            self._keep_ended(body.steps)
            for one in (inner for step in body.steps for inner in step.walk()):
                if (ran := self._executed(one)) is not None:
                    self.caught[one.id] = ran.run_id
            self._path(catch, catch_key, had[catch_key], handed, caught=caught)
            self._wait_at(catch, handed, catch_key)
        else:  # it failed because payloads had failed in it, or had not come to `catch`
            self._ended(body, key, ended[key], handed, caught=True, taken=False)
            if catch is not None and catch_key not in ended:
                self._unfinished(catch.steps, arriving=False, caught=caught)

    def _wait_at(self, catch: PathNode, handed: dict[str, Buckets], key: str) -> None:
        """What `catch` was handed waits at its first step: it is handed what fails now as well."""
        first = catch.steps[0].id if catch.steps else None
        if first is None or ((before := self.begins.get(first)) is not None and before.after):
            return
        waiting = handed.pop(key)
        if waiting != []:
            inputs = [*((before.inputs if before is not None else None) or []), *(waiting or [])]
            self.begins[first] = Begin(inputs=inputs)

    def _path(
        self, path: PathNode, key: str, had: Buckets, handed: dict[str, Buckets], *, caught: bool
    ) -> None:
        """A path that had not ended: from its beginning, if that had not run."""
        unread = had != [] and not (path.steps and self._executed(path.steps[0]) is not None)
        handed[key] = had if unread else []
        if before := self._plan.paths.get(key):
            self.paths[key] = before
        self._unfinished(path.steps, arriving=unread, caught=caught)

    def _ended(
        self, path: PathNode, key: str, out: Buckets, handed: dict[str, Buckets], *, caught: bool, taken: bool
    ) -> None:
        """A path that had ended: it adds what becomes of payloads that failed in it, and what it had put
        out, unless what follows the tree has `taken` that.
        """
        self.paths[key] = [] if taken else out
        if any(self._holds(node, caught=caught) for node in path.steps):
            handed[key] = []
            self._failed_in(path.steps, caught=caught)
        else:
            self._keep_ended(path.steps)

    # ---- payloads that failed in a `try`

    def _holds(self, node: StepNode, *, caught: bool) -> bool:
        """Whether payloads failed in a step (or inside of it) that nothing has dealt with."""
        ran = self._executed(node)
        if ran is None:
            return False
        if caught and ran.failed and ran.status in DONE:
            return True
        return any(
            self._holds(inner, caught=self._caught_in(node, path, ran, caught=caught))
            for path in node.paths
            for inner in path.steps
        )

    def _caught_in(self, node: StepNode, path: PathNode, ran: StepRun, *, caught: bool) -> bool:
        if self._trees[node.id] != "try" or path is not node.paths[0]:
            return caught
        return self._again and ran.status == "partial_success"

    def _failed_in(self, nodes: Sequence[StepNode], *, caught: bool) -> None:
        """In a list that had ended: what its steps had put out has been taken."""
        begun = False
        for node in nodes:
            if self._holds(node, caught=caught):
                self._failed(node, caught=caught, taken=True)
                begun = True
            elif not begun and self._source.get(node.id) is not None:
                self._keep(node)

    def _failed(self, node: StepNode, *, caught: bool, taken: bool) -> None:
        ran = self._executed(node)
        assert ran is not None
        if caught and ran.failed:
            self.points.append(Point(ran, only_failed=True))
        if node.id not in self._trees:
            return
        handed, ended = self._open(node), _paths(ran.joined)
        for path in node.paths:
            key = _key(node, path)
            inner = self._caught_in(node, path, ran, caught=caught)
            is_catch = self._trees[node.id] == "try" and path is not node.paths[0]
            if is_catch and not any(self._holds(one, caught=inner) for one in path.steps):
                if not taken:
                    self.paths[key] = ended.get(key, [])
                continue
            self._ended(path, key, ended.get(key, []), handed, caught=inner, taken=taken)
            if is_catch:
                handed.pop(key, None)
        self._hand(node, handed)

    # ---- what comes of it

    def as_plan(self, start: Literal["failed", "at", "after"], begins: Mapping[str, Begin]) -> Plan:
        """The plan of a run with these beginnings beside those that are taken over."""
        merged = {**self.begins, **begins}
        first = min(merged, key=lambda step: self._positions.get(step, 0), default=None)
        return Plan(start=start, step=first, begins=merged, paths=self.paths, caught=self.caught)


def steps_ahead(flow: Flow, plan: Plan, records: Mapping[str, StepRun]) -> list[StepNode]:
    """The steps that a plan may execute, in document order, without those that it skips."""
    return list(_ahead(flow.steps, plan, records, arriving=not plan.begins))


def _ahead(
    nodes: Sequence[StepNode], plan: Plan, records: Mapping[str, StepRun], *, arriving: bool
) -> Iterator[StepNode]:
    for node in nodes:
        begin, record = plan.begins.get(node.id), records.get(node.id)
        if begin is not None and begin.after:
            arriving = True
            continue
        opened = record is not None and record.status == "pending"
        if not (arriving or begin is not None or opened):
            continue
        whole, arriving = arriving or begin is not None, True
        if node.skip or node.id in plan.skips:
            continue
        yield node
        handed = _paths(record.paths) if record is not None and opened else {}
        ran = False
        for path in node.paths:
            key = _key(node, path)
            inside = list(
                _ahead(path.steps, plan, records, arriving=whole or ran or bool(handed.get(key, []) != []))
            )
            yield from inside
            # Only `catch` runs because of what another path did.
            ran = bool(inside) and path.id == "steps" and node.paths[0] is path and node.shape == "try"


def _key(node: StepNode, path: PathNode) -> str:
    return f"{node.id}/{path.id}"


def _paths(text: str) -> dict[str, Buckets]:
    paths: dict[str, Buckets] = msgspec.json.decode(text)
    return paths
