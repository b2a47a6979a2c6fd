from __future__ import annotations

import pytest

from redrive.errors import StoreFull

KEYS = {"type", "title", "status", "code", "detail", "at", "hint", "request_id"}


def check(answer, status, code):
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert set(problem) - {"problems"} == KEYS
    assert problem["status"] == status
    assert problem["code"] == code
    assert problem["type"] == f"urn:redrive:problem:{code}"
    assert problem["request_id"] == answer.headers["x-request-id"]
    return problem


async def test_unknown_things(api):
    assert check(await api.get("/api/v1/runs/none"), 404, "run.unknown")["at"] == "none"
    check(await api.get("/api/v1/payloads/none"), 404, "payload.unknown")
    check(await api.post("/api/v1/flows/none/runs", json={}), 404, "flow.unknown")
    check(await api.get("/api/v1/payloads/gone/content"), 410, "payload.expired")
    check(await api.post("/api/v1/runs/r1/redrive", json={"after": "sned"}), 404, "step.unknown")
    check(await api.get("/api/v1/exchanges/none/request"), 404, "exchange.unknown")


async def test_routes_and_methods_that_are_not_there(api):
    check(await api.get("/api/v1/nothing"), 404, "route.unknown")
    answer = await api.put("/api/v1/runs", json={})
    check(answer, 405, "method.not_allowed")
    assert answer.headers["allow"]


@pytest.mark.parametrize(
    ("path", "body", "at"),
    [
        ("/api/v1/runs/r1/redrive", {"aftr": "send"}, "/body/aftr"),
        ("/api/v1/runs/r1/retry", {"from": "middle"}, "/body/from"),
        ("/api/v1/deliveries/d1/resolve", {"sent": True, "reason": ""}, "/body/reason"),
        ("/api/v1/checks", {"documents": []}, "/body/documents"),
        ("/api/v1/flows/orders/runs", [], "/body"),
    ],
)
async def test_bodies_that_are_not_valid(api, path, body, at):
    problem = check(await api.post(path, json=body), 422, "request.invalid")
    assert problem["at"] == at
    assert problem["problems"][0]["setting"] == at.strip("/").replace("/", ".")


async def test_a_refused_value_is_not_repeated(api):
    body = {"sent": "s3cr3t-value", "reason": "x"}
    answer = await api.post("/api/v1/deliveries/d1/resolve", json=body)
    check(answer, 422, "request.invalid")
    assert "s3cr3t" not in answer.text


@pytest.mark.parametrize("text", [b"{", b'{"variables": {"a": NaN}}', b"\xff\xfe", b"[" * 100_000, b""])
async def test_bodies_that_do_not_parse(api, text):
    answer = await api.post(
        "/api/v1/flows/orders/runs", content=text, headers={"Content-Type": "application/json"}
    )
    assert answer.status_code in {400, 422}
    check(answer, answer.status_code, "request.invalid")


async def test_query_parameters_that_are_not_valid(api):
    for query in ("limit=0", "limit=501", "status=odd", "since=yesterday", "since=2026-01-01T00:00:00"):
        check(await api.get(f"/api/v1/runs?{query}"), 422, "request.invalid")


async def test_an_invalid_document_lists_every_problem(api):
    body = {"documents": [{"filename": "a.yaml", "text": "fliter"}, {"filename": "b.yaml", "text": "fliter"}]}
    problem = check(await api.post("/api/v1/imports", json=body), 422, "document.invalid")
    assert [one["file"] for one in problem["problems"]] == ["a.yaml", "b.yaml"]
    assert problem["problems"][0]["nearest"] == "filter"
    assert problem["at"] == "a.yaml:3"


async def test_faults(api, service):
    service.raising["find"] = StoreFull("No room on the disk of the home")
    check(await api.get("/api/v1/find?value=1"), 507, "store.full")
    service.raising["find"] = ZeroDivisionError("secret inside")
    answer = await api.get("/api/v1/find?value=1", headers={"X-Request-Id": "call-7"})
    problem = check(answer, 500, "server.error")
    assert "secret inside" not in answer.text
    assert problem["request_id"] == "call-7"
    assert "call-7" in problem["hint"]


async def test_a_strange_request_id_is_replaced(api):
    answer = await api.get("/api/v1/runs", headers={"X-Request-Id": "<script>"})
    assert answer.headers["x-request-id"] != "<script>"


async def test_a_json_body_over_the_limit_is_refused_with_and_without_a_length(api, service):
    big = b'{"reason": "' + b"x" * (8 * 1024 * 1024) + b'"}'
    check(await api.post("/api/v1/flows/orders/runs", content=big), 413, "body.too_large")

    async def chunks():
        for at in range(0, len(big), 65_536):
            yield big[at : at + 65_536]

    check(await api.post("/api/v1/flows/orders/runs", content=chunks()), 413, "body.too_large")
    assert (await api.post("/api/v1/uploads", content=chunks())).status_code == 201
    assert service.uploads[0] == big


async def test_every_answer_has_safe_headers(api):
    for path in ("/api/v1/runs", "/api/v1/none", "/api/v1/payloads/p1/content"):
        headers = (await api.get(path)).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["content-security-policy"].startswith("default-src 'none'")
        assert "sandbox" in headers["content-security-policy"]
