"""A webhook: who may call, what of the call becomes the payload, its meta and its key, what is answered.

A callback is the same with another answer (`triggers.callback`). Nothing here waits or stores.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl

from redrive.errors import PayloadError, UsageError
from redrive.sdk import (
    JSON,
    MISSING,
    Fields,
    Lenient,
    Path,
    compile_value,
    decode,
    encode,
    is_json,
)
from redrive.triggers.signature import Check, Signature, refused

ROOTS = ("payload", "meta", "run", "now")
MAX_META_BYTES = 10_240
MAX_READ_BYTES = 8 << 20
"""A body that has to be looked into (a key in it, a form, parts) is at most so large."""
MAX_KEY = 255
FORM = "application/x-www-form-urlencoded"
BYTES = "application/octet-stream"

Secret = Callable[[Mapping[str, Any]], str]
"""The plain text of a secret that the document names. Errors: `secret.missing`."""


class Hook:
    """One webhook (or callback) of a flow version. `settings` are those of the flow document."""

    kind = "webhook"

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self.name: str | None = settings["name"]
        self.methods: tuple[str, ...] = tuple(settings["methods"])
        self.items: str = settings["items"]
        self.max_bytes: int = settings["max_bytes"]
        self._media_type: str | None = settings["media_type"]
        self._open: bool = settings["open"]
        self.signature = Signature(settings["hmac"]) if settings["hmac"] else None
        token = settings["token"]
        if token is None and self.signature is None and not self._open:
            token = {"secret": None, "header": "Authorization", "path": True}
        self.token: Mapping[str, Any] | None = token
        self._meta = [
            (name, source["header"] is not None, source["header"] or source["query"])
            for name, source in settings["meta"].items()
        ]
        self._key: Mapping[str, Any] | None = settings["idempotency"]
        field = self._key["field"] if self._key else None
        self._key_field = Fields([Path.parse(field)]) if field else None
        answer = settings.get("answer")
        self.status: int = answer["status"] if answer else 202
        self._headers = tuple((answer["headers"] if answer else {}).items())
        self._answer_type: str = answer["media_type"] if answer else JSON
        body = answer["body"] if answer else None
        self._body = compile_value(body, ROOTS) if body is not None else None

    # ---- who may call

    @property
    def makes_token(self) -> bool:
        """Whether its token is one that Redrive makes."""
        return self.token is not None and self.token["secret"] is None

    def secrets(self) -> list[Mapping[str, Any]]:
        """Where its secrets are, as the document says it."""
        held = [self.token["secret"]] if self.token is not None and self.token["secret"] else []
        return [*held, *([self.signature.secret] if self.signature is not None else [])]

    def takes_path(self, rest: Sequence[str]) -> tuple[bool, str | None]:
        """Whether what follows the flow's name in an address is this hook; the token in it, if any."""
        own = () if self.name is None else (self.name,)
        if tuple(rest) == own:
            return True, None
        if self.token is not None and self.token["path"] and tuple(rest[:-1]) == own:
            return True, rest[-1]
        return False, None

    def require_token(
        self,
        headers: Mapping[str, str],
        in_path: str | None,
        made: Callable[[], Sequence[str]],
        secret: Secret,
    ) -> None:
        """Errors: `hook.refused`."""
        if self.token is None:
            return
        given = in_path
        if given is None:
            given = headers.get(self.token["header"].lower(), "")
            scheme, _, rest = given.partition(" ")
            if scheme.lower() == "bearer" and rest:
                given = rest.strip()
        right = made() if self.makes_token else [secret(self.token["secret"])]
        sent = given.encode("utf-8", "surrogateescape")
        if not any(bool(one) and hmac.compare_digest(one.encode(), sent) for one in right):
            raise refused()

    def check(self, headers: Mapping[str, str], secret: Secret) -> Check | None:
        """What the body has to be fed to, where calls are signed. Errors: `hook.refused`."""
        if self.signature is None:
            return None
        return self.signature.begin(headers, self.signature.key_of(secret(self.signature.secret)))

    # ---- what comes of the call

    def media_type_of(self, headers: Mapping[str, str]) -> str:
        return self._media_type or headers.get("content-type", "").strip() or BYTES

    @property
    def reads_body(self) -> bool:
        """Whether the body has to be looked into: then it has to fit into memory."""
        return self._key_field is not None

    def meta_of(self, headers: Mapping[str, str], query: str) -> dict[str, str]:
        """Errors: `hook.meta_too_large`."""
        if not self._meta:
            return {}
        asked = dict(reversed(parse_qsl(query, keep_blank_values=True)))
        meta = {}
        for name, is_header, source in self._meta:
            value = headers.get(source.lower()) if is_header else asked.get(source)
            if value is not None:
                meta[name] = value
        if len(encode(meta)) > MAX_META_BYTES:
            raise UsageError(
                f"the headers and parameters that become meta are larger than {MAX_META_BYTES} bytes",
                code="hook.meta_too_large",
                hint="Send less in them; the body has room.",
            )
        return meta

    def key_of(self, headers: Mapping[str, str], body: bytes | None) -> str | None:
        """The key that makes a repeat the same call. Errors: `hook.key_missing`, `hook.key_invalid`."""
        if self._key is None:
            return None
        if self._key_field is None:
            key = headers.get(self._key["header"].lower(), "").strip()
            where = f"the header {self._key['header']}"
        else:
            key = _text(self._key_field, body or b"")
            where = f"the field {self._key['field']}"
        if not key:
            if self._key["required"]:
                raise UsageError(f"the call has no idempotency key in {where}", code="hook.key_missing")
            return None
        if len(key) > MAX_KEY:
            raise UsageError(
                f"the idempotency key in {where} is longer than {MAX_KEY} characters", code="hook.key_invalid"
            )
        return key

    @property
    def keeps_key_s(self) -> float:
        return float(self._key["keep"]) if self._key is not None else 0.0

    # ---- what is answered

    def answer(
        self,
        run: Mapping[str, Any],
        meta: Mapping[str, str],
        now: datetime,
        body: bytes | None,
        media_type: str,
    ) -> tuple[int, tuple[tuple[str, str], ...], str, bytes]:
        """Status, headers, media type and body for the caller; a template that finds nothing gives null."""
        if self._body is None:
            return self.status, self._headers, self._answer_type, encode({"run": run["id"]})
        scope: dict[str, Any] = {"run": run, "meta": meta, "now": now}
        if "payload" in self._body.roots:
            scope["payload"] = _value(body, media_type)
        made = self._body.render(Lenient(scope))
        if isinstance(made, str) and not is_json(self._answer_type):
            return self.status, self._headers, self._answer_type, made.encode()
        return self.status, self._headers, self._answer_type, encode(made)


def form_payload(body: bytes) -> bytes:
    """A form or query as a JSON object; a name that stands twice has a list. Errors: `payload.invalid`."""
    try:
        pairs = parse_qsl(body.decode(), keep_blank_values=True, errors="strict", max_num_fields=10_000)
    except ValueError:
        raise PayloadError(
            "the form does not parse", hint="It has to be UTF-8, name=value&name=value."
        ) from None
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name not in found:
            found[name] = value
        elif isinstance(found[name], list):
            found[name].append(value)
        else:
            found[name] = [found[name], value]
    return encode(found)


def _text(field: Fields, body: bytes) -> str:
    try:
        value = field.read(body)[0]
    except ValueError:
        return ""
    if value is MISSING or value is None or isinstance(value, bool | list | dict):
        return ""
    return value if isinstance(value, str) else encode(value).decode()


def _value(body: bytes | None, media_type: str) -> Any:
    if body is None or not is_json(media_type):
        return MISSING
    try:
        return decode(body)
    except ValueError:
        return MISSING
