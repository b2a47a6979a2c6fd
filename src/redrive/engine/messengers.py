"""Sending a message to where an Apprise URL says: mail, chat, webhook and the rest.

The library writes what goes wrong into its log only; it is caught there, and cleared of everything
that stands in the URL but its host. Nothing of it reaches the process log by itself.
"""

from __future__ import annotations

import asyncio
import logging
import os
import re
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

import msgspec

from redrive.errors import RedriveError
from redrive.store.secrets import SecretBox

TIMEOUT_S: Final = 30.0
_LEVELS: Final = {"info": "info", "warning": "warning", "error": "failure"}
_SHORT: Final = 3
_logger = logging.getLogger("apprise")


class Message(msgspec.Struct, frozen=True):
    title: str
    text: str
    level: str


class Messengers:
    """Opens where URLs are kept, and sends. `send` never raises for what a URL or its service does wrong."""

    def __init__(self, secrets: SecretBox) -> None:
        self._secrets = secrets

    async def send(self, source: Mapping[str, str], message: Message) -> str | None:
        """Why it was not sent; None: it was."""
        try:
            url = self.url(source)
        except RedriveError as error:
            return error.detail
        except (LookupError, OSError) as error:
            return str(error.args[0] if isinstance(error, LookupError) else error.strerror or error)
        try:
            async with asyncio.timeout(TIMEOUT_S):
                return await asyncio.to_thread(deliver, url, message)
        except TimeoutError:
            return f"{scheme_of(url)}: no answer within {TIMEOUT_S:g} s"

    def url(self, source: Mapping[str, str]) -> str:
        """Errors: `LookupError`, `OSError`, `secret.sealed`."""
        if "env" in source:
            found = os.environ.get(source["env"])
            if not found:
                raise LookupError(f"the environment variable {source['env']} is not set")
            return found.strip()
        if "file" in source:
            try:
                return Path(source["file"]).read_text().strip()
            except OSError as error:
                raise LookupError(f"the file {source['file']} cannot be read: {error.strerror}") from None
        return self._secrets.open(source["sealed"], "a URL of the notification group")


def scheme_of(url: str) -> str:
    return url.partition("://")[0] if "://" in url else "?"


def understood(url: str) -> bool:
    """Whether the library knows what the URL names."""
    import apprise  # noqa: PLC0415 - large, and few processes send anything

    with _caught():
        return apprise.Apprise.instantiate(url, suppress_exceptions=True) is not None


def deliver(url: str, message: Message) -> str | None:
    """Blocks. Why it was not sent; None: it was."""
    import apprise  # noqa: PLC0415

    asset = apprise.AppriseAsset(
        app_id="Redrive", app_desc="Redrive", app_url="", async_mode=False, secure_logging=True
    )
    scheme = scheme_of(url)
    with _caught() as lines:
        service = apprise.Apprise.instantiate(url, asset=asset, suppress_exceptions=True)
        if service is None:
            return f"{scheme}: not a URL that Apprise understands"
        try:
            sent = service.notify(body=message.text, title=message.title, notify_type=_LEVELS[message.level])
        except Exception as error:  # noqa: BLE001 - a plug-in of the library may raise anything
            return f"{scheme}: {type(error).__name__}"
    if sent:
        return None
    told = "; ".join(lines) or "the service did not take it"
    return f"{scheme}: {cleared(told, url)}"[:500]


def cleared(text: str, url: str) -> str:
    """A text without what is secret in a URL: everything but its scheme and host."""
    split = urlsplit(url)
    parts = {split.username, split.password, *split.path.split("/")}
    parts |= {part for pair in split.query.split("&") for part in pair.partition("=")[::2]}
    known = {one for part in parts if part for one in (part, unquote(part))}
    for part in sorted(known, key=len, reverse=True):
        if len(part) > _SHORT:
            text = re.sub(re.escape(part), "[secret]", text)
    return text


class _Lines(logging.Handler):
    """What the thread that made it says on the library's log, from warnings on."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.lines: list[str] = []
        self._thread = threading.get_ident()

    def emit(self, record: logging.LogRecord) -> None:
        if record.thread == self._thread:
            self.lines.append(record.getMessage())


class _caught:  # noqa: N801 - a context manager
    def __enter__(self) -> list[str]:
        self._handler = _Lines()
        _logger.propagate = False
        _logger.addHandler(self._handler)
        return self._handler.lines

    def __exit__(self, *_: object) -> None:
        _logger.removeHandler(self._handler)
