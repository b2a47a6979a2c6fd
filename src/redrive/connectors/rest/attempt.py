"""One request of a send: rendered, claimed, sent, judged, settled."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
from blake3 import blake3

from redrive.connectors.rest.answer import Failure, Reply
from redrive.connectors.rest.client import Client, Outgoing
from redrive.connectors.rest.manifest import EndpointModel
from redrive.connectors.rest.mask import MASKED
from redrive.connectors.rest.pull import judged, refusal
from redrive.connectors.rest.render import JSON, Body, Rendered, Renderer
from redrive.connectors.rest.results import ResultsReader
from redrive.connectors.rest.rules import Judge, Verdict
from redrive.connectors.rest.subject import Subject
from redrive.errors import DeliveryUnknown, RemoteRejected, RemoteUnavailable, StepError
from redrive.sdk import (
    Answer,
    Claim,
    Content,
    Decision,
    Entry,
    Outcome,
    Payload,
    Request,
    StepContext,
    UnknownRequest,
    encode,
)

RESOLVE_HINT: Final = (
    "Find out whether it arrived, then `redrive resolve DELIVERY --sent` or `--not-sent`; "
    "`redrive deliveries --status unknown` lists them."
)
NO_KEY_HINT: Final = (
    "Find out whether it arrived. With a `key` on the step, or `idempotency`, `lookup` or `repeat: safe` "
    "on the endpoint, Redrive can tell or repeat it by itself."
)
GIVEN_UP: Final = "the request was given up before its answer came"


class Sent(msgspec.Struct):
    """How a request ended.

    delivered, rejected, unknown: its entries by outcome. `accepted` is true where the answer was a
    success; then `body` is what came back. `error` is what the payload fails with, if it does.
    `renew`: only the credentials were refused, and one more try is due. `lost`: no answer came, so
    further requests are better left. `exchange`: that of the request.
    """

    delivered: list[Entry] = msgspec.field(default_factory=list)
    rejected: list[Entry] = msgspec.field(default_factory=list)
    unknown: list[Entry] = msgspec.field(default_factory=list)
    accepted: bool = False
    body: Content | None = None
    media_type: str = JSON
    error: StepError | None = None
    renew: bool = False
    lost: bool = False
    exchange: str = ""


class Prepared(msgspec.Struct, frozen=True):
    """A request that may be claimed and sent."""

    outgoing: Outgoing
    scope: Mapping[str, Any]

    def same_as(self, request: Request) -> bool:
        """Whether a stored request asks for the same thing (idempotency key and credentials apart)."""
        mine = self.outgoing.shown
        bodies = [one.body.digest if one.body is not None else None for one in (mine, request)]
        return (mine.method, mine.url) == (request.method, request.url) and bodies[0] == bodies[1]


class Attempts:
    """The request side of one send endpoint."""

    def __init__(self, label: str, endpoint: EndpointModel, client: Client, renderer: Renderer) -> None:
        self.label = label
        self._client = client
        self._endpoint = endpoint
        self._renderer = renderer
        self._judge = Judge(endpoint)
        self._results = ResultsReader(endpoint.results) if endpoint.results else None

    async def scope(
        self, subject: Subject, parameters: Mapping[str, Any], ctx: StepContext
    ) -> Mapping[str, Any]:
        """What the templates of a request see; values are decoded only where one looks into them."""
        roots = self._renderer.roots
        value = await subject.value() if "payload" in roots else None
        item = await subject.item_value() if "item" in roots else None
        return self._client.scopes.within(ctx.scope(subject.payload, value, item), parameters)

    async def prepare(
        self, subject: Subject, entries: Sequence[Entry], parameters: Mapping[str, Any], ctx: StepContext
    ) -> Prepared:
        """The request for these entries. Errors: those of rendering."""
        client = self._client
        scope = await self.scope(subject, parameters, ctx)
        rendered = self._renderer.render(client.base_url(scope), scope, ctx)
        body = await self._renderer.body(scope, subject, ctx)
        outgoing = client.outgoing(rendered, body, idempotency=self._idempotency(subject, entries, body, ctx))
        return Prepared(outgoing, scope)

    async def send(
        self, prepared: Prepared, decision: Decision, ctx: StepContext, *, renewed: bool = False
    ) -> Sent | None:
        """One request for `decision.send`. None: the ledger has changed, decide again."""
        async with self._client.place(ctx):
            await self._client.ready(ctx, decision.payload)
            claim = await ctx.ledger.claim(decision, prepared.outgoing.shown)
            if claim is None:
                return None
            return await self._perform(
                claim, prepared.outgoing, decision.send, scope=prepared.scope, ctx=ctx, renewed=renewed
            )

    async def send_again(
        self,
        unknown: UnknownRequest,
        payload: Payload,
        parameters: Mapping[str, Any],
        ctx: StepContext,
    ) -> Sent | None:
        """The same stored bytes with the same idempotency key, alone. None: decide again."""
        client = self._client
        scope = await self.scope(Subject(payload), parameters, ctx)
        outgoing = self._rebuilt(unknown, scope, ctx)
        async with client.place(ctx):
            await client.ready(ctx, payload)
            claim = await ctx.ledger.reclaim(unknown)
            if claim is None:
                return None
            return await self._perform(
                claim, outgoing, unknown.entries, scope=scope, ctx=ctx, renewed=True, keys=unknown.keys
            )

    def _idempotency(
        self, subject: Subject, entries: Sequence[Entry], body: Body | None, ctx: StepContext
    ) -> tuple[str, str] | None:
        if self._endpoint.idempotency is None:
            return None
        if entries:
            key = ctx.ledger.idempotency_key(entries, body.content if body else None)
        else:
            key = _own_key(subject, body, ctx)
        return self._endpoint.idempotency.header, key

    def _rebuilt(self, unknown: UnknownRequest, scope: Mapping[str, Any], ctx: StepContext) -> Outgoing:
        """The stored request with today's credentials. What is masked for good is rendered anew."""
        client, stored = self._client, unknown.request
        own = self._endpoint.idempotency.header.casefold() if self._endpoint.idempotency else ""
        url = client.masker.reveal(stored.url, "url")
        if MASKED in url:
            url = self._renderer.render(client.base_url(scope), scope, ctx).url
        headers = [
            (name, client.masker.reveal(value, "plain"))
            for name, value in stored.headers
            if MASKED not in value and name.casefold() != own
        ]
        if len(headers) < len(stored.headers):
            present = {name.casefold() for name, _ in headers}
            headers += [
                pair for pair in self._renderer.headers(scope, ctx) if pair[0].casefold() not in present
            ]
        body = None
        if stored.body is not None:
            media_type = next((v for name, v in headers if name.casefold() == "content-type"), JSON)
            body = Body(stored.body, media_type, masked=not self._renderer.passes_bytes)
        idempotency = None
        if self._endpoint.idempotency is not None and stored.idempotency_key is not None:
            idempotency = (self._endpoint.idempotency.header, stored.idempotency_key)
        return client.outgoing(Rendered(stored.method, url, headers), body, idempotency=idempotency)

    async def _perform(
        self,
        claim: Claim,
        outgoing: Outgoing,
        entries: Sequence[Entry],
        *,
        scope: Mapping[str, Any],
        ctx: StepContext,
        renewed: bool,
        keys: Sequence[str] | None = None,
    ) -> Sent:
        """Sends and settles. Whatever goes wrong on the way, the claim is settled."""
        client = self._client
        names = list(dict.fromkeys(keys if keys is not None else [entry.key for entry in entries]))
        answer = Answer(error=GIVEN_UP)
        outcomes: Outcome | dict[str, Outcome] = "unknown"
        try:
            try:
                reply = await client.send(outgoing, ctx, timeouts=self._endpoint.timeouts)
            except StepError as error:  # it never left
                answer, outcomes = Answer(error=error.detail), "rejected"
                raise
            answer = reply.answer(client.masker)
            if reply.failure is not None:
                outcomes, sent = self._failed(reply.failure, list(entries))
            else:
                verdict = await judged(self._judge, reply, scope)
                outcomes, sent = await self._judged(
                    verdict, reply, list(entries), names, scope=scope, ctx=ctx
                )
                if verdict.then == "reauthenticate" and client.renews and not renewed:
                    client.refused(reply)
                    sent.renew = True
        except BaseException:
            claim.settle(answer, outcomes if outcomes == "rejected" else "unknown", reason=answer.error)
            raise
        claim.settle(answer, outcomes, reason=sent.error.detail if sent.error else None)
        sent.exchange = claim.exchange
        return sent

    def _failed(self, failure: Failure, entries: list[Entry]) -> tuple[Outcome, Sent]:
        detail = f"{self.label}: {failure.sentence}"
        if failure.kind == "unsent":
            error = RemoteUnavailable(detail, hint="Nothing left this machine; it is tried again.")
            return "rejected", Sent(rejected=entries, error=error)
        unknown = self.not_known(detail, keyed=bool(entries))
        return "unknown", Sent(unknown=entries, error=unknown, lost=True)

    async def _judged(
        self,
        verdict: Verdict,
        reply: Reply,
        entries: list[Entry],
        names: list[str],
        *,
        scope: Mapping[str, Any],
        ctx: StepContext,
    ) -> tuple[Outcome | dict[str, Outcome], Sent]:
        if verdict.then == "unknown":
            detail = f"{self.label} {verdict.why}; it may have been carried out all the same"
            return "unknown", Sent(unknown=entries, error=self.not_known(detail, keyed=bool(entries)))
        if verdict.then != "success":
            return "rejected", Sent(
                rejected=entries, error=refusal(self.label, verdict, reply, self._client, ctx)
            )
        sent = Sent(accepted=True, body=reply.content, media_type=reply.media_type or JSON)
        if self._results is None or not names:
            sent.delivered = entries
            return "delivered", sent
        outcomes = await self._results.read(reply, names, scope)
        for entry in entries:
            {"delivered": sent.delivered, "rejected": sent.rejected, "unknown": sent.unknown}[
                outcomes[entry.key]
            ].append(entry)
        sent.error = self._by_results(sent, verdict)
        return outcomes, sent

    def _by_results(self, sent: Sent, verdict: Verdict) -> StepError | None:
        if sent.unknown:
            return self.not_known(
                f"{self.label} {verdict.why}, but tells no outcome of {len(sent.unknown)} items", keyed=True
            )
        if sent.rejected:
            return RemoteRejected(
                f"{self.label} {verdict.why}, but rejected {counted(len(sent.rejected))}",
                hint="The exchange shows what the system said about each.",
            )
        return None

    def not_known(self, detail: str, *, keyed: bool) -> DeliveryUnknown:
        """The error for what may have arrived; tried again where the endpoint makes that harmless."""
        harmless = self._endpoint.repeat_is_safe or (keyed and self._endpoint.lookup is not None)
        if harmless:
            return DeliveryUnknown(detail, retry="backoff", hint="It is settled by the next attempt.")
        return DeliveryUnknown(detail, hint=RESOLVE_HINT if keyed else NO_KEY_HINT)


def _own_key(subject: Subject, body: Body | None, ctx: StepContext) -> str:
    """The idempotency key where there are no delivery keys: the same in every attempt of a run.

    Two equal bodies may then be two things, so the key is that of this payload or item in this run.
    """
    item = subject.item.number if subject.item is not None else -1
    digest = body.content.digest if body is not None else b""
    return blake3(encode([ctx.run.id, ctx.step, subject.payload.position, item]) + digest).hexdigest(16)


def counted(number: int) -> str:
    """`1 item`, `5 items`."""
    return "1 item" if number == 1 else f"{number} items"
