from __future__ import annotations

import math
from decimal import Decimal

import pytest

from redrive.core.retention import ByState, Keep, Limit, Walk, size_of

DAY = 86_400_000_000
NOW = 1_000 * DAY


def keep(**limits):
    return Keep(**{name: ByState(**states) for name, states in limits.items()})


def verdicts(rules, *runs):
    walk = Walk(rules, NOW)
    return [walk.verdict(status, NOW - int(age * DAY), size) for status, age, size in runs]


def test_age_counts_from_the_end_of_the_run_by_its_state():
    rules = keep(
        payloads={"success": Limit(age_s=30 * 86_400), "failure": Limit(age_s=90 * 86_400)},
        runs={"success": Limit(age_s=180 * 86_400), "failure": Limit(age_s=180 * 86_400)},
    )
    found = verdicts(
        rules,
        ("success", 30, 0),
        ("success", 30.01, 0),
        ("partial_success", 89, 0),
        ("stopped", 91, 0),
        ("failure", 180, 0),
        ("success", 181, 0),
    )
    assert found == ["keep", "expire", "keep", "expire", "expire", "delete"]


def test_count_and_bytes_are_counted_for_each_state_from_the_newest():
    rules = keep(
        payloads={"success": Limit(size_bytes=100), "failure": Limit(count=1)},
        runs={"failure": Limit(count=2)},
    )
    found = verdicts(
        rules,
        ("success", 1, 500),  # the newest keeps its payloads however large they are
        ("failure", 1, 9),
        ("success", 2, 1),
        ("failure", 2, 9),
        ("failure", 3, 9),
    )
    assert found == ["keep", "keep", "expire", "expire", "delete"]
    assert rules.weighs
    assert not keep(payloads={"success": Limit(size_bytes=math.inf)}).weighs


def test_bytes_that_just_fit_are_kept():
    rules = keep(payloads={"success": Limit(size_bytes=100)})
    assert verdicts(rules, ("success", 1, 60), ("success", 2, 40), ("success", 3, 1)) == [
        "keep",
        "keep",
        "expire",
    ]


def test_a_flow_says_what_it_says_and_the_home_the_rest():
    home = keep(payloads={"success": Limit(age_s=1, count=5), "failure": Limit(age_s=2)})
    flow = keep(payloads={"success": Limit(age_s=math.inf)})
    both = flow.over(home).payloads
    assert both.success == Limit(age_s=math.inf, count=5)
    assert both.failure == Limit(age_s=2)


@pytest.mark.parametrize(
    ("text", "size"), [("5GB", 5 * 10**9), ("2KiB", 2048), (Decimal(7), 7), (0, 0), ("1TB", 10**12)]
)
def test_sizes(text, size):
    assert size_of(text) == size


@pytest.mark.parametrize(
    "text", ["5", "5 GB", "GB", "5gb", -1, 1.5, Decimal("1.5"), True, None, "9" * 15 + "TB"]
)
def test_what_is_no_size(text):
    with pytest.raises(ValueError, match="size"):
        size_of(text)
