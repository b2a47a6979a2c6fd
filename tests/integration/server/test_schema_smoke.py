"""Calls made from the OpenAPI document, good and bad: no answer is a 5xx, and problems have one form."""

from __future__ import annotations

import schemathesis
from hypothesis import HealthCheck, settings

from redrive.server.app import create_app
from redrive.server.auth import Access
from tests.unit.server.recording import FixedSettings, RecordingService

TOKEN = "local-token"
HEADERS = {"Authorization": f"Bearer {TOKEN}", "Host": "127.0.0.1:8765"}

app = create_app(RecordingService(), FixedSettings(), access=Access(TOKEN))
schema = schemathesis.openapi.from_dict(app.openapi())
schema.app = app


@schema.exclude(path_regex="events$|/wait$").parametrize()
@settings(max_examples=8, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
def test_no_call_makes_a_server_error(case):
    answer = case.call(headers=HEADERS, base_url="http://127.0.0.1:8765")
    assert answer.status_code < 500, (case.as_curl_command(), answer.text)
    if answer.status_code >= 400:
        assert answer.headers["content-type"][0] == "application/problem+json"
