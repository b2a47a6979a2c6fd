"""Statements of the sweep: which contents are condemned, what names a content, and deleting the rest."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, TypeAlias

import msgspec
from sqlalchemy import bindparam, select, text, update

from redrive.store import contents, tables
from redrive.store.committer import Transaction
from redrive.store.database import Rows
from redrive.store.pages import Pages
from redrive.store.statements import Statement

Source: TypeAlias = Rows | Transaction

_c = tables.contents

JUDGED: Final = 2
"""A sweep looks whether something still names it. What is condemned meanwhile waits for the next one."""

_DIGESTS = Statement(
    select(_c.c.digest)
    .where(_c.c.digest > bindparam("after"))
    .order_by(_c.c.digest)
    .limit(bindparam("at_most"))
)
_CONDEMN = Statement(
    update(_c).where(_c.c.digest == bindparam("digest"), _c.c.condemned != 1).values(condemned=1)
)
_PARDON = Statement(
    update(_c)
    .where(_c.c.digest == bindparam("digest"), _c.c.condemned == bindparam("b_stage"))
    .values(condemned=0)
)
_CONDEMNED = Statement(
    select(_c.c.digest)
    .where(_c.c.condemned > text("0"), _c.c.digest > bindparam("after"))
    .order_by(_c.c.digest)
    .limit(bindparam("at_most"))
)
_GO = Statement(select(_c.c.size_bytes).where(_c.c.digest == bindparam("digest"), _c.c.condemned == JUDGED))
_KNOWN = Statement(select(_c.c.digest).where(_c.c.digest == bindparam("digest")))


def _naming() -> tuple[Pages, ...]:
    found = []
    for table in tables.metadata.sorted_tables:
        columns = [column for column in table.columns if column.info.get("content")]
        if columns:
            found.append(Pages(table, columns))
    return tuple(found)


NAMING: Final = _naming()
"""Every table with columns that name a content (`info=CONTENT` in `tables`)."""


def condemned(source: Source, after: bytes, at_most: int) -> list[bytes]:
    return [bytes(row[0]) for row in source.all(_CONDEMNED, after=after, at_most=at_most)]


def condemn(transaction: Transaction, digests: Iterable[bytes]) -> None:
    """A reference to these was taken away; it may have been the last."""
    for digest in digests:
        transaction.run(_CONDEMN, digest=digest)


_JUDGE = Statement(
    update(_c)
    .where(_c.c.condemned > text("0"), _c.c.digest > bindparam("after"), _c.c.digest <= bindparam("upto"))
    .values(condemned=JUDGED)
)


def judge(transaction: Transaction, after: bytes, upto: bytes) -> None:
    """A scan begins that decides on these."""
    transaction.run(_JUDGE, after=after, upto=upto)


def digests(source: Source, after: bytes, at_most: int) -> list[bytes]:
    """Contents, in the order of their hashes."""
    return [bytes(row[0]) for row in source.all(_DIGESTS, after=after, at_most=at_most)]


def pardon(transaction: Transaction, digests: Iterable[bytes]) -> None:
    """These are named by something: they stay."""
    for digest in digests:
        transaction.run(_PARDON, digest=digest, b_stage=JUDGED)


class Swept(msgspec.Struct):
    """What one transaction has deleted; `objects` are to be removed after its commit. `bases` stay: other
    contents are made from them.
    """

    contents: int = 0
    size_bytes: int = 0
    objects: list[bytes] = msgspec.field(default_factory=list)
    bases: list[bytes] = msgspec.field(default_factory=list)


def sweep(transaction: Transaction, digests: Iterable[bytes]) -> Swept:
    """Delete contents that are still condemned, unless something is made from them."""
    swept = Swept()
    for digest in digests:
        found = transaction.one(_GO, digest=digest)
        if found is None:
            continue
        removed = contents.delete(transaction, digest)
        if removed is None:
            swept.bases.append(digest)
            continue
        swept.contents += 1
        swept.size_bytes += int(found[0])
        if removed.form == contents.OBJECT:
            swept.objects.append(digest)
        condemn(transaction, removed.needed)
    return swept


def known(source: Source, digest: bytes) -> bool:
    """Whether a content has a record."""
    return source.one(_KNOWN, digest=digest) is not None
