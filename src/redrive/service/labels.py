"""Labels of flows: which flow documents carry which, read once for each version."""

from __future__ import annotations

from functools import partial

from redrive.documents.flow_document import parse_flow
from redrive.documents.load import load_one
from redrive.errors import FlowInvalid
from redrive.service.kernel import Kernel
from redrive.store import flows as store
from redrive.store.flows import Source

_KEPT = 10_000
_PAGE = 500


class Labels:
    """A flow has the labels of its deployed version, else of its newest one."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel
        self._known: dict[tuple[int, int], tuple[str, ...]] = {}

    def of(self, source: Source, flow_id: int, deployed: int | None) -> tuple[str, ...]:
        number = deployed if deployed is not None else store.newest_number(source, flow_id)
        found = self._known.get((flow_id, number))
        if found is None:
            found = self._read(source, flow_id, number)
            if len(self._known) >= _KEPT:
                self._known.clear()
            self._known[flow_id, number] = found
        return found

    def _read(self, source: Source, flow_id: int, number: int) -> tuple[str, ...]:
        document = store.document(source, flow_id, number)
        if document is None:
            return ()  # there is only a draft
        text, file = document
        try:
            return parse_flow(load_one(text.decode(), file), self._kernel.registry).labels
        except FlowInvalid:
            return ()  # it does not validate any more

    async def flows_with(self, label: str) -> tuple[int, ...]:
        """The flows that carry a label."""
        found: list[int] = []
        after: str | None = ""
        while after is not None:
            after = await self._kernel.deps.reader.run(
                partial(self._gather, after=after, label=label, into=found)
            )
        return tuple(found)

    def _gather(self, source: Source, *, after: str, label: str, into: list[int]) -> str | None:
        page = store.listed(source, after=after, at_most=_PAGE)
        into += [one.id for one in page if label in self.of(source, one.id, one.deployed)]
        return page[-1].name if len(page) == _PAGE else None
