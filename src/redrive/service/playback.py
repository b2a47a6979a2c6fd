"""Recorded answers for connector steps: which one answers a request, and what was asked."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any, Final
from urllib.parse import parse_qsl, unquote, urlsplit

import msgspec

from redrive.core.jsonvalue import decode, encode
from redrive.documents.flow_tests import AnswerForm, ExchangeForm, RequestForm
from redrive.errors import StepError
from redrive.sdk.connection import Connection, ConnectionInfo, ConnectorProtocol
from redrive.sdk.exchange import Request
from redrive.sdk.playback import Played, PlayedFailure
from redrive.shapes.assert_ import differences, lacks

MASKED: Final = "[masked]"
JSON: Final = "application/json"
MOST_BODY_BYTES: Final = 16 << 20
"""Bodies up to this size are compared with what a test expects of them."""
MOST_NOTED: Final = 10_000
_LISTED: Final = 5
_READS: Final = frozenset({"GET", "HEAD", "OPTIONS"})


def played(protocol: ConnectorProtocol, info: ConnectionInfo, playback: Any) -> Connection:
    """A connection that answers from records. Errors: `connector.no_playback`."""
    if not getattr(protocol, "plays_back", False):
        raise StepError(
            f"connections of the protocol {protocol.name!r} cannot answer from records",
            code="connector.no_playback",
            hint="Leave the step out of the test (`skip`), or begin after it (`at`).",
            stops_step=True,
        )
    return protocol.open(msgspec.structs.replace(info, playback=playback))


class Recorded(msgspec.Struct):
    """One exchange that may answer: `fits` looks at method and URL, `body_fits` at the body."""

    label: str
    fits: Callable[[str, str], bool]
    body_fits: Callable[[Request], Any] | None
    answer: Callable[[], Played]
    repeat: bool = False
    used: bool = False


class Answers:
    """The recorded exchanges of one run, by step.

    Of a step's exchanges the first one answers that fits and has not been used. A step that sends
    and has none recorded is answered as by a system that takes everything: 200 and `{}`.
    `lenient`: so is a send for which none is left.
    """

    def __init__(
        self,
        recorded: Mapping[str, Sequence[Recorded]],
        sends: frozenset[str] = frozenset(),
        *,
        lenient: bool = False,
    ) -> None:
        self.recorded = recorded
        self.sends = sends
        self.lenient = lenient
        self.unmatched: list[str] = []
        self.stubbed: dict[str, int] = {}
        self.asked: dict[str, list[Request]] = {}

    async def answer(self, step: str, request: Request) -> Played:
        """Errors: `exchange.unmatched`."""
        noted = self.asked.setdefault(step, [])
        if len(noted) < MOST_NOTED:
            noted.append(request)
        there = self.recorded.get(step, ())
        fitting = [
            one for one in there if (one.repeat or not one.used) and one.fits(request.method, request.url)
        ]
        found = None
        for one in fitting:
            if one.body_fits is None or await one.body_fits(request):
                found = one
                break
        if found is None and self.lenient and fitting:
            found = fitting[0]  # what is asked has changed: it is told where the requests are compared
        if found is not None:
            found.used = True
            return found.answer()
        if step in self.sends and request.method not in _READS and (self.lenient or not there):
            self.stubbed[step] = self.stubbed.get(step, 0) + 1
            return Played(status=200, headers=(("Content-Type", JSON),), body=_bytes(b"{}"))
        raise self._unmatched(step, request, there)

    def _unmatched(self, step: str, request: Request, there: Sequence[Recorded]) -> StepError:
        left = [one.label for one in there if not one.used or one.repeat]
        rest = ", ".join(left[:_LISTED]) + (", …" if len(left) > _LISTED else "")
        asked = f"{request.method} {after_host(request.url)}"
        detail = f"step {step} asks {asked}, and no recorded exchange answers that"
        self.unmatched.append(f"{detail}; left are {rest}" if left else f"{detail}; none is left")
        return StepError(
            detail,
            code="exchange.unmatched",
            hint=f"Not used yet: {rest}." if left else "Record one: `exchanges` of the test, by step.",
            stops_step=True,
        )

    @property
    def unused(self) -> list[str]:
        """Exchanges that nobody asked for."""
        return [
            f"{step}: {one.label}"
            for step, there in self.recorded.items()
            for one in there
            if not one.used and not one.repeat
        ]


def of_test(form: ExchangeForm, read: Callable[[str], bytes]) -> Recorded:
    """An exchange that a test gives; `read` gives the bytes of a file that it names."""
    wanted = form.request
    label = " ".join(part for part in (wanted.method, wanted.url) if part) or "any request"

    def fits(method: str, url: str) -> bool:
        if wanted.method is not None and wanted.method.upper() != method:
            return False
        return wanted.url is None or url_fits(wanted.url, url)

    has_body = bool(wanted.model_fields_set & {"json_", "contains"})

    async def body_fits(request: Request) -> bool:
        return not await body_differences(wanted, request)

    return Recorded(
        label=label,
        fits=fits,
        body_fits=body_fits if has_body else None,
        answer=lambda: _answer(form.response, read),
        repeat=form.repeat,
    )


def _answer(form: AnswerForm, read: Callable[[str], bytes]) -> Played:
    failure: PlayedFailure | None = form.error
    if failure is not None and form.status is None:
        return Played(failure=failure)
    headers = [
        (name, value)
        for name, values in form.headers.items()
        for value in (values if isinstance(values, list) else [values])
    ]
    body: bytes | None = None
    media_type = None
    if form.file is not None:
        body = read(form.file)
        media_type = JSON if form.file.lower().endswith(".json") else None
    elif form.text is not None:
        body, media_type = form.text.encode(), "text/plain; charset=utf-8"
    elif form.has_content:
        body, media_type = encode(form.json_), JSON
    if media_type is not None and not any(name.casefold() == "content-type" for name, _ in headers):
        headers.append(("Content-Type", media_type))
    return Played(
        status=form.status or 200,
        headers=headers,
        body=_bytes(body) if body is not None else None,
        failure=failure,
    )


async def _bytes(data: bytes) -> AsyncIterator[bytes]:
    yield data


async def body_differences(wanted: RequestForm, request: Request) -> list[str]:
    """What of the body of a request is not as it is wanted; no more than ten lines."""
    expects = wanted.model_fields_set & {"json_", "contains"}
    if not expects:
        return []
    body = b""
    if request.body is not None:
        if request.body.size_bytes > MOST_BODY_BYTES:
            return [f"the body has {request.body.size_bytes} bytes, more than can be compared"]
        body = await request.body.read()
    found: Any
    try:
        found = decode(body) if body else None
    except ValueError:
        found = body.decode(errors="replace")
    lines: list[str] = []
    if "json_" in expects:
        lines += told(differences(plain(wanted.json_), found), "the body")
    if "contains" in expects:
        lines += told(lacks(plain(wanted.contains), found), "the body")
    return lines


def plain(value: Any) -> Any:
    """A value of a document as it would come out of a payload."""
    return decode(encode(value))


def told(found: Any, whole: str, most: int = 10) -> list[str]:
    """The first differences as lines: JSON Pointer and what is wrong there."""
    lines: list[str] = []
    for pointer, text in found:
        if len(lines) == most:
            lines.append("… and more")
            break
        lines.append(f"{pointer or whole}: {text}")
    return lines


def url_fits(wanted: str, url: str) -> bool:
    """Whether a recorded URL, or the part of one after the host, stands for a requested one."""
    one, other = urlsplit(wanted), urlsplit(url)
    if one.netloc and (one.scheme, one.netloc) != (other.scheme, other.netloc):
        return False
    if (unquote(one.path) or "/") != (unquote(other.path) or "/"):
        return False
    if "?" not in wanted:
        return True
    left = parse_qsl(other.query, keep_blank_values=True)
    for name, value in parse_qsl(one.query, keep_blank_values=True):
        at = next(
            (n for n, (key, found) in enumerate(left) if key == name and _value_fits(value, found)), None
        )
        if at is None:
            return False
        del left[at]
    return not left


def _value_fits(wanted: str, found: str) -> bool:
    return wanted == found or MASKED in {wanted, found}


def after_host(url: str) -> str:
    """The part of a URL after its host, as tests write it."""
    parts = urlsplit(url)
    return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
