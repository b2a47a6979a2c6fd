"""The nearest known name, for hints in errors."""

from __future__ import annotations

import pytest

from redrive.core.nearest import nearest


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("fliter", "filter"),
        ("FILTER", "filter"),
        ("flow-control", "flow_control"),
        ("Flow Control", "flow_control"),
        ("xyz", None),
        ("", None),
    ],
)
def test_the_most_similar_name_is_found(name: str, found: str | None) -> None:
    assert nearest(name, ["map", "filter", "flow_control", "split"]) == found


def test_without_names_there_is_none() -> None:
    assert nearest("a", []) is None
