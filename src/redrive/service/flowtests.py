"""Tests of flows: each runs on a bench, against recorded answers, by the ordinary worker."""

from __future__ import annotations

import posixpath
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from redrive.core.dates import parse_iso
from redrive.core.flow import Flow
from redrive.core.jsonvalue import encode
from redrive.core.nearest import nearest
from redrive.documents.check import check
from redrive.documents.flow_document import build_steps, parse_flow
from redrive.documents.flow_parts import part_of
from redrive.documents.flow_tests import FlowTestForm
from redrive.documents.load import Document, load_one
from redrive.documents.problems import shown
from redrive.documents.variables import variables_set
from redrive.errors import FlowInvalid, NotFound, RedriveError
from redrive.service.bench import Benches, Opener
from redrive.service.expectations import Comparison
from redrive.service.flowtest_views import (
    Difference,
    FlowTestReport,
    FlowTestResult,
    MadeTest,
    ReplayView,
    TrialRequest,
    TrialView,
)
from redrive.service.importing import read_documents
from redrive.service.interface import Document as Text
from redrive.service.kernel import Kernel
from redrive.service.made_tests import make
from redrive.service.playback import Answers, of_test
from redrive.service.replays import replay
from redrive.service.surroundings import NOTHING, Given, Surroundings, quiet, sends_of, surroundings
from redrive.service.trials import trial
from redrive.service.veil import require_reveal
from redrive.service.versions import flow_named, resolve_version, text_of
from redrive.store.database import Rows

Files = Mapping[str, bytes]


class FlowTests:
    """The noun `tests` on a home in this process."""

    def __init__(self, kernel: Kernel, opener: Opener) -> None:
        self._kernel = kernel
        self._benches = Benches(opener, kernel.registry)

    async def run(
        self, documents: Sequence[Text], *, files: Files | None = None, only: Sequence[str] = ()
    ) -> FlowTestReport:
        """Run the tests that flow documents carry. What they name is taken from the documents, else
        from the home. `files` are those that tests name, by the names they use; `only` are names of tests.

        Errors: `document.invalid` with every problem, `test.unknown`.
        """
        loaded = read_documents(documents, {}, self._kernel.registry)
        given = Given(loaded.documents)
        check(loaded, self._kernel.registry).raise_if_any()
        return await self._all(list(given.flows.values()), given, files or {}, only)

    async def run_flow(
        self, name: str, *, version: str | None = "draft", only: Sequence[str] = ()
    ) -> FlowTestReport:
        """Run the tests of a flow of the home: of its draft, else of what is deployed, or of a version.

        Errors: `flow.unknown`, `version.unknown`, `test.unknown`.
        """

        def read(rows: Rows) -> Document:
            flow = flow_named(rows, name)
            asked = None if version == "draft" and flow.draft is None else version
            text, file = text_of(rows, flow, resolve_version(rows, flow, asked))
            return load_one(text.decode(), file)

        document = await self._kernel.deps.reader.run(read)
        return await self._all([document], NOTHING, {}, only)

    async def make(self, run_id: str, *, name: str | None = None, store: bool = False) -> MadeTest:
        """A test with a run's recorded exchanges, expecting what its steps put out. `store` puts it into
        the draft.

        Errors: `run.unknown`, `run.not_ended`, `run.not_first`, `payload.expired`, `test.too_large`.
        """
        await require_reveal(self._kernel, None, "to make a test of a run")
        return await make(self._kernel, run_id, name, store=store)

    async def replay(self, run_id: str, *, version: str = "draft") -> ReplayView:
        """A past run on another version, with the answers that were recorded. Nothing is sent.

        Errors: `run.unknown`, `run.not_ended`, `run.not_first`, `version.unknown`, `payload.expired`.
        """
        await require_reveal(self._kernel, None, "to replay a run")
        return await replay(self._kernel, self._benches, run_id, version)

    async def trial(self, request: TrialRequest) -> TrialView:
        """One shape, or one step, alone on payloads of the home.

        Errors: `shape.unknown`, `step.unknown`, `payload.unknown`, `document.invalid`, `trial.effects`.
        """
        if request.payloads:
            await require_reveal(self._kernel, None, "to try a shape on a stored payload")
        return await trial(self._kernel, self._benches, request)

    async def _all(
        self, documents: Sequence[Document], given: Given, files: Files, only: Sequence[str]
    ) -> FlowTestReport:
        registry = self._kernel.registry
        chosen: list[tuple[Document, Flow, int, FlowTestForm]] = []
        names: list[str] = []
        for document in documents:
            flow = parse_flow(document, registry)
            for number, data in enumerate(flow.tests):
                form = FlowTestForm.model_validate(data)
                names.append(form.test)
                if not only or form.test in only:
                    chosen.append((document, flow, number, form))
        for name in only:
            if name not in names:
                near = nearest(name, names)
                raise NotFound(
                    f"there is no test {shown(name)}",
                    code="test.unknown",
                    hint=f"Did you mean {near!r}?" if near else f"There are: {', '.join(names) or 'none'}.",
                )
        results = [
            await self._one(document, flow, number, form, given, files)
            for document, flow, number, form in chosen
        ]
        passed = sum(result.passed for result in results)
        return FlowTestReport(passed=passed, failed=len(results) - passed, results=results)

    async def _one(
        self,
        document: Document,
        flow: Flow,
        number: int,
        form: FlowTestForm,
        given: Given,
        files: Files,
    ) -> FlowTestResult:
        begun = time.monotonic()
        status: str | None = None
        notes: list[str] = []
        try:
            status, found, notes = await self._executed(
                document, flow, form, given, _reading(document, files)
            )
        except FlowInvalid as error:
            found = [
                Difference(
                    step=None,
                    what="the part of the flow is not valid",
                    lines=[str(p) for p in error.problems],
                )
            ]
        except RedriveError as error:
            lines = [error.detail, *([error.hint] if error.hint else [])]
            found = [Difference(step=None, what=f"the test cannot be run ({error.code})", lines=lines)]
        return FlowTestResult(
            flow=flow.name,
            test=form.test,
            file=document.file,
            line=document.line_of(f"/tests/{number}"),
            passed=not found,
            duration_s=round(time.monotonic() - begun, 3),
            status=status,
            differences=found,
            notes=notes,
        )

    async def _executed(
        self, document: Document, flow: Flow, form: FlowTestForm, given: Given, read: Callable[[str], bytes]
    ) -> tuple[str, list[Difference], list[str]]:
        registry = self._kernel.registry
        found = await self._surroundings(flow, given)
        part = part_document(document.data, flow, registry, form)
        answers = Answers(
            {step: [of_test(one, read) for one in there] for step, there in form.exchanges.items()},
            sends_of(flow, found),
        )
        clock = instant_of(form.clock)
        async with self._benches.open(answers, clock) as bench:
            await bench.take([*found.documents(), (f"{flow.name}.json", encode(part))])
            await bench.furnish(self._kernel, found.others.get("lookups", ()), form.lookups, form.pools)
            ran = parse_flow(load_one(encode(part).decode(), f"{flow.name}.json"), registry)
            run = await bench.run(
                flow.name,
                clock=clock,
                payloads=[await bench.give(one, read) for one in form.given],
                variables=form.variables,
                skips=[*form.skip, *quiet(ran, registry)],
                last_success=instant_of(form.last_success) if form.last_success else None,
            )
            differences = await Comparison(bench, run, answers, read).with_(form.expect)
        notes = [f"nobody asked for the exchange {one}" for one in answers.unused]
        notes += [
            f"{count} sends of {step} were answered with 200 and {{}}"
            for step, count in answers.stubbed.items()
        ]
        return run.status, differences, notes

    async def _surroundings(self, flow: Flow, given: Given) -> Surroundings:
        registry = self._kernel.registry
        return await self._kernel.deps.reader.run(lambda rows: surroundings(rows, flow, registry, given))


def part_document(data: Mapping[str, Any], flow: Flow, registry: Any, form: FlowTestForm) -> dict[str, Any]:
    """The part of a flow that a test runs. Errors: `step.unknown`, `path.unknown`."""
    values = dict(form.variables)
    if form.at is not None or form.path is not None:
        for shape in build_steps(flow, registry).values():
            values |= dict.fromkeys(variables_set(shape) - values.keys())
    return part_of(data, registry, at=form.at, path=form.path, until=form.until, variables=values)


def instant_of(text: str) -> datetime:
    moment = parse_iso(text)
    assert isinstance(moment, datetime)
    return moment


def _reading(document: Document, files: Files) -> Callable[[str], bytes]:
    def read(name: str) -> bytes:
        found = files.get(posixpath.join(posixpath.dirname((document.file or "").replace("\\", "/")), name))
        if found is None:
            raise NotFound(
                f"the test names the file {shown(name)}, which was not given",
                code="file.unknown",
                at=name,
                hint=f"Run the tests from the file: `redrive test {document.file or 'PATH'}`.",
            )
        return found

    return read
