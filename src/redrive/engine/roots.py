"""The roots of templates as a step sees them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Protocol

from redrive.sdk.context import RunInfo
from redrive.sdk.payload import Payload

NAMES = ("payload", "item", "meta", "vars", "run", "now", "last_success")


class _Around(Protocol):
    """What they need of a context."""

    @property
    def vars(self) -> Mapping[str, Any]: ...
    @property
    def run(self) -> RunInfo: ...
    @property
    def last_success(self) -> datetime | None: ...

    def now(self) -> datetime: ...


class Roots(Mapping[str, Any]):
    """What is expensive is made when it is asked for."""

    __slots__ = ("_context", "_item", "_payload", "_value")

    def __init__(self, context: _Around, payload: Payload | None, value: Any, item: Any) -> None:
        self._context = context
        self._payload = payload
        self._value = value
        self._item = item

    def __getitem__(self, root: str) -> Any:
        context = self._context
        match root:
            case "payload":
                return self._value
            case "item":
                return self._item
            case "meta":
                return dict(self._payload.meta) if self._payload is not None else {}
            case "vars":
                return context.vars
            case "now":
                return context.now()
            case "last_success":
                return context.last_success
            case "run":
                run = context.run
                return {
                    "id": run.id,
                    "flow": run.flow,
                    "version": run.version,
                    "trigger": run.trigger,
                    "source_run": run.source_run,
                }
        raise KeyError(root)

    def __iter__(self) -> Iterator[str]:
        return iter(NAMES)

    def __len__(self) -> int:
        return len(NAMES)
