"""What can go wrong with a script, as an interpreter tells it and as a step's error says it.

The text of an exception may quote what the script worked on, and errors hold no content of payloads.
So it goes into the step's log alone, except where the script itself says it, in a line with `raise` or
`assert`: that is the author's own message.
"""

from __future__ import annotations

from typing import Final, Literal

from redrive.errors import StepError
from redrive.sandbox.script import Limits

Kind = Literal["raised", "syntax", "time", "memory", "recursion", "died"]

MAX_MESSAGE: Final = 300


class Raised(Exception):
    """An interpreter's report. `line` counts from 1 in the script; `source_line` is that line."""

    def __init__(
        self, kind: Kind, type_name: str, message: str, *, line: int | None = None, source_line: str = ""
    ) -> None:
        super().__init__(type_name)
        self.kind = kind
        self.type_name = type_name
        self.message = message
        self.line = line
        self.source_line = source_line

    @property
    def authored(self) -> bool:
        """Whether the script's author wrote the message."""
        return self.source_line.lstrip().startswith(("raise ", "assert "))


def step_error(raised: Raised, limits: Limits, where: str) -> StepError:
    """The error of the step; `where` names payload and item."""
    line = f" in line {raised.line}" if raised.line else ""
    at = f"code:{raised.line}" if raised.line else "code"
    match raised.kind:
        case "time":
            return StepError(
                f"{where}: a call of the script took longer than {limits.time_s:g} s of computing",
                code="script.time_limit",
                at="time_limit",
                hint="Look for a loop without end, work on single items (per: item), or raise time_limit.",
            )
        case "memory":
            return StepError(
                f"{where}: the script needs more than {limits.memory_mib} MiB{line}",
                code="script.memory_limit",
                at="memory_limit",
                hint="Work on single items (per: item) or smaller payloads, or raise memory_limit.",
            )
        case "recursion":
            return StepError(
                f"{where}: the script calls itself too deeply{line}",
                code="script.failed",
                at=at,
                hint="Use a loop, or end the recursion earlier.",
            )
        case "died":
            return StepError(
                f"{where}: the process of the script ended before its answer",
                code="script.process_lost",
                at="code",
                hint="It may have been killed for want of memory; the next attempt has a new one.",
                retry="backoff",
            )
    detail = f"{where}: the script fails{line} with {raised.type_name}"
    if raised.authored and raised.message:
        detail += f": {trimmed(raised.message)}"
    return StepError(
        detail,
        code="script.failed",
        at=at,
        hint=None if raised.authored else "The step's log has the text of the exception.",
    )


def result_error(raised: Raised, where: str) -> StepError:
    """What the function returned cannot be written as a payload."""
    return StepError(
        f"{where}: what the script returns cannot be written as JSON ({raised.type_name})",
        code="script.result",
        at="code",
        hint="Return text, numbers, true, false, None, lists, and dicts whose keys are text; "
        "nothing that holds itself.",
    )


def trimmed(text: str) -> str:
    """One line, cut where it is long."""
    line = " ".join(text.split())
    return line if len(line) <= MAX_MESSAGE else line[: MAX_MESSAGE - 1] + "…"
