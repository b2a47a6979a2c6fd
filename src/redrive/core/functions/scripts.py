"""The function that hands a value to a script of the user's."""

from __future__ import annotations

import ast
from decimal import Decimal
from typing import Any

from redrive.core.functions.describe import Argument, Example, Function
from redrive.core.functions.references import References

# What an expression finds at hand; its own text begins three lines below.
_BEFORE = (
    "import json, math, re\nfrom datetime import date, datetime, timedelta\nfrom decimal import Decimal\n"
)


def as_script(code: str) -> tuple[str, int]:
    """The script that a text stands for, and the number of lines before its own first.

    An expression of `value` becomes the function that returns it.
    """
    try:
        ast.parse(code.strip(), mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return code, 0
    return f"{_BEFORE}def handle(value): return (\n{code.strip()}\n)\n", 4


def _script(value: Any, *, references: References, code: str) -> Any:
    return references.scripted(code, value)


FUNCTIONS = (
    Function(
        "script",
        "script",
        "What Python of your own makes of the value: an expression of `value` (with Decimal, date, datetime, "
        "timedelta, json, math and re at hand), or a script that defines handle(value). Numbers are int or "
        "Decimal; None gives null. It runs in the sandbox of the shape `script`, once for each different "
        "value: a script may not count or remember. It holds no templates.",
        _script,
        (Argument("code", "text", "The expression or script."),),
        (
            Example({"script": "value * Decimal('1.20')"}, 10, Decimal("12.00")),
            Example({"script": "value[:3].upper() + '-' + value[3:]"}, "abc123", "ABC-123"),
            Example(
                {
                    "script": "def handle(value):\n"
                    "    rest = value.partition(' ')[2]\n"
                    "    return rest or None\n"
                },
                "Ann Smith",
                "Smith",
            ),
        ),
        references=True,
        verbatim=True,
    ),
)
