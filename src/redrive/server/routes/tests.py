"""Routes of flow tests, replays, and single shapes: nothing is sent, no run is recorded."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path
from starlette.responses import Response

from redrive.server.problems import problems
from redrive.server.wire import (
    ExactRoute,
    FlowTestsBody,
    MakeTestBody,
    ReplayBody,
    Service,
    TestsBody,
    answer,
)
from redrive.service.flowtest_views import FlowTestReport, MadeTest, ReplayView, TrialRequest, TrialView

router = APIRouter(tags=["tests"], route_class=ExactRoute)

Name = Annotated[str, Path(max_length=300, description="Name of the flow.")]
RunId = Annotated[str, Path(max_length=40, description="Id of the run.")]


@router.post(
    "/tests",
    summary="Run the tests of documents",
    response_model=FlowTestReport,
    responses=problems(404, 413),
)
async def run_tests(service: Service, body: TestsBody) -> Response:
    """Run the tests that flow documents carry, against their recorded exchanges. Nothing is stored."""
    files = {file.name: file.base64 for file in body.files}
    documents = [document.pair() for document in body.documents]
    return answer(await service.tests.run(documents, files=files, only=body.only))


@router.post(
    "/flows/{name}/tests",
    summary="Run the tests of a flow",
    response_model=FlowTestReport,
    responses=problems(404),
)
async def run_flow_tests(service: Service, name: Name, body: FlowTestsBody) -> Response:
    """Run the tests of the flow's draft (else of what is deployed), or of a version."""
    return answer(await service.tests.run_flow(name, version=body.version, only=body.only))


@router.post(
    "/runs/{run_id}/test",
    summary="Make a test from a run",
    response_model=MadeTest,
    responses=problems(404, 409, 410),
)
async def make_test(service: Service, run_id: RunId, body: MakeTestBody) -> Response:
    """A test with the run's recorded exchanges and what its steps put out; with `store` it becomes part
    of the flow's draft.
    """
    return answer(await service.tests.make(run_id, name=body.name, store=body.store))


@router.post(
    "/runs/{run_id}/replay",
    summary="Replay a run on another version",
    response_model=ReplayView,
    responses=problems(404, 409, 410),
)
async def replay_run(service: Service, run_id: RunId, body: ReplayBody) -> Response:
    """Run a past run again on a version, with its recorded answers, and compare what each step puts out."""
    return answer(await service.tests.replay(run_id, version=body.version))


@router.post("/trials", summary="Try one shape", response_model=TrialView, responses=problems(404, 410))
async def try_shape(service: Service, body: TrialRequest) -> Response:
    """Run one shape, or one step of a flow, on stored payloads or values."""
    return answer(await service.tests.trial(body))
