"""Probes, and the state of the home: health, findings, settings."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse, Response

from redrive.errors import RedriveError
from redrive.server.problems import problem_response, problems, request_id_of
from redrive.server.wire import ContentsBody, ExactRoute, Service, answer
from redrive.service.views import ContentsChecked, Finding, Health, Page, SettingView

router = APIRouter(tags=["home"], route_class=ExactRoute)
probes = APIRouter(tags=["probes"])


@probes.get("/healthz", summary="Whether the server lives", response_model=dict[str, str])
async def healthz(request: Request) -> Response:
    """Open to anybody; says nothing about the home."""
    return JSONResponse({"status": "ok", "redrive": request.app.version})


@probes.get("/readyz", summary="Whether the home can be used", response_model=dict[str, str])
async def readyz(service: Service, request: Request) -> Response:
    """Open to anybody. 503 while the store cannot be used or nothing executes runs."""
    try:
        state = await service.health()
    except RedriveError as error:
        return problem_response(error, request_id_of(request), status=503)
    if state.ready and state.runner:
        return JSONResponse({"status": "ready"})
    return JSONResponse({"status": "not ready"}, status_code=503)


@router.get("/health", summary="Show the state of the home", response_model=Health, responses=problems())
async def health(service: Service) -> Response:
    return answer(await service.health())


@router.get("/doctor", summary="Look the home over", response_model=Page[Finding], responses=problems())
async def doctor(service: Service) -> Response:
    """Findings about the home and its machine, each with the way to mend it."""
    return answer(Page[Finding](items=list(await service.doctor())))


@router.post(
    "/doctor/contents",
    summary="Compare stored contents with their hashes",
    response_model=ContentsChecked,
    responses=problems(),
)
async def check_contents(service: Service, body: ContentsBody) -> Response:
    """One part of a check of all contents, of some seconds; `next` is where the following part begins."""
    return answer(await service.check_contents(body.after, repair=body.repair))


@router.get("/settings", summary="List settings", response_model=Page[SettingView], responses=problems())
async def settings(request: Request) -> Response:
    """The settings in force, where each came from, and what it does. Secrets are masked."""
    rows: list[dict[str, Any]] = request.app.state.settings.rows()
    return answer(Page[SettingView](items=[SettingView.model_validate(row) for row in rows]))
