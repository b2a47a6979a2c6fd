"""Calls made from the OpenAPI document against a real home, good and bad: no 5xx, one form of problems."""

from __future__ import annotations

import json

import pytest
import schemathesis
from hypothesis import HealthCheck, settings

from redrive.server.app import openapi_document
from tests.conftest import EVERYTHING
from tests.integration.cli.conftest import Command

FLOW = """
flow: f
variables: {n: {type: number, default: 1.10}}
steps:
  - {id: make, shape: manual_payload, payload: [{id: 1}, {id: 2}]}
  - {id: keep, shape: filter, keep: {field: id, is: 1}}
"""
EXAMPLES = 60 if EVERYTHING else 6
# A path parameter is mostly one of the home's own, so that calls get past the 404.
_KNOWN: dict[str, list[str]] = {}


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    command = Command(tmp_path_factory.mktemp("smoke"), {})
    (command.folder / "f.yaml").write_text(FLOW)
    assert command("import", "f.yaml", "--deploy").code == 0
    run = command("run", "f", "--json").json
    _KNOWN.update(name=["f"], run_id=[run["id"]], step=["make", "keep"])
    _KNOWN["payload_id"] = [run["steps"][1]["payloads_out"][0]["id"]]
    process = command.begin("up", "--port", "0", "--json")
    address = json.loads(process.stdout.readline())
    token = json.loads((command.home / "server.json").read_text())["token"]
    yield address["url"], token
    process.terminate()
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (0, b""), err.decode()
    assert b"request.failed" not in err, err.decode()


def _schema():
    document = openapi_document()
    # A deleted flow or a sign-out would make the rest of the calls dull.
    for path, method in (("/api/v1/flows/{name}", "delete"), ("/api/v1/session", "delete")):
        document["paths"][path].pop(method)
    return schemathesis.openapi.from_dict(document).exclude(path_regex="events$|/wait$")


schema = _schema()


@schema.parametrize()
@settings(
    max_examples=60 if EVERYTHING else 6,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)
def test_no_call_makes_a_server_error(case, served):
    for name in case.path_parameters or {}:
        if name in _KNOWN and len(str(case.path_parameters[name])) % 3:
            case.path_parameters[name] = _KNOWN[name][0]
    url, token = served
    answer = case.call(base_url=url, headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code < 500, (case.as_curl_command(), answer.text)
    if answer.status_code >= 400 and answer.content:
        assert answer.headers["content-type"][0] == "application/problem+json"
