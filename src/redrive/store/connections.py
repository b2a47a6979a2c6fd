"""Statements of connectors, whose versions are known by content hash, and of connections."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import msgspec
from sqlalchemy import bindparam, delete, select, update

from redrive.core.jsonvalue import decode, encode
from redrive.store import tables
from redrive.store.committer import Transaction
from redrive.store.database import Rows
from redrive.store.statements import Insert, Statement

Source: TypeAlias = Rows | Transaction

_n, _v, _c = tables.connectors, tables.connector_versions, tables.connections


class ConnectorRow(msgspec.Struct, frozen=True, kw_only=True):
    """The version of a connector that its name points to; `document` is its exact text."""

    name: str
    digest: bytes
    document: bytes
    file: str


class ConnectionRow(msgspec.Struct, frozen=True, kw_only=True):
    """`secrets` holds for each name where it is: `{env: NAME}`, `{file: PATH}` or `{sealed: TEXT}`."""

    name: str
    connector: str
    settings: dict[str, Any]
    secrets: dict[str, dict[str, str]]
    updated_at: int
    limits: dict[str, Any] = {}


_CONNECTOR = select(_n.c.name, _n.c.digest, _v.c.document, _v.c.file).join_from(
    _n, _v, _v.c.digest == _n.c.digest
)
_CONNECTORS = Statement(_CONNECTOR.order_by(_n.c.name))
_GET_CONNECTOR = Statement(_CONNECTOR.where(_n.c.name == bindparam("name")))
_POINT = Insert(_n, conflict="replace")
_KEEP_VERSION = Insert(_v, conflict="ignore")
_RESPELL = Statement(
    update(_v)
    .where(_v.c.digest == bindparam("of_digest"))
    .values(document=bindparam("b_document"), file=bindparam("b_file"))
)
_CONNECTIONS = Statement(select(_c).order_by(_c.c.name))
_GET_CONNECTION = Statement(select(_c).where(_c.c.name == bindparam("name")))
_PUT_CONNECTION = Insert(_c, conflict="replace")

_DELETE_CONNECTION = Statement(delete(_c).where(_c.c.name == bindparam("name")))
_FORGET_CONNECTION = tuple(
    Statement(delete(table).where(table.c.connection == bindparam("name")))
    for table in (tables.connection_tokens, tables.circuits, tables.connection_slots)
)
_DELETE_CONNECTOR = Statement(delete(_n).where(_n.c.name == bindparam("name")))


def connectors(source: Source) -> list[ConnectorRow]:
    return [_connector(found) for found in source.all(_CONNECTORS)]


def get_connector(source: Source, name: str) -> ConnectorRow | None:
    found = source.one(_GET_CONNECTOR, name=name)
    return _connector(found) if found else None


def _connector(found: Sequence[Any]) -> ConnectorRow:
    name, digest, document, file = found
    return ConnectorRow(name=name, digest=bytes(digest), document=bytes(document), file=file)


def put_connector(transaction: Transaction, connector: ConnectorRow, *, at: int) -> None:
    """Keep this version, if it is a new one, and let the name point to it."""
    transaction.insert(
        _KEEP_VERSION, (connector.digest, connector.name, connector.document, connector.file, at)
    )
    transaction.insert(_POINT, (connector.name, connector.digest, at))


def respell_connector(transaction: Transaction, connector: ConnectorRow) -> None:
    """Keep an equal document in its new spelling (comments, order of names)."""
    transaction.run(
        _RESPELL, of_digest=connector.digest, b_document=connector.document, b_file=connector.file
    )


def connections(source: Source) -> list[ConnectionRow]:
    return [_connection(found) for found in source.all(_CONNECTIONS)]


def get_connection(source: Source, name: str) -> ConnectionRow | None:
    found = source.one(_GET_CONNECTION, name=name)
    return _connection(found) if found else None


def _connection(found: Sequence[Any]) -> ConnectionRow:
    name, connector, settings, secrets, updated_at, limits = found
    return ConnectionRow(
        name=name,
        connector=connector,
        settings=decode(settings),
        secrets=decode(secrets),
        updated_at=updated_at,
        limits=msgspec.json.decode(bytes(limits)) if limits is not None else {},
    )


def put_connection(transaction: Transaction, connection: ConnectionRow) -> None:
    transaction.insert(
        _PUT_CONNECTION,
        (
            connection.name,
            connection.connector,
            encode(connection.settings),
            encode(_sorted(connection.secrets)),
            connection.updated_at,
            encode(connection.limits) if connection.limits else None,
        ),
    )


def _sorted(secrets: Mapping[str, Mapping[str, str]]) -> dict[str, Mapping[str, str]]:
    return dict(sorted(secrets.items()))


def delete_connection(transaction: Transaction, name: str) -> None:
    """With all that was known of it: its tokens, above all. A pause stays: it is a person's word."""
    transaction.run(_DELETE_CONNECTION, name=name)
    for statement in _FORGET_CONNECTION:
        transaction.run(statement, name=name)


def delete_connector(transaction: Transaction, name: str) -> None:
    """The name goes; its versions stay, for runs name them by their digest."""
    transaction.run(_DELETE_CONNECTOR, name=name)
