"""Every route declares its right in one place, and every call is held to it."""

from __future__ import annotations

import re
from itertools import pairwise

import httpx
import pytest

from redrive.server.app import openapi_document
from redrive.server.rights import OPEN, RIGHT_OF
from redrive.service.rights import RIGHTS, ROLES, rights_of, rights_of_scopes, role_for
from tests.unit.server.conftest import BASE

PLAIN = {"front", "login", "reference", "document"}
"""Routes that the reference does not list."""


def operations(app):
    for path, methods in openapi_document()["paths"].items():
        for method, operation in methods.items():
            yield operation["operationId"], method.upper(), re.sub(r"\{[\w:]+\}", "x", path), operation


def test_every_route_declares_its_right_and_no_right_is_declared_for_nothing(app):
    names = {name for name, *_ in operations(app)}
    assert names - RIGHT_OF.keys() == set(), "declare the right of these routes in server/rights.py"
    assert RIGHT_OF.keys() - names <= PLAIN | {"oidc_start", "oidc_callback"}
    assert set(RIGHT_OF.values()) <= {OPEN, *RIGHTS}


def test_each_route_tells_its_right_in_the_reference(app):
    for name, method, path, operation in operations(app):
        assert operation["x-redrive-right"] == RIGHT_OF[name], (method, path)
        if RIGHT_OF[name] != OPEN:
            assert f"`{RIGHT_OF[name]}`" in operation["description"]


@pytest.mark.parametrize("role", ["viewer", "operator", "builder"])
async def test_a_role_does_not_get_past_its_rights(app, role):
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    refused = 0
    async with httpx.AsyncClient(
        transport=transport, base_url=BASE, headers={"Authorization": f"Bearer {role}"}
    ) as client:
        for name, method, path, _ in operations(app):
            right = RIGHT_OF[name]
            if right == OPEN or right in rights_of(role):
                continue
            # A body that does not fit: what is not allowed is told first.
            answer = await client.request(method, path, json={})
            assert answer.status_code == 403, (role, method, path)
            problem = answer.json()
            assert problem["code"] == "auth.forbidden"
            assert f"`{right}`" in problem["detail"]
            assert role_for(right) in problem["hint"]
            refused += 1
    assert refused > 10


async def test_a_refusal_and_a_failed_change_are_told_to_the_audit_log(app, service):
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    async with httpx.AsyncClient(
        transport=transport, base_url=BASE, headers={"Authorization": "Bearer viewer"}
    ) as client:
        await client.get("/api/v1/settings")
        await client.get("/api/v1/runs/r9")
        client.headers["Authorization"] = "Bearer operator"
        await client.post("/api/v1/runs/r9/stop", json={})
    assert service.doors.told == [
        ("viewer", "failed.settings", "auth.forbidden"),
        ("operator", "failed.stop", "run.unknown"),
    ]


def test_each_role_has_what_those_below_it_have():
    for lower, higher in pairwise(ROLES):
        assert rights_of(lower) < rights_of(higher)
    assert rights_of("admin") == RIGHTS.keys()
    assert "reveal" not in rights_of("builder")
    assert "reveal" in rights_of("viewer", reveal=True)


def test_scopes_are_roles_and_rights_side_by_side():
    assert rights_of_scopes(["read", "stop"]) == {"read", "stop"}
    assert rights_of_scopes(["viewer", "stop"]) == {"self", "read", "stop"}
    assert rights_of_scopes(["emperor"]) == frozenset()
