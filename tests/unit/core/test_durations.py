from __future__ import annotations

from decimal import Decimal

import pytest

from redrive.core.durations import duration_s


@pytest.mark.parametrize(
    ("value", "seconds"),
    [(90, 90), (Decimal("1.5"), 1.5), (0.25, 0.25), ("90s", 90), ("30m", 1800), ("2h", 7200), ("1h30m", 5400),
     ("7d", 604800), ("1d2h3m4s", 93784)],
)  # fmt: skip
def test_seconds_or_a_text_with_units(value, seconds):
    assert duration_s(value) == seconds


@pytest.mark.parametrize(
    "value", ["", "5", "m", "5 m", "-5m", "30m1h", "1.5h", "5M", "\u0663m", True, None, [], "5m\n"]
)
def test_anything_else_is_no_length_of_time(value):
    with pytest.raises(ValueError, match="not a length of time"):
        duration_s(value)


@pytest.mark.parametrize("value", [0, -1, "0s", "99999d", Decimal("1e400"), 10**400, Decimal("NaN")])
def test_lengths_are_bounded(value):
    with pytest.raises(ValueError, match="a length of time"):
        duration_s(value)
