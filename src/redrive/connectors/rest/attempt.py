"""One request of a send: rendered, claimed, sent, judged, settled."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

import msgspec
from blake3 import blake3

from redrive.connectors.rest.answer import Failure, Reply
from redrive.connectors.rest.bodies import JSON
from redrive.connectors.rest.client import Client, Outgoing
from redrive.connectors.rest.manifest import EndpointModel
from redrive.connectors.rest.mask import MASKED
from redrive.connectors.rest.pull import judged, refusal
from redrive.connectors.rest.render import Body, Rendered, Renderer
from redrive.connectors.rest.results import ResultsReader
from redrive.connectors.rest.rules import Judge, Verdict, ordinary
from redrive.connectors.rest.scope import SkipItem
from redrive.connectors.rest.subject import Subject
from redrive.errors import DeliveryUnknown, PayloadError, RemoteRejected, RemoteUnavailable, StepError
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
    counted,
    decode,
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
SETTLED_HINT: Final = "It is settled by the next attempt."
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
    subject: Subject

    def same_as(self, request: Request) -> bool:
        """Whether a stored request asks for the same thing (idempotency key and credentials apart)."""
        mine = self.outgoing.shown
        bodies = [one.body.digest if one.body is not None else None for one in (mine, request)]
        return (mine.method, mine.url) == (request.method, request.url) and bodies[0] == bodies[1]


class Stage(msgspec.Struct, frozen=True):
    """A further request in the sequence of a send."""

    renderer: Renderer
    judge: Judge
    safe: bool


class Attempts:
    """The request side of one send endpoint."""

    def __init__(
        self,
        label: str,
        endpoint: EndpointModel,
        client: Client,
        renderer: Renderer,
        parts: Sequence[Stage] = (),
    ) -> None:
        self._parts = parts
        self._roots = renderer.roots.union(*(one.renderer.roots for one in parts))
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
        roots = self._roots
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
        return Prepared(outgoing, scope, subject)

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
                claim,
                prepared.outgoing,
                decision.send,
                scope=prepared.scope,
                ctx=ctx,
                renewed=renewed,
                subject=prepared.subject,
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
        subject = Subject(payload, numbers={entry.item for entry in unknown.entries} or None)
        scope = await self.scope(subject, parameters, ctx)
        outgoing = self._rebuilt(unknown, scope, ctx)
        async with client.place(ctx):
            await client.ready(ctx, payload)
            claim = await ctx.ledger.reclaim(unknown)
            if claim is None:
                return None
            return await self._perform(
                claim,
                outgoing,
                unknown.entries,
                scope=scope,
                ctx=ctx,
                renewed=True,
                subject=subject,
                keys=unknown.keys,
            )

    def repeatable(self, unknown: UnknownRequest) -> bool:
        """Whether a request whose end is not known may be sent again as it was.

        A later one of a sequence also where it was certainly refused: only those before it were carried out.
        """
        part = unknown.request.part
        if not part:
            return self._endpoint.repeat_is_safe
        if part > len(self._parts):
            return False
        stage = self._parts[part - 1]
        if stage.safe or unknown.status is None:
            return stage.safe
        return ordinary(unknown.status, "send") not in {"success", "unknown"}

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
        renderer = self._parts[stored.part - 1].renderer if stored.part else self._renderer
        own = self._endpoint.idempotency.header.casefold() if self._endpoint.idempotency else ""
        url = client.masker.reveal(stored.url, "url")
        if MASKED in url:
            url = renderer.render(client.base_url(scope), scope, ctx).url
        headers = [
            (name, client.masker.reveal(value, "plain"))
            for name, value in stored.headers
            if MASKED not in value and name.casefold() != own
        ]
        if len(headers) < len(stored.headers):
            present = {name.casefold() for name, _ in headers}
            headers += [pair for pair in renderer.headers(scope, ctx) if pair[0].casefold() not in present]
        body = None
        if stored.body is not None:
            media_type = next((v for name, v in headers if name.casefold() == "content-type"), JSON)
            coded = next((v for name, v in headers if name.casefold() == "content-encoding"), None)
            body = Body(stored.body, media_type, not renderer.passes_bytes, coded)
        idempotency = None
        if self._endpoint.idempotency is not None and stored.idempotency_key is not None:
            idempotency = (self._endpoint.idempotency.header, stored.idempotency_key)
        rendered = Rendered(stored.method, url, headers)
        return client.outgoing(rendered, body, idempotency=idempotency, part=stored.part)

    async def _perform(
        self,
        claim: Claim,
        outgoing: Outgoing,
        entries: Sequence[Entry],
        *,
        scope: Mapping[str, Any],
        ctx: StepContext,
        renewed: bool,
        subject: Subject,
        keys: Sequence[str] | None = None,
    ) -> Sent | None:
        """Sends and settles. Whatever goes wrong on the way, the claim is settled."""
        client = self._client
        names = list(dict.fromkeys(keys if keys is not None else [entry.key for entry in entries]))
        part = outgoing.shown.part
        following: Prepared | None = None
        answer = Answer(error=GIVEN_UP)
        outcomes: Outcome | dict[str, Outcome] = "unknown"
        try:
            try:
                reply = await client.send(outgoing, ctx, timeouts=self._endpoint.timeouts)
                client.heard(reply, ctx, reads=False)
            except StepError as error:  # it never left
                answer, outcomes = Answer(error=error.detail), "rejected"
                raise
            answer = reply.answer(client.masker)
            if reply.failure is not None:
                outcomes, sent = self._failed(reply.failure, list(entries))
            else:
                judge = self._parts[part - 1].judge if part else self._judge
                verdict = await judged(judge, reply, scope, ctx)
                if verdict.then == "success" and part < len(self._parts):
                    following = await self._following(reply, part + 1, scope, subject, ctx)
                outcomes, sent = await self._judged(
                    verdict, reply, list(entries), names, scope=scope, ctx=ctx
                )
                if verdict.then == "reauthenticate" and client.renews and not renewed:
                    client.refused(reply)
                    sent.renew = True
        except BaseException:
            lost = outcomes == "rejected" and not part
            claim.settle(answer, "rejected" if lost else "unknown", reason=answer.error)
            raise
        if following is not None:
            return await self._go_on(
                claim, answer, following, entries, names, ctx=ctx, renewed=renewed, subject=subject
            )
        if part and outcomes == "rejected":
            outcomes = self._halfway(sent, part)
        elif part and isinstance(sent.error, DeliveryUnknown) and self._parts[part - 1].safe:
            sent.error = DeliveryUnknown(sent.error.detail, retry="backoff", hint=SETTLED_HINT)
        claim.settle(answer, outcomes, reason=sent.error.detail if sent.error else None)
        sent.exchange = claim.exchange
        return sent

    async def _following(
        self, reply: Reply, part: int, scope: Mapping[str, Any], subject: Subject, ctx: StepContext
    ) -> Prepared:
        """The next request of the sequence. Errors: those of rendering."""
        seen = await reply.seen()
        response = {
            "status": reply.status,
            "headers": reply.flat_headers(),
            "body": decode(seen) if seen is not None else None,
        }
        over = ChainMap({"response": response}, cast("dict[str, Any]", scope))
        client, renderer = self._client, self._parts[part - 1].renderer
        try:
            rendered = renderer.render(client.base_url(over), over, ctx)
            body = await renderer.body(over, subject, ctx)
        except SkipItem as skipped:
            raise PayloadError(
                f"request {part + 1} of {self.label} needs {skipped.path!r}, which finds nothing",
                code="template.missing",
                hint="What came before it was carried out; mend the connector and run it again.",
            ) from None
        return Prepared(client.outgoing(rendered, body, part=part), over, subject)

    async def _go_on(
        self,
        claim: Claim,
        answer: Answer,
        following: Prepared,
        entries: Sequence[Entry],
        names: Sequence[str],
        *,
        ctx: StepContext,
        renewed: bool,
        subject: Subject,
    ) -> Sent | None:
        """The answer is kept, and the claim goes over to the next request: a crash goes on from there."""
        request = following.outgoing.shown
        if names:
            claim.settle(answer, "unknown", reason=f"carried out; request {request.part + 1} is due")
            unknown = UnknownRequest(claim.exchange, tuple(entries), tuple(names), request)
            further = await ctx.ledger.reclaim(unknown)
        else:
            claim.settle(answer, "delivered")
            further = await ctx.ledger.claim(Decision(subject.payload, ()), request)
        if further is None:
            return None
        await self._client.again(ctx)
        return await self._perform(
            further,
            following.outgoing,
            entries,
            scope=following.scope,
            ctx=ctx,
            renewed=renewed,
            subject=subject,
            keys=names,
        )

    def _halfway(self, sent: Sent, part: int) -> Outcome:
        """A later request of the sequence was refused: what came before it was carried out all the same."""
        sent.unknown, sent.rejected = sent.rejected, []
        error = sent.error
        if error is not None and error.retry == "never" and not error.stops_step:
            sent.error = DeliveryUnknown(
                f"{error.detail}; the {part} before it of {len(self._parts) + 1} requests were carried out",
                hint="Run it again when the cause is mended: it goes on with this request. Or "
                "`redrive resolve DELIVERY --sent` or `--not-sent`.",
            )
        return "unknown"

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
        sent = Sent(accepted=True, body=await reply.kept(ctx), media_type=reply.media_type or JSON)
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
                f"{self.label} {verdict.why}, but tells no outcome of {counted(len(sent.unknown), 'item')}",
                keyed=True,
            )
        if sent.rejected:
            return RemoteRejected(
                f"{self.label} {verdict.why}, but rejected {counted(len(sent.rejected), 'item')}",
                hint="The exchange shows what the system said about each.",
            )
        return None

    def not_known(self, detail: str, *, keyed: bool) -> DeliveryUnknown:
        """The error for what may have arrived; tried again where the endpoint makes that harmless."""
        harmless = self._endpoint.repeat_is_safe or (keyed and self._endpoint.lookup is not None)
        if harmless:
            return DeliveryUnknown(detail, retry="backoff", hint=SETTLED_HINT)
        return DeliveryUnknown(detail, hint=RESOLVE_HINT if keyed else NO_KEY_HINT)


def _own_key(subject: Subject, body: Body | None, ctx: StepContext) -> str:
    """The idempotency key where there are no delivery keys: the same in every attempt of a run.

    Two equal bodies may then be two things, so the key is that of this payload or item in this run.
    """
    item = subject.item.number if subject.item is not None else -1
    digest = body.content.digest if body is not None else b""
    return blake3(encode([ctx.run.id, ctx.step, subject.payload.position, item]) + digest).hexdigest(16)
