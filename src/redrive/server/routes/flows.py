"""Routes of flows, their versions, and the documents of connectors and connections."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request
from starlette.responses import Response

from redrive.core.jsonvalue import encode
from redrive.server.problems import problems
from redrive.server.wire import (
    AuthorizeBody,
    AuthorizedBody,
    CheckBody,
    Cursor,
    DeployBody,
    ExactRoute,
    FlowChangeBody,
    ImportBody,
    Limit,
    RestoreBody,
    Service,
    answer,
    tagged_answer,
)
from redrive.service.flow_views import Bundle, FlowDiff, Restored, ShapeView
from redrive.service.interface import Kind
from redrive.service.reading_views import StartOptions
from redrive.service.versions import text_tag
from redrive.service.views import (
    AuthorizationView,
    CheckResult,
    ConnectionView,
    ConnectorView,
    FlowVersionView,
    FlowView,
    Imported,
    Page,
)

router = APIRouter(tags=["flows"], route_class=ExactRoute)

Name = Annotated[str, Path(max_length=300, description="Name of the flow, connector or connection.")]
_YAML = "application/yaml"


def _document(text: bytes) -> Response:
    return Response(text, media_type=_YAML, headers={"Content-Disposition": "attachment"})


_DOCUMENT_ANSWER: dict[int | str, dict[str, Any]] = {
    200: {"description": "The exact text", "content": {_YAML: {"schema": {"type": "string"}}}}
}


@router.post(
    "/imports",
    summary="Import documents",
    response_model=Page[Imported],
    responses=problems(409, 413),
)
async def import_documents(service: Service, body: ImportBody) -> Response:
    """Take flows, connectors and connections in, all or none. An equal document changes nothing."""
    done = await service.flows.import_documents(
        [document.pair() for document in body.documents],
        deploy=body.deploy,
        rename=body.rename,
        note=body.note,
        based_on=body.based_on,
    )
    return answer(Page[Imported](items=list(done)))


@router.post("/checks", summary="Check documents", response_model=CheckResult, responses=problems(413))
async def check_documents(service: Service, body: CheckBody) -> Response:
    """Validate documents and list every problem found. Nothing is stored."""
    return answer(await service.flows.check([document.pair() for document in body.documents]))


@router.get(
    "/schemas/{kind}",
    summary="JSON Schema of a document",
    response_model=dict[str, Any],
    responses=problems(404),
)
async def schema(service: Service, kind: Kind) -> Response:
    return Response(encode(await service.flows.schema(kind)), media_type="application/schema+json")


@router.get("/flows", summary="List flows", response_model=Page[FlowView], responses=problems())
async def list_flows(service: Service, limit: Limit = 50, cursor: Cursor = None) -> Response:
    return answer(await service.flows.list(limit=limit, cursor=cursor))


@router.get("/flows/{name}", summary="Show a flow", response_model=FlowView, responses=problems(404))
async def get_flow(service: Service, request: Request, name: Name) -> Response:
    return tagged_answer(request, await service.flows.get(name))


@router.patch(
    "/flows/{name}",
    summary="Enable or disable a flow",
    response_model=FlowView,
    responses=problems(404, 409),
)
async def change_flow(service: Service, name: Name, body: FlowChangeBody) -> Response:
    return answer(await service.flows.enable(name, body.enabled))


@router.delete(
    "/flows/{name}",
    summary="Delete a flow",
    status_code=204,
    response_class=Response,
    responses=problems(404, 409),
)
async def delete_flow(service: Service, name: Name) -> Response:
    """Remove a flow and its versions. Its runs stay readable under the name they had."""
    await service.flows.delete(name)
    return Response(status_code=204)


@router.get(
    "/flows/{name}/versions",
    summary="List the versions of a flow",
    response_model=Page[FlowVersionView],
    responses=problems(404),
)
async def list_versions(service: Service, name: Name, limit: Limit = 50, cursor: Cursor = None) -> Response:
    return answer(await service.flows.versions(name, limit=limit, cursor=cursor))


@router.get(
    "/flows/{name}/document",
    summary="Export a flow",
    response_class=Response,
    responses={**_DOCUMENT_ANSWER, **problems(404)},
)
async def export_flow(
    service: Service,
    name: Name,
    version: Annotated[
        str | None, Query(max_length=30, description="`draft`, `deployed` or a number.")
    ] = None,
) -> Response:
    """The text of a version as it was imported, byte for byte. Its ETag is what `based_on` of an import names."""
    text = await service.flows.export(name, version=version)
    found = _document(text)
    found.headers["ETag"] = f'"{text_tag(text)}"'
    found.headers["Cache-Control"] = "private, no-cache"
    return found


@router.get(
    "/flows/{name}/bundle",
    summary="Export a flow with all that it refers to",
    response_model=Bundle,
    responses=problems(404),
)
async def export_bundle(
    service: Service,
    name: Name,
    version: Annotated[
        str | None, Query(max_length=30, description="`draft`, `deployed` or a number.")
    ] = None,
) -> Response:
    """The flow, the flows that it calls, their connectors and connections as one YAML stream, without
    secrets; and what an import elsewhere still needs.
    """
    return answer(await service.flows.export_all(name, version=version))


@router.get(
    "/flows/{name}/start-form",
    summary="What a start of a flow can be given",
    response_model=StartOptions,
    responses=problems(404),
)
async def start_form(
    service: Service,
    name: Name,
    version: Annotated[
        str | None, Query(max_length=30, description="`draft`, `deployed` or a number.")
    ] = None,
) -> Response:
    """Its variables, and its steps in order: what a form for starting it shows."""
    return answer(await service.flows.start_form(name, version=version))


@router.get(
    "/flows/{name}/diff",
    summary="Compare two versions of a flow",
    response_model=FlowDiff,
    responses=problems(404),
)
async def diff_flow(
    service: Service,
    name: Name,
    before: Annotated[
        str | None, Query(max_length=30, description="`deployed` (default), `draft` or a number.")
    ] = None,
    after: Annotated[
        str | None, Query(max_length=30, description="`draft` (default), `deployed` or a number.")
    ] = None,
) -> Response:
    """What differs, step by step: added, removed, moved, and every setting with its old and new value."""
    return answer(await service.flows.diff(name, before=before, after=after))


@router.post(
    "/flows/{name}/restore",
    summary="Make a version the draft",
    response_model=Restored,
    responses=problems(404, 409),
)
async def restore_flow(service: Service, name: Name, body: RestoreBody) -> Response:
    """The draft becomes what a numbered version is. A draft that no version holds is kept as one first."""
    return answer(await service.flows.restore(name, body.version, note=body.note))


@router.get("/shapes", summary="List shapes", response_model=Page[ShapeView], responses=problems())
async def list_shapes(service: Service) -> Response:
    """Every shape that steps may have, built-in and of installed packages, with the schema of its
    settings.
    """
    return answer(await service.flows.shapes())


@router.get("/shapes/{kind}", summary="Show a shape", response_model=ShapeView, responses=problems(404))
async def get_shape(
    service: Service, kind: Annotated[str, Path(max_length=300, description="Its name.")]
) -> Response:
    return answer(await service.flows.shape(kind))


@router.post(
    "/flows/{name}/deploy",
    summary="Deploy a version",
    response_model=FlowVersionView,
    responses=problems(404, 409),
)
async def deploy(service: Service, name: Name, body: DeployBody) -> Response:
    """Make the draft, or an inactive version, the deployed one. The one before becomes inactive."""
    return answer(await service.flows.deploy(name, version=body.version, note=body.note))


@router.get(
    "/connectors",
    summary="List connectors",
    response_model=Page[ConnectorView],
    responses=problems(),
)
async def list_connectors(service: Service) -> Response:
    return answer(await service.flows.connectors())


@router.get(
    "/connectors/{name}/document",
    summary="Export a connector",
    response_class=Response,
    responses={**_DOCUMENT_ANSWER, **problems(404)},
)
async def export_connector(service: Service, name: Name) -> Response:
    return _document(await service.flows.export_connector(name))


@router.get(
    "/connections",
    summary="List connections",
    response_model=Page[ConnectionView],
    responses=problems(),
)
async def list_connections(service: Service) -> Response:
    """Connections with their settings; of secrets only the names and where they come from."""
    return answer(await service.flows.connections())


@router.get(
    "/connections/{name}/document",
    summary="Export a connection",
    response_class=Response,
    responses={**_DOCUMENT_ANSWER, **problems(404)},
)
async def export_connection(service: Service, name: Name) -> Response:
    """The connection as a document, without its stored secrets."""
    return _document(await service.flows.export_connection(name))


@router.post(
    "/connections/{name}/authorizations",
    summary="Begin to authorize a connection",
    status_code=201,
    response_model=AuthorizationView,
    responses=problems(404, 409),
)
async def authorize_connection(service: Service, name: Name, body: AuthorizeBody) -> Response:
    """Give the page on which a person agrees that the connection is used (OAuth 2 authorization code)."""
    return answer(await service.flows.authorize_connection(name, body.redirect_uri), status=201)


@router.post(
    "/connections/{name}/authorizations/complete",
    summary="Authorize a connection",
    response_model=AuthorizationView,
    responses=problems(404, 409),
)
async def complete_authorization(service: Service, name: Name, body: AuthorizedBody) -> Response:
    """Take the address that the page led back to, and keep the tokens, sealed."""
    return answer(await service.flows.complete_authorization(name, body.url))
