"""The order of the queue, and what holds a run back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from redrive.core.admission import (
    AGEING_US,
    Bound,
    Circuit,
    Queued,
    Reason,
    Rules,
    UnderWay,
    front_of,
    held_back,
    lane_of,
    stuck,
    turn_of,
)
from redrive.core.circuit import CircuitRules, Streak, next_wait_s

INSTANTS = st.integers(0, 1 << 52)
PRIORITY = st.integers(0, 4)


@given(INSTANTS, PRIORITY, INSTANTS, PRIORITY)
def test_a_priority_goes_first_until_the_other_has_waited_its_time(
    one: int, p: int, two: int, q: int
) -> None:
    goes_first = turn_of(one, p) < turn_of(two, q)
    if p == q:
        assert goes_first == (one < two)
    else:
        # Of a lower one by n priorities what was queued n times so much earlier goes first.
        assert goes_first == (one - two < (q - p) * AGEING_US)


@given(PRIORITY, INSTANTS)
def test_nothing_starves(priority: int, queued_at: int) -> None:
    """Whatever is queued later than the longest ageing goes behind it, even of the highest priority."""
    assert turn_of(queued_at, priority) <= turn_of(queued_at + 4 * AGEING_US, 0)


@given(st.one_of(st.none(), INSTANTS), INSTANTS, INSTANTS, PRIORITY)
def test_the_front_is_before_what_waits_and_what_comes(
    first: int | None, now: int, later: int, p: int
) -> None:
    front = front_of(first, now)
    assert first is None or front < first
    assert front < turn_of(now + later, p)


def run(number: int, **facts: object) -> Queued:
    return Queued(**({"id": number, "flow_id": 1, "flow": "f"} | facts))  # type: ignore[arg-type]


def kinds(queued: Queued, *others: Queued, **rules: object) -> list[str]:
    under_way = UnderWay()
    for one in others:
        under_way.add(one)
    return [bound.reason.kind for bound in under_way.bounds(queued, Rules(**rules))]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("queued", "others", "expected"),
    [
        (run(9), [run(1)], []),
        (run(9, exclusive=True), [], []),
        (run(9, exclusive=True), [run(1)], ["overlap"]),
        (run(9, exclusive=True), [run(1, flow_id=2)], []),
        (run(9, exclusive=True, above=frozenset({1})), [run(1)], []),
        (run(9, exclusive=True, lane=lane_of(1, "a")), [run(1, lane=lane_of(1, "b"))], []),
        (run(9, exclusive=True, lane=lane_of(1, "a")), [run(1, lane=lane_of(1, "a"))], ["overlap"]),
        (run(9, exclusive=True, lane=lane_of(1, None)), [run(1, lane=lane_of(1, "a"))], ["overlap"]),
        (run(9, most=2), [run(1)], []),
        (run(9, most=2), [run(1), run(2)], ["flow_limit"]),
        (run(9, most=2, above=frozenset({2})), [run(1), run(2)], []),
        (run(9, lane=lane_of(1, "a"), most_per_key=1), [run(1, lane=lane_of(1, "a"))], ["key_limit"]),
        (run(9, lane=lane_of(1, "a"), most_per_key=1), [run(1, lane=lane_of(1, "b"))], []),
    ],
)
def test_what_other_runs_have_to_make_room_for(
    queued: Queued, others: list[Queued], expected: list[str]
) -> None:
    assert kinds(queued, *others) == expected


def test_a_connection_is_shared_by_flows() -> None:
    used = {"connections": frozenset({"erp"})}
    assert kinds(run(9, **used), run(1, flow_id=2, **used), limits={"erp": 1}) == ["connection_limit"]
    assert kinds(run(9), run(1, flow_id=2, **used), limits={"erp": 1}) == []


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 9), st.integers(1, 3), st.booleans())))
def test_what_is_counted_is_what_is_under_way(moves: list[tuple[bool, int, int, bool]]) -> None:
    """Against a list that is searched."""
    under_way, known = UnderWay(), dict[int, Queued]()
    for comes, number, flow, keyed in moves:
        if comes and number not in known:
            lane = lane_of(flow, "k") if keyed else None
            known[number] = run(
                number, flow_id=flow, lane=lane, connections=frozenset({"erp"} if keyed else ())
            )
            under_way.add(known[number])
        elif not comes:
            known.pop(number, None)
            under_way.remove(number)
        assert len(under_way) == len(known)
        for one in (1, 2, 3):
            found = under_way.bounds(run(99, flow_id=one, exclusive=True), Rules())
            there = {run.id for run in known.values() if run.flow_id == one}
            assert {run for bound in found for run in bound.runs} == there
        assert under_way.using("erp") == {run.id for run in known.values() if run.connections}


@pytest.mark.parametrize(
    ("rules", "kind"),
    [
        (Rules(), None),
        (Rules(all_paused=""), "paused"),
        (Rules(flows={"f": ""}), "paused"),
        (Rules(flows={"g": ""}), None),
        (Rules(connections={"erp": ""}), "paused"),
        (Rules(circuits={"erp": Circuit(until=11)}), "circuit"),
        (Rules(circuits={"erp": Circuit(until=10)}), None),
        (Rules(circuits={"erp": Circuit(until=10, scouted=True)}), "circuit"),
        (Rules(circuits={"shop": Circuit(until=11)}), None),
    ],
)
def test_what_holds_a_run_back_whatever_else_runs(rules: Rules, kind: str | None) -> None:
    reason = held_back(run(9, connections=frozenset({"erp"})), rules, 10)
    assert (reason.kind if reason else None) == kind


def bound(*runs: int, need: int = 1) -> Bound:
    return Bound(runs=frozenset(runs), need=need, reason=Reason(kind="overlap", text=""))


@pytest.mark.parametrize(
    ("waiting", "calls", "expected"),
    [
        ({9: [bound(1)]}, {}, set()),  # 1 ends by itself
        ({9: [bound(1)]}, {1: {9}}, {9}),  # 1 waits for 9
        ({9: [bound(1)]}, {1: {2}, 2: {9}}, {9}),
        ({9: [bound(1)]}, {1: {2}}, set()),
        ({8: [bound(2)], 9: [bound(1)]}, {1: {8}, 2: {9}}, {8, 9}),
        ({9: [bound(1, 2, need=1)]}, {1: {9}}, set()),  # the end of 2 is enough
        ({9: [bound(1, 2, need=2)]}, {1: {9}}, {9}),
        ({9: [bound(1), bound(2)]}, {1: {9}}, {9}),
    ],
)
def test_who_would_wait_for_ever(
    waiting: dict[int, list[Bound]], calls: dict[int, set[int]], expected: set[int]
) -> None:
    assert stuck(waiting, calls) == expected


# ---- circuits

RULES = CircuitRules(failures=3, within_s=10, wait_s=2, longest_s=9)


@given(st.lists(st.integers(0, 30_000_000), max_size=12))
def test_a_circuit_opens_by_so_many_failures_within_the_span(gaps: list[int]) -> None:
    streak, now, at = Streak(), 0, list[int]()
    for gap in gaps:
        now += gap
        at.append(now)
        streak = streak.failed(now, RULES)
        assert streak.opens(RULES) == (sum(now - one < 10_000_000 for one in at) >= 3)


def test_failures_of_the_future_do_not_count() -> None:
    assert not Streak((100, 200)).failed(50, RULES).opens(RULES)
    assert not Streak((1, 2, 3, 4)).failed(5, CircuitRules(failures=0)).opens(CircuitRules(failures=0))


def test_the_wait_doubles_up_to_the_longest() -> None:
    waits = [2.0]
    for _ in range(4):
        waits.append(next_wait_s(waits[-1], RULES))
    assert waits == [2, 4, 8, 9, 9]
