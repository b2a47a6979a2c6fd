"""The tests of flow documents from Python: in a test suite of one's own, or a notebook."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Sequence
from pathlib import Path

from redrive.client.connecting import connect
from redrive.client.testfiles import read_files
from redrive.documents.load import read_paths
from redrive.service.flowtest_views import FlowTestReport
from redrive.service.interface import Document


async def run_flow_tests(
    *paths: str | Path, home: str | Path | None = None, only: Sequence[str] = ()
) -> FlowTestReport:
    """Run the tests that flow documents carry, against their recorded exchanges. Nothing is sent.

    `paths`: files or folders, which hold the connectors and connections too, unless `home` has them.
    Errors: `document.invalid`, `file.unknown`, `test.unknown`.
    """
    documents = _documents(paths)
    if home is not None:
        async with connect(home=Path(home)) as client:
            return await client.tests.run(documents, files=read_files(documents), only=only)
    with tempfile.TemporaryDirectory(prefix="redrive-tests-") as folder:
        async with connect(home=Path(folder)) as client:
            return await client.tests.run(documents, files=read_files(documents), only=only)


def _documents(paths: Sequence[str | Path]) -> list[Document]:
    loaded = read_paths(paths).checked()
    files = dict.fromkeys(document.file for document in loaded if document.file)
    return [(file, Path(file).read_bytes()) for file in files]


def check_flow_tests(
    *paths: str | Path, home: str | Path | None = None, only: Sequence[str] = ()
) -> FlowTestReport:
    """As `run_flow_tests`, for a test function that is not async.

    Errors: `AssertionError` that names each failed test and what differs; also where there is no test.
    """
    report = asyncio.run(run_flow_tests(*paths, home=home, only=only))
    assert report.results, f"no flow in {', '.join(map(str, paths))} carries a test"
    lines = []
    for result in report.results:
        if not result.passed:
            lines.append(f"{result.flow}: {result.test} ({result.file}:{result.line})")
            for one in result.differences:
                lines.append(f"  {one.step or 'run'}: {one.what}")
                lines += [f"    {line}" for line in one.lines]
    assert not lines, "\n".join(lines)
    return report
