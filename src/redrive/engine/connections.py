"""Open connections: loaded from the store, secrets unsealed, shared by all runs of the worker."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy import bindparam, select

from redrive.core.jsonvalue import decode
from redrive.errors import ConfigInvalid, StepError
from redrive.sdk.allowance import Allowance
from redrive.sdk.connection import Connection, ConnectionInfo
from redrive.sdk.tokens import TokenStore
from redrive.store import tables
from redrive.store.database import Reader, Rows
from redrive.store.sealed import secret_of
from redrive.store.secrets import SecretBox
from redrive.store.statements import Statement

LOOK_S = 0.05
"""So long a connection is taken as it was found."""

_c, _n, _v = tables.connections, tables.connectors, tables.connector_versions

_GET = Statement(
    select(_c.c.connector, _c.c.settings, _c.c.secrets, _c.c.updated_at, _n.c.digest)
    .select_from(_c.outerjoin(_n, _n.c.name == _c.c.connector))
    .where(_c.c.name == bindparam("name"))
)
_DOCUMENT = Statement(select(_v.c.document, _v.c.file).where(_v.c.digest == bindparam("digest")))


class Opened(msgspec.Struct):
    connection: Connection
    digest: bytes
    stamp: tuple[int, bytes]


class Connections:
    """`get` gives the open connection of a name, opened anew when its documents changed."""

    def __init__(
        self,
        reader: Reader,
        secrets: SecretBox,
        parse: Callable[[bytes, str], Mapping[str, Any]],
        open_: Callable[[ConnectionInfo], Connection],
        *,
        tokens: Callable[[str], TokenStore] | None = None,
        allowances: Callable[[str], Allowance] | None = None,
        allowed_hosts: tuple[str, ...] = (),
    ) -> None:
        """`tokens` gives the store of a connection's tokens, `allowances` its limits."""
        self._allowances = allowances
        self._tokens = tokens
        self._allowed_hosts = allowed_hosts
        self._reader = reader
        self._secrets = secrets
        self._parse = parse
        self._open = open_
        self._opened: dict[str, Opened] = {}
        self._looked: dict[str, float] = {}
        self._retired: list[Connection] = []

    def look_again(self) -> None:
        """This process has committed another document, or a run begins: it goes by all that was committed
        before it. From any thread.
        """
        self._looked = {}

    async def get(self, name: str) -> Opened:
        """What another process has committed shows within `LOOK_S` and to each run that begins after it, what
        this one has, at once.

        Errors: `connection.unknown`, `connector.unknown`, `secret.missing`, `secret.sealed`.
        """
        now = time.monotonic()
        looked = self._looked
        if looked.get(name, -math.inf) > now - LOOK_S:
            return self._opened[name]
        found = await self._get(name)
        looked[name] = now  # into the one that `look_again` has put away, if it has
        return found

    async def _get(self, name: str) -> Opened:
        found = self._reader.rows().one(_GET, name=name)
        if found is None:
            raise StepError(
                f"there is no connection {name!r}",
                code="connection.unknown",
                hint="Import a connection document of that name.",
                stops_step=True,
            )
        connector, settings, secrets, updated_at, digest = found
        if digest is None:
            raise StepError(
                f"the connection {name!r} names the connector {connector!r}, which does not exist",
                code="connector.unknown",
                hint="Import its document.",
                stops_step=True,
            )
        stamp = (updated_at, digest)
        there = self._opened.get(name)
        if there is not None and there.stamp == stamp:
            return there

        def document(rows: Rows) -> tuple[bytes, str]:
            row = rows.one(_DOCUMENT, digest=digest)
            assert row is not None
            return row[0], row[1]

        text, file = self._reader.here(document)
        info = ConnectionInfo(
            name=name,
            connector=connector,
            document=self._parse(text, file),
            settings=decode(settings),
            secrets={key: self.secret(name, key, s) for key, s in decode(secrets).items()},
            tokens=self._tokens(name) if self._tokens is not None else None,
            allowance=self._allowances(name) if self._allowances is not None else None,
            allowed_hosts=self._allowed_hosts,
        )
        opened = Opened(self._open(info), digest, stamp)
        if there is not None:
            # A run may be in the middle of a request on it: closed with the worker.
            self._retired.append(there.connection)
        self._opened[name] = opened
        return opened

    def secret(self, connection: str, name: str, source: Mapping[str, str]) -> str:
        """The plain value of a secret, never in a message. Errors: `secret.missing`, `secret.sealed`."""
        if "env" in source:
            value = os.environ.get(source["env"])
            if value is None:
                raise StepError(
                    f"the secret {name!r} of connection {connection!r} is taken from the environment "
                    f"variable {source['env']}, which is not set",
                    code="secret.missing",
                    hint=f"Set {source['env']} where Redrive runs.",
                    stops_step=True,
                )
            return value
        if "file" in source:
            try:
                return Path(source["file"]).read_text().strip()
            except OSError as error:
                raise StepError(
                    f"the secret {name!r} of connection {connection!r} is taken from the file "
                    f"{source['file']}, which cannot be read: {error.strerror}",
                    code="secret.missing",
                    stops_step=True,
                ) from None
        try:
            return self._secrets.open(source["sealed"], secret_of(name, connection))
        except ConfigInvalid as error:
            raise StepError(error.detail, code=error.code, hint=error.hint, stops_step=True) from None

    async def close(self) -> None:
        for connection in [*self._retired, *(o.connection for o in self._opened.values())]:
            await connection.close()
        self._retired.clear()
        self._looked = {}
        self._opened.clear()
