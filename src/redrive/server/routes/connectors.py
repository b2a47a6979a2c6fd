"""Routes of connectors: one by its endpoints, made from a description, an endpoint tried."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path
from starlette.responses import Response

from redrive.server.problems import problems
from redrive.server.wire import ExactRoute, Service, answer
from redrive.service.connector_views import (
    ConnectionUse,
    ConnectorDetail,
    DescriptionImported,
    DescriptionRequest,
    TryRequest,
    TryView,
)
from redrive.service.reference_views import Removed
from redrive.service.views import Page

router = APIRouter(tags=["connectors"], route_class=ExactRoute)

Name = Annotated[str, Path(max_length=300, description="Its name.")]


@router.get(
    "/connectors/{name}",
    summary="Show a connector",
    response_model=ConnectorDetail,
    responses=problems(404),
)
async def show_connector(service: Service, name: Name) -> Response:
    """Its endpoints with their parameters, what bodies look like, samples, and the fields that templates and
    conditions can name.
    """
    return answer(await service.connectors.show(name))


@router.post(
    "/connectors/imports",
    summary="Make a connector of a description",
    response_model=DescriptionImported,
    responses=problems(404, 409, 413),
)
async def import_description(service: Service, body: DescriptionRequest) -> Response:
    """Read an OpenAPI 3 description or a Postman collection, and answer the connector document that it makes,
    what of it cannot be imported and why, and what has changed. With `store` it is taken in. One that is too
    large for a body is uploaded first and named by `payload`.
    """
    return answer(await service.connectors.import_description(body))


@router.post(
    "/connections/{name}/tries",
    summary="Try an endpoint",
    response_model=TryView,
    responses=problems(404, 409, 413),
)
async def try_endpoint(service: Service, name: Name, body: TryRequest) -> Response:
    """Call one endpoint once and show its exchanges, secrets masked, and the beginning of what it puts out.

    Nothing of it is kept. An endpoint that sends wants `confirm`: it really sends, and no delivery is
    recorded, so a later run may send the same again.
    """
    return answer(await service.connectors.try_endpoint(name, body))


@router.get(
    "/connections/{name}/uses",
    summary="List where a connection is used",
    response_model=Page[ConnectionUse],
    responses=problems(404),
)
async def uses(service: Service, name: Name) -> Response:
    """The steps of drafts and deployed versions that name it."""
    return answer(await service.connectors.uses(name))


@router.delete(
    "/connections/{name}",
    summary="Delete a connection",
    response_model=Removed,
    responses=problems(404, 409),
)
async def delete_connection(service: Service, name: Name) -> Response:
    """With its secrets. Refused while a draft or a deployed version uses it."""
    return answer(await service.connectors.delete_connection(name))


@router.delete(
    "/connectors/{name}",
    summary="Delete a connector",
    response_model=Removed,
    responses=problems(404, 409),
)
async def delete_connector(service: Service, name: Name) -> Response:
    """Refused while a connection is of it. Runs that used it keep the version that they used."""
    return answer(await service.connectors.delete(name))
