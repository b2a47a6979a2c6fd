"""What of the queue may start, in which order, and why the rest waits: decided from records alone.

The order is by one number, the turn of a run: when it was queued, and so much later for each priority
below the highest. So a priority goes before those below it, one that is equal goes first in first out,
and whatever waits long enough goes before everything that was queued later: nothing starves.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Literal

import msgspec

from redrive.core.ids import to_text

AGEING_US = 15 * 60 * 1_000_000
"""A run that has waited so long goes before a new one of the next higher priority."""

Kind = Literal[
    "paused", "circuit", "overlap", "key_limit", "flow_limit", "connection_limit", "system_limit", "turn",
    "next", "runner",
]  # fmt: skip

KEYED = "/"


def turn_of(queued_at: int, priority: int) -> int:
    """Where a run stands in the queue: smaller goes first; of equal ones the smaller id."""
    return queued_at + priority * AGEING_US


def front_of(first: int | None, now: int) -> int:
    """A turn before all that waits, and before whatever is queued from now on."""
    return min(now if first is None else first, now) - 1


def lane_of(flow_id: int, key: str | None) -> str:
    """What overlaps with each other: the runs of a flow, or those of them with the same key."""
    return str(flow_id) if key is None else f"{flow_id}{KEYED}{key}"


class Reason(msgspec.Struct, frozen=True, kw_only=True):
    """Why a run waits. `run`: the one that it waits for, `until`: when it may go on."""

    kind: Kind
    text: str
    run: int | None = None
    flow: str | None = None
    connection: str | None = None
    until: int | None = None


class Queued(msgspec.Struct, frozen=True, kw_only=True):
    """A run that waits. `exclusive`: it does not run beside another one of its lane.

    `above`: the run whose step called it, the caller of that one, and so on: they wait for it, so none
    of them is counted against it.
    """

    id: int
    flow_id: int
    flow: str
    lane: str | None = None
    exclusive: bool = False
    above: frozenset[int] = frozenset()
    connections: frozenset[str] = frozenset()
    most: int | None = None
    """Most runs of its flow at the same time."""
    most_per_key: int | None = None


class Bound(msgspec.Struct, frozen=True, kw_only=True):
    """So many of these runs have to end before a run may begin."""

    runs: frozenset[int]
    need: int
    reason: Reason


class Circuit(msgspec.Struct, frozen=True, kw_only=True):
    """An open circuit as the queue sees it. `scouted`: a run is on its way to try it."""

    until: int
    error: str = ""
    scouted: bool = False


class Rules(msgspec.Struct, kw_only=True):
    """What holds runs back, apart from other runs. Pauses: what is paused, and why."""

    all_paused: str | None = None
    flows: Mapping[str, str] = {}
    connections: Mapping[str, str] = {}
    circuits: Mapping[str, Circuit] = {}
    limits: Mapping[str, int] = {}
    """Most runs at the same time that use a connection."""


class UnderWay:
    """The runs under way, by what they are counted for."""

    def __init__(self) -> None:
        self._known: dict[int, Queued] = {}
        self._flows: dict[int, set[int]] = {}
        self._lanes: dict[str, set[int]] = {}
        self._connections: dict[str, set[int]] = {}

    def __len__(self) -> int:
        return len(self._known)

    def add(self, run: Queued) -> None:
        self._known[run.id] = run
        self._flows.setdefault(run.flow_id, set()).add(run.id)
        if run.lane is not None:
            self._lanes.setdefault(run.lane, set()).add(run.id)
        for name in run.connections:
            self._connections.setdefault(name, set()).add(run.id)

    def remove(self, run_id: int) -> None:
        run = self._known.pop(run_id, None)
        if run is None:
            return
        _drop(self._flows, run.flow_id, run_id)
        if run.lane is not None:
            _drop(self._lanes, run.lane, run_id)
        for name in run.connections:
            _drop(self._connections, name, run_id)

    def using(self, connection: str) -> AbstractSet[int]:
        return self._connections.get(connection, frozenset())

    def bounds(self, run: Queued, rules: Rules) -> list[Bound]:
        """What other runs under way have to make room for: nothing, where the run may begin."""
        found: list[Bound] = []
        apart = run.above | {run.id}
        if run.exclusive:
            keyed = run.lane is not None and KEYED in run.lane
            beside = self._lanes.get(run.lane or "", ()) if keyed else self._flows.get(run.flow_id, ())
            if others := frozenset(beside) - apart:
                first = min(others)
                what = ", which has the same overlap key," if keyed else f" of flow {run.flow}"
                text = f"overlap: run {to_text('r', first)}{what} is running"
                reason = Reason(kind="overlap", text=text, run=first, flow=run.flow)
                found.append(Bound(runs=others, need=len(others), reason=reason))
        if run.most_per_key is not None and run.lane is not None:
            text = (
                f"limit: flow {run.flow} runs at most {run.most_per_key} at a time with the same overlap key"
            )
            _bound(found, self._lanes.get(run.lane, ()), apart, run.most_per_key, "key_limit", text, run.flow)
        if run.most is not None:
            text = f"limit: flow {run.flow} runs at most {run.most} at a time"
            _bound(found, self._flows.get(run.flow_id, ()), apart, run.most, "flow_limit", text, run.flow)
        for name in run.connections & rules.limits.keys():
            most = rules.limits[name]
            text = f"limit: at most {most} runs use connection {name} at a time"
            _bound(found, self._connections.get(name, ()), apart, most, "connection_limit", text, None, name)
        return found


def _bound(
    found: list[Bound],
    beside: Iterable[int],
    apart: AbstractSet[int],
    most: int,
    kind: Kind,
    text: str,
    flow: str | None,
    connection: str | None = None,
) -> None:
    others = frozenset(beside) - apart
    if len(others) >= most:
        reason = Reason(kind=kind, text=text, flow=flow, connection=connection)
        found.append(Bound(runs=others, need=len(others) - most + 1, reason=reason))


def _drop(held: dict[int, set[int]] | dict[str, set[int]], key: int | str, run_id: int) -> None:
    runs = held[key]  # type: ignore[index]
    runs.discard(run_id)
    if not runs:
        del held[key]  # type: ignore[arg-type]


def held_back(run: Queued, rules: Rules, now: int) -> Reason | None:
    """What holds a run back whatever else runs: a pause, or a target that is down."""
    if rules.all_paused is not None:
        return Reason(kind="paused", text=_paused("everything", rules.all_paused))
    if run.flow in rules.flows:
        return Reason(kind="paused", text=_paused(f"flow {run.flow}", rules.flows[run.flow]), flow=run.flow)
    for name in sorted(run.connections):
        if name in rules.connections:
            text = _paused(f"connection {name}", rules.connections[name])
            return Reason(kind="paused", text=text, connection=name)
    for name in sorted(run.connections):
        circuit = rules.circuits.get(name)
        if circuit is None or (circuit.until <= now and not circuit.scouted):
            continue
        what = "is being tried" if circuit.scouted or circuit.until <= now else "is down"
        why = f": {circuit.error}" if circuit.error else ""
        return Reason(
            kind="circuit", text=f"circuit: connection {name} {what}{why}", connection=name,
            until=circuit.until if circuit.until > now else None,
        )  # fmt: skip
    return None


def _paused(what: str, reason: str) -> str:
    return f"paused: {what} is paused" + (f" ({reason})" if reason else "")


def stuck(waiting: Mapping[int, Sequence[Bound]], calls: Mapping[int, AbstractSet[int]]) -> set[int]:
    """Of the called runs that wait for others to end those that would wait for ever.

    `waiting`: called runs in the queue, with what they wait for; `calls`: runs under way to the called
    runs that they wait for. Whoever is in neither gets on by itself.
    """
    held = set(waiting) | set(calls)
    while True:
        going = {run for run in held if _goes(run, held, waiting, calls)}
        if not going:
            return held & waiting.keys()
        held -= going


def _goes(
    run: int,
    held: AbstractSet[int],
    waiting: Mapping[int, Sequence[Bound]],
    calls: Mapping[int, AbstractSet[int]],
) -> bool:
    if run in waiting:
        return all(len(bound.runs - held) >= bound.need for bound in waiting[run])
    return not calls[run] & held
