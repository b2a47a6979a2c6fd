"""How long a flow of 200 steps, nested in routes, branches and tries, takes to be validated."""

from __future__ import annotations

import statistics
import time

from redrive.documents.check import check
from redrive.documents.load import read_text
from redrive.registry import Registry

STEPS = 200
BUDGET_MS = 100.0


def document(steps: int = STEPS) -> str:
    """A flow with so many steps: trees of routes, branches and tries, six steps each, one in another."""
    lines = ["flow: deep", "variables: {since: {type: string, default: ''}}", "steps:"]
    number = 0

    def leaf(indent: str, n: int) -> list[str]:
        kinds = (
            f"shape: filter, keep: {{all: [{{field: total, gt: {n}}}, {{field: country, is: GB}}]}}",
            "shape: map, automatic: true, fields: [{to: number, from: id, do: [{cast: string}]}]",
            f"shape: flow_control, size: {n + 1}",
            'shape: set_variables, variables: {since: "{{ now }}"}',
        )
        return [f"{indent}- {{id: s{n}, {kinds[n % len(kinds)]}}}"]

    def tree(indent: str, depth: int) -> list[str]:
        nonlocal number
        found: list[str] = []
        kind = ("route", "branch", "try")[depth % 3]
        number += 1
        found.append(f"{indent}- id: t{number}")
        found.append(f"{indent}  shape: {kind}")
        inner = indent + "      "
        for part in range(2):
            number += 1
            if kind == "try":
                found.append(f"{indent}  {('steps', 'catch')[part]}:")
                inner = indent + "    "
            else:
                found += [f"{indent}  paths:"] if not part else []
                found.append(f"{indent}    - id: p{number}")
                if kind == "route":
                    found.append(f"{indent}      when: {{field: total, gt: {part}}}")
                found.append(f"{indent}      steps:")
                inner = indent + "        "
            number += 1
            found += leaf(inner, number)
            if not part and depth < 5:
                found += tree(inner, depth + 1)
        return found

    while sum("shape:" in line for line in lines) < steps:
        lines += tree("  ", 0)
    return "\n".join(lines) + "\n"


def measure(rounds: int) -> tuple[int, list[float]]:
    """The number of steps, and milliseconds of each round, from the text to the checked flow."""
    registry = Registry.discover()
    text = document()
    times: list[float] = []
    steps = 0
    for _ in range(rounds):
        begun = time.perf_counter()
        checked = check(read_text(text, "deep.yaml"), registry)
        times.append((time.perf_counter() - begun) * 1000)
        checked.raise_if_any()
        steps = sum(1 for _ in checked.flows["deep"][1].walk())
    return steps, times


def main(*, rounds: int = 20) -> list[str]:
    steps, times = measure(rounds)
    middle, worst = statistics.median(times), max(times)
    return [
        f"{steps} steps, six deep: median {middle:.1f} ms, worst {worst:.1f} ms (budget {BUDGET_MS:g} ms)"
    ]
