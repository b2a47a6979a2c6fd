"""The items of a JSON document as they stand in it, cut in windows without building values.

A window of the list is cut at a comma that looks like one between two elements, and read as
`[` + window + `]`. If the comma was not one, that does not parse (JSON read from the left has only
one reading, so text that begins at an element and parses as a whole ends at one): then another
comma, and at last the sure scan of `json_scan`.

What the parser checks: structure, numbers (no NaN), escapes, control characters. What it leaves
to whoever decodes an item: that strings are UTF-8 and surrogate escapes come in pairs; such
items keep their bytes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

import msgspec

from redrive.core.formats.base import BOM, WINDOW_BYTES, ItemReader, ItemsInvalid
from redrive.core.formats.json_scan import SCALAR, STRING, Scan, locate, skip_space

_LIST = msgspec.json.Decoder(list[msgspec.Raw])
_VALUE = msgspec.json.Decoder(msgspec.Raw)
_OBJECT = msgspec.json.Decoder(dict[str, msgspec.Raw])

_OPEN, _CLOSE, _COMMA = b"[],"
_SPACE = b" \t\n\r"
_ESCAPE = re.compile(rb"(?s)\\(?:[uU][dD][89a-fA-F][0-9a-fA-F]{2}|.)")
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
_FAULT_AT = re.compile(r"^(?:JSON is malformed: )?(.*?) \(byte (\d+)\)$")
_SEGMENT = re.compile(r"""\.?([^.\[\]*"']+)|\[(\d+)\]|\[(?:"([^"]*)"|'([^']*)')\]""")
_HEAD = re.compile(
    rb"\[\s*+\{\s*+("
    + STRING.pattern
    + rb")\s*+:\s*+(?:"
    + STRING.pattern
    + rb"|"
    + SCALAR.pattern
    + rb")\s*+,\s*+("
    + STRING.pattern
    + rb")\s*+:"
)
_MARK: Final = b'"\\u0000items"'
# Commas of one kind that are looked at, from the end of a window backwards.
_LOOKS = 64
_MAX_KEY_BYTES = 200


def parse_items_path(text: str) -> tuple[str | int, ...]:
    """`data.orders`, `results[0].orders`, `["a.b"]`; empty or `$` is the document itself.

    Errors: `ItemsInvalid` on anything that could lead to more than one list.
    """
    rest = text.strip()
    if rest == "$" or rest.startswith(("$.", "$[")):
        rest = rest[1:]
    segments: list[str | int] = []
    pos = 0
    while pos < len(rest):
        found = _SEGMENT.match(rest, pos)
        if found is None or (found[1] is not None and pos > 0 and rest[pos] != "."):
            raise ItemsInvalid(
                f"the items path {text!r} is not understood at character {pos + 1}",
                hint="Write the keys that lead to the list, joined by dots: data.orders",
            )
        segments.append(int(found[2]) if found[2] else found[1] or found[3] or found[4] or "")
        pos = found.end()
    return tuple(segments)


class JsonItems(ItemReader):
    """Elements of the list at an items path; or the whole document, if it is no list and no path is given."""

    separator = b","

    def __init__(self, items_path: str = "") -> None:
        self._text = items_path
        self._path = parse_items_path(items_path)
        # From the moment the list is found its first byte is always `[`: the comma at which the
        # last window was cut is overwritten, so that each window is read where it lies.
        self._buffer = bytearray()
        self._base = 0
        self._try_at = WINDOW_BYTES
        self._state: str = "head"
        self._scan: Scan | None = None
        self._given = False
        self._keys: tuple[bytes, re.Pattern[bytes]] | None = None
        self._plain = b","

    @property
    def mark(self) -> int | None:
        """While in the list, once items have been given: the byte behind the comma after them."""
        return self._base + 1 if self._state == "list" and self._given else None

    def feed(self, data: bytes) -> list[bytes]:
        items: list[bytes] = []
        with memoryview(data) as view:
            for at in range(0, len(data), WINDOW_BYTES):
                self._take(view[at : at + WINDOW_BYTES], items)
        return items

    def close(self) -> list[bytes]:
        items: list[bytes] = []
        if self._state == "head":
            self._find_list(ended=True)
        if self._state == "whole":
            return self._whole()
        if self._state == "list" and not self._close_at_once(items):
            while self._state == "list":
                if not self._step(items):
                    raise self._truncated()
        self.suffix = bytes(self._buffer)
        self._buffer = bytearray()
        self._check_outside()
        return items

    def _take(self, piece: memoryview, items: list[bytes]) -> None:
        self._buffer += piece
        if self._state == "head" and len(self._buffer) >= self._try_at:
            self._find_list(ended=False)
        while self._state == "list" and len(self._buffer) >= WINDOW_BYTES and self._step(items):
            pass

    def _find_list(self, *, ended: bool) -> None:
        buffer = self._buffer
        begin = skip_space(buffer, len(BOM) if buffer.startswith(BOM) else 0)
        if ended and begin == len(buffer):
            raise ItemsInvalid("the document is empty, which is not JSON")
        found = locate(buffer, self._path, begin, self._text) if self._path else begin
        if found is None or found == len(buffer):
            if ended:
                check_value(bytes(buffer[begin:]), begin)
                raise ItemsInvalid(f"not JSON: the document ends at byte {len(buffer)}, inside a value")
            # Twice as much before the next try: all tries together stay linear.
            self._try_at = 2 * len(buffer)
            return
        self.start = found
        if buffer[found] != _OPEN:
            self._state = "whole"
            return
        self.prefix = bytes(buffer[: found + 1])
        del buffer[:found]
        self._base = found
        self._state = "list"

    # -- inside the list

    def _step(self, items: list[bytes]) -> bool:
        """Cut off what is complete. False: nothing is, before more bytes come."""
        if self._scan is None:
            for cut in self._candidates():
                if self._cut(cut, items, sure=False):
                    return True
            self._scan = Scan(1)
        self._scan.run(self._buffer)
        if self._scan.end:
            self._end_list(self._scan.end, items)
            return True
        return bool(self._scan.cut) and self._cut(self._scan.cut, items, sure=True)

    def _candidates(self) -> Iterator[int]:
        buffer = self._buffer
        if not self._given:
            self._learn()
        if self._keys is not None and (cut := _before_keys(buffer, *self._keys)):
            yield cut
        last = buffer.rfind(self._plain)
        if last > 0:
            yield last + len(self._plain) - 1

    def _learn(self) -> None:
        """How a comma between elements looks: by the first element's first two keys, or its kind."""
        first = skip_space(self._buffer, 1)
        kind = bytes(self._buffer[first : first + 1])
        self._plain = {b"{": b"},", b"[": b"],", b'"': b'",'}.get(kind, b",")
        found = _HEAD.match(self._buffer, 0, WINDOW_BYTES)
        if found and max(len(found[1]), len(found[2])) <= _MAX_KEY_BYTES:
            value = rb"(?:" + STRING.pattern + rb"|" + SCALAR.pattern + rb")"
            self._keys = (
                found[1],
                re.compile(
                    re.escape(found[1])
                    + rb"\s*+:\s*+"
                    + value
                    + rb"\s*+,\s*+"
                    + re.escape(found[2])
                    + rb"\s*+:"
                ),
            )

    def _cut(self, cut: int, items: list[bytes], *, sure: bool) -> bool:
        """Give the items before the comma at `cut`, which becomes the `[` of what follows."""
        self._buffer[cut] = _CLOSE
        raws = self._split(cut + 1, sure=sure)
        if raws is None:
            self._buffer[cut] = _COMMA
            return False
        if not raws:
            at = self._base + cut
            raise ItemsInvalid(f"not JSON: a comma without an element before it at byte {at}")
        items += raws
        self._given = True
        self._scan = None
        del self._buffer[:cut]
        self._buffer[0] = _OPEN
        self._base += cut
        return True

    def _end_list(self, end: int, items: list[bytes]) -> None:
        """Give the last items; the rest of the document is its suffix."""
        if self._buffer[end] != _CLOSE:
            at = self._base + end
            raise ItemsInvalid(f"not JSON: the list is closed by the wrong bracket at byte {at}")
        raws = self._split(end + 1, sure=True)
        assert raws is not None
        self._leave(end, raws, items)

    def _leave(self, end: int, raws: list[bytes], items: list[bytes]) -> None:
        if not raws and self._given:
            raise ItemsInvalid(f"not JSON: a comma without an element behind it at byte {self._base}")
        items += raws
        del self._buffer[:end]
        self._base += end
        self.stop = self._base + 1
        self._scan = None
        self._state = "tail"

    def _close_at_once(self, items: list[bytes]) -> bool:
        """Most documents end soon after their list: try the last brackets before scanning."""
        end = len(self._buffer)
        for _ in range(2 if self._path else 1):
            end = self._buffer.rfind(b"]", 0, end)
            if end < 0 or self._scan is not None:
                return False
            raws = self._split(end + 1, sure=False)
            if raws is not None:
                self._leave(end, raws, items)
                return True
        return False

    def _split(self, stop: int, *, sure: bool) -> list[bytes] | None:
        """The elements of the buffer's first `stop` bytes. None: they do not parse (`sure`: raises)."""
        try:
            with memoryview(self._buffer) as whole, whole[:stop] as window:
                return list(map(bytes, _LIST.decode(window)))
        except RecursionError:
            raise _too_deep(self._base) from None
        except msgspec.DecodeError as error:
            if not sure:
                return None
            fault = error
        if _SURROGATE.search(self._buffer, 0, stop):
            return self._split_odd(stop)
        raise _fault(fault, self._base, self._base + stop) from None

    def _split_odd(self, stop: int) -> list[bytes]:
        """The same where escapes of surrogates may stand alone: read a copy in which none do."""
        text = bytes(self._buffer[:stop])
        try:
            lengths = [len(bytes(raw)) for raw in _LIST.decode(_tame(text))]
        except msgspec.DecodeError as error:
            raise _fault(error, self._base, self._base + stop) from None
        items = []
        pos = 1
        for length in lengths:
            pos = skip_space(text, pos)
            items.append(text[pos : pos + length])
            pos = skip_space(text, pos + length) + 1
        return items

    # -- outside the list

    def _whole(self) -> list[bytes]:
        text = bytes(self._buffer)
        self._buffer = bytearray()
        item = text[self.start :].rstrip(_SPACE)
        check_value(item, self.start)
        self.single = True
        self.stop = self.start + len(item)
        self.prefix, self.suffix = text[: self.start], text[self.stop :]
        return [item]

    def _check_outside(self) -> None:
        if not self._path:
            behind = skip_space(self.suffix, 1)
            if behind < len(self.suffix):
                raise ItemsInvalid(
                    f"not JSON: more bytes behind the end of the list, at byte {self.stop - 1 + behind}",
                    hint="One document has one value; for one value per line use application/x-ndjson.",
                )
            return
        begin = len(BOM) if self.prefix.startswith(BOM) else 0
        outside = self.prefix[begin:] + _MARK + self.suffix
        gap = len(self.prefix) - begin + len(_MARK)
        check_value(outside, begin, gap, self.stop - 1 - gap - begin)
        try:
            value = outside
            for segment in self._path:
                if isinstance(segment, str):
                    value = bytes(_OBJECT.decode(_tame(value))[segment])
                else:
                    value = bytes(_LIST.decode(_tame(value))[segment])
        except (KeyError, IndexError, UnicodeDecodeError, msgspec.DecodeError):
            value = b""
        if _MARK not in value:
            raise ItemsInvalid(
                f"the items path {self._text!r} is there twice, at byte {self.start} and later",
                hint="Ask the sender which list counts; equal keys in one object have no agreed meaning.",
            )

    def _truncated(self) -> ItemsInvalid:
        size = self._base + len(self._buffer)
        return ItemsInvalid(
            f"not JSON: the document ends at byte {size}, inside its list; it was cut off",
            hint="Get the document again, whole.",
        )


def _before_keys(buffer: bytearray, key: bytes, head: re.Pattern[bytes]) -> int:
    """The last comma that stands before `{` and the two known keys; 0 if none is near the end."""
    at = len(buffer)
    for _ in range(_LOOKS):
        at = buffer.rfind(key, 0, at)
        if at < 0:
            return 0
        if head.match(buffer, at):
            before = bytes(buffer[max(0, at - 256) : at]).rstrip(_SPACE)
            if before.endswith(b"{") and (outer := before[:-1].rstrip(_SPACE)).endswith(b","):
                return max(0, at - 256) + len(outer) - 1
    return 0


def check_value(text: bytes, base: int, gap: int | None = None, shift: int = 0) -> None:
    """Raise `ItemsInvalid` unless the text is one JSON value.

    `base` is its place in the document; what is behind `gap` stands `shift` bytes further there.
    """
    try:
        _VALUE.decode(text)
    except RecursionError:
        raise _too_deep(base) from None
    except msgspec.DecodeError as error:
        fault = error
        if _SURROGATE.search(text):
            try:
                _VALUE.decode(_tame(text))
            except msgspec.DecodeError as other:
                fault = other
            else:
                return
        raise _fault(fault, base, base + len(text) + shift, gap, shift) from None


def _tame(text: bytes) -> bytes:
    """The text with each surrogate's escape replaced by one of equal length that may stand alone."""
    return _ESCAPE.sub(lambda found: b"\\u0020" if len(found[0]) > 2 else found[0], text)


def _too_deep(base: int) -> ItemsInvalid:
    return ItemsInvalid(
        f"nested too deeply behind byte {base}: at most about 900 levels can be read",
        hint="Take the document as application/octet-stream to pass it on unread.",
    )


def _fault(
    error: msgspec.DecodeError, base: int, end: int, gap: int | None = None, shift: int = 0
) -> ItemsInvalid:
    found = _FAULT_AT.match(str(error))
    if found is None:
        return ItemsInvalid(
            f"not JSON: the document ends at byte {end}, inside a value; it was cut off",
            hint="Get the document again, whole.",
        )
    # The parser has already stepped over the first character that is too many.
    at = int(found[2]) - (found[1] == "trailing characters")
    at += base + (shift if gap is not None and at >= gap else 0)
    return ItemsInvalid(f"not JSON: {found[1]} at byte {at}", hint="Correct the document at that byte.")
