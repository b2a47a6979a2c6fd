"""Which dictionary new contents of a family are packed with, and when a new one is made.

A dictionary is made from stored contents once a step has put out enough small ones, in a thread, beside
the runs. It is used from its commit on, and only if it is worth it. When what a step puts out has
changed so much that its dictionary is worth far less than it was, another one takes its place.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final, Protocol

import zstandard
from blake3 import blake3

from redrive.engine.failpoints import failpoints
from redrive.engine.packing import LEAST_PLAIN_BYTES, MOST_PLAIN_BYTES, Dictionary, Packing
from redrive.errors import RedriveError
from redrive.log import get_logger
from redrive.store import contents as store
from redrive.store.committer import Committer
from redrive.store.database import Reader, Rows

_log = get_logger(__name__)

SAMPLES: Final = 64
LEAST_SAMPLES: Final = 32
HELD_BACK: Final = 4
"""Every so many-th sample is not learnt from, but tells what the dictionary is worth."""
DICTIONARY_BYTES: Final = 16 << 10
WORTH: Final = 1.15
"""How many times as small contents must become, for a dictionary to be stored."""
FADED: Final = 0.7
"""A dictionary is replaced when it is worth less than this part of what it was worth at first."""
WINDOW: Final = 256
LEAST_APART: Final = 1024
"""Contents between two attempts for one family, at least; four times as many after one in vain."""
# Of the cover algorithm: its own search for them takes seconds, these were as good on orders.
_SEGMENT_BYTES: Final = 1024
_DMER_BYTES: Final = 8

Look = Callable[[Rows, bytes], bytes | None]


class Families(Protocol):
    """What the store of contents asks of this module."""

    def dictionary(self, family: str) -> Dictionary | None: ...

    def note(self, family: str, digest: bytes, plain: int, packed: int) -> None: ...

    def forget(self, family: str) -> None: ...


class _Family:
    __slots__ = ("due", "packed", "plain", "recent", "seen", "since", "wait")

    def __init__(self) -> None:
        self.recent: deque[bytes] = deque(maxlen=SAMPLES)
        self.since = 0  # contents since the last attempt
        self.wait = SAMPLES
        self.seen = self.plain = self.packed = 0  # of the present window
        self.due = False


class Dictionaries:
    """One per process that executes. Used from one event loop; `look` reads a small content."""

    def __init__(
        self, reader: Reader, committer: Committer, packing: Packing, look: Look, now: Callable[[], int]
    ) -> None:
        self._reader = reader
        self._committer = committer
        self._packing = packing
        self._look = look
        self._now = now
        self._present: dict[str, Dictionary | None] = {}
        self._families: dict[str, _Family] = {}
        self._at_work: dict[str, asyncio.Task[None]] = {}
        self._turn = asyncio.Lock()  # making one takes some megabytes for a moment

    def dictionary(self, family: str) -> Dictionary | None:
        """The one to pack with."""
        if family not in self._present:
            self._present[family] = self._stored(self._reader.rows(), family)
        return self._present[family]

    def forget(self, family: str) -> None:
        """Look again which one there is: the one that was used is retired."""
        self._present.pop(family, None)
        self._families.pop(family, None)

    def note(self, family: str, digest: bytes, plain: int, packed: int) -> None:
        """A content was packed: one more sample, and one more figure."""
        if not LEAST_PLAIN_BYTES < plain <= MOST_PLAIN_BYTES:
            return
        state = self._families.get(family)
        if state is None:
            state = self._families[family] = _Family()
        state.recent.append(digest)
        state.since += 1
        state.seen += 1
        state.plain += plain
        state.packed += packed
        if state.seen >= WINDOW:
            present = self._present.get(family)
            ratio = state.plain * 100 / max(state.packed, 1)
            state.due = present is not None and ratio < present.ratio * FADED
            state.seen = state.plain = state.packed = 0
        wanted = state.due or self._present.get(family) is None
        if wanted and state.since >= state.wait and family not in self._at_work:
            state.since = 0
            state.wait = 4 * LEAST_APART
            task = asyncio.ensure_future(self._renew(family, state, list(state.recent)))
            self._at_work[family] = task
            task.add_done_callback(lambda _: self._at_work.pop(family, None))

    async def settle(self) -> None:
        """Wait for what is being made."""
        await asyncio.gather(*self._at_work.values())

    async def close(self) -> None:
        """Give up what is being made."""
        tasks = list(self._at_work.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _stored(self, rows: Rows, family: str) -> Dictionary | None:
        newest = store.newest_dictionary(rows, family)
        found = store.dictionary(rows, newest[0]) if newest is not None else None
        if newest is None or found is None or blake3(found[0]).digest() != found[1]:
            return None
        dictionary = Dictionary(*newest, found[0], self._packing.level)
        self._packing.keep(dictionary)
        return dictionary

    async def _renew(self, family: str, state: _Family, digests: Sequence[bytes]) -> None:
        try:
            async with self._turn:
                made = await self._made(family, state, digests)
        except RedriveError as error:
            # It is a matter of some room; what a run does never depends on it.
            _log.warning("dictionary.failed", family=family, code=error.code, detail=error.detail)
            made = None
        if made is None:
            return
        state.due = False
        state.wait = LEAST_APART
        self._packing.keep(made)
        self._present[family] = made

    async def _made(self, family: str, state: _Family, digests: Sequence[bytes]) -> Dictionary | None:
        def read(rows: Rows) -> tuple[list[bytes], Dictionary | None]:
            found = [self._look(rows, digest) for digest in digests]
            return [data for data in found if data is not None], self._stored(rows, family)

        samples, stored = await self._reader.run(read)
        if len(samples) < LEAST_SAMPLES:
            state.wait = SAMPLES  # the others are not committed yet, or were of a plan
            return None
        present = self._present.get(family)
        if stored is not None and (present is None or stored.number > present.number):
            return stored  # another process has been faster
        level = self._packing.level
        failpoints.hit("dictionary.begun")
        loop = asyncio.get_running_loop()
        made = await loop.run_in_executor(None, trained, samples, level, stored)
        if made is None:
            return None
        failpoints.hit("dictionary.made")
        data, ratio = made
        digest, at = blake3(data).digest(), self._now()
        number = await self._committer.submit(
            lambda transaction: store.add_dictionary(transaction, family, data, digest, ratio, at)
        )
        failpoints.hit("dictionary.stored")
        _log.info("dictionary.made", family=family, number=number, ratio=ratio / 100)
        return Dictionary(number, ratio, data, level)


def trained(samples: Sequence[bytes], level: int, present: Dictionary | None) -> tuple[bytes, int] | None:
    """A dictionary made from samples, and its ratio in hundredths; None where it is not worth it."""
    learnt: list[bytes | bytearray | memoryview] = [
        data for number, data in enumerate(samples) if number % HELD_BACK
    ]
    tried = samples[::HELD_BACK]
    try:
        made = zstandard.train_dictionary(DICTIONARY_BYTES, learnt, k=_SEGMENT_BYTES, d=_DMER_BYTES)
    except zstandard.ZstdError:
        return None  # too little, or nothing in common
    plain = sum(map(len, tried))
    before = _packed(tried, level, present.zstd if present is not None else None)
    after = _packed(tried, level, made)
    if after * WORTH > before:
        return None
    return made.as_bytes(), plain * 100 // after


def _packed(samples: Sequence[bytes], level: int, dictionary: zstandard.ZstdCompressionDict | None) -> int:
    compressor = zstandard.ZstdCompressor(level=level, dict_data=dictionary, write_dict_id=False)
    return sum([len(compressor.compress(data)) for data in samples])
