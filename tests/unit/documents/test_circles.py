"""Flows that call each other in a circle are named."""

from __future__ import annotations

import pytest

from redrive.documents.check import check
from redrive.documents.load import read_text
from redrive.registry import Registry


def flow(name: str, *called: str) -> str:
    steps = "".join(f"  - {{id: to-{one}, shape: run_flow, flow: {one}}}\n" for one in called)
    return f"flow: {name}\nsteps:\n{steps}  - {{id: end, shape: wait, for: 1}}\n"


@pytest.mark.parametrize(
    ("flows", "circles"),
    [
        ((flow("a", "b"), flow("b", "c"), flow("c")), []),
        ((flow("a", "a"),), ["a > a"]),
        ((flow("a", "b"), flow("b", "c", "a"), flow("c")), ["a > b > a", "b > a > b"]),
        ((flow("a", "b"), flow("b", "b")), ["b > b"]),
    ],
)
def test_circles(flows: tuple[str, ...], circles: list[str]) -> None:
    loaded = read_text("---\n".join(flows), "flows.yaml")
    notices = check(loaded, Registry.discover()).notices
    prefix = "flows call each other in a circle: "
    assert [one.title.removeprefix(prefix) for one in notices if one.code == "flow.circle"] == circles
    assert all(one.step and one.step.startswith("to-") and one.line for one in notices)
