"""One page of a receive endpoint: asked for, recorded, judged."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any, Final
from urllib.parse import urljoin, urlsplit

from redrive.connectors.rest.answer import Reply
from redrive.connectors.rest.client import Client, Outgoing, redirected
from redrive.connectors.rest.manifest import EndpointModel
from redrive.connectors.rest.paginate import origin
from redrive.connectors.rest.render import Rendered, Renderer, link_local
from redrive.connectors.rest.rules import Judge, Verdict, retry_after_s, scripted, status_text
from redrive.errors import (
    AuthFailed,
    RateLimited,
    RemoteRejected,
    RemoteUnavailable,
    StepError,
)
from redrive.sdk import Payload, StepContext, decode

MOST_REDIRECTS: Final = 5
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_GONE: Final = frozenset({404, 410})
_TOO_MANY: Final = 429


class Pull:
    """The request side of one receive endpoint."""

    def __init__(
        self, label: str, endpoint: EndpointModel, client: Client, renderer: Renderer, items_path: str | None
    ) -> None:
        self.label = label
        self.roots = renderer.roots
        self._client = client
        self._endpoint = endpoint
        self._renderer = renderer
        self._judge = Judge(endpoint)
        self._items_path = items_path

    @property
    def is_safe(self) -> bool:
        """Whether a request changes nothing there, so that it may be made and not be used."""
        return self._renderer.method in {"GET", "HEAD"}

    async def page(
        self,
        scope: Mapping[str, Any],
        ctx: StepContext,
        payload: Payload,
        *,
        url: str | None = None,
        parameters: Iterable[tuple[str, str]] = (),
        absent: bool = False,
        beside: bool = False,
    ) -> Reply | None:
        """One successful answer. None, with `absent`, for one that says 404 or 410. With `beside` the caller
        settles it.

        Errors: `remote.*`, `auth.failed`, `answer.*`; every request made is recorded.
        """
        client = self._client
        base_url = client.base_url(scope)
        rendered = self._renderer.render(base_url, scope, ctx, parameters)
        if url is not None:
            rendered = redirected(rendered, url)
        body = await self._renderer.body(scope, None, ctx)
        renewed = reconnected = False
        async with client.place(ctx):
            while True:
                await client.ready(ctx, payload)
                outgoing = client.outgoing(rendered, body)
                reply = await client.send(
                    outgoing,
                    ctx,
                    items_path=self._items_path,
                    timeouts=self._endpoint.timeouts,
                    beside=beside,
                )
                client.heard(reply, ctx, reads=True)
                reply.note = partial(self._note, outgoing, reply, ctx, payload)
                if reply.storing is None:
                    reply.note()
                reply = await self._redirected(rendered, reply, ctx, payload)
                if reply.failure is not None:
                    # An idle connection that was closed just now: nothing of an answer has come.
                    if reply.failure.kind == "cut" and reply.status is None and not reconnected:
                        reconnected = True
                        await client.again(ctx)
                        continue
                    raise self._failed(reply)
                if absent and reply.status in _GONE:
                    return None
                try:
                    verdict = await judged(self._judge, reply, scope, ctx)
                except BaseException:
                    await reply.settle()
                    raise
                if verdict.then == "success":
                    return reply
                await reply.settle()
                if verdict.then == "reauthenticate" and client.renews and not renewed:
                    renewed = True
                    client.refused(reply)
                    await client.again(ctx)
                    continue
                raise refusal(self.label, verdict, reply, client, ctx)

    def _note(self, outgoing: Outgoing, reply: Reply, ctx: StepContext, payload: Payload) -> None:
        ctx.exchange(outgoing.shown, reply.answer(self._client.masker), payload=payload)

    async def _redirected(
        self, rendered: Rendered, reply: Reply, ctx: StepContext, payload: Payload
    ) -> Reply:
        """Follows redirects of a GET. Credentials and headers stay with their own server."""
        client = self._client
        home = origin(rendered.url)
        for _ in range(MOST_REDIRECTS):
            target = reply.header("location")
            if reply.status not in _REDIRECTS or not target or rendered.method not in {"GET", "HEAD"}:
                return reply
            url = urljoin(reply.url, target)
            if urlsplit(reply.url).scheme == "https" and urlsplit(url).scheme == "http":
                raise RemoteRejected(
                    f"{self.label} redirects from https to http, where anybody on the way can read it",
                    code="answer.redirect",
                    hint="If that is meant, name the http address in the connection.",
                )
            if not (_reachable(url) and client.allows(url)):
                raise RemoteRejected(
                    f"{self.label} redirects to an address that connections may not reach",
                    code="answer.redirect",
                    hint="Look at the Location header in the exchange.",
                )
            own = origin(url) == home
            further = Rendered(rendered.method, url, rendered.headers if own else [])
            outgoing = client.outgoing(further, None, sign=own)
            await client.again(ctx)
            reply = await client.send(
                outgoing, ctx, items_path=self._items_path, timeouts=self._endpoint.timeouts
            )
            ctx.exchange(outgoing.shown, reply.answer(client.masker), payload=payload)
        if reply.status in _REDIRECTS and reply.header("location"):
            raise RemoteRejected(
                f"{self.label} redirects more than {MOST_REDIRECTS} times, perhaps in a circle",
                code="answer.redirect",
                hint="The exchanges show the way; name its end in the connector.",
            )
        return reply

    def _failed(self, reply: Reply) -> StepError:
        failure = reply.failure
        assert failure is not None
        detail = f"{self.label}: {failure.sentence}"
        if failure.kind == "too_large":
            return RemoteRejected(
                detail, code="answer.too_large", hint="Ask for smaller pages, or raise `max_answer_bytes`."
            )
        if failure.kind == "garbage":
            return RemoteUnavailable(
                detail, code="answer.invalid", hint="Check the base URL; the exchange shows what was sent."
            )
        return RemoteUnavailable(detail, hint="It is tried again; the exchange shows how far it got.")


async def judged(judge: Judge, reply: Reply, scope: Mapping[str, Any], ctx: StepContext) -> Verdict:
    """The verdict on an answer that came whole. Errors: those of the endpoint's script."""
    assert reply.status is not None
    if not judge.needs_body and not judge.needs_headers:
        return judge.verdict(reply.status, b"null", scope)
    response = {"status": reply.status, "headers": reply.flat_headers()}
    seen = await reply.seen() if judge.needs_body else b"null"
    if judge.script is not None:
        body = decode(seen) if seen is not None else None
        async with ctx.script(judge.script) as session:
            said = await session.run([{**response, "body": body}])
        verdict = scripted(f"answered {status_text(reply.status)}", said)
        if verdict is not None:
            return verdict
    return judge.verdict(reply.status, seen, _Over(response, scope))


class _Over(dict[str, Any]):
    """A scope with `response` on top."""

    def __init__(self, response: dict[str, Any], scope: Mapping[str, Any]) -> None:
        super().__init__(response=response)
        self._scope = scope

    def __missing__(self, root: str) -> Any:
        return self._scope[root]

    def get(self, root: str, default: Any = None) -> Any:
        return self["response"] if root == "response" else self._scope.get(root, default)


def refusal(label: str, verdict: Verdict, reply: Reply, client: Client, ctx: StepContext) -> StepError:
    """The error of an answer that is no success and certainly was not carried out."""
    detail = f"{label} {verdict.why}"
    if verdict.then == "retry":
        after_s = retry_after_s(reply.flat_headers(), ctx.wall_now())
        if after_s:
            client.pause(after_s)
        if reply.status == _TOO_MANY:
            return RateLimited(detail, after_s=after_s, hint="It is tried again when the system allows.")
        return RemoteUnavailable(detail, after_s=after_s, hint="It is tried again.")
    if verdict.then == "reauthenticate" or (verdict.then == "fail_run" and reply.status in {401, 403}):
        return AuthFailed(
            detail,
            hint="Check the secrets of the connection and what they allow.",
        )
    return RemoteRejected(
        detail,
        hint="The exchange shows what the system said.",
        stops_step=verdict.then == "fail_run",
    )


def _reachable(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return (
            parts.scheme in {"http", "https"}
            and bool(parts.hostname)
            and not link_local(parts.hostname or "")
        )
    except ValueError:
        return False
