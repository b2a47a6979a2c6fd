"""What a run came to, beside what a test expects of it: every difference, each at its step."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from redrive.core.counting import counted
from redrive.core.jsonvalue import decode
from redrive.documents.flow_tests import ExpectForm, OutForm, SentForm, StepExpectForm
from redrive.sdk.content import MemoryContent
from redrive.sdk.exchange import Request
from redrive.sdk.payload import Payload
from redrive.sdk.testing import MemoryContext, run_shape
from redrive.service.bench import Bench
from redrive.service.flowtest_views import Difference
from redrive.service.kernel import number_of
from redrive.service.playback import Answers, after_host, body_differences, plain, told, url_fits
from redrive.service.views import PayloadView, RunView, StepRunView
from redrive.shapes.assert_ import Assert, differences, lacks
from redrive.store import deliveries as delivery_store
from redrive.store import runs as run_store
from redrive.store.database import Rows

MOST_PAYLOADS = 1000
"""Payloads of one step that are looked at."""
MOST_BYTES = 64 << 20
MOST_LOG_LINES = 2000

Read = Callable[[str], bytes]


class Comparison:
    """One run on a bench and what it is compared with."""

    def __init__(self, bench: Bench, run: RunView, answers: Answers, read: Read) -> None:
        self._bench = bench
        self._run = run
        self._answers = answers
        self._read = read
        self._found: list[Difference] = []

    async def with_(self, expect: ExpectForm) -> list[Difference]:
        """Every difference, those of the run first."""
        run = self._run
        steps = {step.step: step for step in run.steps}
        self._found += [
            Difference(step=None, what="a request is not recorded", lines=[line])
            for line in self._answers.unmatched
        ]
        if run.status != expect.status:
            lines = [f"expected {expect.status}, found {run.status}"]
            if run.summary:
                lines.append(run.summary)
            self._found.append(Difference(step=None, what="the run's status", lines=lines))
        if expect.warnings is not None:
            self._count(None, "warnings", expect.warnings, run.warnings)
        if expect.summary is not None and expect.summary not in run.summary:
            self._add(
                None, "the summary", [f"expected a text with {expect.summary!r}, found {run.summary!r}"]
            )
        for name, wanted in expect.steps.items():
            step = steps.get(name)
            if step is None:
                self._add(name, "the step", ["it is not in the part of the flow that ran"])
            else:
                await self._step(step, wanted)
        return self._found

    def _add(self, step: str | None, what: str, lines: Sequence[str]) -> None:
        if lines:
            self._found.append(Difference(step=step, what=what, lines=list(lines)))

    def _count(self, step: str | None, what: str, wanted: int | None, found: int) -> None:
        if wanted is not None and wanted != found:
            self._add(step, what, [f"expected {wanted}, found {found}"])

    async def _step(self, step: StepRunView, wanted: StepExpectForm) -> None:
        name, counts, deliveries = step.step, step.counts, step.deliveries
        if wanted.status is not None and wanted.status != step.status:
            lines = [f"expected {wanted.status}, found {step.status}"]
            self._add(name, "status", [*lines, *([step.error.detail] if step.error else [])])
        self._count(name, "payloads", wanted.payloads, counts.get("payloads_out", 0))
        self._count(name, "items", wanted.items, counts.get("items_out", 0))
        self._count(name, "failed payloads", wanted.failed, counts.get("failed_payloads", 0))
        self._count(name, "warnings", wanted.warnings, step.warnings)
        self._count(name, "rejected items", wanted.rejected, deliveries.rejected)
        self._count(name, "unknown deliveries", wanted.unknown, deliveries.unknown)
        self._count(name, "items left out", wanted.left_out, deliveries.skipped)
        self._error(step, wanted)
        if wanted.log:
            await self._log(name, wanted.log)
        if wanted.out is not None or wanted.every is not None:
            await self._out(name, wanted)
        if wanted.sent is not None:
            await self._sent(name, wanted.sent)
        if wanted.delivered is not None:
            found = await self._delivered(name)
            self._add(name, "delivered keys", told(differences(wanted.delivered, found), "the keys"))

    def _error(self, step: StepRunView, wanted: StepExpectForm) -> None:
        found = step.error
        if wanted.error is not None and (found is None or found.code != wanted.error):
            what = f"{found.code}: {found.detail}" if found else "no error"
            self._add(step.step, "error", [f"expected {wanted.error}, found {what}"])
        if wanted.error_contains is not None and wanted.error_contains not in (found.detail if found else ""):
            what = repr(found.detail) if found else "no error"
            self._add(step.step, "error", [f"expected a text with {wanted.error_contains!r}, found {what}"])

    async def _log(self, step: str, wanted: Sequence[str]) -> None:
        page = await self._bench.service.runs.logs(self._run.id, step, limit=MOST_LOG_LINES)
        messages = [line.message for line in page.items]
        lines = [f"no line contains {text!r}" for text in wanted if not any(text in one for one in messages)]
        if lines:
            lines += [f"there is: {message}" for message in messages[:5]]
        self._add(step, "log", lines)

    async def _out(self, step: str, wanted: StepExpectForm) -> None:
        payloads = await self.payloads(step)
        if wanted.out is not None:
            if len(wanted.out) != len(payloads):
                self._add(step, "payloads put out", [f"expected {len(wanted.out)}, found {len(payloads)}"])
            for number, (one, view) in enumerate(zip(wanted.out, payloads, strict=False)):
                self._add(step, f"payload {number} put out", await self._payload(one, view))
        if wanted.every is not None:
            for number, view in enumerate(payloads):
                self._add(step, f"payload {number} put out", await self._payload(wanted.every, view))

    async def payloads(self, step: str) -> list[PayloadView]:
        """What a step has put out."""
        page = await self._bench.service.runs.payloads(self._run.id, step, "out", limit=MOST_PAYLOADS)
        return list(page.items)

    async def _payload(self, wanted: OutForm, view: PayloadView) -> list[str]:
        lines: list[str] = []
        if wanted.items is not None and wanted.items != view.items:
            lines.append(f"expected {counted(wanted.items, 'item')}, found {view.items}")
        if wanted.media_type is not None and wanted.media_type != view.media_type:
            lines.append(f"expected {wanted.media_type}, found {view.media_type}")
        if wanted.meta is not None:
            lines += told(differences(wanted.meta, view.meta), "meta")
        asserted = wanted.asserted()
        if not (asserted or wanted.text is not None or wanted.file is not None):
            return lines
        if view.size_bytes > MOST_BYTES:
            return [*lines, f"it has {view.size_bytes} bytes, more than can be compared"]
        data = b"".join([chunk async for chunk in self._bench.service.payloads.stream(view.id)])
        if wanted.text is not None:
            lines += text_differences(wanted.text, data)
        if wanted.file is not None and (expected := self._read(wanted.file)) != data:
            lines += content_differences(expected, data)
        return [*lines, *await self._asserted(asserted, data, view)]

    async def _asserted(self, asserted: dict[str, Any], data: bytes, view: PayloadView) -> list[str]:
        lines: list[str] = []
        if asserted.keys() & {"equals", "contains"}:
            try:
                found: Any = decode(data) if data else None
            except ValueError:
                found = data.decode(errors="replace")
            if "equals" in asserted:
                lines += told(differences(plain(asserted.pop("equals")), found), "the payload")
            if "contains" in asserted:
                lines += told(lacks(plain(asserted.pop("contains")), found), "the payload")
        if asserted:
            ctx = MemoryContext(now=self._run.clock, variables=dict(self._run.variables))
            detail = await self._bench.service.payloads.get(view.id)
            payload = Payload(
                MemoryContent(data), media_type=view.media_type, items_path=detail.items_path, meta=view.meta
            )
            result = await run_shape(Assert.model_validate(asserted), [payload], ctx=ctx)
            if result.error is not None:
                lines.append(result.error.detail.removeprefix("payload 0 is not as expected: "))
        return lines

    async def _sent(self, step: str, wanted: Sequence[SentForm]) -> None:
        asked = self._answers.asked.get(step, [])
        if len(wanted) != len(asked):
            lines = [f"expected {len(wanted)}, found {len(asked)}"]
            lines += [f"{one.method} {after_host(one.url)}" for one in asked[:5]]
            self._add(step, "requests", lines)
        for number, (one, request) in enumerate(zip(wanted, asked, strict=False)):
            self._add(step, f"request {number}", await _request(one, request))

    async def _delivered(self, step: str) -> list[str]:
        """The keys that a step delivered, in the order of their payloads and items."""
        number = number_of("r", self._run.id, "run")
        reader = self._bench.kernel.deps.reader

        def read(rows: Rows) -> list[str]:
            for one in run_store.step_runs(rows, number):
                if one.step == step:
                    return delivery_store.keys_delivered(rows, number, one.position)
            return []

        return await reader.run(read)


async def _request(wanted: SentForm, found: Request) -> list[str]:
    lines = []
    if wanted.method is not None and wanted.method.upper() != found.method:
        lines.append(f"expected {wanted.method.upper()}, found {found.method}")
    if wanted.url is not None and not url_fits(wanted.url, found.url):
        lines.append(f"expected {wanted.url}, found {after_host(found.url)}")
    return [*lines, *await body_differences(wanted, found)]


def content_differences(expected: bytes, found: bytes) -> list[str]:
    """Where the bytes of two payloads differ: as JSON where they are, else as text."""
    try:
        one, other = decode(expected), decode(found)
    except ValueError:
        return text_differences(expected.decode(errors="replace"), found)
    lines = told(differences(one, other), "the payload")
    return lines or ["the values are equal, their spelling is not"]


def text_differences(expected: str, found: bytes) -> list[str]:
    """The first line in which two texts differ."""
    text = found.decode(errors="replace")
    if text == expected:
        return []
    left, right = expected.split("\n"), text.split("\n")
    for number, (one, other) in enumerate(zip(left, right, strict=False), 1):
        if one != other:
            return [f"line {number}: expected {_cut(one)}, found {_cut(other)}"]
    return [f"expected {counted(len(left), 'line')}, found {len(right)}"]


def _cut(line: str) -> str:
    return repr(line if len(line) <= 80 else line[:79] + "…")
