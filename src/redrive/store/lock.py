"""The runner lock: at most one process of a store executes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path

from filelock import FileLock, Timeout

from redrive.errors import RedriveError


class RunnerLock(ABC):
    """Held by the process that executes.

    `on_lost` is called, from any thread, when the lock is gone though nobody released it: whoever
    holds it has to stop executing at once.
    """

    on_lost: Callable[[RedriveError], None]

    def __init__(self) -> None:
        self.on_lost = lambda _error: None

    @abstractmethod
    def acquire(self, *, serve: bool = False) -> bool:
        """Take it if nobody else has it. `serve`: for as long as this process lives (`redrive up`)."""

    @abstractmethod
    def release(self) -> None: ...

    @property
    @abstractmethod
    def held(self) -> bool:
        """Whether this process has it."""

    @abstractmethod
    def served(self) -> bool:
        """Whether it is known that another process took it to serve."""

    def held_elsewhere(self) -> bool:
        """Whether another process has it."""
        if self.held:
            return False
        if not self.acquire():
            return True
        self.release()
        return False

    def close(self) -> None:
        """Let go of what it stands on."""
        if self.held:
            self.release()


class FileRunnerLock(RunnerLock):
    """A locked file in the home: gone with the process that holds it."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._lock = FileLock(path)

    def acquire(self, *, serve: bool = False) -> bool:
        try:
            self._lock.acquire(blocking=False)
        except Timeout:
            return False
        return True

    def release(self) -> None:
        self._lock.release()

    @property
    def held(self) -> bool:
        return self._lock.is_locked

    def served(self) -> bool:
        return False  # the home says it: `up` leaves its address there
