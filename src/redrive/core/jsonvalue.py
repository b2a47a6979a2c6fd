"""JSON text to Python values and back, with numbers that stay exact.

A whole number becomes an `int` of any size, every other number a `Decimal`: 19.90 keeps its last
digit and 123456789012345678901234567890 its value. Where a value is only passed on, use its raw
bytes (`msgspec.Raw`) instead: they also keep the spelling.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final

import msgspec


class _Missing:
    """What a path gives that finds nothing; JSON's null is a value and is not this."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "MISSING"

    def __bool__(self) -> bool:
        return False


MISSING: Final[Any] = _Missing()

_decoder = msgspec.json.Decoder(float_hook=Decimal)
_encoder = msgspec.json.Encoder(decimal_format="number")


def decode(data: bytes | str) -> Any:
    """Parse one JSON document. Raises `ValueError` (with the reason) on anything else."""
    try:
        return _decoder.decode(data)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    except ArithmeticError:
        raise ValueError("a number is beyond all bounds") from None
    except UnicodeDecodeError:
        raise ValueError("it is not UTF-8") from None
    except msgspec.DecodeError as error:
        raise ValueError(str(error)) from None


def encode(value: Any) -> bytes:
    """Compact JSON, UTF-8. A `Decimal` is written as a number, `msgspec.Raw` as it stands."""
    return _encoder.encode(value)
