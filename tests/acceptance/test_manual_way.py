"""A failed payload sent again by hand in four stages, and the same by one action."""

import json

import pytest

from redrive.demo.documents import document

SHAPES = ("pull", "paid-only", "erp-form")


@pytest.fixture
def failed(servers, redrive, tmp_path):
    """The id of a run of the demo's flow that failed: one of its 50 orders lacks a postcode."""
    documents = tmp_path / "documents.yaml"
    documents.write_text(servers.documents())
    redrive.ok("import", str(documents), "--deploy")
    ended = redrive("run", "orders-to-erp")
    assert ended.code == 1
    assert len(servers.erp.counts()) == 40
    return redrive.json("runs", "--status", "failure")["items"][0]["id"]


def test_the_four_stages_of_the_manual_way(servers, redrive, failed, tmp_path):
    # 1. Find the failed run, its step and the payload that went in.
    assert failed in redrive.ok("runs", "--status", "failure").text
    shown = redrive.ok("show", failed, "--logs").text
    assert "remote.rejected" in shown
    assert "error send" in shown
    eye = redrive.ok("show", failed, "--step", "send", "--exchanges").text
    assert "no order was booked: order 1042: ship_to.postcode is missing" in eye
    assert "failed payloads" in eye
    run = redrive.json("show", failed, "--step", "send")
    (send,) = run["steps"]
    (payload,) = send["failed_payloads"]
    assert payload["id"] in eye
    assert send["deliveries"] == {"delivered": 40, "skipped": 0, "rejected": 10, "unknown": 0}
    # What is pulled is larger than what is shown inline; the whole of it goes to a file.
    pulled = redrive.json("show", failed, "--step", "pull")["steps"][0]["payloads_out"][0]
    assert pulled["size_bytes"] > 64 << 10
    detail = redrive.json("payload", pulled["id"])
    assert detail["text"].endswith("[trimmed]")
    assert detail["trimmed"]
    whole = tmp_path / "pulled.json"
    redrive.ok("payload", pulled["id"], "--out", str(whole))
    assert whole.stat().st_size == pulled["size_bytes"]
    assert whole.read_bytes().startswith(detail["text"].removesuffix("[trimmed]").encode())
    batch = tmp_path / "batch.json"
    redrive.ok("payload", payload["id"], "--out", str(batch))
    orders = json.loads(batch.read_bytes())
    (broken,) = [order for order in orders if not order["ship_to"]["postcode"]]
    assert broken["id"] == 1042
    broken["ship_to"]["postcode"] = "BS1 5TY"
    batch.write_text(json.dumps(orders))

    # 2. Set `skip` on the shapes, and bring that into use.
    before = redrive.ok("export", "orders-to-erp").out
    assert before.decode().endswith(document("orders-to-erp"))
    skipping = before.decode()
    for shape in SHAPES:
        skipping = skipping.replace(f"  - id: {shape}\n", f"  - id: {shape}\n    skip: true\n")
    flow = tmp_path / "flow.yaml"
    flow.write_text(skipping)
    imported = redrive.ok("import", str(flow), "--deploy")
    for shape in SHAPES:
        assert f"{shape}" in imported.text + imported.err
    assert "warning" in (imported.text + imported.err).lower()

    # 3. Initialise with the data.
    ended = redrive("run", "orders-to-erp", "--payload", str(batch), "--json")
    assert ended.code == 0, ended.err + ended.text
    again = ended.value
    assert [one["status"] for one in again["steps"]] == ["skipped"] * 3 + ["success"] * 2
    assert again["warnings"] >= 3
    assert again["steps"][-1]["deliveries"]["delivered"] == 10
    assert "step skipped" in redrive.ok("show", again["id"], "--logs").text

    # 4. Unset `skip`.
    flow.write_bytes(before)
    redrive.ok("import", str(flow), "--deploy")
    assert redrive.ok("export", "orders-to-erp").out == before
    counts = servers.erp.counts()
    assert len(counts) == 50
    assert set(counts.values()) == {1}


def test_the_same_by_one_redrive(servers, redrive, failed, tmp_path):
    send = redrive.json("show", failed, "--step", "send")["steps"][0]
    payload = send["failed_payloads"][0]["id"]
    edited = tmp_path / "batch.json"
    redrive.ok("payload", payload, "--out", str(edited))
    edited.write_text(edited.read_text().replace('"postcode":""', '"postcode":"BS1 5TY"'))
    before = redrive.ok("export", "orders-to-erp").out
    arguments = ("redrive", failed, "--at", "send", "--edit", f"{payload}={edited}", "--reason", "postcode")
    plan = redrive.json(*arguments, "--plan")
    (sends,) = plan["steps"]
    assert (sends["to_send"], sends["delivered"]) == (10, 40)
    assert len(servers.erp.counts()) == 40
    run = redrive.json(*arguments)
    assert run["status"] == "success"
    assert run["source_run"] == failed
    assert run["version"] == redrive.json("show", failed)["version"] == 1
    assert redrive.ok("export", "orders-to-erp").out == before
    counts = servers.erp.counts()
    assert len(counts) == 50
    assert set(counts.values()) == {1}
