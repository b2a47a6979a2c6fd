"""The verbs test and replay: flows against recorded answers; nothing is sent, no run is recorded."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from xml.sax.saxutils import quoteattr

from cyclopts import Parameter

from redrive.cli.documents import read_documents
from redrive.cli.output import Output, visible
from redrive.cli.session import Injected
from redrive.errors import UsageError

if TYPE_CHECKING:
    from redrive.client import Client
    from redrive.client.records import FlowTestResult


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
    session: Injected,
) -> int:
    """Run the tests that flow documents carry, against recorded exchanges. Exit code 1 if one fails."""
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
        for name in names:
            reports.append(await client.tests.run_flow(name, version=version or "draft", only=only or ()))
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
    output.text(f"{count} {'test' if count == 1 else 'tests'}, {count - failed} passed, {failed} failed.")


def as_junit(results: Sequence[FlowTestResult]) -> str:
    """The results in the XML that build servers read."""
    failed = sum(not result.passed for result in results)
    seconds = sum(result.duration_s for result in results)
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        f'<testsuite name="redrive" tests="{len(results)}" failures="{failed}" errors="0" time="{seconds:.3f}">',
    ]
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
