"""What an answer means: purely from status, headers and body to a verdict."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any, Literal, get_args

import msgspec

from redrive.connectors.rest.manifest import Direction, EndpointModel, Then
from redrive.connectors.rest.parts import Status
from redrive.connectors.rest.protocols import judged, protocol_of
from redrive.errors import StepError
from redrive.sdk import Condition, Script, TemplateMissing, encode

Meaning = Then | Literal["unknown"]

_EPOCH_FROM = 1_000_000_000


class Verdict(msgspec.Struct, frozen=True):
    """`then` as in rules, or `unknown`: it may have been carried out. `why` ends a sentence."""

    then: Meaning
    why: str


class Judge:
    """The rules of one endpoint."""

    def __init__(self, endpoint: EndpointModel) -> None:
        self._direction: Direction = endpoint.direction
        self._rules = endpoint.rules
        self._success = endpoint.success
        conditions = [rule.when for rule in endpoint.rules if rule.when] + (
            [endpoint.success.unless] if endpoint.success.unless else []
        )
        self._protocol = protocol_of(endpoint.request)
        self.script = Script(endpoint.script) if endpoint.script is not None else None
        self.needs_body = bool(conditions) or self._protocol is not None or self.script is not None
        self.needs_headers = any(rule.headers is not None for rule in endpoint.rules)

    def verdict(self, status: int, body: bytes | None, scope: Mapping[str, Any]) -> Verdict:
        """The meaning of an answer.

        body: JSON of what conditions look at; None where the answer should be JSON and is not.
        scope: roots of the templates in conditions, with `response`.
        """
        answered = f"answered {status_text(status)}"
        for number, rule in enumerate(self._rules):
            if rule.status is not None and not matches(rule.status, status):
                continue
            if rule.headers is not None and not _holds(rule.headers, _headers(scope), scope):
                continue
            if rule.when is not None and not (body is not None and _holds(rule.when, body, scope)):
                continue
            return Verdict(
                rule.then, f"{answered}, which is `{rule.then}` by rule {number + 1} of the endpoint"
            )
        if self._protocol is not None:
            found = judged(self._protocol, status, body, self._direction)
            if found is not None:
                return Verdict(found.then, f"{answered} {found.why}")
        wanted = self._success.status
        if matches(wanted if wanted is not None else ["2xx"], status):
            return self._successful(answered, body, scope)
        return Verdict(ordinary(status, self._direction), answered)

    def _successful(self, answered: str, body: bytes | None, scope: Mapping[str, Any]) -> Verdict:
        unless = self._success.unless
        if unless is None:
            return Verdict("success", answered)
        if body is None:
            why = f"{answered} with a body that is not JSON, so `unless` cannot be applied to it"
            return Verdict(_unjudged(self._direction), why)
        held = _holds(unless, body, scope)
        if held is None:
            return Verdict(_unjudged(self._direction), f"{answered}, but `unless` cannot be applied to it")
        if held:
            return Verdict("fail", f"{answered}, and the endpoint's `unless` says that this is an error")
        return Verdict("success", answered)


def scripted(answered: str, found: Any) -> Verdict | None:
    """What the script of an endpoint says of an answer. Errors: `script.result`."""
    if found is None:
        return None
    then, why = found, ""
    if isinstance(found, Mapping):
        then, why = found.get("then"), str(found.get("why", ""))[:200]
    if then not in get_args(Then):
        raise StepError(
            "the script that judges answers gave something else than a verdict",
            code="script.result",
            hint=f"It gives None or one of {', '.join(get_args(Then))}.",
            stops_step=True,
        )
    return Verdict(
        then, f"{answered}, which is `{then}` by the endpoint's script" + (f": {why}" if why else "")
    )


def _headers(scope: Mapping[str, Any]) -> bytes:
    response = scope.get("response")
    return encode(response["headers"]) if isinstance(response, Mapping) else b"{}"


def matches(wanted: Sequence[Status], status: int) -> bool:
    """Whether a status is one of these (`2xx` stands for a hundred of them)."""
    return any(one in {status, f"{status // 100}xx"} for one in wanted)


def ordinary(status: int, direction: Direction) -> Meaning:
    """What a status means that is no success and that no rule matches."""
    if status in {429, 503}:
        return "retry"
    if status == HTTPStatus.UNAUTHORIZED:
        return "reauthenticate"
    if status == HTTPStatus.FORBIDDEN:
        return "fail_run"
    if status >= 500:
        return "unknown" if direction == "send" else "retry"
    if status == HTTPStatus.REQUEST_TIMEOUT and direction == "receive":
        return "retry"
    if status >= 400 or direction == "receive":
        return "fail"
    # 307 and 308 say that the request was not carried out here. Other redirects often follow one
    # that was, and a status of success that is not in the endpoint's list may be one as well.
    return "fail" if status in {307, 308} else "unknown"


def _unjudged(direction: Direction) -> Meaning:
    return "unknown" if direction == "send" else "retry"


def _holds(condition: Condition, body: bytes, scope: Mapping[str, Any]) -> bool | None:
    """None: it cannot be said, because a template of the condition has no fitting value."""
    try:
        return condition.test(body, scope)
    except (ValueError, TemplateMissing):
        return None


def status_text(status: int) -> str:
    """`422 Unprocessable Entity`."""
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return str(status)


def retry_after_s(headers: Mapping[str, str], now: datetime) -> float | None:
    """How long the system asks to wait: `Retry-After` (seconds or a date), else a rate-limit reset.

    headers: names in small letters. None where it does not say, or says nonsense.
    """
    if (text := headers.get("retry-after")) is not None:
        return _seconds(text.strip(), now)
    for name in ("ratelimit-reset", "x-ratelimit-reset", "x-rate-limit-reset"):
        if (text := headers.get(name)) is not None and (seconds := _seconds(text.strip(), now)) is not None:
            return seconds
    return None


def spent_s(headers: Mapping[str, str], now: datetime) -> float | None:
    """How long nothing more is allowed, where an answer says that it used the last of what was."""
    left = next((headers[name] for name in _REMAINING if name in headers), None)
    if left is not None and left.strip() == "0":
        return retry_after_s(headers, now)
    # RateLimit: "default";r=0;t=30 (as the IETF's draft spells it), or limit=100, remaining=0, reset=30.
    if (text := headers.get("ratelimit")) is not None:
        facts = dict(_FACT.findall(text.lower()))
        if facts.get("r", facts.get("remaining")) == "0":
            return _seconds(facts.get("t") or facts.get("reset") or "", now)
    return None


LONGEST_S = 366 * 86_400.0
_REMAINING = ("ratelimit-remaining", "x-ratelimit-remaining", "x-rate-limit-remaining")
_FACT = re.compile(r"\b(r|t|remaining|reset)\s*=\s*(\d{1,10})\b")


def _seconds(text: str, now: datetime) -> float | None:
    try:
        number = float(text)
    except ValueError:
        try:
            date = parsedate_to_datetime(text)
        except ValueError:
            return None
        if date.tzinfo is None:
            date = date.replace(tzinfo=UTC)
        return _sensible((date - now).total_seconds())
    if not 0 <= number < float("inf"):
        return None
    # A reset is spelt as seconds to wait, or as an instant in seconds since 1970.
    return _sensible(number - now.timestamp() if number >= _EPOCH_FROM else number)


def _sensible(seconds: float) -> float | None:
    """None for a wait of years: a mistake, or a date that stands for never."""
    return max(seconds, 0.0) if seconds < LONGEST_S else None
