"""Credentials on a request: one small class per method of authentication."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any, Protocol
from urllib.parse import quote

from redrive.connectors.rest.manifest import (
    ApiKey,
    Authentication,
    Basic,
    Bearer,
    NoAuthentication,
)
from redrive.sdk import as_text


class Authenticator(Protocol):
    """Adds credentials to a request.

    `credentials` are the names of the headers that hold them, which are never recorded.
    `renews` is true where a refused request is worth a second try with fresh credentials.
    """

    credentials: tuple[str, ...]
    renews: bool

    def sign(
        self, url: str, headers: list[tuple[str, str]], scope: Mapping[str, Any]
    ) -> tuple[str, list[tuple[str, str]]]:
        """URL and headers with credentials; those that stood there before are replaced."""


class _None:
    credentials: tuple[str, ...] = ()
    renews = False

    def __init__(self, _: NoAuthentication) -> None:
        pass

    def sign(
        self, url: str, headers: list[tuple[str, str]], scope: Mapping[str, Any]
    ) -> tuple[str, list[tuple[str, str]]]:
        return url, headers


class _Basic:
    credentials: tuple[str, ...] = ("authorization",)
    renews = True

    def __init__(self, settings: Basic) -> None:
        self._settings = settings

    def sign(
        self, url: str, headers: list[tuple[str, str]], scope: Mapping[str, Any]
    ) -> tuple[str, list[tuple[str, str]]]:
        user = as_text(self._settings.username.render(scope))
        password = as_text(self._settings.password.render(scope))
        coded = base64.b64encode(f"{user}:{password}".encode()).decode()
        return url, _with(headers, "Authorization", f"Basic {coded}")


class _Bearer:
    credentials: tuple[str, ...] = ("authorization",)
    renews = True

    def __init__(self, settings: Bearer) -> None:
        self._settings = settings

    def sign(
        self, url: str, headers: list[tuple[str, str]], scope: Mapping[str, Any]
    ) -> tuple[str, list[tuple[str, str]]]:
        token = as_text(self._settings.token.render(scope))
        return url, _with(headers, "Authorization", f"Bearer {token}")


class _ApiKey:
    renews = True

    def __init__(self, settings: ApiKey) -> None:
        self._settings = settings
        self.credentials: tuple[str, ...] = (settings.header.casefold(),) if settings.header else ()

    def sign(
        self, url: str, headers: list[tuple[str, str]], scope: Mapping[str, Any]
    ) -> tuple[str, list[tuple[str, str]]]:
        value = as_text(self._settings.value.render(scope))
        if self._settings.header is not None:
            return url, _with(headers, self._settings.header, value)
        assert self._settings.query is not None
        return with_parameter(url, self._settings.query, value), headers


def authenticator(settings: Authentication) -> Authenticator:
    """The one for these settings."""
    if isinstance(settings, Basic):
        return _Basic(settings)
    if isinstance(settings, Bearer):
        return _Bearer(settings)
    if isinstance(settings, ApiKey):
        return _ApiKey(settings)
    return _None(settings)


def with_parameter(url: str, name: str, value: str) -> str:
    """`url` with this query parameter, in place of one of the same name."""
    base, _, query = url.partition("?")
    coded = quote(name, safe="")
    kept = [part for part in query.split("&") if part and part.partition("=")[0] != coded]
    kept.append(f"{coded}={quote(value, safe='')}")
    return f"{base}?{'&'.join(kept)}"


def _with(headers: list[tuple[str, str]], name: str, value: str) -> list[tuple[str, str]]:
    folded = name.casefold()
    return [*(pair for pair in headers if pair[0].casefold() != folded), (name, value)]
