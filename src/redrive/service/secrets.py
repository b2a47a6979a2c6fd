"""The keys of stored secrets: which seals what, and their rotation.

A rotation has three parts, and may be cut off between any two: the new key stands beside the old one in its
source; one transaction seals everything anew and says which key seals from now on; the old key goes. What
is there opens at each moment, and the next rotation goes on from wherever the last one was.
"""

from __future__ import annotations

import asyncio
from collections import Counter

from filelock import FileLock, Timeout

from redrive.engine.failpoints import failpoints
from redrive.errors import ConfigInvalid, StateConflict
from redrive.service.kernel import Kernel
from redrive.service.secret_views import KeyView, Rotated, RotateRequest, SecretsStatus
from redrive.store import sealed
from redrive.store.committer import Transaction
from redrive.store.database import Rows
from redrive.store.loose import fact, put_fact
from redrive.store.secret_keys import Key, new_key
from redrive.store.secrets import SEALING

_NAMED = 5


class Secrets:
    """The noun `secrets` on a home in this process."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel
        self._box = kernel.secrets

    async def status(self) -> SecretsStatus:
        """Errors: `secret.key_unreachable`, `secret.key_invalid`."""
        keys = await asyncio.to_thread(self._box.keys, anew=True)

        def work(rows: Rows) -> tuple[str | None, Counter[str], list[str]]:
            found, closed = Counter[str](), []
            for one in sealed.everything(rows):
                opener = self._box.opener(one.text)
                if opener is None:
                    closed.append(one.what)
                else:
                    found[opener[0].id] += 1
            named = fact(rows, SEALING)
            return None if named is None else named.decode(), found, closed

        seals, found, closed = await self._kernel.deps.reader.run(work)
        by_id = {key.id: key for key in reversed(keys)}
        return SecretsStatus(
            source=self._box.source.place,
            managed=self._box.source.managed,
            seals=seals,
            sealed=sum(found.values()) + len(closed),
            keys=[
                KeyView(id=key.id, place=key.place, sealed=found[key.id], seals=key.id == seals)
                for key in reversed(by_id.values())
            ],
            unreadable=closed,
        )

    async def rotate(self, request: RotateRequest | None = None) -> Rotated:
        """Seal everything with a new key. Where keys are not Redrive's to make: with the first of them.

        Errors: `secret.sealed` (something opens with no key, and `lost` was not said), `secret.key_missing`,
        `secret.key_unreachable`, `secret.rotating`, `secret.key_same`.
        """
        request = request or RotateRequest()
        lock = FileLock(self._box.source.lock, mode=0o600)
        try:
            lock.acquire(blocking=False)
        except Timeout:
            raise StateConflict(
                "another rotation is under way", code="secret.rotating", hint="Wait for its end."
            ) from None
        try:
            return await self._rotate(request)
        finally:
            lock.release()

    async def _rotate(self, request: RotateRequest) -> Rotated:
        status = await self.status()
        if status.unreadable and not request.lost:
            raise _closed(status.unreadable)
        key = await asyncio.to_thread(self._new, status)
        failpoints.hit("secrets.written")
        done = await self._kernel.write(lambda tx: self._seal_anew(tx, key, request))
        failpoints.hit("secrets.sealed")
        before = self._box.source.read()
        if self._box.source.managed and before != [key.text]:
            await asyncio.to_thread(self._box.source.write, [key.text])
            failpoints.hit("secrets.dropped")
            self._box.keys(anew=True)
            dropped = sorted({Key(text, "").id for text in before} - {key.id})
            return done.model_copy(update={"dropped": dropped})
        return done

    def _new(self, status: SecretsStatus) -> Key:
        """The key that shall seal, durable in its source beside those that do."""
        source = self._box.source
        present = [Key(text, source.place) for text in source.read()]
        if present and present[0].id != status.seals and (len(present) > 1 or not source.managed):
            return present[0]  # a rotation was cut off, or somebody has put a new key there
        if not source.managed:
            if not present:
                source.create(new_key())  # says that it has to be put there
            raise StateConflict(
                f"the first key in {source.place} is the one that seals already",
                code="secret.key_same",
                hint="Put a new key (`redrive secrets key`) before it, separated by a comma, rotate, then "
                "take the old one away.",
            )
        key = Key(new_key(), source.place)
        # Also of other sources: whatever happens from here on, what is sealed opens.
        source.write([key.text, *(one.text for one in self._box.keys(anew=True))])
        return key

    def _seal_anew(self, transaction: Transaction, key: Key, request: RotateRequest) -> Rotated:
        if key.id not in {one.id for one in self._box.keys(anew=True)}:
            raise StateConflict(
                f"the new key is not in {self._box.source.place} any more", code="secret.rotating"
            )
        closed: list[str] = []
        count = 0

        def change(text: str, what: str) -> str:
            nonlocal count
            opened = self._box.opened(text)
            if opened is None:
                closed.append(what)
                return text
            count += 1
            return key.seal(opened)

        roots = self._roots(transaction, key, request)
        sealed.change_all(transaction, change)
        if closed and not request.lost:
            raise _closed(closed)
        put_fact(transaction, SEALING, key.id.encode())
        self._box.keep_roots(transaction, roots, key)
        self._kernel.audit(
            transaction, "secrets.rotated", key.id, sealed=count, unreadable=closed, lost=request.lost
        )
        return Rotated(key=key.id, sealed=count, dropped=[], unreadable=closed)

    def _roots(self, transaction: Transaction, key: Key, request: RotateRequest) -> list[str]:
        """The tokens of hooks stay what they are, unless new ones are asked for or the key is lost."""
        if request.hook_tokens:
            return [key.root]
        try:
            roots = self._box.roots(transaction)
        except ConfigInvalid:
            if not request.lost:
                raise
            return [key.root]
        # A key that is there only since this rotation has made no token yet.
        kept = [root for root in roots if root != key.root or sealed.hook_roots(transaction) is not None]
        return kept or [key.root]


def _closed(what: list[str]) -> ConfigInvalid:
    named = ", ".join(what[:_NAMED]) + (f" and {len(what) - _NAMED} more" if len(what) > _NAMED else "")
    return ConfigInvalid(
        f"no key at hand opens {named}",
        code="secret.sealed",
        hint="Bring back the key that sealed it. If it is lost for good: `redrive secrets rotate --lost`, "
        "then give these secrets again.",
    )
