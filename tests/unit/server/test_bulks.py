from __future__ import annotations


async def test_a_bulk_over_http(api, service):
    body = {"runs": ["r1", "r2"], "retry": {"from": "failed"}}
    assert (await api.post("/api/v1/bulks/plan", json=body)).json()["refused"][0]["runs"] == 1
    refused = await api.post("/api/v1/bulks", json=body)
    assert (refused.status_code, refused.json()["code"]) == (409, "confirmation.needed")
    made = await api.post("/api/v1/bulks", json={**body, "confirm": True}, headers={"Idempotency-Key": "k"})
    assert (made.status_code, made.headers["location"]) == (201, "/api/v1/bulks/k1")
    assert service.asked("bulks.start")[1] == {"idempotency_key": "k"}
    assert (await api.get("/api/v1/bulks")).json()["items"][0]["success"] == 1
    assert (await api.get("/api/v1/bulks/k1/runs")).json()["items"][0]["run"] == "r3"
    for verb, state in (("pause", "paused"), ("resume", "running"), ("cancel", "cancelled")):
        assert (await api.post(f"/api/v1/bulks/k1/{verb}", json={})).json()["state"] == state
    assert (await api.get("/api/v1/bulks/k9")).status_code == 404


async def test_a_bulk_of_too_many_or_none_is_refused_by_its_form(api):
    many = {"runs": ["r1"] * 10_001, "retry": {}}
    assert (await api.post("/api/v1/bulks", json=many)).status_code == 422
    assert (await api.post("/api/v1/bulks", json={"runs": [], "other": 1})).status_code == 422


async def test_a_start_is_planned_over_http(api, service):
    made = await api.post("/api/v1/flows/orders/runs/plan", json={"skips": ["pull"]})
    assert (made.status_code, made.json()["skips"]) == (200, ["pull"])
    body = {"document": {"filename": "orders.yaml", "text": "flow: orders"}}
    assert (await api.post("/api/v1/runs/plan", json=body)).json()["source_run"] is None
    assert not [name for name, *_ in service.calls if name.startswith("runs.start")]
