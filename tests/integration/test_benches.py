"""Tests of flows, trials and restores on a home in this process: nothing outside is needed."""

from __future__ import annotations

from pathlib import Path

import pytest

import redrive
from redrive.client import connect
from redrive.client.records import TrialRequest
from redrive.errors import FlowInvalid, NotFound, StateConflict, UsageError

EXAMPLE = Path(__file__).parents[2] / "examples" / "tested-flow"

LOOKS_UP = """
flow: countries
steps:
  - {id: name, shape: map, automatic: false, fields: [{to: name, from: code, do: [{lookup: countries}]}]}
tests:
  - test: as the home has it
    given: [{json: [{code: GB}]}]
    expect: {steps: {name: {out: [{equals: [{name: United Kingdom}]}]}}}
  - test: as the test has it
    lookups: {countries: {GB: Britain}}
    given: [{json: [{code: GB}]}]
    expect: {steps: {name: {out: [{equals: [{name: Britain}]}]}}}
"""


def test_the_example_passes_and_says_what_differs_when_it_is_changed(tmp_path):
    report = redrive.check_flow_tests(EXAMPLE)
    assert report.passed == 4
    for file in EXAMPLE.iterdir():
        text = file.read_text().replace("is: paid}\n  - id: erp-form", "is: open}\n  - id: erp-form")
        (tmp_path / file.name).write_text(text)
    with pytest.raises(AssertionError, match="erp-form: payloads put out\n    expected 2, found 1"):
        redrive.check_flow_tests(tmp_path)
    with pytest.raises(NotFound, match="there is no test 'onyl'"):
        redrive.check_flow_tests(EXAMPLE, only=["onyl"])


async def test_tests_see_the_lookups_of_the_home_or_their_own(tmp_path):
    async with connect(home=tmp_path) as client:
        await client.lookups.set("countries", "GB", "United Kingdom")
        report = await client.tests.run([("c.yaml", LOOKS_UP.encode())])
        assert [(one.test, one.passed, one.differences) for one in report.results] == [
            ("as the home has it", True, []),
            ("as the test has it", True, []),
        ]
        assert (await client.flows.list()).items == []
        assert (await client.runs.list()).items == []


async def test_one_shape_is_tried_and_leaves_nothing_behind(tmp_path):
    async with connect(home=tmp_path) as client:
        request = TrialRequest(
            shape="filter", settings={"keep": {"field": "a", "is": 1}}, values=[[{"a": 1}, {"a": 2}]]
        )
        done = await client.tests.trial(request)
        assert ([one.text for one in done.payloads], done.items_out) == (['[{"a":1}]'], 1)
        failed = await client.tests.trial(TrialRequest(shape="assert", settings={"equals": 1}, values=[2]))
        assert (failed.status, failed.failed) == ("failure", 1)
        assert failed.error is not None
        assert failed.error.code == "assert.failed"
        assert (await client.runs.list()).items == []
        for wrong, kind in (
            (TrialRequest(shape="filtr"), NotFound),
            (TrialRequest(shape="filter", settings={"kep": 1}), FlowInvalid),
            (TrialRequest(), UsageError),
            (TrialRequest(flow="none", step="a"), NotFound),
            (
                TrialRequest(shape="filter", settings={"keep": {"field": "a", "is": 1}}, payloads=["p1"]),
                NotFound,
            ),
        ):
            with pytest.raises(kind):
                await client.tests.trial(wrong)


async def test_a_restore_keeps_the_draft_that_no_version_holds(tmp_path):
    def flow(size: int) -> list[tuple[str, bytes]]:
        return [("f.yaml", f"flow: f\nsteps: [{{id: a, shape: flow_control, size: {size}}}]\n".encode())]

    async with connect(home=tmp_path) as client:
        await client.flows.import_documents(flow(1), deploy=True, note="one")
        await client.flows.import_documents(flow(2))
        assert (await client.flows.restore("f", 1, note="back")).kept == 2
        assert b"size: 1" in await client.flows.export("f", version="draft")
        assert b"size: 2" in await client.flows.export("f", version="2")
        assert (await client.flows.restore("f", 2)).kept is None
        versions = {one.number: one for one in (await client.flows.versions("f")).items}
        assert (versions[1].note, versions[1].deployed_by) == ("back", "local")
        assert (versions[2].state, versions[2].deployed_at) == ("inactive", None)
        with pytest.raises(NotFound, match="has no version"):
            await client.flows.restore("f", 9)
        diff = await client.flows.diff("f")
        assert [(one.setting, one.old, one.new) for one in diff.steps[0].changes] == [("size", 1, 2)]


async def test_a_retry_is_no_source_of_a_test(tmp_path):
    document = b"flow: f\nsteps: [{id: a, shape: assert, equals: 1}]\n"
    async with connect(home=tmp_path) as client:
        row = await client.runs.start_document(document, "f.yaml", redrive.StartRequest())
        await client.finish(row.id)
        made = await client.tests.make(row.id, store=True)
        assert made.stored
        again = await client.redrives.retry(row.id, redrive.RetryRequest())
        await client.finish(again.id)
        with pytest.raises(StateConflict, match="holds only a part"):
            await client.tests.make(again.id)
        report = await client.tests.run_flow("f")
        assert (report.passed, report.failed) == (1, 0)
        assert report.results[0].status == "failure"
