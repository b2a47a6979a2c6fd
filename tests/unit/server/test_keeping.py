"""Retention, pins, deleting, backups and erasing over HTTP."""

from __future__ import annotations


async def test_retention_pins_and_deleting(api, service):
    assert (await api.get("/api/v1/retention")).json()["flows"][0]["expire"] == 3
    assert (await api.post("/api/v1/retention", json={"compact": True})).json()["compacted"] is True
    assert (await api.put("/api/v1/runs/r1/pin")).json()["pinned"] is True
    assert "pinned" not in (await api.delete("/api/v1/runs/r1/pin")).json()
    refused = await api.post("/api/v1/runs/delete", json={"runs": ["r1"]})
    assert (refused.status_code, refused.json()["code"]) == (409, "confirmation.needed")
    done = await api.post("/api/v1/runs/delete", json={"runs": ["r1"], "confirm": True})
    assert done.json()["runs"] == ["r1"]


async def test_backups_and_erasing(api, service):
    made = await api.post("/api/v1/backups?name=monday&secrets=true")
    assert (made.status_code, made.content) == (200, b"backup, whole")
    assert made.headers["content-type"] == "application/x-tar"
    assert service.asked("backups.create") == (("monday",), {"secrets": True})
    assert (await api.get("/api/v1/backups")).json()["items"][0]["name"] == "/mnt/monday.tar"
    assert (await api.post("/api/v1/erasures/plan", json={"value": "ann"})).json()["items"] == 5
    refused = await api.post("/api/v1/erasures", json={"value": "ann", "reason": "r"})
    assert refused.status_code == 409
    done = await api.post("/api/v1/erasures", json={"value": "ann", "reason": "r", "confirm": True})
    assert done.json()["found"]["payloads"] == 4
    assert (await api.get("/api/v1/erasures")).json()["items"][0]["id"] == "e1"
