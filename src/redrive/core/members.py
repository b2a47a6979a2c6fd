"""The members of a JSON object or list as raw bytes, also where other members cannot be decoded."""

from __future__ import annotations

from json.decoder import JSONDecoder
from typing import Any, Final

import msgspec

_objects: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_lists: Final = msgspec.json.Decoder(list[msgspec.Raw])


def members(raw: Any) -> dict[str, Any] | None:
    """Name -> raw value of a JSON object (the last of duplicates); None if it is not an object.

    Errors: `ValueError` if the text is not JSON or is nested too deeply. Unpaired surrogates and
    invalid UTF-8 in names and values do not matter here.
    """
    try:
        return _objects.decode(raw)
    except msgspec.ValidationError:
        return None
    except RecursionError:
        raise ValueError("not readable as JSON: nested too deeply") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        found = _scan_members(bytes(raw), error)
        assert found is None or isinstance(found, dict)
        return found


def elements(raw: Any) -> list[Any] | None:
    """The raw values of a JSON list; None if it is not a list. Errors: as `members`."""
    try:
        return _lists.decode(raw)
    except msgspec.ValidationError:
        return None
    except RecursionError:
        raise ValueError("not readable as JSON: nested too deeply") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        found = _scan_elements(bytes(raw), error)
        assert found is None or isinstance(found, list)
        return found


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


# The standard library's decoder takes unpaired surrogates, which msgspec refuses even in values
# that it only skips; systems that cut texts in the middle of an emoji send them. It is used to
# find where values end: numbers are not built.
_scanner: Final = JSONDecoder(parse_float=str, parse_int=str, parse_constant=_no_constant)
_SPACE: Final = " \t\r\n"


class _Text:
    """A cursor on JSON text; bytes that are not UTF-8 are kept as surrogate escapes."""

    def __init__(self, raw: bytes) -> None:
        self.text = raw.decode("utf-8", "surrogateescape")
        self.at = 0

    def next(self) -> str:
        text, at = self.text, self.at
        while text[at : at + 1] and text[at] in _SPACE:
            at += 1
        self.at = at
        return text[at : at + 1]

    def take(self, expected: str) -> str:
        found = self.next()
        if not found or found not in expected:
            raise ValueError(f"{expected} expected")
        self.at += 1
        return found

    def value(self) -> bytes:
        self.next()
        start = self.at
        _, self.at = _scanner.raw_decode(self.text, start)
        return self.text[start : self.at].encode("utf-8", "surrogateescape")

    def end(self) -> None:
        if self.next():
            raise ValueError("text after the end")


def _scan_members(raw: bytes, cause: Exception) -> dict[str, bytes] | None:
    text = _Text(raw)
    if text.next() not in ("{", ""):
        return None
    try:
        text.take("{")
        found: dict[str, bytes] = {}
        separator = "," if text.next() != "}" else text.take("}")
        while separator == ",":
            if text.next() != '"':
                raise ValueError("a name expected")
            name, text.at = _scanner.raw_decode(text.text, text.at)
            text.take(":")
            found[name] = text.value()
            separator = text.take(",}")
        text.end()
    except RecursionError:
        raise ValueError("not readable as JSON: nested too deeply") from None
    except ValueError:
        raise ValueError(f"not readable as JSON: {cause}") from None
    return found


def _scan_elements(raw: bytes, cause: Exception) -> list[bytes] | None:
    text = _Text(raw)
    if text.next() not in ("[", ""):
        return None
    try:
        text.take("[")
        found: list[bytes] = []
        separator = "," if text.next() != "]" else text.take("]")
        while separator == ",":
            found.append(text.value())
            separator = text.take(",]")
        text.end()
    except RecursionError:
        raise ValueError("not readable as JSON: nested too deeply") from None
    except ValueError:
        raise ValueError(f"not readable as JSON: {cause}") from None
    return found
