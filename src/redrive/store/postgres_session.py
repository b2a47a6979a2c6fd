"""A session of a PostgreSQL server: how it is opened, how values travel, what its errors mean."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import psycopg
from psycopg import errors as pg
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.pq import TransactionStatus
from psycopg.types.numeric import Int8Dumper
from psycopg.types.string import StrDumperUnknown, TextBinaryLoader

from redrive.errors import ConfigInvalid, Fault, HomeUnusable, RedriveError, StoreBusy, StoreFull
from redrive.store.texts import storable, with_nul, without_nul

# What libpq waits at most before a dead peer is noticed, unless the address says otherwise.
_PATIENCE: Final = {
    "connect_timeout": 10,
    "keepalives_idle": 20,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
}
# The server's side of it: a lock of a machine that is gone is free again after this.
_SETTINGS: Final = (
    "SET jit = off;"
    " SET tcp_keepalives_idle = 20; SET tcp_keepalives_interval = 5; SET tcp_keepalives_count = 3;"
)
WRITER: Final = (
    "SET idle_in_transaction_session_timeout = '30s';"
    # Nothing less than on: every COMMIT survives a power loss. More than that is left as it is.
    " SELECT set_config('synchronous_commit', 'on', false)"
    " WHERE current_setting('synchronous_commit') IN ('off', 'local');"
)
READER: Final = (
    "SET default_transaction_read_only = on; SET default_transaction_isolation = 'repeatable read';"
)
PREPARED = 500
BUSY_MS = 10_000

_BUSY: Final = (
    pg.LockNotAvailable,
    pg.SerializationFailure,
    pg.DeadlockDetected,
    pg.QueryCanceled,
    pg.TooManyConnections,
    pg.CannotConnectNow,
)


class _Text(StrDumperUnknown):
    """Text on its way out; the server knows its type from where it stands."""

    def dump(self, obj: str) -> Any:
        if "\x00" in obj or "\x01" in obj:
            obj = without_nul(obj)
        try:
            return super().dump(obj)
        except UnicodeEncodeError:
            return super().dump(storable(obj))


class _Loader(TextBinaryLoader):
    """Text on its way in."""

    def load(self, data: Any) -> Any:
        text = str(super().load(data))
        return with_nul(text) if "\x01" in text else text


class Session:
    """A connection as the store uses it: no transaction begins by itself."""

    def __init__(self, address: str, *, role: str, settings: str = "") -> None:
        self._address = address
        self._role = role
        self._settings = _SETTINGS + settings
        self._connection = self._connect()

    def _connect(self) -> psycopg.Connection[Any]:
        given = conninfo_to_dict(self._address)
        wanted: dict[str, Any] = {**_PATIENCE, "application_name": f"redrive {self._role}", **given}
        wanted.pop("client_encoding", None)
        connection = psycopg.connect(
            make_conninfo(**wanted, client_encoding="UTF8"), autocommit=True, prepare_threshold=2
        )
        connection.prepared_max = PREPARED
        # Always the same types, so that a statement is prepared once.
        connection.adapters.register_dumper(int, Int8Dumper)
        connection.adapters.register_dumper(str, _Text)
        connection.adapters.register_loader("text", _Loader)
        connection.execute(f"SET lock_timeout = {BUSY_MS}; {self._settings}")
        return connection

    @property
    def raw(self) -> psycopg.Connection[Any]:
        return self._connection

    @property
    def lost(self) -> bool:
        return self._connection.closed

    @property
    def idle(self) -> bool:
        """Outside of a transaction."""
        return self._connection.info.transaction_status == TransactionStatus.IDLE

    def execute(self, text: str, row: Sequence[Any] | None = None, /) -> Any:
        if row is None:  # ours, maybe several statements in one message
            return self._connection.execute(text)
        try:
            return self._connection.execute(text, row, binary=True)
        except pg.ProgramLimitExceeded as error:
            raise _too_large(error) from error

    def executemany(self, text: str, rows: Sequence[Sequence[Any]], /) -> Any:
        cursor = self._connection.cursor()
        try:
            if len(rows) == 1:
                cursor.execute(text, rows[0])
            else:
                cursor.executemany(text, rows)
        except pg.ProgramLimitExceeded as error:
            raise _too_large(error) from error
        return cursor

    def again(self) -> None:
        """A new connection in place of one that was lost."""
        self._connection.close()
        self._connection = self._connect()

    def close(self) -> None:
        self._connection.close()


class ReadSession(Session):
    """Outside of a transaction a lost connection is made anew and the statement asked again."""

    def execute(self, text: str, row: Sequence[Any] | None = None, /) -> Any:
        alone = (self.lost or self.idle) and text != "COMMIT"
        try:
            return super().execute(text, row)
        except (psycopg.OperationalError, psycopg.InterfaceError):
            if not (alone and self.lost):
                raise
        self.again()
        return super().execute(text, row)


def _too_large(error: psycopg.Error) -> psycopg.DataError:
    """A value that is too long for an index: its author's fault, not the server's, as the class of the
    driver's error would have it.
    """
    return psycopg.DataError(str(error))


def checked(address: str) -> str:
    """The address, if it is one. Errors: `config.invalid`, never with the address in it: it may
    hold a password.
    """
    try:
        conninfo_to_dict(address)
    except psycopg.Error:
        raise ConfigInvalid(
            "the address of the store cannot be read",
            at="store",
            hint="It looks like postgresql://user:password@host:5432/database; characters of the"
            " password such as @ and / are percent-encoded.",
        ) from None
    return address


def shown(address: str) -> str:
    """The address without its password, and without options that may hold secrets."""
    given = conninfo_to_dict(address)
    user = f"{given['user']}@" if given.get("user") else ""
    port = f":{given['port']}" if given.get("port") else ""
    return f"postgresql://{user}{given.get('host') or ''}{port}/{given.get('dbname') or ''}"


def postgres_error(error: Exception, place: str) -> RedriveError:
    """The driver's error in our words."""
    text = " ".join(str(error).split())
    if isinstance(error, _BUSY):
        return StoreBusy(
            f"the store {place} is busy: {text}", hint="Try again in a moment; somebody else is writing."
        )
    if isinstance(error, pg.DiskFull):
        return StoreFull(
            f"the disk of the store {place} is full",
            hint="Free some space and start again: unfinished runs go on where they stopped.",
        )
    if isinstance(error, pg.InsufficientPrivilege):
        return HomeUnusable(
            f"the store {place} does not allow it: {text}",
            code="store.forbidden",
            hint="The user needs the right to connect, and to create tables in its schema:"
            " GRANT ALL ON SCHEMA public TO the user.",
        )
    if isinstance(error, (pg.ReadOnlySqlTransaction,)):
        return HomeUnusable(
            f"the store {place} is read-only: {text}",
            code="store.forbidden",
            hint="Name the server that takes writes, not a replica.",
        )
    if isinstance(error, (psycopg.OperationalError, psycopg.InterfaceError)):
        return Fault(
            f"the store {place} is out of reach: {text}",
            code="store.unreachable",
            hint="Look whether the server runs, and at the address, user and password in the setting store."
            " What was committed is kept; what was under way goes on when it is started again.",
        )
    return Fault(f"the record store failed: {text}", code="store.io")
