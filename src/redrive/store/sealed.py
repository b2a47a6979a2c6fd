"""Everything that is sealed in the records: found, and sealed anew."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeAlias

import msgspec
from sqlalchemy import bindparam, select, update

from redrive.store import connections, notices, tables
from redrive.store.committer import Transaction
from redrive.store.loose import Source, fact
from redrive.store.secrets import HOOKS
from redrive.store.statements import Statement

Change: TypeAlias = Callable[[str, str], str]
"""Gets what is sealed and what it is, gives what takes its place."""

_t = tables.connection_tokens
_TOKENS = Statement(select(_t.c.connection, _t.c.token, _t.c.pending).order_by(_t.c.connection))
_PUT_TOKENS = Statement(
    update(_t)
    .where(_t.c.connection == bindparam("connection_name"))
    .values(token=bindparam("b_token"), pending=bindparam("b_pending"))
)


class Sealed(msgspec.Struct, frozen=True):
    """`what` names it for people."""

    what: str
    text: str


def secret_of(name: str, connection: str) -> str:
    return f"the secret {name!r} of connection {connection!r}"


def _token_of(connection: str) -> str:
    return f"the token of connection {connection!r}"


def _pending_of(connection: str) -> str:
    return f"what connection {connection!r} awaits from the page where a person agrees"


def _url_of(number: int, group: str) -> str:
    return f"URL {number} of the notification group {group!r}"


def everything(source: Source) -> Iterator[Sealed]:
    """All that is sealed but what tokens of hooks are made from."""
    for connection in connections.connections(source):
        for name, where in connection.secrets.items():
            if "sealed" in where:
                yield Sealed(secret_of(name, connection.name), where["sealed"])
    for name, token, pending in source.all(_TOKENS):
        if token is not None:
            yield Sealed(_token_of(name), token)
        if pending is not None:
            yield Sealed(_pending_of(name), pending)
    for group in notices.all_groups(source):
        for number, url in enumerate(group.urls, 1):
            if "sealed" in url:
                yield Sealed(_url_of(number, group.name), url["sealed"])


def hook_roots(source: Source) -> str | None:
    found = fact(source, HOOKS)
    return None if found is None else found.decode()


def change_all(transaction: Transaction, change: Change) -> None:
    """Put something else in the place of all that `everything` finds."""
    for connection in connections.connections(transaction):
        secrets = {
            name: _changed(where, change, secret_of(name, connection.name))
            for name, where in connection.secrets.items()
        }
        if secrets != connection.secrets:
            # Open connections stay as they are: what is secret has not changed.
            connections.put_connection(transaction, msgspec.structs.replace(connection, secrets=secrets))
    for name, token, pending in transaction.all(_TOKENS):
        transaction.run(
            _PUT_TOKENS,
            connection_name=name,
            b_token=None if token is None else change(token, _token_of(name)),
            b_pending=None if pending is None else change(pending, _pending_of(name)),
        )
    for group in notices.all_groups(transaction):
        urls = [_changed(url, change, _url_of(n, group.name)) for n, url in enumerate(group.urls, 1)]
        if urls != group.urls:
            notices.put_group(transaction, msgspec.structs.replace(group, urls=urls))


def _changed(where: dict[str, str], change: Change, what: str) -> dict[str, str]:
    return {"sealed": change(where["sealed"], what)} if "sealed" in where else where
