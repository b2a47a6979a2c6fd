"""A content written down as ranges of another one: what a filter keeps, what a batch takes.

A recipe is a list of parts: `[start, length]` of the base, or literal bytes in between. It is made
by looking the items up in the base, so it holds whatever step made them, and it is compared with
the content before it is used.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

# Parts cost a few bytes each; a recipe that is not much smaller than the content is not worth it.
_LEAST_GAIN = 8

_Part = tuple[int, int] | bytes
_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(list[_Part])


def recipe(whole: bytes, items: Sequence[bytes], base: bytes) -> bytes | None:
    """How `whole`, in which `items` stand in order, is put together from `base`.

    None where an item does not stand in the base (in the same order), or nothing would be saved.
    """
    parts: list[_Part] = []
    at = position = 0
    for item in items:
        begin = whole.find(item, at)
        found = base.find(item, position)
        if begin < 0 or found < 0 or not item:
            return None
        glue = whole[at:begin]
        last = parts[-1] if parts else None
        if isinstance(last, tuple) and base[position:found] == glue:
            parts[-1] = (last[0], found + len(item) - last[0])
        else:
            if glue:
                parts.append(glue)
            parts.append((found, len(item)))
        at, position = begin + len(item), found + len(item)
    if at < len(whole):
        parts.append(whole[at:])
    written = _encoder.encode(parts)
    if len(written) * _LEAST_GAIN > len(whole) or _joined(parts, base) != whole:
        return None
    return written


def cooked(written: bytes, base: bytes) -> bytes:
    """The content that a recipe describes. Raises `ValueError` if it is not a recipe."""
    return _joined(_decoder.decode(written), base)


def _joined(parts: Sequence[_Part], base: bytes) -> bytes:
    return b"".join(part if isinstance(part, bytes) else base[part[0] : part[0] + part[1]] for part in parts)
