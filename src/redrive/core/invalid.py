"""What is wrong with a piece of Redrive's small languages, in parts that a report can place."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal

from redrive.core.jsonvalue import MISSING


class Invalid(ValueError):
    """A path, template, condition or list of functions that does not parse.

    `title` says what is wrong; `setting` where, as a dotted place within the parsed value (`""`:
    all of it); `expected` what would be right; `nearest` the known name most like the wrong one.
    `line` counts from 1 within a text of several lines; `also` are further faults of the same value.
    """

    def __init__(
        self,
        title: str,
        *,
        setting: str = "",
        expected: str | None = None,
        nearest: str | None = None,
        line: int | None = None,
    ) -> None:
        super().__init__(title)
        self.title = title
        self.setting = setting
        self.expected = expected
        self.nearest = nearest
        self.line = line
        self.also: tuple[Invalid, ...] = ()

    def __str__(self) -> str:
        text = f"{self.setting}: {self.title}" if self.setting else self.title
        if self.line is not None:
            text = f"line {self.line}: {text}"
        if self.expected:
            text += f"; expected {self.expected}"
        if self.nearest:
            text += f"; did you mean {self.nearest!r}?"
        return text


def kind_of(value: object) -> str:
    """What a value is, for messages that may not show it: `text`, `a number`, `a list`, …"""
    if value is None:
        return "null"
    return next((name for kinds, name in _KINDS if isinstance(value, kinds)), type(value).__name__)


_KINDS: tuple[tuple[type | tuple[type, ...], str], ...] = (
    (bool, "true or false"),
    (str, "text"),
    ((int, float, Decimal), "a number"),
    ((list, tuple), "a list"),
    (Mapping, "an object"),
    (date, "a date"),
    (type(MISSING), "missing"),
)


def trimmed(text: str, most: int = 80) -> str:
    """`text` cut to `most` characters, for messages; the cut is shown as `…`."""
    return text if len(text) <= most else text[: most - 1] + "…"
