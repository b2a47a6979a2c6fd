"""Problem documents of a server, turned back into the errors that they were."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from redrive.core.jsonvalue import decode
from redrive.errors import (
    Fault,
    FlowInvalid,
    Forbidden,
    NotFound,
    PayloadGone,
    Problem,
    RedriveError,
    ServerUnreachable,
    StateConflict,
    StoreBusy,
    UserError,
)

_BY_STATUS: Mapping[int, type[RedriveError]] = {
    401: Forbidden,
    403: Forbidden,
    404: NotFound,
    409: StateConflict,
    410: PayloadGone,
    503: StoreBusy,
}


def _classes(root: type[RedriveError]) -> Iterator[type[RedriveError]]:
    yield root
    for child in root.__subclasses__():
        yield from _classes(child)


def _class_of(problem: Mapping[str, Any], status: int) -> type[RedriveError]:
    # A class has one code of its own; an error with a finer code still bears the title of its class.
    every = list(_classes(RedriveError))
    for kind in every:
        if kind.__dict__.get("code") == problem.get("code"):
            return kind
    for kind in every:
        if kind.__dict__.get("title") == problem.get("title"):
            return kind
    if status in _BY_STATUS:
        return _BY_STATUS[status]
    return Fault if status >= 500 else UserError


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def error_of(body: bytes, status: int, address: str) -> RedriveError:
    """The error that an answer tells. One that is no problem document did not come from Redrive."""
    try:
        problem = decode(body)
        code = problem["code"]
        detail = problem["detail"]
    except (ValueError, KeyError, TypeError):
        return not_redrive(address, status)
    if not isinstance(code, str) or not isinstance(detail, str):
        return not_redrive(address, status)
    kind = _class_of(problem, status)
    if kind is FlowInvalid:
        names = Problem.__dataclass_fields__
        found = [
            Problem(**{key: value for key, value in one.items() if key in names})
            for one in problem.get("problems") or []
        ]
        return FlowInvalid(found)
    return kind(detail, code=code, at=_text(problem.get("at")), hint=_text(problem.get("hint")))


def not_redrive(address: str, status: int) -> ServerUnreachable:
    return ServerUnreachable(
        f"What answers at {address} is not Redrive (status {status})",
        at=address,
        hint="Check --url and REDRIVE_URL.",
    )


def unreachable(address: str, reason: str) -> ServerUnreachable:
    return ServerUnreachable(
        f"No server answers at {address}: {reason}",
        at=address,
        hint="Start it with `redrive up`, or check --url and REDRIVE_URL.",
    )


def cut(address: str) -> ServerUnreachable:
    return ServerUnreachable(
        f"The connection to {address} was cut in the middle of an answer",
        at=address,
        hint="Ask again; runs that were started go on.",
    )
