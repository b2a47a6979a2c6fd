"""OAuth 1 signatures (RFC 5849), by authlib."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping
from typing import Any

from authlib.oauth1 import ClientAuth
from authlib.oauth1.rfc5849.signature import generate_signature_base_string
from authlib.oauth1.rfc5849.util import escape

from redrive.connectors.rest.authentication import OAuth1
from redrive.connectors.rest.bodies import FORM
from redrive.connectors.rest.scope import text_of
from redrive.errors import StepError


def _hmac_sha256(client: Any, request: Any) -> str:
    key = f"{escape(client.client_secret or '')}&{escape(client.token_secret or '')}"
    base = generate_signature_base_string(request)
    return base64.b64encode(hmac.new(key.encode(), base.encode(), hashlib.sha256).digest()).decode()


class _Client(ClientAuth):
    """RFC 5849 knows SHA-1 only; systems of today ask for SHA-256."""

    SIGNATURE_METHODS = {**ClientAuth.SIGNATURE_METHODS, "HMAC-SHA256": _hmac_sha256}  # noqa: RUF012 - theirs


def signed(settings: OAuth1, scope: Mapping[str, Any], *, method: str, url: str, form: bytes) -> str:
    """The Authorization header of a request. `form`: its body, where that is a form."""
    client = _Client(
        text_of(settings.consumer_key, scope),
        client_secret=text_of(settings.consumer_secret, scope),
        token=text_of(settings.token, scope) or None,
        token_secret=text_of(settings.token_secret, scope) or None,
        rsa_key=text_of(settings.private_key, scope) or None,
        signature_method=settings.signature,
        realm=text_of(settings.realm, scope) or None,
    )
    headers = {"Content-Type": FORM} if form else {}
    try:
        _, made, _ = client.sign(method, url, headers, form.decode() if form else "")
    except ValueError as error:
        raise StepError(
            f"the request cannot be signed: {type(error).__name__}",
            code="connection.incomplete",
            hint="Check the keys of the connection, and that the form holds text only.",
            stops_step=True,
        ) from None
    return str(made["Authorization"])
