"""Calls of webhooks and callbacks: checked, stored together with a queued run, and only then answered."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable

import msgspec
from blake3 import blake3

from redrive.core.counting import counted
from redrive.core.formats import JSON, ItemsInvalid, item_reader
from redrive.core.formats.base import essence
from redrive.core.ids import to_text
from redrive.core.jsonvalue import encode
from redrive.core.run import PRIORITIES, PayloadRow, Plan, Run
from redrive.engine.buckets import YoungBucket
from redrive.engine.clock import instant
from redrive.engine.contents import MAX_ROW_PLAIN_BYTES, StoredContent
from redrive.engine.draft import Draft
from redrive.engine.failpoints import failpoints
from redrive.engine.overlap import overlapping
from redrive.errors import BodyTooLarge, ConfigInvalid, QueueFull, StateConflict, UsageError
from redrive.log import get_logger
from redrive.service.callbacks import answer_of
from redrive.service.doors import Door, Doors
from redrive.service.hook_calls import HookAnswer, HookCall
from redrive.service.kernel import Kernel
from redrive.service.starts import Starts
from redrive.service.uploads import Checked
from redrive.store import hooks as store
from redrive.store.committer import Transaction
from redrive.triggers.callback import CallbackHook
from redrive.triggers.multipart import is_multipart, parts_of
from redrive.triggers.signature import Check, refused
from redrive.triggers.webhook import FORM, MAX_READ_BYTES, Hook, form_payload

COUNT_EVERY_S = 1.0
FORGET_EVERY_S = 600.0
PRESSED_CALLS = 8
PRESSED_S = 0.03
"""Callers that were answered together call again together: they count as waiting in between."""
MAX_WAITING = 500
"""Callers of callbacks that wait for their answers at a time."""
MAX_CALLS = 2_000
"""Calls under way at a time; each may hold some hundred kilobytes."""

_log = get_logger(__name__)


class _Body(msgspec.Struct):
    """What has been read of a call: small bodies are in `data`, large ones in the store only."""

    contents: list[tuple[StoredContent, str, str, int | None, dict[str, str]]]
    """Content, media type, items path, items and further meta of each payload."""
    data: bytes | None
    media_type: str
    signature: bytes | None


class _Queued(msgspec.Struct, frozen=True):
    run_id: int
    at: int
    fresh: bool


class Hooks:
    """One per opened home that serves."""

    def __init__(self, kernel: Kernel, starts: Starts) -> None:
        self._kernel = kernel
        self._starts = starts
        self.doors = Doors(kernel)
        self._calls = 0
        self._pressed_until = float("-inf")
        self._waiting = 0
        self._queued = 0
        self._counted_at = float("-inf")
        self._counting: asyncio.Future[int] | None = None
        self._roomy_at = float("-inf")
        self._forgotten_at = time.monotonic()

    def pressed(self) -> bool:
        """Whether so many callers wait that they go before the runs that are queued."""
        if self._calls >= PRESSED_CALLS:
            self._pressed_until = time.monotonic() + PRESSED_S
            return True
        return time.monotonic() < self._pressed_until

    async def receive(self, call: HookCall) -> HookAnswer:
        """Take a call; when this returns, its body and its run are durable.

        Errors: `hook.refused` (401) for whoever does not prove itself; to others `hook.stale`,
        `hook.replayed`, `hook.method`, `trigger.closed`, `body.too_large`, `hook.encoding`,
        `hook.key_missing`, `payload.invalid`, `queue.full`, `store.nearly_full`; of callbacks also
        those of `answer_of`.
        """
        if self._calls >= MAX_CALLS or self._waiting >= MAX_WAITING:
            raise QueueFull("too many calls are under way", hint="Call again a little later.")
        self._calls += 1
        try:
            hook, queued, answer = await self._take(call)
        finally:
            self._calls -= 1
        if not isinstance(hook, CallbackHook):
            return answer
        self._waiting += 1
        try:
            return await answer_of(self._kernel, hook, queued.run_id)
        finally:
            self._waiting -= 1

    async def _take(self, call: HookCall) -> tuple[Hook, _Queued, HookAnswer]:
        doors = self.doors
        door = doors.find(call.parts, pressed=self.pressed())
        hook = door.hook
        try:
            hook.require_token(call.headers, door.token, lambda: doors.made_tokens(door.key), doors.secret)
            check = hook.check(call.headers, doors.secret)
        except (ConfigInvalid, ValueError) as error:
            # A stranger is told nothing; who runs this has to know.
            _log.error("hook.secret_unusable", flow=door.flow.name, hook=hook.name, error=error)
            raise refused() from None
        if check is None:
            self._require_ready(door, call)
        body = await self._read(door, call, check)
        if check is not None:
            self._require_ready(door, call)
        meta = hook.meta_of(call.headers, call.query)
        key = hook.key_of(call.headers, body.data)
        queued = await self._queue(door, body, meta, key)
        run_id = to_text("r", queued.run_id)
        run = {"id": run_id, "flow": door.flow.name, "version": door.owner.deployed}
        status, headers, media_type, text = hook.answer(
            run, meta, instant(queued.at), body.data, body.media_type
        )
        return hook, queued, HookAnswer(status, text, media_type, (*headers, ("Redrive-Run", run_id)))

    def _require_ready(self, door: Door, call: HookCall) -> None:
        """Who has proved itself may know why its call is not taken."""
        owner, name = door.owner, door.flow.name
        missing = [
            word
            for word, there in (("enabled", owner.enabled), ("deployed", owner.deployed is not None))
            if not there
        ]
        if missing:
            raise StateConflict(
                f"flow {name} is not {' and not '.join(missing)}: its triggers start nothing",
                code="trigger.closed",
                hint=" ".join(
                    {"enabled": f"`redrive flows enable {name}`", "deployed": f"`redrive deploy {name}`"}[
                        word
                    ]
                    + "."
                    for word in missing
                ),
            )
        if call.method not in door.hook.methods:
            raise UsageError(
                f"the hook does not take {call.method}",
                code="hook.method",
                at=", ".join(door.hook.methods),
                hint=f"It takes {', '.join(door.hook.methods)}.",
            )
        self._require_room()

    # ---- back-pressure

    def _require_room(self) -> None:
        """Looked at once a second: the disk, and the queue, to which is added what came since.

        Errors: `queue.full`, `store.nearly_full`.
        """
        now = time.monotonic()
        if now - self._roomy_at > COUNT_EVERY_S:
            self._starts.refuse_when_full()
            self._roomy_at = now
        most = self._kernel.deps.settings.max_queued_runs
        if now - self._counted_at > COUNT_EVERY_S and self._counting is None:
            self._counting = asyncio.ensure_future(
                self._kernel.deps.reader.run(lambda rows: store.queued(rows, most + 1))
            )
            self._counting.add_done_callback(self._counted)
        if self._queued >= most:
            raise QueueFull(
                f"{counted(most, 'run')} queued already",
                hint="Call again later; the setting max_queued_runs is the bound.",
            )

    def _counted(self, counting: asyncio.Future[int]) -> None:
        self._counting = None
        self._counted_at = time.monotonic()
        if not counting.cancelled() and counting.exception() is None:
            self._queued = counting.result()

    # ---- the body

    async def _read(self, door: Door, call: HookCall, check: Check | None) -> _Body:
        """Read and store the body, as far as the limit. What is too large, or whose signature is not right,
        leaves nothing in the store.
        """
        hook = door.hook
        contents = self._kernel.deps.contents.of(f"{door.owner.flow_id}/hook")
        media_type = hook.media_type_of(call.headers)
        if call.method == "GET":
            data = form_payload(call.query.encode()) if call.query else b""
            signature = check.finish(instant(self._kernel.deps.clock.micros())) if check is not None else None
            stored = await contents.put(data)
            return _Body([(stored, JSON, hook.items, 1 if data else 0, {})], data, JSON, signature)
        if call.headers.get("content-encoding", "identity").lower() != "identity":
            raise UsageError("the body is compressed", code="hook.encoding", hint="Send it as it is.")
        inside = hook.reads_body or essence(media_type) == FORM or is_multipart(media_type)
        most = min(hook.max_bytes, MAX_READ_BYTES) if inside else hook.max_bytes
        if (call.announced_bytes or 0) > most:
            raise _too_large(most)
        passing = _Passing(call.chunks(), most, check, self._kernel)
        held: list[bytes] = []
        size = 0
        chunks = passing.chunks()
        async for chunk in chunks:
            held.append(chunk)
            size += len(chunk)
            if size > MAX_ROW_PLAIN_BYTES and not inside:
                break
        else:
            data = held[0] if len(held) == 1 else b"".join(held)
            return await self._small(door, data, media_type, passing.signature)
        looked = Checked(_chain(held, chunks), media_type, hook.items, strict=False, name=None)
        stored = await contents.put(looked.chunks())
        return _Body(
            [(stored, media_type, hook.items, looked.items, {})], None, media_type, passing.signature
        )

    async def _small(self, door: Door, data: bytes, media_type: str, signature: bytes | None) -> _Body:
        contents = self._kernel.deps.contents.of(f"{door.owner.flow_id}/hook")
        path = door.hook.items
        if is_multipart(media_type):
            made = []
            for part in parts_of(media_type, data):
                meta = {"name": part.name} | ({"filename": part.filename} if part.filename else {})
                stored = await contents.put(part.data)
                made.append((stored, part.media_type, path, _items(part.data, part.media_type, path), meta))
            return _Body(made, data, media_type, signature)
        if essence(media_type) == FORM:
            data, media_type = form_payload(data), JSON
        stored = await contents.put(data)
        return _Body(
            [(stored, media_type, path, _items(data, media_type, path), {})], data, media_type, signature
        )

    # ---- the run

    def _draft(self, door: Door, body: _Body, meta: dict[str, str], now: int) -> Draft:
        """The run of a call, with its body as the bucket that it begins with."""
        deps, hook, owner = self._kernel.deps, door.hook, door.owner
        bucket = deps.ids.next()
        run = Run(
            id=deps.ids.next(),
            flow_id=owner.flow_id,
            flow=door.flow.name,
            version=owner.deployed or 0,
            status="queued",
            trigger=hook.kind,
            priority=PRIORITIES[door.flow.settings.priority],
            epoch=0,
            losses=0,
            queued_at=now,
            clock=now,
            overridden=True,
        )
        young = YoungBucket(bounded=False)
        for position, (content, media_type, path, items, own) in enumerate(body.contents):
            young.add(
                PayloadRow(
                    id=deps.ids.next(),
                    bucket=bucket,
                    position=position,
                    digest=content.digest,
                    size_bytes=content.size_bytes,
                    items=items,
                    media_type=media_type,
                    items_path=path,
                    meta=encode({**own, **meta}) if own or meta else None,
                ),
                content,
            )
        asked = {"trigger": hook.kind, **({"hook": hook.name} if hook.name else {})}
        return Draft(run=run, plan=Plan(inputs=[bucket], asked=asked), buckets={bucket: young})

    async def _queue(self, door: Door, body: _Body, meta: dict[str, str], key: str | None) -> _Queued:
        """Body and run in one commit. A key that is known gives the run that it has started.

        Errors: `hook.replayed`.
        """
        kernel, hook = self._kernel, door.hook
        now = kernel.deps.clock.micros()
        draft = self._draft(door, body, meta, now)
        run = draft.run
        draft.overlapping = await overlapping(
            kernel.deps, door.flow, run, draft.plan, draft.buckets, spec=door.spec
        )
        keys = _keys(door, body, key, now)
        forget = time.monotonic() - self._forgotten_at > FORGET_EVERY_S
        if forget:
            self._forgotten_at = time.monotonic()

        def work(transaction: Transaction) -> _Queued:
            for number, (digest, _) in enumerate(keys):
                known = store.known_call(transaction, digest, now)
                if known is not None and number == 0 and key is not None:
                    return _Queued(known[0], known[1], fresh=False)
                if known is not None:
                    raise StateConflict(
                        "this very call was taken already", code="hook.replayed", hint="Sign each call anew."
                    )
            for digest, until in keys:
                transaction.insert(store.PUT_KEY, (digest, run.id, now, until))
            if forget:
                store.forget_calls(transaction, now)
            draft.write(transaction, hook.kind, now)
            return _Queued(run.id, now, fresh=True)

        queued = await self._commit(draft, work)
        if queued.fresh:
            failpoints.hit("start.queued")
            self._queued += 1
            self._starts.changed(run)
            kernel.wake()
        return queued

    async def _commit(self, draft: Draft, work: Callable[[Transaction], _Queued]) -> _Queued:
        """The body is in memory for the run, which the runner may see in the store before this goes on."""
        deps = self._kernel.deps
        handed = deps.contents.handed
        for bucket, young in draft.buckets.items():
            handed.keep(bucket, young)
        queued = None
        try:
            queued = await deps.committer.submit(work)  # past `kernel.write`: nothing asks who acts
        finally:
            if queued is None or not queued.fresh:
                for bucket in draft.buckets:
                    handed.take(bucket)
        return queued


class _Passing:
    """The chunks of a body on their way in: counted, and fed to the signature."""

    def __init__(self, chunks: AsyncIterator[bytes], most: int, check: Check | None, kernel: Kernel) -> None:
        self._chunks = chunks
        self._most = most
        self._check = check
        self._kernel = kernel
        self.signature: bytes | None = None

    async def chunks(self) -> AsyncIterator[bytes]:
        """Errors: `body.too_large`; at the end `hook.refused`, `hook.stale`."""
        size = 0
        async for chunk in self._chunks:
            size += len(chunk)
            if size > self._most:
                raise _too_large(self._most)
            if self._check is not None:
                self._check.update(chunk)
            yield chunk
        if self._check is not None:
            self.signature = self._check.finish(instant(self._kernel.deps.clock.micros()))


async def _chain(held: list[bytes], rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    for chunk in held:
        yield chunk
    held.clear()
    async for chunk in rest:
        yield chunk


def _items(data: bytes, media_type: str, path: str) -> int | None:
    """How many items a small body has; None where it is not what it says: its first step will tell."""
    if not data:
        return 0
    try:
        reader = item_reader(media_type, path)
        return len(reader.feed(data)) + len(reader.close())
    except ItemsInvalid:
        return None


def _keys(door: Door, body: _Body, key: str | None, now: int) -> list[tuple[bytes, int]]:
    """What makes the call count once, each with its end: its key first, then its signature."""
    hook = door.hook
    keys: list[tuple[bytes, int]] = []
    if key is not None:
        keys.append((_digest(door.key, "key", key.encode()), now + int(hook.keeps_key_s * 1e6)))
    guarded = hook.signature.replay_s if hook.signature is not None and body.signature is not None else None
    if guarded is not None:
        keys.append((_digest(door.key, "signature", body.signature or b""), now + int(guarded * 1e6)))
    return keys


def _digest(door: str, kind: str, key: bytes) -> bytes:
    return blake3(f"{door}\0{kind}\0".encode() + key).digest(16)


def _too_large(most: int) -> BodyTooLarge:
    return BodyTooLarge(
        f"the body is larger than {most} bytes", hint="`max_bytes` of the trigger is the bound."
    )
