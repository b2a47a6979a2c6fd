"""Regular expressions that may take for ever are refused; ordinary ones are not."""

from __future__ import annotations

from time import perf_counter

import pytest

from redrive.core import patterns
from redrive.core.patterns import LONGEST_TEXT, compile_pattern

SAFE = [
    "",
    "^GB[0-9]+$",
    r"\d{2,4}-\d+",
    "(abc)+",
    "(a|b)+c",
    r"(\d|-)+",
    "(?:[a-z]{1,3}-)+",
    r"(\w+,)+",
    r"(-?\d)+",
    r"^(\d{1,3}\.){3}\d{1,3}$",
    r"^([a-z0-9]+\.)+[a-z]{2,}$",
    "(a+b?c)+",
    "(ab|cd)*e",
    "(?:(?:ab)+c)+",
    "(a+)++b",
    "(a++b)+",
    "(?>a+)+",
    r"(?:\w++\s?)*",
    "(a+)?b",
    "(a+){2}",
    "(a+b+){2}",
    ".*a.*b",
    ".*a.*b.*c.*d",
    r"^[^@\s]+@[^@\s]+\.[a-z]{2,}$",
    "[]a]+",
    r"(?P<year>\d{4})-(?P=year)",
    "(?i:abc)+",
    "(?=a+)b",
    r"\(a+\)+",
    "[(a+)+]",
    "a{b}",
    "(?#a note)a+",
]
DANGEROUS = [
    "(a+)+",
    "(a{1,20}){1,20}b",
    "(?:[a-z]{1,3}x)+",
    r"((a\s?)+\s)+",
    "(?:(?:ab)+a)+",
    "(a?a)+",
    "(a+b?)+",
    "(ab?)+(ab?)+|((ab?)+b)+",
    "(\u03b1+\\w)+",
    r"((.)\2+)+",
    "(a*)*b",
    "(a+)*",
    "(a+|b)+",
    "(.*,)*",
    r"(\w+\s?)*$",
    "(a{1,})+",
    ".*.*.*.*.*.*x",
    "((a+){1,3}){1,3}",
    "(a*b*c*){5}",
    "(a{0,50}){30,}",
    "((a+)b?)+",
    "(?:a+)+",
    "(?:(?:a)+)+",
    "(a|a)+",
    "(a|ab)*c",
    r"(\d|[0-9])+",
    r"(a|\w)+",
    "(a?|b)+",
    "(|a)+",
    "(?i:A|a)+",
    "(?P<x>a+)+",
]


@pytest.mark.parametrize("pattern", SAFE)
def test_an_ordinary_pattern_is_taken(pattern: str) -> None:
    assert compile_pattern(pattern).search("x") in (True, False)


@pytest.mark.parametrize("pattern", SAFE)
def test_both_engines_find_the_same(pattern: str, monkeypatch: pytest.MonkeyPatch) -> None:
    texts = [
        "",
        "a",
        "aab",
        "GB12",
        "10.0.0.1",
        "a.b@c.com",
        "b-a,",
        "2026-2026",
        "abcabc",
        "]a",
        "(aa)",
        "a{b}",
        "ABC",
    ]
    quick = [
        (compile_pattern(pattern).search(text), compile_pattern(pattern).replace("#", text)) for text in texts
    ]
    monkeypatch.setattr(patterns, "_MOST_STEPS", 0)
    compile_pattern.cache_clear()
    slow = [
        (compile_pattern(pattern).search(text), compile_pattern(pattern).replace("#", text)) for text in texts
    ]
    compile_pattern.cache_clear()
    assert quick == slow


@pytest.mark.parametrize("pattern", [".*a.*b", r"a*a*a*[^a\s]"])
def test_a_hostile_text_does_not_hold_the_process(pattern: str) -> None:
    begun = perf_counter()
    with pytest.raises(
        ValueError, match=r"takes more than 0.5 s on a text of 100000 characters; let it begin"
    ):
        compile_pattern(pattern).search("a" * LONGEST_TEXT)
    with pytest.raises(ValueError, match="takes more than"):
        compile_pattern(pattern).replace("", "a" * LONGEST_TEXT)
    # Python's own engine takes minutes to days.
    assert perf_counter() - begun < 30


@pytest.mark.parametrize("pattern", DANGEROUS)
def test_a_pattern_that_may_take_for_ever_is_refused(pattern: str) -> None:
    with pytest.raises(ValueError, match="may take for ever"):
        compile_pattern(pattern)


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("(", "not a regular expression"),
        ("[z-a]", "not a regular expression"),
        ("a" * 2000, "more than 1000 characters"),
        ("(?x) a b", "uses the flag x"),
    ],
)
def test_what_is_no_pattern_is_refused(pattern: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        compile_pattern(pattern)


def test_a_long_text_is_not_searched() -> None:
    pattern = compile_pattern("b")

    assert pattern.search("a" * (LONGEST_TEXT - 1) + "b")
    with pytest.raises(ValueError, match="more than 100000 characters"):
        pattern.search("a" * (LONGEST_TEXT + 1))
