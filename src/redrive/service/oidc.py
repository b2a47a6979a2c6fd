"""The identity provider: what it can do, where a person agrees, and what its answer proves (OpenID Connect).

Source: OpenID Connect Core 1.0 and Discovery 1.0, RFC 7636 (PKCE), RFC 9207 (issuer in the answer).
"""

from __future__ import annotations

import hmac
import json
import secrets
import time
from typing import Any, Final
from urllib.parse import urlsplit

import aiohttp
import msgspec
from authlib.oauth2.auth import ClientAuth
from authlib.oauth2.rfc6749.parameters import prepare_grant_uri, prepare_token_request
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from authlib.oidc.core import CodeIDToken
from authlib.oidc.discovery import get_well_known_url
from cryptography.fernet import Fernet, InvalidToken
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from redrive.errors import Fault
from redrive.service.oidc_state import Asked, Client, refusal

_ALGORITHMS: Final = frozenset(
    {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519"}
)
"""Signatures by a key that only the provider has."""
_TIMEOUT: Final = aiohttp.ClientTimeout(total=15)
_MOST_BYTES: Final = 1 << 20
_KNOWN_S: Final = 3600.0
_KEYS_AGAIN_S: Final = 30.0
_LEEWAY_S: Final = 60
_LONGEST_S: Final = 600.0
"""How long a person may take at the provider."""


class Provider:
    """One identity provider. What it publishes is read at first use, and again after an hour."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._metadata: tuple[dict[str, Any], float] | None = None
        self._keys: tuple[KeySet, float] | None = None
        # Of this process: who is at the provider while it starts anew begins again.
        self._seal = Fernet(Fernet.generate_key())

    def sealed(self, asked: Asked) -> str:
        """What the browser keeps until it comes back."""
        return self._seal.encrypt(msgspec.json.encode(asked)).decode()

    def unsealed(self, text: str | None) -> Asked:
        """What the browser has brought back. Errors: `oidc.state`."""
        try:
            asked = msgspec.json.decode(self._seal.decrypt(text or ""), type=Asked)
        except (InvalidToken, ValueError):
            raise refusal("oidc.state", "this browser has begun no sign-in") from None
        if time.time() - asked.at > _LONGEST_S:
            raise refusal("oidc.state", "the sign-in has taken too long")
        return asked

    async def ask(self, redirect_uri: str, to: str) -> tuple[str, Asked]:
        """The address to lead the browser to, and what to expect of the answer. Errors: `oidc.provider`."""
        metadata = await self._published()
        asked = Asked(
            state=secrets.token_urlsafe(32),
            nonce=secrets.token_urlsafe(32),
            verifier=secrets.token_urlsafe(48),
            redirect_uri=redirect_uri,
            to=to,
            at=time.time(),
        )
        url = prepare_grant_uri(
            metadata["authorization_endpoint"],
            self._client.client_id,
            "code",
            redirect_uri,
            self._client.scopes,
            asked.state,
            nonce=asked.nonce,
            code_challenge=create_s256_code_challenge(asked.verifier),  # type: ignore[no-untyped-call]
            code_challenge_method="S256",
        )
        return str(url), asked

    async def claims(self, answer: dict[str, str], asked: Asked) -> dict[str, Any]:
        """What the provider says of the person, from its signed token and, where there is one, its
        userinfo. Errors: `oidc.refused`, `oidc.state`, `oidc.token`, `oidc.provider`.
        """
        if not hmac.compare_digest(answer.get("state", ""), asked.state):
            raise refusal("oidc.state", "the answer does not belong to a sign-in that this browser began")
        metadata = await self._published()
        if "iss" in answer and answer["iss"] != metadata["issuer"]:
            raise refusal("oidc.state", "the answer comes from another provider")
        if "code" not in answer:
            said = answer.get("error", "nothing")[:100]
            raise refusal("oidc.refused", f"the identity provider has not agreed: {said}")
        async with aiohttp.ClientSession(timeout=_TIMEOUT) as http:
            token = await self._exchange(http, metadata, answer["code"], asked)
            claims = await self._verified(http, metadata, token, asked)
            if url := metadata.get("userinfo_endpoint"):
                headers = {"Authorization": f"Bearer {token.get('access_token', '')}"}
                more = await _json(http, "GET", url, headers=headers)
                if more.get("sub") != claims["sub"]:
                    raise refusal("oidc.token", "the userinfo of the provider is about somebody else")
                claims = {**more, **claims}
        return claims

    async def _exchange(
        self, http: aiohttp.ClientSession, metadata: dict[str, Any], code: str, asked: Asked
    ) -> dict[str, Any]:
        secret = self._client.client_secret
        supported = metadata.get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
        method = "client_secret_basic" if "client_secret_basic" in supported else "client_secret_post"
        auth = ClientAuth(self._client.client_id, secret, method if secret else "none")
        body = prepare_token_request(
            "authorization_code", "", asked.redirect_uri, code=code, code_verifier=asked.verifier
        )
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
        prepared = auth.prepare("POST", metadata["token_endpoint"], headers, body)  # type: ignore[no-untyped-call]
        url, headers, body = prepared
        return await _json(http, "POST", url, headers=headers, data=body)

    async def _verified(
        self, http: aiohttp.ClientSession, metadata: dict[str, Any], token: dict[str, Any], asked: Asked
    ) -> dict[str, Any]:
        text = token.get("id_token")
        if not isinstance(text, str):
            raise refusal("oidc.token", "the provider has sent no id_token")
        offered = metadata.get("id_token_signing_alg_values_supported", ["RS256"])
        algorithms = sorted(_ALGORITHMS.intersection(offered))
        try:
            try:
                found = jwt.decode(text, await self._key_set(http, metadata), algorithms=algorithms)
            except (ValueError, JoseError):
                # The provider may have new keys.
                found = jwt.decode(
                    text, await self._key_set(http, metadata, again=True), algorithms=algorithms
                )
            claims = CodeIDToken(
                found.claims,
                found.header,
                options={
                    "iss": {"essential": True, "value": metadata["issuer"]},
                    "aud": {"essential": True, "value": self._client.client_id},
                },
                params={
                    "nonce": asked.nonce,
                    "client_id": self._client.client_id,
                    "access_token": token.get("access_token"),
                },
            )
            claims.validate(leeway=_LEEWAY_S)
        except (ValueError, TypeError, KeyError, JoseError) as error:
            raise refusal(
                "oidc.token", f"the token of the provider is not valid: {type(error).__name__}"
            ) from None
        return dict(claims)

    async def _key_set(
        self, http: aiohttp.ClientSession, metadata: dict[str, Any], *, again: bool = False
    ) -> KeySet:
        age_s = _KEYS_AGAIN_S if again else _KNOWN_S
        if self._keys is None or time.monotonic() - self._keys[1] > age_s:
            keys = KeySet.import_key_set(await _json(http, "GET", metadata["jwks_uri"]))  # type: ignore[arg-type]
            self._keys = keys, time.monotonic()
        return self._keys[0]

    async def _published(self) -> dict[str, Any]:
        if self._metadata is not None and time.monotonic() - self._metadata[1] < _KNOWN_S:
            return self._metadata[0]
        issuer = self._client.issuer
        _check_url(issuer)
        async with aiohttp.ClientSession(timeout=_TIMEOUT) as http:
            found = await _json(http, "GET", get_well_known_url(issuer, external=True))
        if str(found.get("issuer", "")).rstrip("/") != issuer.rstrip("/"):
            raise _trouble(issuer, "it names another issuer")
        for name in ("authorization_endpoint", "token_endpoint", "jwks_uri"):
            if not isinstance(found.get(name), str):
                raise _trouble(issuer, f"its discovery document lacks {name}")
            _check_url(found[name])
        self._metadata = found, time.monotonic()
        return found


async def _json(http: aiohttp.ClientSession, method: str, url: str, **given: Any) -> dict[str, Any]:
    """Errors: `oidc.provider`."""
    try:
        async with http.request(method, url, allow_redirects=False, **given) as answer:
            data = await answer.content.read(_MOST_BYTES)
            if answer.status != 200:
                raise _trouble(url, f"it answers {answer.status}{_reason(data)}")
            found = json.loads(data)
    except (TimeoutError, aiohttp.ClientError, OSError, ValueError) as error:
        raise _trouble(url, str(error) or type(error).__name__) from None
    if not isinstance(found, dict):
        raise _trouble(url, "it answers no JSON object")
    return found


def _reason(data: bytes) -> str:
    try:
        return f": {str(json.loads(data)['error'])[:100]}"
    except (ValueError, KeyError, TypeError):
        return ""


def _check_url(url: str) -> None:
    """By https, but on this machine."""
    parts = urlsplit(url)
    local = parts.hostname in {"localhost", "127.0.0.1", "::1"}
    if parts.scheme != "https" and not (parts.scheme == "http" and local):
        raise _trouble(url, "it is not reached by https")


def _trouble(where: str, why: str) -> Fault:
    return Fault(
        f"the identity provider at {urlsplit(where).netloc or where} cannot be used: {why}",
        code="oidc.provider",
        hint="The settings oidc_issuer, oidc_client_id and oidc_client_secret say which one, and as whom.",
    )
