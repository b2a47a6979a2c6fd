"""The verbs test and replay: flows against recorded answers; nothing is sent, no run is recorded."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from xml.sax.saxutils import quoteattr

from cyclopts import Parameter

from redrive.cli.documents import read_documents
from redrive.cli.options import since
from redrive.cli.output import Output, visible
from redrive.cli.session import Injected, Session
from redrive.core.counting import counted
from redrive.errors import UsageError

if TYPE_CHECKING:
    from redrive.client import Client
    from redrive.client.records import FlowTestResult, MadeFile, MadeTest, ReplayView


async def run_tests(
    flows: Annotated[
        list[str] | None,
        Parameter(help="Flows of the home, files or folders; else all flows of the home."),
    ] = None,
    /,
    *,
    only: Annotated[
        list[str] | None, Parameter(name="--only", help="Name of a test; may be repeated.")
    ] = None,
    version: Annotated[
        str | None, Parameter(help="draft (default), deployed or a number; for flows of the home.")
    ] = None,
    junit: Annotated[Path | None, Parameter(help="Also write the results as JUnit XML to this file.")] = None,
    run: Annotated[
        str | None, Parameter(name="--from", help="Make a test of this run instead of running tests.")
    ] = None,
    name: Annotated[str | None, Parameter(help="With --from: name of the test.")] = None,
    out: Annotated[
        Path | None,
        Parameter(help="With --from: file to put it into, new or with the flow; else the flow's draft."),
    ] = None,
    session: Injected,
) -> int:
    """Run the tests that flow documents carry, against recorded exchanges. Exit code 1 if one fails."""
    if run is not None:
        await _make(session, run, name, out)
        return 0
    if name is not None or out is not None:
        raise UsageError("--name and --out go with --from RUN", at="--name" if name is not None else "--out")
    paths = [one for one in flows or () if _is_path(one)]
    names = [one for one in flows or () if one not in paths]
    if paths and version is not None:
        raise UsageError("--version is for flows of the home, not for files", at="--version")
    async with session.connect() as client:
        reports = []
        if paths:
            from redrive.client.records import read_files

            documents = read_documents(paths)
            reports.append(await client.tests.run(documents, files=read_files(documents), only=only or ()))
        if not flows:
            names = await _all(client)
        reports += [
            await client.tests.run_flow(one, version=version or "draft", only=only or ()) for one in names
        ]
    results = [result for report in reports for result in report.results]
    failed = sum(not result.passed for result in results)
    if junit is not None:
        junit.write_text(as_junit(results), encoding="utf-8")
    if session.json:
        session.output.value(
            {
                "passed": len(results) - failed,
                "failed": failed,
                "results": [result.model_dump() for result in results],
            }
        )
    else:
        _print(session.output, results, failed)
    return 1 if failed else 0


async def _make(session: Session, run: str, name: str | None, out: Path | None) -> None:
    async with session.connect() as client:
        made = await client.tests.make(run, name=name, store=out is None)
        if out is not None:
            for file in made.files:
                await _fetch(client, file, out.parent / file.name)
            _write(out, made)
    if session.json:
        session.output.view(made)
        return
    where = str(out) if out is not None else f"the draft of {made.flow}"
    session.output.text(f"The test {visible(made.test)!r} is in {visible(where)}.")
    for file in made.files:
        session.output.text(f"  with {visible(file.name)}, {file.size_bytes} bytes")
    for note in made.notes:
        session.output.note(f"note: {visible(note)}")


def _write(out: Path, made: MadeTest) -> None:
    from redrive.client.records import into_file

    there = out.read_text(encoding="utf-8") if out.exists() else None
    text = into_file(there, str(out), made) if there is not None else made.document
    out.write_text(text, encoding="utf-8")


async def _fetch(client: Client, file: MadeFile, place: Path) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    if file.payload is not None:
        chunks = client.payloads.stream(file.payload)
    else:
        chunks = client.runs.exchange_body(file.exchange or "", "response")
    with place.open("wb") as target:
        async for chunk in chunks:
            target.write(chunk)


def _is_path(text: str) -> bool:
    return "/" in text or text.lower().endswith((".yaml", ".yml", ".json")) or Path(text).is_dir()


async def _all(client: Client) -> list[str]:
    names: list[str] = []
    cursor = None
    while True:
        page = await client.flows.list(limit=500, cursor=cursor)
        names += [flow.name for flow in page.items]
        cursor = page.next
        if cursor is None:
            return names


def _print(output: Output, results: Sequence[FlowTestResult], failed: int) -> None:
    for result in results:
        word = "ok  " if result.passed else "FAIL"
        output.text(f"{word}  {visible(result.flow)}: {visible(result.test)}")
        if not result.passed and result.file:
            output.text(f"      at {visible(result.file)}:{result.line}")
        for difference in result.differences:
            where = f"{difference.step}: " if difference.step else ""
            output.text(f"      {visible(where + difference.what)}")
            for line in difference.lines:
                output.text(f"        {visible(line)}")
        for note in result.notes:
            output.note(f"      note: {visible(note)}")
    if not results:
        output.note(
            "There are no tests. `tests:` of a flow document holds them; `redrive test --from RUN` makes one."
        )
        return
    count = len(results)
    output.text(f"{counted(count, 'test')}, {count - failed} passed, {failed} failed.")


def as_junit(results: Sequence[FlowTestResult]) -> str:
    """The results in the XML that build servers read."""
    failed = sum(not result.passed for result in results)
    seconds = sum(result.duration_s for result in results)
    counts = f'tests="{len(results)}" failures="{failed}" errors="0" time="{seconds:.3f}"'
    lines = ['<?xml version="1.0" encoding="UTF-8"?>', f'<testsuite name="redrive" {counts}>']
    for result in results:
        head = (
            f"  <testcase classname={_attribute(result.flow)} name={_attribute(result.test)} "
            f'time="{result.duration_s:.3f}"'
        )
        if result.passed:
            lines.append(f"{head}/>")
            continue
        told = "\n".join(
            "\n".join([f"{one.step or 'run'}: {one.what}", *one.lines]) for one in result.differences
        )
        lines += [f"{head}>", f"    <failure message={_attribute(told)}/>", "  </testcase>"]
    return "\n".join([*lines, "</testsuite>", ""])


def _attribute(text: str) -> str:
    # What XML cannot hold at all is made visible; line ends are kept as references.
    return quoteattr(visible(text, lines=True), {"\n": "&#10;"})


async def replay(
    flow: Annotated[str, Parameter(help="Name of the flow.")],
    /,
    *,
    version: Annotated[str, Parameter(help="What is tried: draft, deployed or a number.")] = "draft",
    last: Annotated[int, Parameter(help="How many of the latest runs.")] = 10,
    since_: Annotated[
        str | None, Parameter(name="--since", help="Only runs queued since then: an instant or 2h, 7d.")
    ] = None,
    run: Annotated[
        list[str] | None, Parameter(name="--run", help="Replay this run instead; may be repeated.")
    ] = None,
    session: Injected,
) -> int:
    """Run a version against past runs, with their recorded answers, and show which step outputs differ.

    Nothing is sent, no run is recorded. Exit code 1 if anything differs.
    """
    if last < 1:
        raise UsageError(f"--last {last}: expected 1 or more", at="--last")
    views: list[ReplayView] = []
    different = 0
    async with session.connect() as client:
        runs = run or await _past(client, flow, last, since(since_, datetime.now(UTC)))
        if not runs:
            session.output.note(f"The flow {visible(flow)} has no ordinary run that has ended.")
        for number, one in enumerate(runs, 1):
            if session.output.shows_progress:
                session.output.note(f"run {number} of {len(runs)}: {one}")
            view = await client.tests.replay(one, version=version)
            different += not view.same
            if session.json:
                views.append(view)
            else:
                _show_replay(session.output, view)
    if session.json:
        session.output.value(
            {"replayed": len(views), "different": different, "items": [one.model_dump() for one in views]}
        )
    else:
        count = len(runs)
        session.output.text(
            f"{count} {'run' if count == 1 else 'runs'} replayed, {different} "
            f"{'differs' if different == 1 else 'differ'}."
        )
    return 1 if different else 0


async def _past(client: Client, flow: str, last: int, since_at: datetime | None) -> list[str]:
    """The latest runs that were not made from another run, and have ended; the newest first."""
    await client.flows.get(flow)  # an unknown name is an error, not a flow without runs
    found: list[str] = []
    cursor = None
    while len(found) < last:
        page = await client.runs.list(flow=flow, since=since_at, limit=min(500, last * 2), cursor=cursor)
        found += [row.id for row in page.items if row.source_run is None and row.finished_at is not None]
        cursor = page.next
        if cursor is None:
            break
    return found[:last]


def _show_replay(output: Output, view: ReplayView) -> None:
    word = "same   " if view.same else "differs"
    ends = view.status_after if view.same else f"{view.status_before} -> {view.status_after}"
    output.text(f"{word}  {view.run}  version {view.version} -> {view.replayed}  {ends}")
    for step in view.steps:
        if step.result == "same":
            continue
        counts = ""
        if step.result == "changed":
            counts = f"  items {_count(step.items_before)} -> {_count(step.items_after)}"
        output.text(f"  {step.result.replace('_', ' ')}: {visible(step.step)}{counts}")
        for line in step.lines:
            output.text(f"    {visible(line)}")
    for note in view.notes:
        output.note(f"  note: {visible(note)}")


def _count(number: int | None) -> str:
    return "-" if number is None else str(number)
