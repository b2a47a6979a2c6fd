"""The bucket of `catch`: the payloads that failed in the steps of a `try`, as they came into their step."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

from redrive.core.flow import StepNode
from redrive.core.jsonvalue import decode, encode
from redrive.core.run import PayloadRow, StepRun
from redrive.engine.buckets import YoungBucket
from redrive.engine.contents import StoredContent
from redrive.engine.failpoints import failpoints
from redrive.engine.steps import Steps
from redrive.sdk.writing import MAX_META_BYTES
from redrive.store import runs as store
from redrive.store.committer import Transaction

PAGE = 500
MAX_MESSAGE = 2000


def caught_in(nodes: Sequence[StepNode], steps: Steps) -> list[StepNode]:
    """The steps in which payloads failed in this run, and for which this `try` is the innermost one."""
    found: list[StepNode] = []
    for node in nodes:
        step = steps.records.get(node.id)
        shape = steps.built.shapes[node.id]
        if step is not None and step.status != "kept" and step.failed:
            found.append(node)
        for path in node.paths[1:] if shape.tree == "try" else node.paths:
            found += caught_in(path.steps, steps)
    return found


class Catching:
    """Fills the bucket of one `try`; nothing of it counts before it is whole."""

    def __init__(self, steps: Steps, node: StepNode, step: StepRun) -> None:
        self._steps = steps
        self._node = node
        self._step = step

    async def fill(self, failed: Sequence[StepNode]) -> list[int]:
        steps, step = self._steps, self._step
        journal, ids = steps.journal, steps.deps.ids
        if not steps.preview:
            await journal.barrier()  # what failed is read from the store
        bucket = self._cut_off() or ids.next()
        step.checkpoint = encode({"catching": bucket})
        journal.step(step)
        held: YoungBucket | None = YoungBucket(bounded=not steps.preview)
        position = 0
        journal.add(store.INSERT_BUCKET, (bucket, step.run_id, step.position))
        for node in failed:
            async for row, content, error in self._failures(node):
                meta = with_error(decode(row.meta) if row.meta else {}, error, node.id)
                record = PayloadRow(
                    id=ids.next(),
                    bucket=bucket,
                    position=position,
                    digest=row.digest,
                    size_bytes=row.size_bytes,
                    items=row.items,
                    media_type=row.media_type,
                    items_path=row.items_path,
                    meta=encode(meta),
                    edited_from=row.id or None,
                )
                position += 1
                journal.payload(record, content)
                if held is not None:
                    held.add(record, content)
                    held = None if held.full else held
                if journal.full:
                    journal.flush()
                    await journal.pace()
        failpoints.hit("catch.filling")
        if held is not None:
            steps.buckets.young[bucket] = held
        else:
            await journal.barrier()
        step.checkpoint = None
        return [bucket]

    def _cut_off(self) -> int | None:
        """The bucket that a crash has left half full: it is filled anew."""
        if self._step.checkpoint is None:
            return None
        bucket: int = decode(self._step.checkpoint)["catching"]

        def work(transaction: Transaction) -> None:
            transaction.run(store.DROP_PAYLOADS, bucket=bucket, keep=0)

        self._steps.journal.work(work)
        return bucket

    async def _failures(
        self, node: StepNode
    ) -> AsyncIterator[tuple[PayloadRow, StoredContent, dict[str, str]]]:
        steps, record = self._steps, self._steps.records[node.id]
        contents = steps.deps.contents
        if steps.preview:
            for failure in steps.failures.get(node.id, ()):
                content = await contents.adopt(failure.content)
                yield failure.row or _empty(content), content, failure.error.as_dict()
            return
        start = 0
        while True:
            at = start
            page = await steps.deps.reader.run(
                lambda rows: store.failed_with_payload(rows, record.run_id, record.position, at, PAGE)  # noqa: B023
            )
            for number, error, row in page:
                if row is not None:
                    yield row, contents.known(row.digest, row.size_bytes), decode(error)
                else:
                    content = await contents.put(b"")
                    yield _empty(content), content, decode(error)
                start = number + 1
            if len(page) < PAGE:
                return


def _empty(content: StoredContent) -> PayloadRow:
    """The payload of a start without data, which has no record."""
    return PayloadRow(
        id=0,
        bucket=0,
        position=0,
        digest=content.digest,
        size_bytes=0,
        items=0,
        media_type="application/json",
    )


def with_error(meta: dict[str, str], error: dict[str, str], step: str) -> dict[str, str]:
    """Meta of a caught payload. The message gives way where meta would grow too large, then the rest."""
    own = {"error_step": step, "error_code": error["code"]}
    merged = {**meta, **own, "error_message": ""}
    room = MAX_META_BYTES - sum(len(name.encode()) + len(value.encode()) for name, value in merged.items())
    if room < 0:
        return meta
    message = error["detail"][:MAX_MESSAGE].encode()[:room].decode(errors="ignore")
    return {**merged, "error_message": message}
