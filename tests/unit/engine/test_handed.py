"""Buckets that go from a start to its run in memory: once, bounded, gone when something is erased."""

from __future__ import annotations

from typing import Any

import pytest

from redrive.engine import handed
from redrive.engine.buckets import YoungBucket
from redrive.engine.handed import Handed


def young(size_bytes: int) -> YoungBucket:
    made = YoungBucket(bounded=False)
    made.bytes = size_bytes
    return made


def test_a_bucket_is_taken_once() -> None:
    kept, one = Handed(), young(10)
    kept.keep(1, one)
    assert kept.take(1) is one
    assert kept.take(1) is None


def test_the_oldest_stay_when_there_is_no_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handed, "MAX_BYTES", 25)
    kept = Handed()
    for number in (1, 2, 3):
        kept.keep(number, young(10))
    assert [kept.take(number) is not None for number in (3, 1, 2)] == [False, True, True]
    kept.keep(4, young(25))
    assert kept.take(4) is not None


def test_what_nobody_takes_makes_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handed, "MAX_BYTES", 10)
    now: list[float] = [0.0]

    class Clock:
        def __getattr__(self, name: str) -> Any:
            return lambda: now[0]

    monkeypatch.setattr(handed, "time", Clock())
    kept = Handed()
    kept.keep(1, young(10))
    now[0] = handed.KEPT_S + 1
    kept.keep(2, young(10))
    assert (kept.take(1), kept.take(2) is not None) == (None, True)


def test_nothing_stays_when_something_is_erased() -> None:
    kept = Handed()
    kept.keep(1, young(10))
    kept.clear()
    assert kept.take(1) is None
