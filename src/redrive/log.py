"""The process log: what the operator reads on stderr, as `event key=value` lines or as JSON.

    log = get_logger(__name__)
    log.warning("step.failed", step="send", attempt=2, code="remote.unavailable")

    2026-11-20T09:15:02.114Z warning step.failed run=r_1 step=send attempt=2 code=remote.unavailable

Keys that are bound (`with bound(run=run.id)`) stand in every line until the block ends, also across
`await`. Payloads never come here: log their digest and size. The run log is product data, not this.
"""

from __future__ import annotations

import json
import logging
import re
import sys
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, TextIO

MASK = "********"

# A key whose name says that its value is a secret, whoever logs it.
_SECRET_KEY = re.compile(
    r"(?:^|[_\-.])(?:authorization|cookie|credentials?|passwd|password|secrets?|tokens?|api_?key)$",
    re.IGNORECASE,
)
# Credentials inside text: of an address, of a header, of a query string.
_SECRET_TEXT = (
    (re.compile(r"(?<=://)[^/\s:@]*:[^/\s@]*(?=@)"), MASK),
    (re.compile(r"\b(bearer|basic)\s+[A-Za-z0-9._~+/\-]{6,}=*", re.IGNORECASE), rf"\1 {MASK}"),
    (
        re.compile(r"([?&](?:access_token|api_?key|token|password|secret|signature)=)[^&\s]+", re.IGNORECASE),
        rf"\1{MASK}",
    ),
)
_PLAIN = re.compile(r"[^\s\"=]+")

_keys: ContextVar[Mapping[str, Any]] = ContextVar("redrive_log_keys", default=MappingProxyType({}))

Event = MutableMapping[str, Any]
Processor = Callable[[Event], Event]


@contextmanager
def bound(**keys: Any) -> Iterator[None]:
    """Put `keys` on every line that is logged inside the block."""
    token = _keys.set({**_keys.get(), **keys})
    try:
        yield
    finally:
        _keys.reset(token)


class Logger:
    """Takes an event's name and its keys. Values that are None are left out."""

    def __init__(self, name: str) -> None:
        self._logger = logging.getLogger(name)

    def debug(self, event: str, **keys: Any) -> None:
        self._write(logging.DEBUG, event, keys)

    def info(self, event: str, **keys: Any) -> None:
        self._write(logging.INFO, event, keys)

    def warning(self, event: str, **keys: Any) -> None:
        self._write(logging.WARNING, event, keys)

    def error(self, event: str, *, error: BaseException | None = None, **keys: Any) -> None:
        """`error` adds the trace of an exception, for faults that nobody foresaw."""
        self._write(logging.ERROR, event, keys, error)

    def _write(
        self, level: int, event: str, keys: Mapping[str, Any], error: BaseException | None = None
    ) -> None:
        if self._logger.isEnabledFor(level):
            self._logger.log(
                level, event, exc_info=error, extra={"redrive_keys": {**_keys.get(), **keys}}, stacklevel=3
            )


def get_logger(name: str) -> Logger:
    return Logger(name)


def redact(event: Event) -> Event:
    """Mask what looks like a secret, by the name of its key or by its form inside a text."""
    for key, value in event.items():
        if value is not None and _SECRET_KEY.search(key):
            event[key] = MASK
        elif isinstance(value, str):
            event[key] = mask_text(value)
    return event


def mask_text(text: str) -> str:
    for pattern, mask in _SECRET_TEXT:
        text = pattern.sub(mask, text)
    return text


PROCESSORS: tuple[Processor, ...] = (redact,)


class Formatter(logging.Formatter):
    """Turns a record of ours, or of a library, into one line."""

    def __init__(self, form: str) -> None:
        super().__init__()
        self._as_json = form == "json"

    def format(self, record: logging.LogRecord) -> str:
        ours: Mapping[str, Any] | None = getattr(record, "redrive_keys", None)
        event: Event = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")[:-6] + "Z",
            "level": record.levelname.lower(),
            # A library logs sentences; under its own name they are a key of an event like ours.
            "event": record.msg if ours is not None else record.name,
        }
        event.update({"text": record.getMessage()} if ours is None else ours)
        if record.exc_info:
            event["trace"] = self.formatException(record.exc_info)
        event = {key: value for key, value in event.items() if value is not None}
        for process in PROCESSORS:
            event = process(event)
        return _json_line(event) if self._as_json else _text_line(event)


def _json_line(event: Event) -> str:
    return json.dumps(event, default=str, ensure_ascii=False)


def _text_line(event: Event) -> str:
    trace = event.pop("trace", None)
    first = " ".join(str(event.pop(key)) for key in ("at", "level", "event"))
    line = " ".join([first, *(f"{key}={_value(value)}" for key, value in event.items())])
    return f"{line}\n{trace}" if trace else line


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    text = str(value)
    # Anything else is quoted: a line break inside a value must never begin a new line.
    return text if _PLAIN.fullmatch(text) and text.isprintable() else json.dumps(text, ensure_ascii=True)


def configure(level: str = "info", form: str = "text", stream: TextIO | None = None) -> None:
    """Send the process log to stderr (or `stream`), once per process; a second call replaces the first."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(Formatter(form))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("redrive").setLevel(level.upper())
