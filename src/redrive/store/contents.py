"""Statements of contents and dictionaries: what is stored in which form, and what is made of what.

    form        data                      base                        base_offset
    0 plain     the bytes
    1 zstd      the bytes, packed (with `dictionary`, where that is set)
    2 object    (in the blob store)
    3 range                               the content it is a part of   where it begins there
    4 recipe    `core.ranges` recipe      what the recipe refers to     added to its ranges
    5 segments  digest of the content     what the recipe refers to     added to its ranges
                that holds the recipe

What a content is made from (`base`, and the recipe of form 5) holds its own bytes: forms 0 to 2.
So one step leads from any content to bytes, and nothing else has to be looked at before a delete.

For whoever deletes:

- `is_base(source, digest)`: something is made from it; it must stay, or `engine.rewriting.Rewriter.free`
  first stores everything that is made from it as contents of their own (`Rewriter.rewrite`: a single one).
- `dependents(source, digest, after, at_most)`: what is made from it, in pages.
- `delete(transaction, digest)`: removes the row unless something is made from it, in the same
  transaction in which that is looked up. Says what was removed: an object is to be deleted from the
  blob store AFTER the commit, with an age (`blobs.delete(digest, older_than_s=…)`), because a writer may
  just have been given the same bytes again; and which contents nobody may need any more now.
- `delete_dictionaries(transaction, before)`: those retired before then that no content names.

For whoever writes: what a new row or record is about to share, and does not write itself, is pinned in the
commit that shares it: `pin(transaction, digests)` raises `PayloadGone` if it went away meanwhile.
A `StoredContent` names these digests in `pins`; the journal and drafts pin them.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final, NamedTuple, TypeAlias

from sqlalchemy import and_, bindparam, exists, func, or_, select, text, update
from sqlalchemy import delete as sql_delete

from redrive.errors import PayloadGone, StoreCorrupt
from redrive.store import tables
from redrive.store.committer import Transaction
from redrive.store.database import Rows
from redrive.store.statements import Insert, Statement

Source: TypeAlias = Rows | Transaction

PLAIN: Final = 0
ZSTD: Final = 1
OBJECT: Final = 2
RANGE: Final = 3
RECIPE: Final = 4
SEGMENTS: Final = 5
OWN: Final = frozenset({PLAIN, ZSTD, OBJECT})
"""The forms that need no other content."""

_c, _d = tables.contents, tables.dictionaries

Row: TypeAlias = tuple[bytes, int, int, bytes | None, bytes | None, int | None, int | None]
"""A row of `contents`, in the order of its columns."""

INSERT_CONTENT = Insert(_c, conflict="share")
_COLUMNS = [column for column in _c.columns if column.server_default is None]
_GET = Statement(select(*_COLUMNS).where(_c.c.digest == bindparam("digest")))
_KEPT = Statement(select(_c.c.condemned).where(_c.c.digest == bindparam("digest")))
# Written out as the partial index says it, or the planner does not use it.
_BY_RECIPE = _c.c.form == text(str(SEGMENTS))
_MADE_FROM = or_(_c.c.base == bindparam("base"), and_(_BY_RECIPE, _c.c.data == bindparam("recipe")))
_IS_BASE = Statement(select(_c.c.digest).where(_MADE_FROM).limit(1))
_DEPENDENTS = Statement(
    select(_c.c.digest, _c.c.size_bytes)
    .where(_MADE_FROM, _c.c.digest > bindparam("after"))
    .order_by(_c.c.digest)
    .limit(bindparam("at_most"))
)
_RELEASE = Statement(update(_c).where(_c.c.digest == bindparam("digest")).values(condemned=text("0")))
_DELETE = Statement(sql_delete(_c).where(_c.c.digest == bindparam("digest")))
_REPLACE = Statement(
    update(_c)
    .where(_c.c.digest == bindparam("b_digest"))
    .values(
        {
            column.name: bindparam(f"b_{column.name}", type_=column.type)
            for column in _COLUMNS
            if not column.primary_key
        }
    )
)

INSERT_DICTIONARY = Insert(_d)
_DICTIONARY = Statement(select(_d.c.data, _d.c.digest).where(_d.c.id == bindparam("number")))
_NEWEST_DICTIONARY = Statement(
    select(_d.c.id, _d.c.ratio)
    .where(_d.c.family == bindparam("family"), _d.c.retired_at.is_(None))
    .order_by(_d.c.id.desc())
    .limit(1)
)
_LAST_DICTIONARY = Statement(select(func.max(_d.c.id)))
_RETIRE = Statement(
    update(_d)
    .where(_d.c.family == bindparam("b_family"), _d.c.retired_at.is_(None))
    .values(retired_at=bindparam("b_at", type_=_d.c.retired_at.type))
)
_UNUSED = _d.c.retired_at.is_not(None) & ~exists().where(_c.c.dictionary == _d.c.id)
_DELETE_DICTIONARIES = Statement(sql_delete(_d).where(_d.c.retired_at < bindparam("before"), _UNUSED))
_DICTIONARIES = Statement(select(_d.c.id, _d.c.family, _d.c.data, _d.c.digest).order_by(_d.c.id))
_PACKED_WITH = Statement(
    select(_c.c.digest).where(_c.c.dictionary == bindparam("number")).limit(bindparam("at_most"))
)
_USERS = Statement(select(func.count()).select_from(_c).where(_c.c.dictionary == bindparam("number")))


class ContentRow(NamedTuple):
    """A row of `contents`."""

    digest: bytes
    size_bytes: int
    form: int
    data: bytes | None
    base: bytes | None
    base_offset: int | None
    dictionary: int | None

    @property
    def needs(self) -> tuple[bytes, ...]:
        """The contents that this one is made from."""
        if self.base is None:
            return ()
        return (self.base, self.data) if self.form == SEGMENTS and self.data else (self.base,)


class Removed(NamedTuple):
    """What a delete has removed. `needed`: contents that it was made from."""

    form: int
    needed: tuple[bytes, ...]


def get(source: Source, digest: bytes) -> ContentRow | None:
    found = source.one(_GET, digest=digest)
    return content_row(found) if found is not None else None


def content_row(found: tuple[Any, ...]) -> ContentRow:
    """A row as it comes from either database."""
    digest, size, form, data, base, offset, number = found[:7]
    packed = None if data is None else bytes(data)
    return ContentRow(
        bytes(digest), size, form, packed, None if base is None else bytes(base), offset, number
    )


def is_base(source: Source, digest: bytes) -> bool:
    """Whether any content is made from this one."""
    return source.one(_IS_BASE, base=digest, recipe=digest) is not None


def dependents(
    source: Source, digest: bytes, after: bytes = b"", at_most: int = 500
) -> list[tuple[bytes, int]]:
    """Hash and size of what is made from this content, in the order of the hashes."""
    found = source.all(_DEPENDENTS, base=digest, recipe=digest, after=after, at_most=at_most)
    return [(bytes(one), size) for one, size in found]


def delete(transaction: Transaction, digest: bytes) -> Removed | None:
    """Remove the row of a content. None where it is not there, or stays because something is made from it."""
    row = get(transaction, digest)
    if row is None or is_base(transaction, digest):
        return None
    transaction.run(_DELETE, digest=digest)
    return Removed(row.form, row.needs)


def replace(transaction: Transaction, row: Row) -> bool:
    """Store a content in another form; False where it is no longer there."""
    names = [column.name for column in _COLUMNS]
    values = {f"b_{name}": value for name, value in zip(names, row, strict=True)}
    return transaction.run(_REPLACE, **values) > 0


def pin(transaction: Transaction, digests: Iterable[bytes]) -> None:
    """What is shared from here on is there, and this commit is in time. Errors: `PayloadGone`."""
    for digest in digests:
        found = transaction.one(_KEPT, digest=digest)
        if found is None:
            raise gone(digest)
        if found[0]:  # a sweep looks whether anything names it: from here on something does
            transaction.run(_RELEASE, digest=digest)


def gone(digest: bytes) -> PayloadGone:
    """The error for a content that is not there."""
    return PayloadGone(
        f"the content {digest.hex()[:12]} has expired or was erased",
        hint="Logs outlive payloads; give the data with --payload to run with it again.",
    )


def damaged(digest: bytes, why: str = "it does not match its hash") -> StoreCorrupt:
    """The error for a content whose stored bytes are not what they were."""
    return StoreCorrupt(
        f"the content {digest.hex()[:12]} is damaged: {why}",
        hint="Run `redrive doctor`, and restore a backup if it cannot be mended.",
    )


# ---- dictionaries


def dictionary(source: Source, number: int) -> tuple[bytes, bytes] | None:
    """A dictionary and the hash of it."""
    found = source.one(_DICTIONARY, number=number)
    return (bytes(found[0]), bytes(found[1])) if found is not None else None


def newest_dictionary(source: Source, family: str) -> tuple[int, int] | None:
    """Number and ratio of the one that new contents of a family are packed with."""
    found = source.one(_NEWEST_DICTIONARY, family=family)
    return (found[0], found[1]) if found is not None else None


def add_dictionary(
    transaction: Transaction, family: str, data: bytes, digest: bytes, ratio: int, at: int
) -> int:
    """Store a dictionary in the place of the family's former one; its number."""
    last = transaction.one(_LAST_DICTIONARY)
    number = (last[0] or 0) + 1 if last is not None else 1
    transaction.run(_RETIRE, b_family=family, b_at=at)
    transaction.insert(INSERT_DICTIONARY, (number, family, data, digest, ratio, at, None))
    return number


def delete_dictionaries(transaction: Transaction, before: int) -> int:
    """Remove dictionaries that were retired before an instant and that no content names; how many.

    Take an instant some hours ago: a content that was packed just before may not be committed yet.
    """
    return transaction.run(_DELETE_DICTIONARIES, before=before)


def retire_dictionaries(transaction: Transaction, family: str, at: int) -> None:
    """Nothing new is packed with those of a family."""
    transaction.run(_RETIRE, b_family=family, b_at=at)


def packed_with(source: Source, number: int, at_most: int) -> list[bytes]:
    """Some contents that are packed with a dictionary."""
    return [bytes(digest) for (digest,) in source.all(_PACKED_WITH, number=number, at_most=at_most)]


def dictionaries(source: Source) -> list[tuple[int, str, bytes, bytes]]:
    """Number, family, bytes and hash of all."""
    return [
        (number, family, bytes(data), bytes(digest))
        for number, family, data, digest in source.all(_DICTIONARIES)
    ]


def count_users(source: Source, number: int) -> int:
    """How many contents are packed with a dictionary."""
    found = source.one(_USERS, number=number)
    return int(found[0]) if found else 0
