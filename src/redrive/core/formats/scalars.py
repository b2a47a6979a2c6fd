"""What a text of CSV or XML means as a JSON value, where types are given or inferred."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, Final, Literal

import msgspec

Type = Literal["string", "number", "integer", "boolean", "json"]
Read = Callable[[str], Any]
"""A JSON value from a text; a number as `msgspec.Raw`, so that it stays as it is spelt."""

_JSON_NUMBER: Final = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?", re.ASCII)
_NUMBER: Final = re.compile(r"[+-]?\d{1,1000}(?:\.\d{1,1000})?", re.ASCII)
_WORDS: Final = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
_VALUE: Final = msgspec.json.Decoder(msgspec.Raw)


def _number(text: str) -> Any:
    text = text.strip()
    if not text:
        return None
    if _JSON_NUMBER.fullmatch(text):
        return msgspec.Raw(text.encode())
    if _NUMBER.fullmatch(text):  # 007, +5: numbers that JSON does not spell so
        return msgspec.Raw(str(Decimal(text)).encode())
    raise ValueError("a text that spells no number")


def _integer(text: str) -> Any:
    value = _number(text)
    if value is not None and not bytes(value).lstrip(b"-").isdigit():
        raise ValueError("a text that spells no whole number")
    return value


def _boolean(text: str) -> Any:
    word = text.strip().casefold()
    if word in _WORDS:
        return _WORDS[word]
    if word:
        raise ValueError("a text that is none of true, yes, 1, false, no, 0")
    return None


def _json(text: str) -> Any:
    if not text.strip():
        return None
    try:
        return msgspec.Raw(bytes(_VALUE.decode(text)))
    except msgspec.DecodeError:
        raise ValueError("a text that is not JSON") from None


def inferred(text: str) -> Any:
    """A number where JSON spells it so (not 007 or +5), true and false; else the text itself."""
    if text and (text[-1].isdigit() and _JSON_NUMBER.fullmatch(text)):
        return msgspec.Raw(text.encode())
    if text == "true":
        return True
    return False if text == "false" else text


_READS: Final[Mapping[str, Read | None]] = {
    "string": None,
    "number": _number,
    "integer": _integer,
    "boolean": _boolean,
    "json": _json,
}


class Types:
    """The types of named texts. A name that is not listed is a text, or inferred."""

    def __init__(self, named: Mapping[str, Type], *, infer: bool = False) -> None:
        self._named = named
        self._other: Read | None = inferred if infer else None
        self.plain = not named and not infer

    def of(self, name: str) -> Read | None:
        """How the text of this name is read; None: it is the value itself."""
        return _READS[self._named[name]] if name in self._named else self._other
