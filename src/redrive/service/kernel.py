"""What all use cases of one opened home share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import msgspec

from redrive.core.ids import from_text
from redrive.core.jsonvalue import encode
from redrive.engine.deps import Deps
from redrive.errors import NotFound
from redrive.registry import Registry
from redrive.store import runs as run_store
from redrive.store.blobs.base import Blobs
from redrive.store.committer import Transaction
from redrive.store.secrets import SecretBox

if TYPE_CHECKING:
    from redrive.engine.indexer import Indexer
    from redrive.engine.runner import Runner

T = TypeVar("T")


class Kernel(msgspec.Struct):
    """One opened home. `runner` is there while this process executes."""

    deps: Deps
    home: Path
    actor: str
    registry: Registry
    secrets: SecretBox
    blobs: Blobs
    runner: Runner | None = None
    indexer: Indexer | None = None

    async def write(self, work: Callable[[Transaction], T]) -> T:
        """One short transaction; what it says is durable when this returns."""
        return await self.deps.committer.submit(work)

    def audit(self, transaction: Transaction, action: str, subject: str, **data: object) -> None:
        """One line of the audit log, in the transaction of what it tells."""
        transaction.insert(
            run_store.INSERT_AUDIT,
            (
                self.deps.ids.next(),
                self.deps.clock.micros(),
                self.actor,
                action,
                subject,
                encode(data) if data else None,
            ),
        )

    def wake(self) -> None:
        """Tell the runner of this process, if it is one, that there is something to do."""
        if self.runner is not None:
            self.runner.wake()

    def look(self) -> None:
        """Tell it that something was paused or resumed, or a circuit closed."""
        if self.runner is not None:
            self.runner.look()


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
    return NotFound(f"there is no {noun} {text!r}", code=f"{noun}.unknown", hint=hints.get(noun))
