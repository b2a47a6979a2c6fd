"""A story is true only if something was claimed and nothing was false."""

import io

import pytest
from rich.console import Console

from redrive.demo.claims import Claims, StoryEnds


@pytest.fixture
def said() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def claims(said: io.StringIO) -> Claims:
    return Claims(Console(file=said, width=200))


def test_true_claims_make_a_true_story(claims: Claims, said: io.StringIO) -> None:
    assert claims.check("one is one", 1, 1)
    claims.need("two is two", 2, 2)
    claims.sum_up()
    assert claims.all_true
    assert "✓ one is one" in said.getvalue()
    assert "All 2 claims were checked and are true." in said.getvalue()


def test_one_false_claim_makes_the_story_false_and_shows_both_sides(
    claims: Claims, said: io.StringIO
) -> None:
    claims.check("one is one", 1, 1)
    assert not claims.check("50 orders", 50, 49)
    claims.sum_up()
    assert not claims.all_true
    assert "expected 50" in said.getvalue()
    assert "found    49" in said.getvalue()
    assert "1 claim is not true: 50 orders" in said.getvalue()


def test_a_story_without_claims_is_not_true(claims: Claims) -> None:
    assert not claims.all_true


def test_a_false_need_ends_the_story(claims: Claims) -> None:
    with pytest.raises(StoryEnds):
        claims.need("one is two", 1, 2)
    assert not claims.all_true


def test_long_values_are_cut_and_brackets_are_no_markup(claims: Claims, said: io.StringIO) -> None:
    claims.check("it ends in [trimmed]", b"x" * 1000, ["[red]"])
    assert "it ends in [trimmed]" in said.getvalue()
    assert "[red]" in said.getvalue()
    assert "x" * 300 not in said.getvalue()
