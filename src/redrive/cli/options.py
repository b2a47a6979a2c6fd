"""Options that several verbs share, and the forms of their values."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Final, Literal, TypeAlias

from cyclopts import Parameter

from redrive.errors import UsageError

Policy: TypeAlias = Literal["skip_delivered", "send_changed", "send_all"]
RunStatusName: TypeAlias = Literal["queued", "running", "success", "partial_success", "failure", "stopped"]

Variables = Annotated[
    list[str] | None, Parameter(name="--var", help="Flow variable as NAME=VALUE; may be repeated.")
]
PayloadSources = Annotated[
    list[str] | None,
    Parameter(
        name="--payload",
        allow_leading_hyphen=True,
        help="Id of a payload, a file (with a / in it, or one that exists), or - for stdin; may be repeated.",
    ),
]
Skips = Annotated[list[str] | None, Parameter(name="--skip", help="Step to skip; may be repeated.")]
Delivery = Annotated[Policy | None, Parameter(help="What to do with items whose key was delivered before.")]
Reason = Annotated[str | None, Parameter(help="Why; kept with the run. send_all needs one.")]
Note = Annotated[str | None, Parameter(help="Why; kept with the version.")]
NoWait = Annotated[bool, Parameter(help="Queue the run and return.")]
PlanOnly = Annotated[bool, Parameter(name="--plan", help="Only show what would be done.")]
Yes = Annotated[bool, Parameter(help="Confirm without being asked.")]
PageLimit = Annotated[int, Parameter(help="Most rows.")]
PageCursor = Annotated[str | None, Parameter(help="`next` of the page before.")]

_UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_AGO = re.compile(r"(\d{1,9})\s*([smhdw])")


def pairs(option: str, texts: Sequence[str] | None, form: str = "NAME=VALUE") -> dict[str, str]:
    """`NAME=VALUE` options as a mapping; each name once. Errors: `usage`."""
    found: dict[str, str] = {}
    for text in texts or ():
        name, sign, value = text.partition("=")
        if not sign or not name:
            raise UsageError(f"{option} {text}: expected {form}", at=option)
        if name in found:
            raise UsageError(f"{option} {name} is given twice", at=option)
        found[name] = value
    return found


def since(text: str | None, now: datetime, option: str = "--since") -> datetime | None:
    """An instant (`2026-11-20`, `2026-11-20T09:15`, with or without zone) or a time ago (`90m`, `2d`).

    Without a zone it is this machine's time. Errors: `usage`.
    """
    if text is None:
        return None
    if ago := _AGO.fullmatch(text.strip().lower()):
        try:
            return now - timedelta(seconds=int(ago[1]) * _UNITS[ago[2]])
        except OverflowError:
            return datetime.min.replace(tzinfo=UTC)
    try:
        at = datetime.fromisoformat(text.strip())
        return at.astimezone(UTC) if at.tzinfo is None else at
    except (ValueError, OverflowError, OSError):
        raise UsageError(
            f"{option} {text}: not a time",
            at=option,
            hint="Write 2026-11-20, 2026-11-20T09:15:00Z, or a time ago such as 90m, 2h, 7d.",
        ) from None


def page_size(limit: int) -> int:
    if limit < 1:
        raise UsageError(f"--limit {limit}: expected 1 or more", at="--limit")
    return limit
