"""What a search knows a content by: its values and the words in them, and where a value stands.

A value is a JSON scalar as it is spelt (of a string: its characters), a field of CSV, a text or an attribute
of XML, a line of any other text. Names of fields are no values. Case does not matter. A text fits a value
that is equal to it or holds it with no letter or digit beside it.
"""

from __future__ import annotations

import csv
import html
import io
import json
import re
from collections.abc import Collection, Iterator, Sequence
from itertools import islice
from typing import Any, Final, Literal, NamedTuple
from zlib import crc32

from redrive.core.formats.base import is_csv, is_json, is_ndjson, is_xml, parameter
from redrive.core.formats.csv_dialect import DELIMITERS
from redrive.core.members import elements, members
from redrive.core.paths import spell_path

MOST_WORDS: Final = 8
"""Of a searched text; a longer one is looked up by its first words, and compared as a whole."""
MAX_DEPTH: Final = 200
AT_ONCE: Final = 1_000
"""Values that are looked into by one call."""
_WORD: Final = re.compile(r"\w+")
# Names are matched and not taken; then strings, numbers, literals. In what is no JSON it finds no less.
_STRING: Final = rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"'
_SCALAR: Final = re.compile(
    _STRING + rb"[ \t\r\n]*+:|(" + _STRING + rb"|-?[0-9][0-9.eE+-]*+|true|false)", re.DOTALL
)
_XML: Final = re.compile(
    r'>([^<>]+)(?=<|\Z)|=\s*"([^"<]*)"|=\s*\'([^\'<]*)\'|<!\[CDATA\[(.*?)\]\]>', re.DOTALL
)
_TAG: Final = re.compile(r"<([/!?]?)([^\s<>/!?\[]*)[^<>]*?(/?)>")
_HASH_BITS: Final = 30


class Match(NamedTuple):
    """A value that fits: its field ("" where it has none), and the value as it stands there."""

    field: str
    value: str


def folded(text: str) -> str:
    """A text as it is compared: without case."""
    return text.casefold()


def token(text: str) -> int:
    """The number that a value or a word is indexed under; several may share one."""
    return crc32(text.encode("utf-8", "surrogatepass")) >> (32 - _HASH_BITS)


Stage = Literal["any", "equal", "within"]


class Query:
    """A text to search for. `whole` and `words` are the tokens of what may hold it."""

    def __init__(self, text: str, stage: Stage = "any") -> None:
        self.text = folded(text)
        words = list(dict.fromkeys(_WORD.findall(self.text)))[:MOST_WORDS]
        self.whole = token(self.text) if stage != "within" else None
        self.words = () if words == [self.text] or stage == "equal" else tuple(map(token, words))
        self._equal = stage != "within"
        before = r"(?<!\w)" if _WORD.match(self.text[:1]) else ""
        after = r"(?!\w)" if _WORD.match(self.text[-1:]) else ""
        inside = re.compile(before + re.escape(self.text) + after)
        self._inside = inside if words and stage != "equal" else None

    def stages(self) -> tuple[Query, ...]:
        """What to ask for, one after another: of several words first the values that are equal, because the
        words alone may meet in many places.
        """
        return (Query(self.text, "equal"), Query(self.text, "within")) if self.words else (self,)

    def fits(self, value: str) -> bool:
        """Whether a value is, or holds, what is searched for."""
        found = folded(value)
        if found == self.text:
            return self._equal
        return self._inside is not None and self.text in found and self._inside.search(found) is not None


def tokens(values: Collection[str]) -> set[int]:
    """The tokens of values and of the words in them."""
    known: set[str] = set()
    left = iter(values)
    # Of many at once: a call for each would cost several times as much. Not of all: other threads wait for
    # the end of a call.
    while some := list(islice(left, AT_ONCE)):
        joined = folded("\0".join(some))
        known.update(joined.split("\0"))
        if joined.count("\0") >= len(some):  # there is one in a value, which is a value all the same
            known.update(map(folded, some))
        known.update(_WORD.findall(joined))
    known.discard("")
    return {crc32(value.encode("utf-8", "surrogatepass")) >> (32 - _HASH_BITS) for value in known}


def values_of(data: bytes, media_type: str) -> list[str]:
    """All values in a document, or in a piece of one that was cut between items."""
    if is_json(media_type) or is_ndjson(media_type):
        return _json_values(data)
    text = _text(data, media_type)
    if is_xml(media_type):
        return [
            html.unescape(next(filter(None, found), "")).strip()
            for found in map(re.Match.groups, _XML.finditer(text))
        ]
    if is_csv(media_type):
        return [field for row in _rows(text, _delimiter(text)) for field in row]
    return [line.strip() for line in text.splitlines()]


def _json_values(data: bytes) -> list[str]:
    # One after the other, so that other threads get their turn in between.
    found = [one[1] for one in _SCALAR.finditer(data) if one[1]]
    if not found:
        return []
    # No value holds a raw NUL in JSON that parses. Each string loses its quotes.
    joined = b"\0" + b"\0".join(found) + b"\0"
    text = joined.replace(b'"\0', b"\0").replace(b'\0"', b"\0")[1:-1].decode("utf-8", "replace")
    values = text.split("\0")
    return [_unescaped(one) if "\\" in one else one for one in values] if "\\" in text else values


def _unescaped(text: str) -> str:
    try:
        return str(json.loads(f'"{text}"', strict=False))
    except ValueError:
        return text


def _text(data: bytes, media_type: str) -> str:
    charset = parameter(media_type, "charset") or "utf-8"
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        charset = "utf-16"
    try:
        return data.decode(charset)
    except (UnicodeDecodeError, LookupError, ValueError):
        return data.decode("utf-8", "replace")


def _delimiter(head: str) -> str:
    first = head.partition("\n")[0]
    return max(DELIMITERS, key=first.count)


def _rows(text: str, delimiter: str) -> list[list[str]]:
    try:
        return list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))
    except (csv.Error, ValueError):  # a field of more than 128 KB
        return [row.split(delimiter) for row in text.splitlines()]


# ---- where it stands


def matches(raw: bytes, media_type: str, query: Query, header: Sequence[str] = ()) -> Iterator[Match]:
    """The values in an item that fit, with their fields, in the order in which they stand."""
    if not any(map(query.fits, values_of(raw, media_type))):
        return
    if is_json(media_type) or is_ndjson(media_type):
        try:
            found = list(_in_json(raw, query, ()))
        except (ValueError, RecursionError):
            found = []
        yield from found or _unplaced(raw, media_type, query)
    elif is_xml(media_type):
        yield from _in_xml(_text(raw, media_type), query)
    elif is_csv(media_type) and header:
        yield from _in_row(_text(raw, media_type), query, header)
    else:
        yield from _unplaced(raw, media_type, query)


def _unplaced(raw: bytes, media_type: str, query: Query) -> Iterator[Match]:
    for value in dict.fromkeys(values_of(raw, media_type)):
        if query.fits(value):
            yield Match("", value)


def _in_json(raw: Any, query: Query, above: tuple[str | int, ...]) -> Iterator[Match]:
    text = bytes(raw).strip()
    if text[:1] not in {b"{", b"["}:
        for value in _json_values(text):
            if query.fits(value):
                yield Match(spell_path(above) if above else "", value)
        return
    # Only what holds it is taken apart.
    if len(above) > MAX_DEPTH or not any(map(query.fits, _json_values(text))):
        return
    if text[:1] == b"{":
        for name, value in (members(text) or {}).items():
            yield from _in_json(value, query, (*above, name))
    else:
        for number, value in enumerate(elements(text) or ()):
            yield from _in_json(value, query, (*above, number))


def _in_xml(text: str, query: Query) -> Iterator[Match]:
    names: list[str] = []
    at = 0

    def told(value: str, field: str) -> Iterator[Match]:
        value = html.unescape(value).strip()
        if value and query.fits(value):
            yield Match(field, value)

    for tag in _TAG.finditer(text):
        yield from told(text[at : tag.start()], ".".join(names))
        at = tag.end()
        kind, name, empty = tag.groups()
        if kind == "/":
            del names[-1:]
        elif not kind:
            names.append(name)
            for attribute in re.finditer(r'([^\s=<>]+)\s*=\s*(?:"([^"]*)"|\'([^\']*)\')', tag.group()):
                yield from told(attribute[2] or attribute[3] or "", ".".join([*names, f"@{attribute[1]}"]))
            if empty:
                names.pop()
    yield from told(text[at:], ".".join(names))


def _in_row(row: str, query: Query, header: Sequence[str]) -> Iterator[Match]:
    fields = [field for part in _rows(row, _delimiter(row)) for field in part]
    for number, value in enumerate(fields):
        if query.fits(value):
            yield Match(header[number] if len(fields) == len(header) else "", value)


def header_of(prefix: bytes, media_type: str) -> list[str]:
    """The names of the columns of a CSV document that begins so; none of other documents."""
    if not is_csv(media_type):
        return []
    text = _text(prefix, media_type).strip("\ufeff\r\n")
    return _rows(text, _delimiter(text))[-1] if text else []
