"""Durations in slots: each has its place, and quantiles come out close to the truth."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as some

from redrive.core.insights import BOUNDS_US, SLOTS, quantile_s, slot_of


@given(some.integers(0, 10**13))
def test_a_duration_is_within_the_bounds_of_its_slot(duration_us):
    slot = slot_of(duration_us)
    assert slot == 0 or duration_us > BOUNDS_US[slot - 1]
    assert slot == SLOTS - 1 or duration_us <= BOUNDS_US[slot]


@given(some.lists(some.integers(1001, 10**10), min_size=1, max_size=200), some.sampled_from([0.5, 0.95]))
def test_a_quantile_is_off_by_half_at_most(durations, share):
    counts = [0] * SLOTS
    for one in durations:
        counts[slot_of(one)] += 1
    found = quantile_s(counts, share)
    exact = sorted(durations)[max(0, -(-int(share * 100) * len(durations) // 100) - 1)] / 1e6
    assert exact / 1.51 <= found <= exact * 1.51


def test_nothing_has_no_quantile():
    assert quantile_s([0] * SLOTS, 0.5) is None


@pytest.mark.parametrize("share", [0.5, 0.95])
def test_runs_of_one_slot_lie_within_it(share):
    counts = [0] * SLOTS
    counts[slot_of(1_000_000)] = 7
    slot = slot_of(1_000_000)
    assert BOUNDS_US[slot - 1] / 1e6 <= quantile_s(counts, share) <= BOUNDS_US[slot] / 1e6
