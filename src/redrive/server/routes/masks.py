"""Routes of masking rules."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path
from starlette.responses import Response

from redrive.server.problems import problems
from redrive.server.wire import ExactRoute, Service, answer
from redrive.service.people_views import MaskRequest, MaskView
from redrive.service.reference_views import Removed
from redrive.service.views import Page

router = APIRouter(tags=["masks"], route_class=ExactRoute)

Name = Annotated[str, Path(max_length=100, description="Name of the rule.")]


@router.get("/masks", summary="List masking rules", response_model=Page[MaskView], responses=problems())
async def list_masks(service: Service) -> Response:
    return answer(await service.masks.list())


@router.get("/masks/{name}", summary="Show a masking rule", response_model=MaskView, responses=problems(404))
async def get_mask(service: Service, name: Name) -> Response:
    return answer(await service.masks.get(name))


@router.put("/masks/{name}", summary="Set a masking rule", response_model=MaskView, responses=problems())
async def set_mask(service: Service, name: Name, body: MaskRequest) -> Response:
    """Hide fields and values from all who lack the right `reveal`, in what is stored already too."""
    return answer(await service.masks.set(name, body))


@router.delete(
    "/masks/{name}", summary="Delete a masking rule", response_model=Removed, responses=problems(404)
)
async def delete_mask(service: Service, name: Name) -> Response:
    return answer(await service.masks.delete(name))
