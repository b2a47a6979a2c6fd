"""Reads all that is stored and compares it with its hashes; mends what can be mended, names what cannot.

It goes in parts, in the order of the hashes: a part ends after some seconds, and says where the next
one begins. So it can be shown how far it is, broken off and taken up again, and memory stays bounded.

    contents       every content, whole: with it every range and recipe, what those refer to, and objects
    dictionaries   every one, and how many contents need it
    objects        those that no record names

What can be mended (`repair`): a content whose row is damaged, or refers to something damaged, while the
blob store holds its bytes; an object that payloads name and no record; leftovers of killed writers.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import islice
from typing import Final

from blake3 import blake3

from redrive.core.counting import counted
from redrive.core.ids import to_text
from redrive.engine.contents import ContentStore
from redrive.errors import PayloadGone, RedriveError, StoreCorrupt, UsageError
from redrive.service.kernel import Kernel
from redrive.service.views import ContentsChecked, Finding
from redrive.store import checks
from redrive.store import contents as store
from redrive.store.blobs.base import Blobs, StoredBlob
from redrive.store.database import Rows

PART_S: Final = 2.0
"""A part ends when this time is over, with the content that it is at."""
LEFT_OVER_S: Final = 3600.0
"""What is younger may belong to a run under way."""
_AT_ONCE: Final = 200
_NAMED_USES: Final = 5
_MOST_USES: Final = 1000
_OBJECTS: Final = "objects"


class ContentChecks:
    """One check of the contents of a home."""

    def __init__(self, kernel: Kernel, *, repair: bool) -> None:
        self._kernel = kernel
        self._repair = repair
        self._findings: list[Finding] = []
        self._checked = 0
        self._bytes = 0

    async def part(self, after: str | None = None, part_s: float = PART_S) -> ContentsChecked:
        """The next part. Errors: `usage` (of `after`), `objects.unreachable`, `store.io`."""
        reader = self._kernel.deps.reader
        total = await reader.run(checks.count_contents)
        end = time.monotonic() + part_s
        following: str | None = None
        if after != _OBJECTS:
            begin = _cursor(after)
            # A store of its own: one in use would answer from memory.
            contents = ContentStore(reader, self._kernel.blobs)
            try:
                last = await self._contents(contents, begin, end)
            finally:
                contents.close()
            following = last.hex() if last is not None else _OBJECTS
        else:
            await self._dictionaries()
            await self._objects()
        return ContentsChecked(
            findings=self._findings,
            checked=self._checked,
            read_bytes=self._bytes,
            total=total,
            next=following,
        )

    # ---- contents

    async def _contents(self, contents: ContentStore, after: bytes, end: float) -> bytes | None:
        """The last content that was looked at; None where it was the last of all."""
        reader = self._kernel.deps.reader
        damaged: dict[bytes, tuple[int, RedriveError]] = {}
        last: bytes | None = after
        while last is not None:
            page = await reader.run(partial(checks.contents_after, after=last, at_most=_AT_ONCE))
            last = page[-1][0] if len(page) == _AT_ONCE else None
            for digest, size in page:
                if (error := await self._read(contents, digest, size)) is not None:
                    damaged[digest] = (size, error)
                self._checked += 1
                self._bytes += size
                if time.monotonic() > end:
                    last = digest
                    break
            if time.monotonic() > end:
                break
        await self._tell(damaged)
        return last

    async def _read(self, contents: ContentStore, digest: bytes, size: int) -> RedriveError | None:
        """Why a content cannot be read as it was; None where it can."""
        hasher, length = blake3(), 0
        try:
            async for chunk in contents.known(digest, size).stream():
                hasher.update(chunk)
                length += len(chunk)
        except (PayloadGone, StoreCorrupt) as error:
            # Retention may have removed it since it was listed.
            row = await self._kernel.deps.reader.run(lambda rows: store.get(rows, digest))
            return error if row is not None else None
        whole = length == size and hasher.digest() == digest
        return None if whole else store.damaged(digest)

    async def _tell(self, damaged: dict[bytes, tuple[int, RedriveError]]) -> None:
        left = [digest for digest in damaged if not (self._repair and await self._mended(digest))]
        named = await self._uses(left)
        for digest in left:
            size, error = damaged[digest]
            why = error.detail.split(": ", 1)[-1] if isinstance(error, StoreCorrupt) else _missing(error)
            self._findings.append(
                Finding(
                    ok=False,
                    name="contents",
                    detail=f"the content {digest.hex()[:12]} ({size} bytes; {named[digest]}) "
                    f"cannot be read: {why}",
                    hint="`redrive doctor --repair` mends what can be mended. Restore a backup, or redrive "
                    "from an earlier step: that makes these payloads anew.",
                )
            )

    async def _mended(self, digest: bytes) -> bool:
        """Whether the blob store has the bytes: then the row says so from now on."""
        size = await asyncio.to_thread(_sound, self._kernel.blobs, digest)
        if size is None:
            return False
        row: store.Row = (digest, size, store.OBJECT, None, None, None, None)
        if not await self._kernel.write(lambda transaction: store.replace(transaction, row)):
            return False
        self._kernel.deps.contents.forget(digest)
        self._findings.append(_good(f"the content {digest.hex()[:12]} is read from its object again"))
        return True

    async def _uses(self, digests: Sequence[bytes]) -> dict[bytes, str]:
        """Which runs, steps and payloads are struck."""
        if not digests:
            return {}

        def look(rows: Rows) -> list[checks.Use]:
            return checks.uses(rows, digests, _MOST_USES)

        found: dict[bytes, list[str]] = {digest: [] for digest in digests}
        for use in await self._kernel.deps.reader.run(look):
            found[use.digest].append(_named(use))
        return {
            digest: ", ".join(names[:_NAMED_USES]) + (", …" if len(names) > _NAMED_USES else "")
            if names
            else "of no payload"
            for digest, names in found.items()
        }

    # ---- dictionaries and objects

    async def _dictionaries(self) -> None:
        for number, family, data, digest in await self._kernel.deps.reader.run(store.dictionaries):
            if blake3(data).digest() == digest:
                continue
            users = await self._kernel.deps.reader.run(partial(store.count_users, number=number))
            self._findings.append(
                Finding(
                    ok=False,
                    name="dictionaries",
                    detail=f"the dictionary {number} ({family}) does not match its hash: "
                    f"{users} contents that are packed with it cannot be read",
                    hint="Restore a backup.",
                )
            )

    async def _objects(self) -> None:
        blobs = self._kernel.blobs
        if self._repair and (removed := await asyncio.to_thread(blobs.sweep_temp, LEFT_OVER_S)):
            self._findings.append(_good(f"{removed} unfinished objects of dead processes were removed"))
        found = await asyncio.to_thread(blobs.iterate)
        orphans = size = 0
        while page := await asyncio.to_thread(_some, found):
            strays = [blob for blob in page if blob.age_s >= LEFT_OVER_S]
            known = await self._kernel.deps.reader.run(
                lambda rows, strays=strays: {
                    b.digest for b in strays if store.get(rows, b.digest) is not None
                }  # type: ignore[misc]
            )
            left = [blob for blob in strays if blob.digest not in known]
            left = [blob for blob in left if not await self._named_again(blob)] if left else []
            orphans += len(left)
            size += sum(blob.stored_bytes for blob in left)
        if orphans:
            self._findings.append(
                _good(f"{counted(orphans, 'object')} ({size} bytes) of no record, taking room only")
            )

    async def _named_again(self, blob: StoredBlob) -> bool:
        """An object that payloads name and no record: tell, or make the record again."""
        used = (await self._uses([blob.digest]))[blob.digest]
        if used == "of no payload":
            return False
        size = await asyncio.to_thread(_sound, self._kernel.blobs, blob.digest)
        what = f"the content {blob.digest.hex()[:12]} ({used})"
        if size is None or not self._repair:
            hint = "`redrive doctor --repair` makes the record again, unless it was removed on purpose."
            state = (
                "its object is there, its record is not"
                if size is not None
                else "only a damaged object is left"
            )
            self._findings.append(
                Finding(
                    ok=False,
                    name="objects",
                    detail=f"{what}: {state}",
                    hint=hint if size is not None else None,
                )
            )
            return True
        row: store.Row = (blob.digest, size, store.OBJECT, None, None, None, None)
        await self._kernel.write(lambda transaction: transaction.insert(store.INSERT_CONTENT, row))
        self._findings.append(_good(f"{what} has its record again"))
        return True


def _sound(blobs: Blobs, digest: bytes) -> int | None:
    """The size of an object whose bytes are all as they were; None where it is not there, or damaged."""
    hasher, at = blake3(), 0
    try:
        reader = blobs.open(digest)
        while at < reader.size_bytes:
            chunk = reader.read(at, at + (1 << 20))
            hasher.update(chunk)
            at += len(chunk)
    except (PayloadGone, StoreCorrupt):
        return None
    return reader.size_bytes if hasher.digest() == digest else None


def _some(found: Iterator[StoredBlob]) -> list[StoredBlob]:
    return list(islice(found, _AT_ONCE))


def _cursor(text: str | None) -> bytes:
    try:
        return bytes.fromhex(text or "")
    except ValueError:
        raise UsageError(f"{text!r} is not where a check of the contents has ended") from None


def _missing(error: RedriveError) -> str:
    return (
        "its object, or what it is made from, is not there"
        if isinstance(error, PayloadGone)
        else error.detail
    )


def _named(use: checks.Use) -> str:
    run = f"run {to_text('r', use.run_id)}" if use.run_id else "an upload"
    if use.exchange_id is not None:
        return f"exchange {to_text('x', use.exchange_id)} of {run}"
    step = f" after step {use.step}" if use.step else ""
    if use.payload_id is None:
        return f"a page of the cache {use.cache} by {run}{step}"
    return f"payload {to_text('p', use.payload_id or 0)} of {run}{step}"


def _good(detail: str) -> Finding:
    return Finding(ok=True, name="contents", detail=detail)
