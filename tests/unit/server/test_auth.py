from __future__ import annotations

import re

import pytest
from fastapi.routing import APIRoute
from starlette.routing import Route

from redrive.errors import Forbidden
from redrive.server.app import openapi_document
from redrive.server.auth import Names, is_open
from redrive.server.routes.sign_in import own_path


def leaves(routes):
    for route in routes:
        if isinstance(route, Route):
            yield route.path, route.methods
        else:
            yield from leaves(getattr(route, "routes", []))


async def test_every_route_wants_a_token_or_a_session(app, stranger):
    closed = 0
    for path, methods in openapi_document()["paths"].items():
        for method in methods:
            address = re.sub(r"\{\w+\}", "x", path)
            answer = await stranger.request(method.upper(), address)
            if is_open(address):
                assert answer.status_code != 401, address
                continue
            closed += 1
            assert answer.status_code == 401, (method, address)
            problem = answer.json()
            assert problem["code"] == "auth.required"
            assert answer.headers["www-authenticate"].startswith("Bearer")
    assert closed > 35


async def test_what_the_reference_does_not_list_is_closed_too(stranger):
    for path in ("/api/v1/docs", "/api/v1/openapi.json", "/api/v1/nothing", "/nothing", "/docs"):
        assert (await stranger.get(path)).status_code == 401, path
    assert (await stranger.head("/api/v1/payloads/p1/content")).status_code == 401


async def test_each_route_has_the_check_of_the_guard_or_one_of_its_own(app, stranger):
    """What is neither in the reference nor open: pages behind sign-in, and hooks, which check each call;
    and the files of the web page, which hold nothing.
    """
    listed = set(openapi_document()["paths"])
    others = {path: methods for path, methods in leaves(app.routes) if path not in listed and path != "/"}
    assert "/hooks/{address:path}" in others
    assert others.keys() <= {
        "/hooks/{address:path}",
        "/api/v1/docs",
        "/api/v1/openapi.json",
        "/login/{code}",
        "/static/{name:path}",
        "/{path:path}",
    }
    for method in others["/hooks/{address:path}"]:
        for headers in ({}, {"Authorization": "Bearer local-token"}):
            answer = await stranger.request(method, "/hooks/any/thing", headers=headers)
            assert answer.status_code == 401
            if method != "HEAD":
                assert answer.json()["code"] == "hook.refused"


async def test_tokens_that_do_not_let_in(stranger):
    for header in ("Bearer wrong", "Basic bG9jYWw6", "Bearer", "local-token", "Bearer local-token-and-more"):
        answer = await stranger.get("/api/v1/runs", headers={"Authorization": header})
        assert answer.status_code == 401, header
        assert "local-token" not in answer.text


async def test_local_and_api_tokens_let_in(stranger):
    for token in ("local-token", "rd_secret"):
        answer = await stranger.get("/api/v1/runs", headers={"Authorization": f"Bearer {token}"})
        assert answer.status_code == 200


async def test_a_store_in_trouble_at_sign_in_is_not_a_wrong_token(stranger):
    answer = await stranger.get("/api/v1/runs", headers={"Authorization": "Bearer store-busy"})
    assert answer.status_code == 503
    assert answer.json()["code"] == "store.busy"
    assert answer.headers["retry-after"] == "1"


async def test_a_one_time_link_makes_one_session(stranger, service):
    code = service.sign_ins.new_code()
    answer = await stranger.get(f"/login/{code}")
    assert answer.status_code == 303
    assert answer.headers["location"] == "/"
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=lax" in cookie
    assert cookie.startswith("redrive_session_8765=")
    assert (await stranger.get("/api/v1/runs")).status_code == 200
    page = (await stranger.get("/")).text
    assert 'name="redrive-session" content="yes"' in page or "not built" in page

    stranger.cookies.clear()
    again = await stranger.get(f"/login/{code}")
    assert again.status_code == 403
    assert again.json()["code"] == "login.used"
    assert "set-cookie" not in again.headers


async def test_a_session_changes_things_only_from_its_own_origin(stranger, service):
    await stranger.get(f"/login/{service.sign_ins.new_code()}")
    body = {"force": False}
    without = await stranger.post("/api/v1/runs/r3/stop", json=body)
    assert without.status_code == 403
    assert without.json()["code"] == "origin.required"
    own = await stranger.post("/api/v1/runs/r3/stop", json=body, headers={"Origin": "http://127.0.0.1:8765"})
    assert own.status_code == 200
    # Another port of this machine is the same site, so the cookie comes along; the origin differs.
    other = await stranger.post(
        "/api/v1/runs/r3/stop", json=body, headers={"Origin": "http://127.0.0.1:3000"}
    )
    assert other.status_code == 403
    assert other.json()["code"] == "origin.not_allowed"


async def test_signing_out_ends_the_session(stranger, service):
    await stranger.get(f"/login/{service.sign_ins.new_code()}")
    cookies = dict(stranger.cookies)
    done = await stranger.delete("/api/v1/session", headers={"Origin": "http://127.0.0.1:8765"})
    assert done.status_code == 204
    stranger.cookies.clear()
    stranger.cookies.update(cookies)
    assert (await stranger.get("/api/v1/runs")).status_code == 401


@pytest.mark.parametrize("site", ["cross-site", "same-site", "none"])
async def test_what_a_browser_says_of_another_site_is_believed(stranger, service, site):
    await stranger.get(f"/login/{service.sign_ins.new_code()}")
    headers = {"Origin": "http://127.0.0.1:8765", "Sec-Fetch-Site": site}
    answer = await stranger.post("/api/v1/runs/r3/stop", json={"force": False}, headers=headers)
    assert answer.status_code == 403
    assert answer.json()["code"] == "origin.not_allowed"
    headers["Sec-Fetch-Site"] = "same-origin"
    answer = await stranger.post("/api/v1/runs/r3/stop", json={"force": False}, headers=headers)
    assert answer.status_code == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example:8765", "10.0.0.1", "", "localhost@x"]
)
async def test_a_rebound_host_name_is_refused_with_a_good_token_and_on_open_routes(api, host):
    for path in ("/api/v1/runs", "/healthz", "/"):
        answer = await api.get(path, headers={"Host": host})
        assert answer.status_code == 403, path
        assert answer.json()["code"] == "host.not_allowed"


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.1:80", "localhost:9000", "LOCALHOST", "[::1]:8765"])
def test_names_of_this_machine_pass(host):
    Names().check_host(host)


@pytest.mark.parametrize("origin", ["null", "http://evil.example", "http://localhost:8765", "file://"])
def test_other_origins_do_not_pass(origin):
    with pytest.raises(Forbidden):
        Names().check_origin(origin, "127.0.0.1:8765")


async def test_another_origin_is_refused_with_a_good_token(api):
    answer = await api.get("/api/v1/runs", headers={"Origin": "http://evil.example"})
    assert answer.status_code == 403


def test_every_route_of_the_noun_modules_reads_exact_json(app):
    from redrive.server.wire import ExactRoute

    plain = [r.path for r in app.routes if isinstance(r, APIRoute) and not isinstance(r, ExactRoute)]
    assert set(plain) <= {"/healthz", "/readyz", "/login/{code}", "/", "/api/v1/docs", "/api/v1/openapi.json"}


@pytest.mark.parametrize(
    "to", ["//evil.example", "https://evil.example", "/\\evil.example", "x", "/\tx", "", "/a\\b"]
)
def test_the_way_on_after_a_sign_in_stays_on_this_server(to):
    assert own_path(to) == "/"
    assert own_path("/runs?status=failure#x") == "/runs?status=failure#x"
