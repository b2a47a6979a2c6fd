"""The port behind which a script runs: Monty, or CPython in a locked-down process."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol


class Interpreter(Protocol):
    """One session's interpreter; its state lasts from one `feed` to the next."""

    rewinds: bool
    """Whether `mark` and `rewind` work, so that several items can be handed over at a time."""

    async def feed(self, code: str, inputs: Mapping[str, Any] | None = None, *, file: bool = False) -> Any:
        """Runs code with these names set; the value of its last expression.

        Values are texts, bytes, numbers, None, and lists of them. `file`: the code is the user's
        script, whose lines errors name. Errors: `Raised`.
        """

    async def mark(self) -> bytes:
        """The state of now."""

    async def rewind(self, state: bytes) -> None:
        """Back to a state of `mark`, also after the interpreter has died."""
