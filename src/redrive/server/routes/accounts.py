"""Routes of accounts: the people who may sign in, and their roles."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path
from starlette.responses import Response

from redrive.server.problems import problems
from redrive.server.wire import Cursor, ExactRoute, Limit, Service, answer
from redrive.service.people_views import AccountChange, AccountRequest, AccountView
from redrive.service.reference_views import Removed
from redrive.service.views import Page

router = APIRouter(tags=["accounts"], route_class=ExactRoute)

Name = Annotated[str, Path(max_length=200, description="Name of the account; case does not count.")]


@router.get("/accounts", summary="List accounts", response_model=Page[AccountView], responses=problems())
async def list_accounts(service: Service, limit: Limit = 50, cursor: Cursor = None) -> Response:
    return answer(await service.accounts.list(limit=limit, cursor=cursor))


@router.post(
    "/accounts",
    summary="Create an account",
    status_code=201,
    response_model=AccountView,
    responses=problems(409),
)
async def create_account(service: Service, body: AccountRequest) -> Response:
    """Make an account. Without a password it can only be signed in to by OIDC."""
    return answer(await service.accounts.create(body), status=201)


@router.get(
    "/accounts/{name}", summary="Show an account", response_model=AccountView, responses=problems(404)
)
async def get_account(service: Service, name: Name) -> Response:
    return answer(await service.accounts.get(name))


@router.patch(
    "/accounts/{name}", summary="Change an account", response_model=AccountView, responses=problems(404, 409)
)
async def change_account(service: Service, name: Name, body: AccountChange) -> Response:
    """Change role, right to reveal, password, or whether it may sign in; a new password and a disabled
    account end its sessions.
    """
    return answer(await service.accounts.change(name, body))


@router.delete(
    "/accounts/{name}", summary="Delete an account", response_model=Removed, responses=problems(404, 409)
)
async def delete_account(service: Service, name: Name) -> Response:
    """Delete an account with its sessions and its tokens."""
    return answer(await service.accounts.delete(name))
