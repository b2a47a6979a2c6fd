"""Functions of texts. Numbers, true and false are taken as they are spelt."""

from __future__ import annotations

import re
from typing import Any, Final

from redrive.core.functions.describe import Argument, Example, Function, need_list, need_text, texts_of
from redrive.core.patterns import compile_pattern

_LONGEST_PAD: Final = 10_000
_WORD = re.compile(r"[^\W\d_]+(?:['\u2019][^\W\d_]+)*")


def _case(value: Any, to: str) -> str:
    text = need_text(value)
    if to == "upper":
        return text.upper()
    if to == "lower":
        return text.lower()
    if to == "capital":
        return text[:1].upper() + text[1:]
    return _WORD.sub(lambda word: word.group()[:1].upper() + word.group()[1:].lower(), text)


def _trim(value: Any, side: str, characters: str | None) -> str:
    text = need_text(value)
    if side != "right":
        text = text.lstrip(characters)
    return text if side == "left" else text.rstrip(characters)


def _prefix(value: Any, text: str) -> str:
    return text + need_text(value)


def _suffix(value: Any, text: str) -> str:
    return need_text(value) + text


def _replace(value: Any, find: str, put: str) -> str:
    if not find:
        raise ValueError("the text to find is empty")
    return need_text(value).replace(find, put)


def _replace_pattern(value: Any, pattern: str, put: str) -> str:
    return compile_pattern(pattern).replace(put, need_text(value))


def _split(value: Any, by: str, *, trim: bool) -> list[str]:
    text = need_text(value)
    if not by:
        raise ValueError("the text to split by is empty")
    return [part.strip() if trim else part for part in text.split(by)] if text else []


def _join(value: Any, by: str) -> str:
    return by.join(texts_of(need_list(value)))


def _pad(value: Any, to: int, fill: str, side: str) -> str:
    text = need_text(value)
    if len(fill) != 1:
        raise ValueError("fill is not one character")
    return text.rjust(to, fill) if side == "left" else text.ljust(to, fill)


def _slice(value: Any, start: int, stop: int | None) -> Any:
    return (value if isinstance(value, list) else need_text(value))[start:stop]


_SIDES: Final = ("left", "right")

FUNCTIONS: Final = (
    Function(
        "case",
        "text",
        "Changes upper and lower case.",
        _case,
        (
            Argument(
                "to",
                "choice",
                "`title` begins each word with a capital, `capital` the text.",
                choices=("upper", "lower", "title", "capital"),
            ),
        ),
        (
            Example({"case": "upper"}, "ab-1", "AB-1"),
            Example({"case": "title"}, "jean-luc o'neil", "Jean-Luc O'neil"),
            Example({"case": "capital"}, "new order", "New order"),
            Example({"case": "lower"}, ["A"], fails="the value is a list; a text is needed"),
        ),
    ),
    Function(
        "trim",
        "text",
        "Takes white space, or other characters, off the ends.",
        _trim,
        (
            Argument("side", "choice", "Which end.", "both", choices=("both", *_SIDES)),
            Argument("characters", "text", "The characters to take off; white space if not given.", None),
        ),
        (
            Example("trim", "  ab ", "ab"),
            Example({"trim": {"characters": "0", "side": "left"}}, "00120", "120"),
        ),
    ),
    Function(
        "prefix",
        "text",
        "Puts a text before it.",
        _prefix,
        (Argument("text", "text", "What to put before it."),),
        (Example({"prefix": "SO-"}, 1042, "SO-1042"),),
    ),
    Function(
        "suffix",
        "text",
        "Puts a text behind it.",
        _suffix,
        (Argument("text", "text", "What to put behind it."),),
        (Example({"suffix": " kg"}, "1.5", "1.5 kg"),),
    ),
    Function(
        "replace",
        "text",
        "Replaces every occurrence of a text.",
        _replace,
        (
            Argument("find", "text", "The text to find."),
            Argument("put", "text", "What to put in its place.", ""),
        ),
        (
            Example({"replace": {"find": "-", "put": "/"}}, "2026-05-04", "2026/05/04"),
            Example({"replace": " "}, "GB 123", "GB123"),
        ),
    ),
    Function(
        "replace_pattern",
        "text",
        "Replaces every match of a regular expression.",
        _replace_pattern,
        (
            Argument("pattern", "pattern", "The regular expression to find."),
            Argument("put", "text", r"What to put in its place; `\1` is the first group.", ""),
        ),
        (
            Example({"replace_pattern": {"pattern": "[^0-9]", "put": ""}}, "+44 20-79", "442079"),
            Example(
                {"replace_pattern": {"pattern": "^(\\w+), (\\w+)$", "put": "\\2 \\1"}}, "Doe, Ann", "Ann Doe"
            ),
        ),
    ),
    Function(
        "split",
        "text",
        "Splits a text into a list. An empty text gives an empty list.",
        _split,
        (
            Argument("by", "text", "The text between the parts."),
            Argument("trim", "boolean", "Whether white space around the parts is taken off.", default=True),
        ),
        (
            Example({"split": ","}, "a, b,c", ["a", "b", "c"]),
            Example({"split": {"by": ",", "trim": False}}, "a, b", ["a", " b"]),
        ),
    ),
    Function(
        "join",
        "list",
        "Joins the values of a list to one text; null counts as the empty text.",
        _join,
        (Argument("by", "text", "The text between the values.", ""),),
        (
            Example({"join": ", "}, ["vip", 5, True], "vip, 5, true"),
            Example({"join": ","}, "a", fails="the value is text; a list is needed"),
        ),
    ),
    Function(
        "pad",
        "text",
        "Fills a text up to a length.",
        _pad,
        (
            Argument("to", "integer", "The length to reach, in characters.", least=0, most=_LONGEST_PAD),
            Argument("fill", "text", "The character to fill with.", " "),
            Argument("side", "choice", "The end at which to fill.", "left", choices=_SIDES),
        ),
        (
            Example({"pad": {"to": 6, "fill": "0"}}, 1042, "001042"),
            Example({"pad": {"to": 4, "side": "right"}}, "ab", "ab  "),
        ),
    ),
    Function(
        "slice",
        "text",
        "Takes a part of a text (characters) or of a list (elements).",
        _slice,
        (
            Argument("start", "integer", "The first to take, from 0; negative counts from the end."),
            Argument("stop", "integer", "The first not to take; the end if not given.", None),
        ),
        (
            Example({"slice": {"start": 0, "stop": 3}}, "GB123", "GB1"),
            Example({"slice": -2}, ["a", "b", "c"], ["b", "c"]),
        ),
    ),
)
