"""Functions of numbers. All are exact: a result that would have to be rounded says so or is an error."""

from __future__ import annotations

import decimal
from decimal import Decimal
from typing import Any, Final

from redrive.core.functions.describe import Argument, Example, Function, need_number

_DIGITS: Final = 1_000
_exact = decimal.Context(
    prec=_DIGITS,
    Emax=_DIGITS,
    Emin=-_DIGITS,
    traps=[decimal.InvalidOperation, decimal.Inexact, decimal.Overflow, decimal.Subnormal],
)
_quotients = decimal.Context(
    prec=28, Emax=_DIGITS, Emin=-_DIGITS, traps=[decimal.InvalidOperation, decimal.Overflow]
)
_MODES: Final = {
    "up": decimal.ROUND_HALF_UP,
    "even": decimal.ROUND_HALF_EVEN,
    "down": decimal.ROUND_HALF_DOWN,
}
Number = int | Decimal


def _like(result: Decimal, *inputs: Number) -> Number:
    return int(result) if all(isinstance(one, int) for one in inputs) else result


def _calculate(name: str, left: Number, right: Number) -> Decimal:
    try:
        operation = getattr(_exact, name)
        result: Decimal = operation(Decimal(left), Decimal(right))
    except decimal.DecimalException:
        raise ValueError(f"the result has more than {_DIGITS} digits") from None
    return result


def _add(value: Any, number: Number) -> Number:
    left = need_number(value)
    return _like(_calculate("add", left, number), left, number)


def _subtract(value: Any, number: Number) -> Number:
    left = need_number(value)
    return _like(_calculate("subtract", left, number), left, number)


def _multiply(value: Any, number: Number) -> Number:
    left = need_number(value)
    return _like(_calculate("multiply", left, number), left, number)


def _divide(value: Any, number: Number) -> Number:
    left = need_number(value)
    if number == 0:
        raise ValueError("division by zero")
    try:
        result = _quotients.divide(Decimal(left), Decimal(number))
    except decimal.DecimalException:
        raise ValueError("the result is beyond all bounds") from None
    if isinstance(left, int) and isinstance(number, int) and left % number == 0:
        return left // number
    return result


def _modulo(value: Any, number: Number) -> Number:
    left = need_number(value)
    if number == 0:
        raise ValueError("division by zero")
    try:
        remainder = _exact.remainder(Decimal(left), Decimal(number))
    except decimal.DecimalException:
        raise ValueError(f"the result has more than {_DIGITS} digits") from None
    # The sign of the divisor, as a clock or a cycle wants it; decimal takes that of the dividend.
    if remainder and (remainder < 0) != (number < 0):
        remainder = _calculate("add", remainder, number)
    return _like(remainder, left, number)


def _round(value: Any, decimals: int, half: str) -> Number:
    number = need_number(value)
    return _quantized(number, decimals, _MODES[half])


def _floor(value: Any) -> Number:
    return _quantized(need_number(value), 0, decimal.ROUND_FLOOR)


def _ceiling(value: Any) -> Number:
    return _quantized(need_number(value), 0, decimal.ROUND_CEILING)


def _quantized(number: Number, decimals: int, mode: str) -> Number:
    if isinstance(number, int) and decimals == 0:
        return number
    try:
        context = decimal.Context(prec=_DIGITS, rounding=mode, traps=[decimal.InvalidOperation])
        result = Decimal(number).quantize(Decimal(1).scaleb(-decimals), context=context)
    except decimal.DecimalException:
        raise ValueError(f"the result has more than {_DIGITS} digits") from None
    return result if decimals > 0 else int(result)


def _absolute(value: Any) -> Number:
    number = need_number(value)
    return abs(number) if isinstance(number, int) else number.copy_abs()


def _negate(value: Any) -> Number:
    number = need_number(value)
    return -number if isinstance(number, int) else number.copy_negate()


_BY = "The other number."

FUNCTIONS: Final = (
    Function(
        "round",
        "number",
        "Rounds to a number of decimals, which are then all written.",
        _round,
        (
            Argument(
                "decimals",
                "integer",
                "Digits behind the point; negative rounds to tens and hundreds.",
                0,
                least=-100,
                most=100,
            ),
            Argument(
                "half",
                "choice",
                "Where a half goes: `up` away from zero, `even`, or `down` to zero.",
                "up",
                choices=("up", "even", "down"),
            ),
        ),
        (
            Example({"round": 2}, "19.995", Decimal("20.00")),
            Example({"round": {"decimals": 1, "half": "even"}}, Decimal("0.25"), Decimal("0.2")),
            Example({"round": -2}, 1250, 1300),
            Example("round", Decimal("2.5"), 3),
            Example({"round": 2}, "abc", fails="a text that spells no number"),
        ),
    ),
    Function(
        "floor",
        "number",
        "The next whole number below.",
        _floor,
        examples=(Example("floor", Decimal("-1.5"), -2),),
    ),
    Function(
        "ceiling",
        "number",
        "The next whole number above.",
        _ceiling,
        examples=(Example("ceiling", Decimal("1.1"), 2),),
    ),
    Function(
        "add",
        "number",
        "Adds a number.",
        _add,
        (Argument("number", "number", _BY),),
        (
            Example({"add": Decimal("0.2")}, Decimal("0.1"), Decimal("0.3")),
            Example({"add": 1}, "41", Decimal(42)),
        ),
    ),
    Function(
        "subtract",
        "number",
        "Subtracts a number.",
        _subtract,
        (Argument("number", "number", _BY),),
        (Example({"subtract": 2}, 44, 42),),
    ),
    Function(
        "multiply",
        "number",
        "Multiplies by a number.",
        _multiply,
        (Argument("number", "number", _BY),),
        (Example({"multiply": 100}, Decimal("19.99"), Decimal("1999.00")),),
    ),
    Function(
        "divide",
        "number",
        "Divides by a number: exactly, or to 28 digits where the quotient does not end.",
        _divide,
        (Argument("number", "number", _BY),),
        (
            Example({"divide": 100}, 1999, Decimal("19.99")),
            Example({"divide": 4}, 8, 2),
            Example({"divide": 0}, 8, fails="division by zero"),
        ),
    ),
    Function(
        "modulo",
        "number",
        "The remainder of a division, with the sign of the divisor.",
        _modulo,
        (Argument("number", "number", _BY),),
        (Example({"modulo": 12}, 13, 1), Example({"modulo": 3}, -1, 2)),
    ),
    Function(
        "absolute",
        "number",
        "The number without its sign.",
        _absolute,
        examples=(Example("absolute", Decimal("-1.50"), Decimal("1.50")),),
    ),
    Function(
        "negate", "number", "The number with the other sign.", _negate, examples=(Example("negate", 5, -5),)
    ),
)
