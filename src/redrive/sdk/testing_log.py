"""The step log of the test kit, in memory."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal


@dataclass(frozen=True)
class LogLine:
    level: Literal["info", "warning", "error"]
    message: str
    data: Mapping[str, Any] = field(default_factory=dict)


class MemoryLog:
    """The lines of a step, in order."""

    def __init__(self) -> None:
        self.lines: list[LogLine] = []

    def info(self, message: str, **data: Any) -> None:
        self.lines.append(LogLine("info", message, data))

    def warning(self, message: str, **data: Any) -> None:
        self.lines.append(LogLine("warning", message, data))

    def error(self, message: str, **data: Any) -> None:
        self.lines.append(LogLine("error", message, data))
