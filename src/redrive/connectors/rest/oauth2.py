"""OAuth 2: client credentials, and the authorization code with refresh."""

from __future__ import annotations

import base64
import hashlib
import secrets
from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote_plus, urlencode

from redrive.connectors.rest.authentication import OAuth2, OAuth2AuthorizationCode, OAuth2ClientCredentials
from redrive.connectors.rest.bodies import FORM
from redrive.connectors.rest.render import Body, Rendered
from redrive.connectors.rest.scope import text_of
from redrive.connectors.rest.tokens import (
    Asker,
    TokenContext,
    accepted,
    digest_of,
    lasting,
    no_token,
    recorded,
)
from redrive.errors import AuthFailed, StateConflict
from redrive.sdk import Payload, Templated, TemplateMissing, Token, TokenStore

WHAT: Final = "token request"
PENDING_S: Final = 3600.0
_SECRETS = frozenset({"access_token", "refresh_token", "id_token"})


class ClientCredentials:
    """The grant for programs that act for themselves."""

    def __init__(self, settings: OAuth2ClientCredentials, asker: Asker) -> None:
        self._settings = settings
        self._asker = asker

    def digest(self) -> str:
        return self._asker.scopes.digest()

    async def ask(self, old: Token | None, ctx: TokenContext, payload: Payload | None) -> Token:
        form = {"grant_type": "client_credentials"}
        if scope := text(self._asker, self._settings.scope):
            form["scope"] = scope
        return await asked(self._settings, self._asker, form, ctx, payload, of=self.digest())


class AuthorizationCode:
    """The grant for programs that act for a person: refreshes what the person agreed to once."""

    def __init__(self, settings: OAuth2AuthorizationCode, asker: Asker, store: TokenStore) -> None:
        self._settings = settings
        self._asker = asker
        self._store = store

    def digest(self) -> str:
        # A new client secret does not undo what the person agreed to.
        settings = self._settings
        given = text(self._asker, settings.refresh_token)
        return digest_of(text(self._asker, settings.token_url), text(self._asker, settings.client_id), given)

    async def ask(self, old: Token | None, ctx: TokenContext, payload: Payload | None) -> Token:
        refresh = old.values.get("refresh_token") if old is not None else None
        refresh = refresh or text(self._asker, self._settings.refresh_token)
        if not refresh:
            raise AuthFailed(
                f"nobody has agreed yet that connection {self._asker.name!r} may be used, or what was agreed "
                "has ended",
                code="auth.not_authorized",
                hint=self._hint,
            )
        form = {"grant_type": "refresh_token", "refresh_token": refresh}
        return await asked(
            self._settings, self._asker, form, ctx, payload, of=self.digest(), kept=refresh, hint=self._hint
        )

    @property
    def _hint(self) -> str:
        return f"Agree again: `redrive connections authorize {self._asker.name}`."

    async def url(self, redirect_uri: str, now: float) -> str:
        """The page where the person agrees; what is needed afterwards is kept, sealed."""
        asker, settings = self._asker, self._settings
        verifier, state = secrets.token_urlsafe(48), secrets.token_urlsafe(24)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=")
        parameters = {
            "response_type": "code",
            "client_id": text(asker, settings.client_id),
            "redirect_uri": redirect_uri,
            "state": state,
            "code_challenge": challenge.decode(),
            "code_challenge_method": "S256",
        }
        if scope := text(asker, settings.scope):
            parameters["scope"] = scope
        parameters |= {name: text(asker, one) for name, one in settings.authorize_parameters.items()}
        await self._store.pend(
            {"state": state, "verifier": verifier, "redirect_uri": redirect_uri, "until": now + PENDING_S}
        )
        base = text(asker, settings.authorize_url)
        return f"{base}{'&' if '?' in base else '?'}{urlencode(parameters)}"

    async def first(self, given: Mapping[str, str], ctx: TokenContext, holder: str) -> None:
        """The token for the code that the page sent back."""
        pending = await self._store.pending()
        now = ctx.wall_now().timestamp()
        known = pending is not None and secrets.compare_digest(
            str(given.get("state", "")).encode(), str(pending["state"]).encode()
        )
        if pending is None or not known or float(pending["until"]) < now:
            raise StateConflict(
                f"no agreement for connection {self._asker.name!r} is awaited that this answer belongs to",
                code="auth.state",
                hint=f"Begin again: {self._hint[13:]}",
            )
        if not given.get("code"):
            await self._store.pend(None)
            said = str(given.get("error", "no code"))[:60]
            raise AuthFailed(f"connection {self._asker.name!r} was not agreed to: {said}", hint=self._hint)
        form = {
            "grant_type": "authorization_code",
            "code": given["code"],
            "redirect_uri": str(pending["redirect_uri"]),
            "code_verifier": str(pending["verifier"]),
        }
        hidden = [given["code"], str(pending["verifier"])]
        token = await asked(
            self._settings, self._asker, form, ctx, None, of=self.digest(), hint=self._hint, hidden=hidden
        )
        await self._store.pend(None)
        await self._store.save(token, holder)


async def asked(
    settings: OAuth2,
    asker: Asker,
    form: dict[str, str],
    ctx: TokenContext,
    payload: Payload | None,
    *,
    of: str,
    kept: str = "",
    hint: str = "Check the client's id, secret and scopes, and the token URL.",
    hidden: Sequence[str] = (),
) -> Token:
    """One request to the token endpoint. `kept`: the refresh token that stays unless a new one comes."""
    form |= {name: text(asker, value) for name, value in settings.parameters.items()}
    client, secret = text(asker, settings.client_id), text(asker, settings.client_secret)
    headers = [("Accept", "application/json"), ("Content-Type", FORM)]
    if settings.client_auth == "basic" and secret:
        coded = base64.b64encode(f"{quote_plus(client)}:{quote_plus(secret)}".encode()).decode()
        headers.append(("Authorization", f"Basic {coded}"))
    else:
        form["client_id"] = client
        if secret:
            form["client_secret"] = secret
    secret_fields = {name for name in form if name in {"refresh_token", "code", "code_verifier"}}
    for name in secret_fields:
        asker.masker.learn(name, form[name])
    data = urlencode(form).encode()
    body = Body(await ctx.store(asker.masker.hidden_bytes(data)), FORM, masked=True)
    rendered = Rendered("POST", text(asker, settings.token_url), headers)
    answer = await recorded(asker, rendered, body, ctx, payload, hidden=hidden)
    values = accepted(asker.name, answer, WHAT, hint)
    access = values.get("access_token") if isinstance(values, Mapping) else None
    if not isinstance(access, str) or not access:
        raise no_token(asker.name, WHAT)
    found: dict[str, Any] = {"access_token": access, "refresh_token": values.get("refresh_token") or kept}
    return Token(
        values={
            name: one for name, one in found.items() if isinstance(one, str) and one and name in _SECRETS
        },
        of=of,
        expires_at=lasting(values.get("expires_in"), ctx.wall_now().timestamp()),
    )


def text(asker: Asker, value: Templated | str | None) -> str:
    """A value of the settings. Errors: `connection.incomplete`."""
    try:
        return text_of(value, asker.scopes.alone())
    except TemplateMissing as missing:
        raise asker.scopes.incomplete(missing) from None
