"""A fault hits exactly the requests that it names."""

import threading

import pytest

from redrive.demo.faults import Board, Fault


def hits(fault: Fault, count: int, path: str = "/orders", orders: frozenset[str] = frozenset()) -> list[bool]:
    return [fault.hits(path, lambda: set(orders)) for _ in range(count)]


def test_all_requests_unless_told_otherwise() -> None:
    assert hits(Fault(kind="cut"), 3) == [True] * 3


def test_skip_leaves_some_alone_and_times_ends_it() -> None:
    assert hits(Fault(kind="cut", skip=1, times=2), 5) == [False, True, True, False, False]


def test_only_its_path() -> None:
    assert hits(Fault(kind="cut", path="/orders/by-link"), 1) == [False]


@pytest.mark.parametrize("order", [1042, "1042"])
def test_only_requests_that_hold_its_order(order: str | int) -> None:
    fault = Fault(kind="cut", order=order, times=1)
    assert hits(fault, 1, orders=frozenset({"1"})) == [False]
    assert hits(fault, 2, orders=frozenset({"1", "1042"})) == [True, False]


def test_a_told_status_comes_before_the_work_and_a_cut_after_it() -> None:
    assert Fault(kind="status").moment == "before"
    assert Fault(kind="cut").moment == "after"
    assert Fault(kind="cut", at="before").moment == "before"


def test_held_requests_can_be_waited_for_and_released() -> None:
    board = Board()
    holder = threading.Thread(target=board.hold, args=(None,))
    holder.start()
    assert board.wait(0, 1, timeout_s=5)
    board.release()
    holder.join(timeout=5)
    assert not holder.is_alive()
    assert board.state()["held"] == 0


def test_a_wait_that_is_in_vain_says_so() -> None:
    assert not Board().wait(1, 0, timeout_s=0)


def test_reset_forgets_faults_and_counts() -> None:
    board = Board()
    board.put([Fault(kind="cut")])
    assert board.arrived("/orders", set) is not None
    board.reset()
    assert board.arrived("/orders", set) is None
    assert board.state()["requests"] == 1
