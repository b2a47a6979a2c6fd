"""The tokens of a connection in the store, sealed, shared by all processes of a home."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from redrive.core.jsonvalue import decode, encode
from redrive.sdk.tokens import Token
from redrive.store import connection_tokens as store
from redrive.store.committer import Committer, Transaction
from redrive.store.database import Reader
from redrive.store.secrets import SecretBox

LEASE_US: Final = 60_000_000


class StoredTokens:
    """Implements `redrive.sdk.tokens.TokenStore`."""

    def __init__(
        self,
        connection: str,
        reader: Reader,
        committer: Committer,
        secrets: SecretBox,
        now: Callable[[], int],
    ) -> None:
        self._connection = connection
        self._reader = reader
        self._committer = committer
        self._secrets = secrets
        self._now = now

    async def load(self) -> Token | None:
        found = self._reader.rows().one(store.GET, connection_name=self._connection)
        if found is None or found[1] is None:
            return None
        text = self._secrets.opened(found[1])
        if text is None:
            return None  # sealed with a key that is gone: a new one is got
        values = decode(text.encode())
        return Token(
            values=values["values"],
            of=values["of"],
            serial=found[0],
            expires_at=None if values["expires_at"] is None else float(values["expires_at"]),
        )

    async def lease(self, holder: str) -> bool:
        def work(transaction: Transaction) -> bool:
            self._begin(transaction)
            found = transaction.one(store.LEASE, connection_name=self._connection)
            now = self._now()
            # Also where it seems to be of the future: then the clock was set back.
            if found and found[0] not in {None, holder} and abs(now - (found[1] or 0)) < LEASE_US:
                return False
            transaction.run(store.TAKE, connection_name=self._connection, b_holder=holder, b_held_at=now)
            return True

        return await self._committer.submit(work)

    async def save(self, token: Token, holder: str) -> Token:
        text = encode({"values": dict(token.values), "of": token.of, "expires_at": token.expires_at}).decode()

        def work(transaction: Transaction) -> int:
            self._begin(transaction)
            sealed = self._secrets.seal(transaction, text)
            found = transaction.one(store.GET, connection_name=self._connection)
            serial = (int(found[0]) if found else 0) + 1
            transaction.run(store.SAVE, connection_name=self._connection, b_serial=serial, b_token=sealed)
            transaction.run(store.RELEASE, connection_name=self._connection, by_holder=holder)
            return serial

        return msgspec.structs.replace(token, serial=await self._committer.submit(work))

    async def release(self, holder: str) -> None:
        await self._committer.submit(
            lambda tx: tx.run(store.RELEASE, connection_name=self._connection, by_holder=holder)
        )

    async def pend(self, pending: Mapping[str, Any] | None) -> None:
        text = None if pending is None else encode(dict(pending)).decode()

        def work(transaction: Transaction) -> None:
            self._begin(transaction)
            sealed = None if text is None else self._secrets.seal(transaction, text)
            transaction.run(store.PEND, connection_name=self._connection, b_pending=sealed)

        await self._committer.submit(work)

    async def pending(self) -> Mapping[str, Any] | None:
        found = self._reader.rows().one(store.PENDING, connection_name=self._connection)
        if found is None or found[0] is None:
            return None
        what = f"the pending agreement of connection {self._connection!r}"
        return dict(decode(self._secrets.open(found[0], what).encode()))

    def _begin(self, transaction: Transaction) -> None:
        transaction.insert(store.BEGIN, (self._connection, 0, None, None, None, None))
