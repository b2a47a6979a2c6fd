"""Ids that sort by the time they were made, and their text: a letter for the noun, 13 characters.

An id is a whole number of 63 bits, so that any database keeps it as its ordinary integer: 42 bits
of milliseconds since 2020 (until 2159), then 21 bits that begin at random in each millisecond.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

RUN: Final = "r"
PAYLOAD: Final = "p"
DELIVERY: Final = "d"
TOKEN: Final = "t"  # noqa: S105 (a letter)
ACCOUNT: Final = "u"
SESSION: Final = "s"
AUDIT: Final = "a"
MASK: Final = "m"
BULK: Final = "k"

# 2020-01-01T00:00:00Z in milliseconds of the Unix clock.
_EPOCH_MS = 1_577_836_800_000
_TIME_BITS, _RANDOM_BITS = 42, 21
_END = 1 << (_TIME_BITS + _RANDOM_BITS)
_LENGTH = 13
# Crockford's base 32: no i, l, o (read as 1, 1, 0) and no u.
_DIGITS = "0123456789abcdefghjkmnpqrstvwxyz"
_PAIRS = [one + other for one in _DIGITS for other in _DIGITS]
# The same digits as `int` reads base 32; u is none.
_READ = bytes.maketrans(f"{_DIGITS}oilu".encode(), b"0123456789abcdefghijklmnopqrstuv011!")


class IdMaker:
    """Makes ids that rise strictly for as long as it lives, also when the clock goes back.

    `now_ms` gives milliseconds of the Unix clock, `random_bits(n)` a number of n random bits, `after`
    the highest id that others have made: all are above it. Of one thread (or under its owner's lock):
    core knows no threads.
    """

    def __init__(
        self, now_ms: Callable[[], int], random_bits: Callable[[int], int], after: int | None = None
    ) -> None:
        self._now_ms = now_ms
        self._random_bits = random_bits
        self._last = -1
        if after is not None:
            # Where the clock is behind, it counts from here; another process, from another place.
            self._last = ((after >> _RANDOM_BITS) + 1) << _RANDOM_BITS | random_bits(_RANDOM_BITS)

    def next(self) -> int:
        """One new id."""
        made_at = min(max(self._now_ms() - _EPOCH_MS, 0), (1 << _TIME_BITS) - 1)
        fresh = (made_at << _RANDOM_BITS) | self._random_bits(_RANDOM_BITS)
        self._last = made = fresh if fresh > self._last else self._last + 1
        return made

    def block(self, count: int) -> range:
        """That many new ids in a row; none made later stands among them."""
        made_at = min(max(self._now_ms() - _EPOCH_MS, 0), (1 << _TIME_BITS) - 1)
        fresh = (made_at << _RANDOM_BITS) | self._random_bits(_RANDOM_BITS)
        first = max(fresh, self._last + 1)
        self._last = first + count - 1
        return range(first, first + count)


def made_at_ms(number: int) -> int:
    """When the id was made, in milliseconds of the Unix clock (blocks may run slightly ahead)."""
    return (number >> _RANDOM_BITS) + _EPOCH_MS


def lowest_at(ms: int) -> int:
    """The least id that can have been made in that millisecond of the Unix clock."""
    return min(max(ms - _EPOCH_MS, 0) << _RANDOM_BITS, _END - 1)


def digits_value(digits: str) -> int | None:
    """The number that some digits of an id's text stand for; None if one of them is no digit."""
    number = 0
    for digit in digits:
        value = _DIGITS.find(digit)
        if value < 0:
            return None
        number = number << 5 | value
    return number


def to_text(letter: str, number: int) -> str:
    """The id as people and the API see it: `r` and 13 characters, sorting as the numbers do."""
    if not 0 <= number < _END:
        raise ValueError(f"an id has 63 bits, {number} does not fit")
    pairs = _PAIRS
    return (
        f"{letter}{_DIGITS[number >> 60]}{pairs[number >> 50 & 1023]}{pairs[number >> 40 & 1023]}"
        f"{pairs[number >> 30 & 1023]}{pairs[number >> 20 & 1023]}{pairs[number >> 10 & 1023]}"
        f"{pairs[number & 1023]}"
    )


def from_text(letter: str, text: str) -> int | None:
    """The number of an id typed by a person; None if it is not one, or of another noun.

    Upper case and the usual slips (o for 0, i and l for 1) are forgiven.
    """
    written = text.strip().lower()
    if len(written) != _LENGTH + 1 or written[0] != letter:
        return None
    if not (written.isascii() and written.isalnum()):
        return None
    try:
        number = int(written[1:].encode().translate(_READ), 32)
    except ValueError:
        return None
    return number if number < _END else None
