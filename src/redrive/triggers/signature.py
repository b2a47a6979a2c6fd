"""Signatures of calls: an HMAC over the body, with the instant of signing where the caller states it."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from redrive.errors import Forbidden

_PART = re.compile(r"\{(body|timestamp|header\.[A-Za-z0-9-]+)\}")
_MAX_SIGNATURES = 10


def refused() -> Forbidden:
    """The one error for whoever does not prove itself: it does not tell what is there."""
    return Forbidden(
        "there is no such hook, or its token or signature is not right",
        code="hook.refused",
        hint="`redrive triggers` shows the address of each hook and what it wants.",
    )


class Signature:
    """How the calls of one hook are signed. `settings` are those of `hmac` in the flow document."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self.secret: Mapping[str, Any] = settings["secret"]
        self._header = settings["header"].lower()
        self._hash = getattr(hashlib, settings["algorithm"])
        self._base64 = settings["encoding"] == "base64"
        self._prefix: str = settings["prefix"]
        self._key_form: str = settings["key"]
        self._parts = _PART.split(settings["signed"])
        self._timestamp: Mapping[str, Any] | None = settings["timestamp"]
        replay = settings["replay"]
        if replay is None and self._timestamp is not None:
            replay = 2 * self._timestamp["tolerance"]
        self.replay_s: float | None = replay
        """How long a signature counts once only."""

    def key_of(self, secret: str) -> bytes:
        """The key in bytes. Errors: `ValueError` where it is not written as the settings say."""
        if self._key_form == "hex":
            return bytes.fromhex(secret.strip())
        if self._key_form == "base64":
            text = secret.strip().removeprefix("whsec_")
            return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
        return secret.encode()

    def begin(self, headers: Mapping[str, str], key: bytes) -> Check:
        """A check that the body is fed to. Errors: `hook.refused` where the call carries no signature."""
        given = headers.get(self._header)
        if not given:
            raise refused()
        stamp = self._stamp(headers) if self._timestamp is not None else ""
        before, after = [""], [""]
        side = before
        for number, part in enumerate(self._parts):
            if number % 2 == 0:
                side[0] += part
            elif part == "body":
                side = after
            elif part == "timestamp":
                side[0] += stamp
            else:
                value = headers.get(part.removeprefix("header.").lower())
                if value is None:
                    raise refused()
                side[0] += value
        mac = hmac.new(key, before[0].encode("latin-1", "replace"), self._hash)
        return Check(mac, after[0].encode("latin-1", "replace"), self._signatures(given), stamp, self)

    def require_fresh(self, stamp: str, now: datetime) -> None:
        """Errors: `hook.stale` where the caller signed too long ago, or will sign only later."""
        if self._timestamp is None:
            return
        at = _instant(stamp, self._timestamp["unit"])
        tolerance = self._timestamp["tolerance"]
        if at is None or not abs((now - at).total_seconds()) <= tolerance:
            raise Forbidden(
                "the call is signed, and its timestamp is "
                + ("none" if at is None else f"more than {tolerance:g} s from now"),
                code="hook.stale",
                hint="Sign when you send; check the clocks of both machines.",
            )

    def _stamp(self, headers: Mapping[str, str]) -> str:
        assert self._timestamp is not None
        text = headers.get(self._timestamp["header"].lower(), "")
        field = self._timestamp["field"]
        if field is None:
            return text.strip()
        for part in re.split(r"[,;\s]+", text):
            name, _, value = part.partition("=")
            if name == field:
                return value
        return ""

    def _signatures(self, given: str) -> list[bytes]:
        found: list[bytes] = []
        texts = dict.fromkeys([given.strip(), *given.split(), *re.split(r"[,;\s]+", given)])
        for text in list(texts)[: 3 * _MAX_SIGNATURES]:
            if not text.startswith(self._prefix):
                continue
            try:
                written = text[len(self._prefix) :]
                found.append(
                    base64.b64decode(written, validate=True) if self._base64 else bytes.fromhex(written)
                )
            except (ValueError, binascii.Error):
                continue
        return found[:_MAX_SIGNATURES]


class Check:
    """One call's signature while its body passes."""

    __slots__ = ("_after", "_given", "_mac", "_rules", "_stamp")

    def __init__(
        self, mac: hmac.HMAC, after: bytes, given: list[bytes], stamp: str, rules: Signature
    ) -> None:
        self._mac = mac
        self._after = after
        self._given = given
        self._stamp = stamp
        self._rules = rules

    def update(self, data: bytes) -> None:
        self._mac.update(data)

    def finish(self, now: datetime) -> bytes:
        """The signature, which is the key of the replay guard. Errors: `hook.refused`, `hook.stale`."""
        if self._after:
            self._mac.update(self._after)
        right = self._mac.digest()
        if not any(hmac.compare_digest(right, one) for one in self._given):
            raise refused()
        self._rules.require_fresh(self._stamp, now)
        return right


def _instant(text: str, unit: str) -> datetime | None:
    try:
        if re.fullmatch(r"\d{1,16}(\.\d{1,9})?", text):
            return datetime.fromtimestamp(float(text) / (1000 if unit == "ms" else 1), UTC)
        found = datetime.fromisoformat(text)
    except (ValueError, OverflowError, OSError):
        return None
    return found if found.tzinfo is not None else None
