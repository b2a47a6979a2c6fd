"""A send endpoint: decide, claim, send, settle, put out, for a payload or for each of its items."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from typing import Any

from redrive.connectors.rest.attempt import Attempts, Prepared, Sent, Stage
from redrive.connectors.rest.bodies import JSON
from redrive.connectors.rest.client import Client
from redrive.connectors.rest.lookup import Finder
from redrive.connectors.rest.manifest import EndpointModel
from redrive.connectors.rest.progress import Progress, ranges
from redrive.connectors.rest.render import Renderer
from redrive.connectors.rest.scope import SkipItem
from redrive.connectors.rest.subject import Subject
from redrive.errors import RemoteRejected, StepError
from redrive.sdk import (
    Answer,
    Decision,
    Entry,
    Item,
    LeftOut,
    Out,
    Outcome,
    Payload,
    StepContext,
    UnknownRequest,
    counted,
)


class Sender:
    """Sends payloads to one endpoint."""

    def __init__(
        self,
        label: str,
        endpoint: EndpointModel,
        client: Client,
        renderer: Renderer,
        finder: Finder | None,
        parts: Sequence[Stage] = (),
    ) -> None:
        self._per = endpoint.per
        self._safe = endpoint.repeat_is_safe
        self._attempts = Attempts(label, endpoint, client, renderer, parts)
        self._finder = finder

    async def run(
        self,
        payload: Payload,
        entries: Sequence[Entry],
        parameters: Mapping[str, Any],
        ctx: StepContext,
    ) -> AsyncIterator[Out]:
        """One `Out` per accepted request; errors after everything else was sent."""
        per_item = self._per == "item"
        sending = _Sending(
            self._attempts, self._finder, payload, parameters, ctx, safe=self._safe, per_item=per_item
        )
        work = sending.each(entries) if per_item else sending.whole(entries)
        async for out in work:
            yield out
        sending.finish()


class _Sending:
    """The work on one payload in one attempt of the step."""

    def __init__(
        self,
        attempts: Attempts,
        finder: Finder | None,
        payload: Payload,
        parameters: Mapping[str, Any],
        ctx: StepContext,
        *,
        safe: bool,
        per_item: bool,
    ) -> None:
        self._per_item = per_item
        self._decision: Decision | None = None
        # Earlier requests of a step without a key; which item each was for shows when it is rendered.
        self._unkeyed: list[UnknownRequest] = []
        self._attempts = attempts
        self._finder = finder
        self._safe = safe
        self._payload = payload
        self._parameters = parameters
        self._ctx = ctx
        self._progress = Progress(ctx.state, ctx.run.id)
        # What could not be settled in this attempt, by exchange, and what the payload fails with.
        self._stuck: dict[str, StepError] = {}
        self._failed: StepError | None = None
        self._left_out: dict[int, LeftOut] = {}

    # -- one request for the payload

    async def whole(self, entries: Sequence[Entry]) -> AsyncIterator[Out]:
        ctx = self._ctx
        renewed = False
        if self._progress.whole:
            return
        while True:
            async for out in self._decide(entries):
                yield out
            decision = self._decision
            if decision is None or not (decision.send if ctx.ledger.keyed else not decision.unknown):
                return
            try:
                prepared = await self._attempts.prepare(
                    self._subject(decision, entries), decision.send, self._parameters, ctx
                )
            except SkipItem as skipped:
                ctx.log.warning(f"the payload was not sent: {skipped.path} finds nothing")
                return
            sent = await self._attempts.send(prepared, decision, ctx, renewed=renewed)
            if sent is None:
                continue
            if sent.renew:
                renewed = True
                continue
            self._note(sent)
            if sent.accepted:
                self._progress.whole = not ctx.ledger.keyed
                yield self._out(sent, whole=not entries)
            self._give_up(sent)
            return

    def _subject(self, decision: Decision, entries: Sequence[Entry]) -> Subject:
        numbers = {entry.item for entry in decision.send}
        # Entries name every item of a payload; where each one is sent the payload goes as it stands.
        if not entries or len(numbers) == len(entries):
            return Subject(self._payload)
        return Subject(self._payload, numbers=numbers)

    # -- a request for each item

    async def each(self, entries: Sequence[Entry]) -> AsyncIterator[Out]:
        async for out in self._decide(entries):
            yield out
        if self._decision is None:
            return
        keyed = self._ctx.ledger.keyed
        wanted = {entry.item: entry for entry in self._decision.send}
        async for items in self._payload.chunks():
            for item in items:
                if item.number in self._progress or (keyed and item.number not in wanted):
                    continue
                async for out in self._one(item, wanted.get(item.number)):
                    yield out

    async def _one(self, item: Item, entry: Entry | None) -> AsyncIterator[Out]:
        ctx = self._ctx
        decision = Decision(self._payload, (entry,) if entry else ())
        subject = Subject(self._payload, item=item, alone=True)
        renewed = False
        while True:
            prepared = await self._rendered(item, subject, decision)
            if prepared is None:
                return
            earlier = next((one for one in self._unkeyed if prepared.same_as(one.request)), None)
            if earlier is not None:
                async for out in self._repeated(earlier, item):
                    yield out
                return
            sent = await self._attempts.send(prepared, decision, ctx, renewed=renewed)
            if sent is None:
                async for out in self._decide([entry] if entry else []):
                    yield out
                if self._decision is None or (entry and not self._decision.send):
                    return
                continue
            if sent.renew:
                renewed = True
                continue
            break
        self._note(sent, [item.number])
        if sent.accepted:
            yield self._out(sent, numbers=[item.number])
        self._give_up(sent)

    async def _rendered(self, item: Item, subject: Subject, decision: Decision) -> Prepared | None:
        """The request for an item; None where it cannot be made, which does not stop the others."""
        try:
            return await self._attempts.prepare(subject, decision.send, self._parameters, self._ctx)
        except SkipItem as skipped:
            self._ctx.log.warning(f"item {item.number} was not sent: {skipped.path} finds nothing")
            self._progress.add([item.number])
        except StepError as error:
            if error.retry != "never" or error.stops_step:
                raise
            self._progress.reject([item.number], error.detail)
            self._failed = self._failed or error
        return None

    async def _repeated(self, earlier: UnknownRequest, item: Item) -> AsyncIterator[Out]:
        """An item of a step without a key whose request may have arrived before a crash."""
        self._unkeyed.remove(earlier)
        if not self._safe:
            self._stuck[earlier.exchange] = self._unsettled(earlier)
            return
        sent = await self._attempts.send_again(earlier, self._payload, self._parameters, self._ctx)
        if sent is None:
            return
        self._note(sent, [item.number])
        if sent.accepted:
            yield self._out(sent, numbers=[item.number])
        self._give_up(sent)

    # -- shared

    async def _decide(self, entries: Sequence[Entry]) -> AsyncIterator[Out]:
        """Leaves the decision in `_decision`, with nothing unknown in it that could be settled here.

        None: nothing may be sent. Puts out the answers to requests that were sent again.
        """
        ctx = self._ctx
        self._decision = None
        while True:
            decision = await ctx.ledger.decide(self._payload, self._todo(entries))
            if ctx.preview:
                return
            unsettled = [unknown for unknown in decision.unknown if unknown.exchange not in self._stuck]
            if self._per_item and not ctx.ledger.keyed:
                self._unkeyed = unsettled
                unsettled = []
            if not unsettled:
                break
            for unknown in unsettled:
                async for out in self._settle(unknown):
                    yield out
            if self._progress.whole:
                return
        self._left_out.update((one.entry.item, one) for one in decision.left_out)
        self._decision = decision

    def _todo(self, entries: Sequence[Entry]) -> list[Entry]:
        """What is still to be decided; items with equal key and equal bytes count once."""
        seen: set[tuple[str, bytes]] = set()
        todo: list[Entry] = []
        for entry in entries:
            same = (entry.key, entry.digest)
            if entry.item not in self._progress and same not in seen:
                seen.add(same)
                todo.append(entry)
        return todo

    async def _settle(self, unknown: UnknownRequest) -> AsyncIterator[Out]:
        """Settle an unknown request, if the endpoint makes that possible without a person."""
        safe = self._attempts.repeatable(unknown)
        if self._finder is not None and unknown.keys and not (unknown.request.part and safe):
            await self._look_up(unknown, self._finder)
            return
        # The stored request may have expired; then only a person can tell.
        if not safe or not unknown.request.method:
            self._stuck[unknown.exchange] = self._unsettled(unknown)
            return
        sent = await self._attempts.send_again(unknown, self._payload, self._parameters, self._ctx)
        if sent is None:
            return
        self._note(sent)
        if sent.error is not None:
            # The request is a new exchange now; one more try in this attempt would be no better.
            self._stuck[sent.exchange] = sent.error
        if sent.accepted:
            self._progress.whole = not self._ctx.ledger.keyed
            yield self._out(sent, whole=not unknown.keys)
        self._give_up(sent)

    def _unsettled(self, unknown: UnknownRequest) -> StepError:
        what = counted(len(unknown.keys), "item") if unknown.keys else "the payload"
        return self._attempts.not_known(
            f"{self._attempts.label}: whether an earlier request with {what} arrived is not known",
            keyed=bool(unknown.keys),
        )

    async def _look_up(self, unknown: UnknownRequest, finder: Finder) -> None:
        ctx = self._ctx
        claim = await ctx.ledger.reclaim(unknown)
        if claim is None:
            return
        items = await self._items({entry.key: entry.item for entry in unknown.entries})
        outcomes: dict[str, Outcome] = dict.fromkeys(unknown.keys, "unknown")
        failed: StepError | None = None
        try:
            for key in unknown.keys:
                item = items.get(key)
                try:
                    value = await Subject(self._payload, item=item).item_value() if item else None
                    found = await finder.has(key, value, self._payload, self._parameters, ctx)
                    outcomes[key] = "delivered" if found else "rejected"
                except StepError as error:
                    failed = failed or error
        finally:
            found_count = sum(outcome == "delivered" for outcome in outcomes.values())
            claim.settle(
                Answer(error=f"looked up: {found_count} of {len(outcomes)} had arrived"),
                outcomes,
                reason="look-up",
            )
        ctx.log.info(
            f"{counted(len(outcomes), 'item')} of an earlier request looked up: {found_count} had arrived"
        )
        self._progress.add(entry.item for entry in unknown.entries if outcomes[entry.key] == "delivered")
        if failed is not None:
            self._stuck[claim.exchange] = failed

    async def _items(self, wanted: Mapping[str, int]) -> dict[str, Item]:
        numbers = {number: key for key, number in wanted.items()}
        found: dict[str, Item] = {}
        if not numbers:
            return found
        async for items in self._payload.chunks():
            for item in items:
                if (key := numbers.get(item.number)) is not None:
                    found[key] = item
            if len(found) == len(numbers):
                break
        return found

    def _note(self, sent: Sent, numbers: Sequence[int] = ()) -> None:
        """Takes the outcome into the progress, before an `Out` makes that durable."""
        self._progress.add(entry.item for entry in sent.delivered)
        if sent.accepted and not sent.error:
            self._progress.add(numbers)
        error = sent.error
        if error is None:
            return
        if isinstance(error, RemoteRejected) and error.retry == "never" and not error.stops_step:
            self._progress.reject([entry.item for entry in sent.rejected] or numbers, error.detail)
        if self._failed is None or _rank(error) > _rank(self._failed):
            self._failed = error

    def _give_up(self, sent: Sent) -> None:
        """Raise an error after which further requests are better left; others wait for the end."""
        if sent.error is not None and (sent.error.stops_step or sent.lost):
            raise sent.error

    def finish(self) -> None:
        """The end of the payload: what was left out, and the error that it fails with, if any."""
        ctx, progress = self._ctx, self._progress
        if ctx.preview:
            return
        if self._left_out:
            self._tell_left_out(ctx)
        errors = [*self._stuck.values(), *([self._failed] if self._failed else [])]
        if errors:
            raise max(errors, key=_rank)
        if progress.rejected:
            raise RemoteRejected(
                f"{counted(progress.rejected, 'item')} rejected: {progress.reason}",
                hint="The exchanges show what the system said about each.",
            )

    def _tell_left_out(self, ctx: StepContext) -> None:
        reasons = {
            "delivered": "delivered already",
            "unchanged": "unchanged since delivered",
            "newer": "delivered in a newer version",
        }
        counts: dict[str, int] = {}
        for one in self._left_out.values():
            counts[reasons[one.reason]] = counts.get(reasons[one.reason], 0) + 1
        told = ", ".join(f"{count} {reason}" for reason, count in counts.items())
        ctx.log.info(
            f"{counted(len(self._left_out), 'item')} left out ({told})", payload=self._payload.position
        )

    def _out(self, sent: Sent, *, whole: bool = False, numbers: Iterable[int] | None = None) -> Out:
        """The answer as a payload, made from the items that it accepted."""
        made_from = None
        if not whole:
            chosen = sorted({entry.item for entry in sent.delivered} if numbers is None else numbers)
            made_from = [(self._payload.position, first, count) for first, count in ranges(chosen)]
        return Out(
            content=sent.body if sent.body is not None else b"",
            media_type=sent.media_type if sent.body is not None else JSON,
            items_path="",
            meta=self._payload.meta,
            from_items=made_from,
            checkpoint=self._progress.checkpoint(),
        )


def _rank(error: StepError) -> int:
    """Which error a payload fails with where several happened: the one that a retry may mend first."""
    if error.retry == "backoff":
        return 2
    return 1 if error.code == "delivery.unknown" else 0
