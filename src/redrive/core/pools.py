"""What becomes of an item whose key is looked up in a data pool."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, Protocol

import msgspec

Verdict = Literal["pass", "leave_out", "busy"]


class Sieve(msgspec.Struct, frozen=True):
    """Who asks: a step of a run, in the lineage that began with `root`. Instants are microseconds."""

    run_id: int
    root: int
    position: int
    leave_out: bool
    now: int
    forget_after: int | None = None


class Known(Protocol):
    """An entry of the pool."""

    @property
    def at(self) -> int: ...
    @property
    def root_run(self) -> int | None: ...


class Held(Protocol):
    """A provisional entry: a run that has not ended has tracked the key for an item of a step."""

    @property
    def run_id(self) -> int: ...
    @property
    def position(self) -> int: ...
    @property
    def payload(self) -> int: ...
    @property
    def item(self) -> int: ...


def judge(
    sieve: Sieve, payload: int, item: int, entry: Known | None, claims: Iterable[Held]
) -> tuple[Verdict, int | None]:
    """Whether an item goes on, or has to wait, and then for which run.

    Its own provisional entry (a further attempt, a resume) and entries of its lineage (a redrive) do
    not hold it back; that of another item of this run does.
    """
    if not sieve.leave_out:
        return "pass", None
    other: int | None = None
    for held in claims:
        if held.run_id != sieve.run_id:
            other = held.run_id
        elif (held.position, held.payload, held.item) == (sieve.position, payload, item):
            return "pass", None
        else:
            return "leave_out", None
    if entry is not None and not _forgotten(sieve, entry):
        return ("pass", None) if entry.root_run == sieve.root else ("leave_out", None)
    return ("busy", other) if other is not None else ("pass", None)


def _forgotten(sieve: Sieve, entry: Known) -> bool:
    return sieve.forget_after is not None and entry.at + sieve.forget_after <= sieve.now
