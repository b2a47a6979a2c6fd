"""Every error that Redrive raises on purpose, as one tree with stable codes.

    RedriveError
    ├─ UserError                    the caller can mend it                       HTTP   exit
    │  ├─ UsageError                a wrong option or argument                    400     2
    │  ├─ FlowInvalid               a document has problems (a list of them)      422     2
    │  ├─ ConfigInvalid             a setting or the home's configuration         422     2
    │  ├─ NotFound                  an unknown flow, run, step, payload, …        404     2
    │  ├─ StateConflict             not possible in the present state             409     2
    │  ├─ ConfirmationNeeded        repeat with a confirmation                    409     2
    │  ├─ BodyTooLarge              more bytes than are taken                     413     2
    │  ├─ TooManyTries              the same again and again              (after s)    429     2
    │  └─ Forbidden                 no token, or one without the right        401/403     2
    ├─ StepError                    a step could not do its work on a payload
    │  ├─ PayloadError              the payload is not what the shape needs
    │  ├─ RemoteRejected            the system answered no
    │  ├─ RemoteUnavailable         it could not be reached or is busy       (backoff)
    │  ├─ RateLimited               it asked to come back later              (after s)
    │  ├─ AuthFailed                credentials refused                    (fails run)
    │  ├─ DeliveryUnknown           it may have been carried out; nobody knows
    │  ├─ StepTimeout               the step's own time is over              (backoff)
    │  ├─ ShapeCrashed              anything unforeseen, its cause kept
    │  └─ HelperLost                a helper process went away             (backoff)
    ├─ PayloadGone                  expired by retention, or missing              410     2
    └─ Fault                        Redrive or its machine                        5xx     3
       ├─ StoreBusy                 locked by another process                (backoff)
       ├─ QueueFull                 so much waits that nothing more is taken (backoff)
       ├─ StoreFull                 no room on the disk of the home
       ├─ StoreCorrupt              stored bytes do not match their hash
       ├─ HomeUnusable              not writable, locked, or of a newer release
       ├─ ServerUnreachable         no server at the address
       └─ LeaseLost                 another worker has taken the run over

A class exists where somebody catches it or it is shown differently; everything else is a `code`.
Messages name the thing, the kind of the value and the way out. They never hold a secret or a
payload's content.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, ClassVar, Literal

Retry = Literal["never", "backoff"]


class RedriveError(Exception):
    """Root of the tree.

    `detail` is one sentence for a person; `at` says where (a JSON Pointer, a `file:line`, a step
    id); `hint` says how to get out. `after_s` is the least wait before a retry, in seconds.
    """

    code: str = "redrive.error"
    title: str = "Something went wrong"
    status: ClassVar[int] = 500
    exit_code: ClassVar[int] = 3
    retry: Retry = "never"

    def __init__(
        self,
        detail: str,
        *,
        code: str | None = None,
        at: str | None = None,
        hint: str | None = None,
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.at = at
        self.hint = hint
        if code is not None:
            self.code = code

    def as_dict(self) -> dict[str, Any]:
        """The error object of the CLI and the run log: `code, title, detail, at, hint`."""
        return {
            "code": self.code,
            "title": self.title,
            "detail": self.detail,
            "at": self.at,
            "hint": self.hint,
        }


class UserError(RedriveError):
    code = "request.invalid"
    title = "The request cannot be carried out"
    status = 400
    exit_code = 2


class UsageError(UserError):
    code = "usage"
    title = "Wrong use"


@dataclass(frozen=True, slots=True)
class Problem:
    """One fault of a document: where it stands, what was expected, and the nearest known name."""

    severity: ClassVar[Literal["error", "warning"]] = "error"

    code: str
    title: str
    file: str | None = None
    line: int | None = None
    step: str | None = None
    setting: str | None = None
    expected: str | None = None
    nearest: str | None = None

    def __str__(self) -> str:
        where = ":".join(str(part) for part in (self.file, self.line) if part is not None)
        inside = " ".join(
            part
            for part in (
                f"step {self.step}" if self.step else "",
                f"setting {self.setting}" if self.setting else "",
            )
            if part
        )
        text = self.title
        if self.expected:
            text += f"; expected {self.expected}"
        if self.nearest:
            text += f"; did you mean {self.nearest!r}?"
        return ": ".join(part for part in (where, inside, text) if part)


@dataclass(frozen=True, slots=True)
class Notice(Problem):
    """Something a person should know about a document that is valid all the same."""

    severity: ClassVar[Literal["error", "warning"]] = "warning"


class FlowInvalid(UserError):
    """A document does not parse or validate. `problems` holds every fault found, in file order."""

    code = "document.invalid"
    title = "The document is not valid"
    status = 422

    def __init__(self, problems: list[Problem]) -> None:
        count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
        first = f": {problems[0]}" if problems else ""
        at = f"{problems[0].file}:{problems[0].line}" if problems and problems[0].file else None
        super().__init__(f"{count}{first}", at=at, hint="Mend the document; nothing was changed.")
        self.problems = problems

    def as_dict(self) -> dict[str, Any]:
        return {**super().as_dict(), "problems": [asdict(problem) for problem in self.problems]}


class ConfigInvalid(UserError):
    code = "config.invalid"
    title = "The configuration is not valid"
    status = 422


class NotFound(UserError):
    code = "not_found"
    title = "There is no such thing"
    status = 404


class StateConflict(UserError):
    code = "state.conflict"
    title = "Not possible in the present state"
    status = 409


class ConfirmationNeeded(UserError):
    code = "confirmation.needed"
    title = "This needs a confirmation"
    status = 409


class BodyTooLarge(UserError):
    code = "body.too_large"
    title = "The body is too large"
    status = 413


class Forbidden(UserError):
    code = "forbidden"
    title = "Not allowed"
    status = 403


class TooManyTries(UserError):
    """`after_s`: not sooner than that many seconds."""

    code = "tries.too_many"
    title = "Too many tries"
    status = 429

    def __init__(self, detail: str, *, code: str, hint: str, after_s: int) -> None:
        super().__init__(detail, code=code, hint=hint)
        self.after_s = after_s


class StepError(RedriveError):
    """A step failed on a payload.

    `retry` says whether a further attempt may help (`after_s`: not sooner than that many
    seconds); `stops_step` that no other payload of the step is worth trying.
    """

    code = "step.failed"
    title = "The step failed"
    status = 422
    exit_code = 2
    stops_step: bool = False
    after_s: float | None = None

    def __init__(
        self,
        detail: str,
        *,
        code: str | None = None,
        at: str | None = None,
        hint: str | None = None,
        retry: Retry | None = None,
        stops_step: bool | None = None,
        after_s: float | None = None,
    ) -> None:
        super().__init__(detail, code=code, at=at, hint=hint)
        if retry is not None:
            self.retry = retry
        if stops_step is not None:
            self.stops_step = stops_step
        if after_s is not None:
            self.after_s = after_s

    @property
    def ends_run(self) -> bool:
        """Whether a `try` lets it through: what is wrong is not the payload."""
        return self.stops_step


class PayloadError(StepError):
    code = "payload.invalid"
    title = "The payload is not what the step needs"


class RemoteRejected(StepError):
    code = "remote.rejected"
    title = "The other system rejected it"


class RemoteUnavailable(StepError):
    """Retried; if it still fails after the last attempt it stops the step (nobody else is let through)."""

    code = "remote.unavailable"
    title = "The other system could not be reached"
    retry = "backoff"
    stops_step = True

    @property
    def ends_run(self) -> bool:
        return False


class RateLimited(RemoteUnavailable):
    code = "remote.rate_limited"
    title = "The other system asked to slow down"


class AuthFailed(StepError):
    code = "auth.failed"
    title = "The credentials were refused"
    stops_step = True


class DeliveryUnknown(StepError):
    code = "delivery.unknown"
    title = "It is not known whether it was delivered"


class StepTimeout(StepError):
    code = "step.timeout"
    title = "The step took too long"
    retry = "backoff"


class ShapeCrashed(StepError):
    code = "shape.crashed"
    title = "The shape failed in a way it does not foresee"


class HelperLost(StepError):
    code = "helper.lost"
    title = "The helper process that worked on the payload went away"
    retry = "backoff"


class PayloadGone(RedriveError):
    code = "payload.expired"
    title = "The payload is no longer kept"
    status = 410
    exit_code = 2


class Fault(RedriveError):
    code = "fault"
    title = "Redrive or its machine is in trouble"
    status = 500


class StoreBusy(Fault):
    code = "store.busy"
    title = "The store is busy"
    status = 503
    retry = "backoff"


class QueueFull(Fault):
    code = "queue.full"
    title = "Too much waits already"
    status = 503
    retry = "backoff"


class StoreFull(Fault):
    code = "store.full"
    title = "The disk is full"
    status = 507


class StoreCorrupt(Fault):
    code = "store.corrupt"
    title = "Stored bytes are damaged"


class HomeUnusable(Fault):
    code = "home.unusable"
    title = "The home folder cannot be used"
    status = 503


class ServerUnreachable(Fault):
    code = "server.unreachable"
    title = "The server cannot be reached"
    status = 502


class LeaseLost(Fault):
    code = "lease.lost"
    title = "Another worker has taken the run over"
