"""A login request of the system's own, whose answer holds a token."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from http.cookies import CookieError, SimpleCookie
from typing import Any, Final, cast

from redrive.connectors.rest.authentication import Login
from redrive.connectors.rest.render import Renderer
from redrive.connectors.rest.tokens import (
    Asker,
    Private,
    TokenContext,
    accepted,
    lasting,
    no_token,
    recorded,
)
from redrive.sdk import MISSING, Fields, Path, Payload, StepContext, Token, as_text, encode

WHAT: Final = "login"


class LoginGrant:
    """Logs in anew for each token."""

    def __init__(self, settings: Login, asker: Asker, renderer: Renderer, base: Callable[[], str]) -> None:
        self._settings = settings
        self._asker = asker
        self._renderer = renderer
        self._base = base

    def digest(self) -> str:
        return self._asker.scopes.digest()

    async def ask(self, old: Token | None, ctx: TokenContext, payload: Payload | None) -> Token:
        asker = self._asker
        step = cast("StepContext", ctx)
        scope = asker.scopes.alone()
        rendered = self._renderer.render(self._base(), scope, step)
        body = await self._renderer.body(scope, None, step)
        names = {name.casefold() for name, _ in rendered.headers}
        if body is not None and "content-type" not in names:
            rendered.headers.append(("Content-Type", body.media_type))
        answer = await recorded(asker, rendered, body, ctx, payload, found=self._found)
        values = accepted(asker.name, answer, WHAT, "Check the secrets of the connection.")
        token = self._found(answer)
        if not token:
            raise no_token(asker.name, WHAT)
        return Token(
            values={"access_token": token},
            of=self.digest(),
            expires_at=self._ends(encode(values), ctx.wall_now().timestamp()),
        )

    def _found(self, answer: Private) -> str:
        settings = self._settings
        if settings.token_header is not None:
            wanted = settings.token_header.casefold()
            return next((value for name, value in answer.headers if name.casefold() == wanted), "")
        if settings.token_cookie is not None:
            return self._cookie(answer, settings.token_cookie)
        assert settings.token is not None
        found = _at(settings.token, encode(answer.values()))
        return as_text(found) if isinstance(found, (str, int)) and not isinstance(found, bool) else ""

    def _cookie(self, answer: Private, name: str) -> str:
        for header, value in answer.headers:
            if header.casefold() == "set-cookie":
                try:
                    cookie = SimpleCookie(value).get(name)
                except CookieError:
                    continue
                if cookie is not None and cookie.value:
                    return cookie.value
        return ""

    def _ends(self, body: bytes, now: float) -> float | None:
        settings = self._settings
        if settings.expires_in is not None:
            ends = lasting(_at(settings.expires_in, body), now)
            if ends is not None:
                return ends
        if settings.expires_at is not None:
            ends = _instant(_at(settings.expires_at, body))
            if ends is not None and ends > now:
                return lasting(ends - now, now)
        return lasting(settings.lasts_s, now)


def _at(path: Path, body: bytes) -> Any:
    try:
        (found,) = Fields([path]).read(body)
    except ValueError:
        return None
    return None if found is MISSING else found


def _instant(value: Any) -> float | None:
    try:
        return float(value)
    except (TypeError, ValueError):
        pass
    try:
        found = datetime.fromisoformat(str(value))
    except ValueError:
        return None
    return (found if found.tzinfo is not None else found.replace(tzinfo=UTC)).timestamp()
