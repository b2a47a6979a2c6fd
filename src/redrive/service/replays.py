"""Regression replay: a past run again on another version, with its recorded answers, and what differs."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Literal

from redrive.core.counting import counted
from redrive.core.flow import Flow
from redrive.core.jsonvalue import decode
from redrive.core.run import PayloadRow, StepRun
from redrive.documents.flow_document import parse_flow
from redrive.documents.load import load_one
from redrive.engine.clock import instant
from redrive.errors import PayloadError, PayloadGone, RedriveError
from redrive.sdk.content import Content
from redrive.sdk.exchange import Request
from redrive.sdk.payload import Payload
from redrive.service.bench import Bench, Benches
from redrive.service.chosen import choose
from redrive.service.flowtest_views import ReplayStep, ReplayView
from redrive.service.kernel import Kernel, number_of
from redrive.service.past_runs import (
    Made,
    PastRun,
    made_by,
    outputs,
    past_run,
    payloads_of,
    readable,
    recorded,
)
from redrive.service.playback import MOST_BODY_BYTES, Answers, after_host, told, url_fits
from redrive.service.surroundings import quiet, sends_of, surroundings
from redrive.service.views import RunView
from redrive.shapes.assert_ import differences
from redrive.store import runs as run_store

MOST_LINES = 10
"""Differences of one step that are shown."""

Result = Literal["same", "changed", "new", "gone", "not_compared"]


async def replay(kernel: Kernel, benches: Benches, run_id: str, version: str) -> ReplayView:
    """Errors: `run.unknown`, `run.not_ended`, `run.not_first`, `flow.unknown`, `version.unknown`,
    `document.invalid`, `payload.expired`.
    """
    past = await past_run(kernel, run_id)
    await readable(past, kernel)
    chosen = await choose(kernel, past.run.flow, version)
    registry = kernel.registry
    flow = parse_flow(load_one(chosen.text.decode(), chosen.file), registry)
    found = await kernel.deps.reader.run(lambda rows: surroundings(rows, flow, registry))
    made = await made_by(kernel, past)
    sends = sends_of(flow, found)
    answers = Answers(
        {step: [recorded(kernel, one) for one in there] for step, there in made.items()}, sends, lenient=True
    )
    clock = instant(past.run.clock)
    skips = [*past.plan.skips, *quiet(flow, registry)]
    steps = {step.id for step in flow.walk()}
    async with benches.open(answers, clock) as bench:
        await bench.take([*found.documents(), (chosen.file or f"{flow.name}.yaml", chosen.text)])
        await bench.furnish(kernel, found.others.get("lookups", ()))
        payloads = [
            await bench.copy(payload, content)
            async for _, payload, content in payloads_of(kernel, past.plan.inputs)
        ]
        run = await bench.run(
            flow.name,
            clock=clock,
            payloads=payloads,
            variables={name: value for name, value in past.variables.items() if name in flow.variables},
            skips=[step for step in dict.fromkeys(skips) if step in steps],
            last_success=instant(past.last_success) if past.last_success is not None else None,
            delivery=past.plan.delivery,
        )
        compared = await _Replay(kernel, bench, past, made, answers, sends).steps(flow, run)
    notes = [*answers.unmatched]
    dropped = sorted(past.variables.keys() - flow.variables.keys())
    notes += [f"the version has no variable {name!r}; it was left out" for name in dropped]
    notes += [
        f"{count} sends of {step} were answered with 200 and {{}}" for step, count in answers.stubbed.items()
    ]
    different = any(step.result in {"changed", "new", "gone"} for step in compared)
    return ReplayView(
        run=past.id,
        flow=flow.name,
        version=past.run.version,
        replayed=version if chosen.number is None else str(chosen.number),
        same=not (different or answers.unmatched) and run.status == past.run.status,
        status_before=past.run.status,
        status_after=run.status,
        clock=clock,
        steps=compared,
        notes=notes,
    )


class _Replay:
    """The run as it was beside the run on the bench."""

    def __init__(
        self,
        kernel: Kernel,
        bench: Bench,
        past: PastRun,
        made: Mapping[str, Sequence[Made]],
        answers: Answers,
        sends: frozenset[str],
    ) -> None:
        self._kernel = kernel
        self._bench = bench
        self._past = past
        self._made = made
        self._answers = answers
        self._sends = sends
        self._left_out: str | None = None

    async def steps(self, flow: Flow, run: RunView) -> list[ReplayStep]:
        """Steps of the version in document order, then those that are gone."""
        past = self._past
        before = await self._nodes_before()
        after = {step.step: step for step in await self._records(run)}
        result = []
        for node in flow.walk():
            old, new = past.steps.get(node.id), after.get(node.id)
            if node.id not in before:
                result.append(_view(node.id, node.shape, "new", old, new))
            else:
                result.append(await self._step(node.id, node.shape, old, new))
        here = {node.id for node in flow.walk()}
        result += [
            _view(step, shape, "gone", past.steps.get(step), None)
            for step, shape in before.items()
            if step not in here
        ]
        return result

    async def _records(self, run: RunView) -> list[StepRun]:
        number = number_of("r", run.id, "run")
        return await self._bench.kernel.deps.reader.run(lambda rows: run_store.step_runs(rows, number))

    async def _nodes_before(self) -> dict[str, str]:
        """Step ids and shapes of the version that the run had."""
        run = self._past.run
        try:
            built = self._kernel.deps.flows.get(run.flow_id, run.version)
        except RedriveError:
            return {step.step: step.shape for step in self._past.steps.values()}
        return {node.id: node.shape for node in built.flow.walk()}

    async def _step(self, name: str, shape: str, old: StepRun | None, new: StepRun | None) -> ReplayStep:
        if self._left_out is None and old is not None and old.skipped:
            self._left_out = (
                f"{counted(old.skipped, 'item')} of {name} left out then, as delivered before; "
                "the replay knows no deliveries"
            )
        if self._left_out is not None:
            return _view(name, shape, "not_compared", old, new, [self._left_out])
        lines: list[str] = []
        status = (old.status if old else "pending", new.status if new else "pending")
        if status[0] != status[1]:
            lines.append(f"ended as {status[1]}, was {status[0]}")
        if (error := _error(old)) != (now := _error(new)):
            lines.append(f"error is {now or 'none'}, was {error or 'none'}")
        if name in self._sends:
            lines += await self._requests(name)
        try:
            lines += await self._outputs(outputs(old), outputs(new))
        except PayloadGone:
            return _view(name, shape, "not_compared", old, new, ["what it put out then is no longer kept"])
        return _view(name, shape, "changed" if lines else "same", old, new, lines[: MOST_LINES + 2])

    async def _requests(self, step: str) -> list[str]:
        """What a send step asks, beside what it asked."""
        then, now = self._made.get(step, ()), self._answers.asked.get(step, [])
        lines = []
        if len(then) != len(now):
            lines.append(f"sends {counted(len(now), 'request')}, were {len(then)}")
        for number, (one, other) in enumerate(zip(then, now, strict=False)):
            if len(lines) >= MOST_LINES:
                break
            place = after_host(one.url)
            if one.method != other.method or not url_fits(place if "?" in place else f"{place}?", other.url):
                lines.append(
                    f"request {number}: is {other.method} {after_host(other.url)}, was {one.method} {place}"
                )
            else:
                lines += [f"request {number}: {line}" for line in await self._bodies(one, other)]
        return lines

    async def _bodies(self, then: Made, now: Request) -> list[str]:
        digest = now.body.digest if now.body is not None and now.body.size_bytes else None
        if digest == then.request_body:
            return []
        size = now.body.size_bytes if now.body is not None else 0
        if max(size, then.request_bytes) > MOST_BODY_BYTES:
            return ["the bodies differ"]
        before = b""
        if then.request_body is not None:
            before = await self._kernel.deps.contents.known(then.request_body, then.request_bytes).read()
        after = await now.body.read() if now.body is not None else b""
        try:
            return told(differences(decode(before), decode(after)), "the body", 3) or ["is spelt otherwise"]
        except ValueError:
            return ["the bodies differ"]

    async def _outputs(self, before: list[int], after: list[int]) -> list[str]:
        """Differences between two buckets, payload by payload, as far as they are shown."""
        lines: list[str] = []
        then = payloads_of(self._kernel, before)
        now = payloads_of(self._bench.kernel, after)
        count = 0
        while True:
            one, other = await anext(then, None), await anext(now, None)
            if one is None or other is None:
                break
            lines += await _payloads(count, one[1], one[2], other[1], other[2])
            count += 1
            if len(lines) >= MOST_LINES:
                return lines
        if one is not None or other is not None:
            more = 1
            rest: Any = then if one is not None else now
            async for _ in rest:
                more += 1
            lines.append(
                f"{counted(more, 'payload')} {'fewer' if one is not None else 'more'}, from number {count} on"
            )
        return lines


async def _payloads(
    number: int, one: PayloadRow, content: Content, other: PayloadRow, new: Content
) -> list[str]:
    lines = []
    if one.media_type != other.media_type:
        lines.append(f"payload {number}: is {other.media_type}, was {one.media_type}")
    if one.meta != other.meta:
        found = differences(decode(one.meta or b"{}"), decode(other.meta or b"{}"))
        lines += [f"payload {number}, meta{line}" for line in told(found, "", 3)]
    if one.digest == other.digest:
        return lines
    before = Payload(content, media_type=one.media_type, items_path=one.items_path)
    after = Payload(new, media_type=other.media_type, items_path=other.items_path)
    try:
        found_items = await _items(before, after)
    except PayloadError:
        found_items = []
    if not found_items:
        found_items = [": the bytes differ, no item does"]
    return [*lines, *(f"payload {number}{line}" for line in found_items)]


async def _items(before: Payload, after: Payload) -> list[str]:
    """The items that differ, read side by side: no more than a page of each is in memory."""
    lines: list[str] = []
    then, now = _each(before), _each(after)
    number = 0
    while True:
        one, other = await anext(then, None), await anext(now, None)
        if one is None or other is None:
            break
        if one != other:
            lines += [f", item {number}{line}" for line in _item(one, other)]
        if len(lines) >= MOST_LINES:
            return lines
        number += 1
    if one is not None or other is not None:
        left: Any = then if one is not None else now
        more = 1
        async for _ in left:
            more += 1
        lines.append(
            f": {counted(more, 'item')} {'fewer' if one is not None else 'more'}, from item {number} on"
        )
    return lines


async def _each(payload: Payload) -> AsyncIterator[bytes]:
    async for items in payload.chunks():
        for item in items:
            yield item.raw


def _item(one: bytes, other: bytes) -> list[str]:
    try:
        found = told(differences(decode(one), decode(other)), "", 3)
    except ValueError:
        return [" differs"]
    return [f" {line}" if line.startswith("/") else line for line in found] or [" is spelt otherwise"]


def _error(step: StepRun | None) -> str | None:
    return str(decode(step.error)["code"]) if step is not None and step.error else None


def _view(
    name: str,
    shape: str,
    result: Result,
    old: StepRun | None,
    new: StepRun | None,
    lines: Sequence[str] = (),
) -> ReplayStep:
    return ReplayStep(
        step=name,
        shape=shape,
        result=result,
        payloads_before=old.payloads_out if old else None,
        payloads_after=new.payloads_out if new else None,
        items_before=old.items_out if old else None,
        items_after=new.items_out if new else None,
        lines=list(lines),
    )
