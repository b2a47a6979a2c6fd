"""The authentication of a Postman collection as that of a connector."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from redrive.documents.described.model import Setting, text_of
from redrive.documents.described.security import literal, setting_template


@dataclass
class Authenticated:
    document: dict[str, Any] | None = None
    settings: list[Setting] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def authentication_of(auths: Iterable[Any]) -> Authenticated:
    """The collection's own, else the first that a request names. No secret of it is taken over."""
    made = Authenticated()
    for auth in auths:
        if not isinstance(auth, Mapping):
            continue
        kind = str(auth.get("type") or "").casefold()
        if kind in {"", "noauth", "inherit"}:
            continue
        _one(kind, _values(auth.get(kind)), made)
        return made
    made.notes.append(
        "the collection names no authentication: write `authentication` by hand if there is one"
    )
    return made


def _values(listed: Any) -> dict[str, str]:
    """Version 2.1 lists pairs, 2.0 has an object."""
    if isinstance(listed, Mapping):
        return {str(key): str(value) for key, value in listed.items()}
    if isinstance(listed, list):
        return {
            str(one["key"]): str(one.get("value") or "")
            for one in listed
            if isinstance(one, Mapping) and "key" in one
        }
    return {}


def _one(kind: str, values: Mapping[str, str], made: Authenticated) -> None:
    if kind == "bearer":
        made.document = {"method": "bearer", "token": "{{ connection.token }}"}
        made.settings = [Setting("token", "The token.", secret=True)]
    elif kind == "basic":
        made.document = {
            "method": "basic",
            "username": "{{ connection.username }}",
            "password": "{{ connection.password | default('') }}",
        }
        made.settings = [Setting("username", "User name."), Setting("password", "Its password.", secret=True)]
    elif kind == "apikey":
        name = values.get("key") or "X-API-Key"
        place = "query" if values.get("in") == "query" else "header"
        if "{{" in name or not name.isascii() or not name.isprintable() or " " in name:
            made.notes.append("the name of the API key is a variable: write `authentication` by hand")
            return
        made.document = {"method": "api_key", "value": "{{ connection.api_key }}", place: name[:200]}
        made.settings = [Setting("api_key", f"The key in {name[:100]}.", secret=True)]
    elif kind == "oauth2":
        _oauth2(values, made)
    elif kind == "oauth1":
        made.document = {
            "method": "oauth1",
            "consumer_key": "{{ connection.consumer_key }}",
            "consumer_secret": "{{ connection.consumer_secret }}",
            "token": "{{ connection.token | default('') }}",
            "token_secret": "{{ connection.token_secret | default('') }}",
        }
        method = values.get("signatureMethod", "")
        if method in {"HMAC-SHA256", "PLAINTEXT"}:
            made.document["signature"] = method
        made.settings = [
            Setting("consumer_key", "The client's key."),
            Setting("consumer_secret", "The client's secret.", secret=True),
            Setting("token", "The access token, if there is one.", secret=True),
            Setting("token_secret", "Its secret.", secret=True),
        ]
    else:
        made.notes.append(
            f"the authentication {text_of(kind, 40)!r} has no counterpart: write `authentication` by hand"
        )


def _oauth2(values: Mapping[str, str], made: Authenticated) -> None:
    token_url, page = values.get("accessTokenUrl", ""), values.get("authUrl", "")
    grant = values.get("grant_type", "authorization_code" if page else "")
    whole = token_url.startswith(("http://", "https://")) and "{{" not in token_url
    if grant == "client_credentials" and whole:
        made.document = {"method": "oauth2_client_credentials", "token_url": literal(token_url)}
    elif grant.startswith("authorization_code") and whole and page.startswith(("http://", "https://")):
        made.document = {
            "method": "oauth2_authorization_code",
            "token_url": literal(token_url),
            "authorize_url": literal(page),
        }
    else:
        made.document = {"method": "bearer", "token": "{{ connection.token }}"}
        made.settings = [Setting("token", "An access token that was got elsewhere.", secret=True)]
        made.notes.append("OAuth 2 without a token address: an access token is expected as a secret")
        return
    scope = values.get("scope", "")
    scope = scope if "{{" not in scope else ""
    made.document |= {
        "client_id": "{{ connection.client_id }}",
        "client_secret": "{{ connection.client_secret | default('') }}",
        "scope": setting_template("scope", scope),
    }
    made.settings = [
        Setting("client_id", "The client that is registered with the system."),
        Setting("client_secret", "Its secret; left out for a public client.", secret=True),
        Setting("scope", "Scopes that are asked for, separated by spaces.", default=scope),
    ]
