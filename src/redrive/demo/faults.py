"""What a demo system is told to do wrong, and who waits for what it does."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, Literal

import msgspec

At = Literal["before", "after"]


class Fault(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """One thing that goes wrong with some requests.

    kind: `slow` (waits `delay_s`), `hold` (waits until released), `status` (answers `status`, with
        `retry_after_s` as its header if given), `cut` (closes the connection when `bytes` of the
        answer are out; of the body by half if not given), `garbage` (answers 200 with what is not
        JSON), `trickle` (the answer, then a byte every `delay_s`, without an end).
    at: `before` the request is carried out or `after` it. What is answered, cut or garbled
        `before` is never carried out; what is slow or held is, later. Default `before` for
        `status`, else `after`.
    skip, times: leaves that many requests alone first, then hits that many (default: all).
    path: hits only requests whose path begins with this.
    order: hits only requests whose body holds an order with this id.
    """

    kind: Literal["slow", "hold", "status", "cut", "garbage", "trickle"]
    at: At | None = None
    skip: int = 0
    times: int | None = None
    path: str = "/"
    order: str | int | None = None
    delay_s: float = 30.0
    status: int = 503
    retry_after_s: float | None = None
    bytes: int | None = None

    @property
    def moment(self) -> At:
        return self.at or ("before" if self.kind == "status" else "after")

    def hits(self, path: str, order_ids: Callable[[], set[str]]) -> bool:
        """Whether it hits this request; counts it if it might have."""
        if not path.startswith(self.path) or (self.order is not None and str(self.order) not in order_ids()):
            return False
        if self.skip:
            self.skip -= 1
            return False
        if self.times is not None:
            if not self.times:
                return False
            self.times -= 1
        return True


class Board:
    """The faults in force, how many requests arrived, and how many of them are held.

    `wait` blocks until as many as asked for have arrived or are held: tests wait on it, not on time.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._faults: list[Fault] = []
        self._let_go = threading.Event()
        self._requests = 0
        self._held = 0

    def put(self, faults: list[Fault]) -> None:
        with self._changed:
            self._faults = faults

    def release(self) -> None:
        """Let every request go on that is slow or held at this moment."""
        with self._changed:
            self._let_go.set()
            self._let_go = threading.Event()

    def reset(self) -> None:
        self.put([])
        self.release()
        with self._changed:
            self._requests = 0

    def arrived(self, path: str, order_ids: Callable[[], set[str]]) -> Fault | None:
        """Count a request; gives the first fault that hits it."""
        with self._changed:
            self._requests += 1
            self._changed.notify_all()
            return next((fault for fault in self._faults if fault.hits(path, order_ids)), None)

    def hold(self, seconds: float | None) -> bool:
        """Wait until released, or for some seconds; true if released."""
        with self._changed:
            let_go = self._let_go
            self._held += 1
            self._changed.notify_all()
        released = let_go.wait(seconds)
        with self._changed:
            self._held -= 1
        return released

    def wait(self, requests: int, held: int, timeout_s: float) -> bool:
        """Wait until that many requests arrived and that many are held; false if they did not in time."""
        with self._changed:
            return self._changed.wait_for(
                lambda: self._requests >= requests and self._held >= held, timeout=timeout_s
            )

    def state(self) -> dict[str, Any]:
        with self._changed:
            return {
                "requests": self._requests,
                "held": self._held,
                "faults": [msgspec.to_builtins(fault) for fault in self._faults],
            }
