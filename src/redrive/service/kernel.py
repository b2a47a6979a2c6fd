"""What all use cases of one opened home share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import msgspec

from redrive.core.ids import from_text
from redrive.core.jsonvalue import encode
from redrive.engine.deps import Deps
from redrive.errors import NotFound
from redrive.registry import Registry
from redrive.service.actors import Actor, acting, current, process
from redrive.store.audit import INSERT_AUDIT
from redrive.store.blobs.base import Blobs
from redrive.store.committer import Transaction
from redrive.store.secrets import SecretBox

if TYPE_CHECKING:
    from redrive.engine.indexer import Indexer
    from redrive.engine.runner import Runner

T = TypeVar("T")

NOTED_WITHIN_S: Final = 0.5


class Kernel(msgspec.Struct):
    """One opened home. `runner` is there while this process executes."""

    deps: Deps
    home: Path
    owner: str
    """Who acts where nobody has signed in: the process itself."""
    registry: Registry
    secrets: SecretBox
    blobs: Blobs
    runner: Runner | None = None
    indexer: Indexer | None = None
    known: dict[str, tuple[Any, float]] = msgspec.field(default_factory=dict)
    """What was read a moment ago and may be used until then (by the monotonic clock), by name."""

    @property
    def acting(self) -> Actor:
        """Who acts in this task."""
        return current() or process(self.owner)

    @property
    def actor(self) -> str:
        """The name of who acts in this task."""
        return self.acting.name

    async def write(self, work: Callable[[Transaction], T]) -> T:
        """One short transaction; what it says is durable when this returns."""
        return await self.deps.committer.submit(_as(current(), work))

    def audit(self, transaction: Transaction, action: str, subject: str, **data: object) -> None:
        """One line of the audit log, in the transaction of what it tells."""
        transaction.insert(INSERT_AUDIT, self._line(self.acting, action, subject, "ok", data))

    def note(
        self,
        action: str,
        subject: str,
        data: Mapping[str, object] | None = None,
        *,
        result: str = "ok",
        actor: Actor | None = None,
    ) -> None:
        """One line of the audit log of something that writes nothing itself: nobody waits for it, and it is
        durable within a second. What is None or False in `data` is left out.
        """
        told = {
            # Half a surrogate pair, which a search for any text may hold, is spelt out.
            name: value.encode("utf-8", "backslashreplace").decode() if isinstance(value, str) else value
            for name, value in (data or {}).items()
            if value is not None and value is not False
        }
        line = self._line(actor or self.acting, action, subject, result, told)
        self.deps.committer.submit(lambda tx: tx.insert(INSERT_AUDIT, line), within_s=NOTED_WITHIN_S)

    def _line(
        self, actor: Actor, action: str, subject: str, result: str, data: dict[str, object]
    ) -> tuple[object, ...]:
        return (
            self.deps.ids.next(),
            self.deps.clock.micros(),
            actor.name,
            action,
            subject,
            encode(data) if data else None,
            actor.via,
            actor.address,
            result,
        )

    def wake(self) -> None:
        """Tell the runner of this process, if it is one, that there is something to do."""
        if self.runner is not None:
            self.runner.wake()

    def look(self) -> None:
        """Tell it that something was paused or resumed, or a circuit closed."""
        if self.runner is not None:
            self.runner.look()


def _as(actor: Actor | None, work: Callable[[Transaction], T]) -> Callable[[Transaction], T]:
    """The work as `actor` does it: the committer's thread does not know who asked."""
    if actor is None:
        return work

    def done(transaction: Transaction) -> T:
        with acting(actor):
            return work(transaction)

    return done


def number_of(letter: str, text: str, noun: str) -> int:
    """The number of an id given by a person. Errors: `<noun>.unknown`."""
    number = from_text(letter, text)
    if number is None:
        raise unknown(noun, text)
    return number


def unknown(noun: str, text: str) -> NotFound:
    """The error for an id that names nothing."""
    hints = {
        "run": "`redrive runs` lists them.",
        "payload": "`redrive show RUN --step STEP` lists the payloads of a step.",
        "delivery": "`redrive deliveries` lists them.",
        "flow": "`redrive flows` lists them.",
    }
    # `delivery.unknown` is the outcome of a send of which nobody knows whether it arrived.
    code = "delivery.missing" if noun == "delivery" else f"{noun}.unknown"
    return NotFound(f"there is no {noun} {text!r}", code=code, hint=hints.get(noun))
