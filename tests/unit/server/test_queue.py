"""Routes of the queue, of pauses and of circuits."""

from __future__ import annotations

import pytest

from redrive.service.queue_views import MoveRequest, PauseRequest


async def test_a_run_is_moved(api, service):
    answer = await api.patch("/api/v1/queue/r9", json={"priority": "low"})
    assert (answer.status_code, answer.json()["priority"]) == (200, "low")
    assert service.calls[-1] == ("queue.move", ("r9", MoveRequest(priority="low")), {})
    assert (await api.patch("/api/v1/queue/nobody", json={"front": True})).status_code == 404


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PATCH", "/queue/r9", {"priority": "urgent"}),
        ("PATCH", "/queue/r9", {"behind": True}),
        ("POST", "/pauses", {"kind": "shape"}),
        ("POST", "/pauses", {"name": "erp"}),
        ("DELETE", "/pauses", None),
    ],
)
async def test_what_is_not_understood_is_refused(api, method, path, body):
    answer = await api.request(method, f"/api/v1{path}", json=body)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"


async def test_pauses(api, service):
    body = {"kind": "connection", "name": "erp", "reason": "moving"}
    made = (await api.post("/api/v1/pauses", json=body)).json()
    assert made | body == made
    assert service.calls[-1] == ("queue.pause", (PauseRequest(**body),), {})
    assert (await api.get("/api/v1/pauses")).json()["items"][0]["reason"] == "moving"
    answer = await api.delete("/api/v1/pauses", params={"kind": "connection", "name": "erp"})
    assert answer.json() == {"removed": 1}
    assert (await api.delete("/api/v1/pauses", params={"kind": "all"})).json() == {"removed": 0}


async def test_circuits(api):
    (circuit,) = (await api.get("/api/v1/circuits")).json()["items"]
    assert (circuit["connection"], circuit["trying"]) == ("erp", False)
    assert (await api.post("/api/v1/circuits/erp/reset", json={})).json() == {"removed": 1}
