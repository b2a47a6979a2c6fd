"""What is said about wrong settings of each shape: the whole of it, one problem for one mistake."""

from __future__ import annotations

import json
from typing import Any

import pytest

from redrive.documents.flow_document import parse_flow
from redrive.documents.load import load_text
from redrive.errors import FlowInvalid
from redrive.registry import Registry

PATH_FORM = 'a path such as customer.email, items[0].id, lines.*.sku or ["a.b"]; or $… for JSONPath'
IS_ONE = {"field": "x", "is": 1}

BAD: dict[str, list[tuple[dict[str, Any], str]]] = {
    "add_to_cache": [
        (
            {"cache": "c", "scope": "world"},
            "setting scope: 'world' is not known here; expected run, flow or company",
        ),
        (
            {"cache": "c", "key": "x"},
            "setting key: 'key' belongs to connector steps only; this is a step of shape add_to_cache",
        ),
    ],
    "assert": [({}, ": nothing to check; expected equals, contains, schema or conditions")],
    "branch": [
        ({}, "setting paths: 'paths' is missing (the paths in order, each with an id and its steps)"),
        (
            {"paths": [{"id": "a", "when": IS_ONE, "steps": []}]},
            "setting paths[0].when: unknown setting 'when'; expected id",
        ),
    ],
    "callback": [({"nothing": 1}, "setting nothing: unknown setting 'nothing'")],
    "connector": [
        (
            {"connection": "a"},
            "setting endpoint: 'endpoint' is missing (name of an endpoint of its connector)",
        ),
        (
            {"connection": "a", "endpoint": "b", "delivery": "send_al"},
            (
                "setting delivery: 'send_al' is not known here; expected send_changed, "
                "skip_delivered or send_all; "
                "did you mean 'send_all'?"
            ),
        ),
    ],
    "convert": [
        (
            {"to": "jsn"},
            (
                "setting to: 'jsn' is not known here; expected json, ndjson, csv, xml or text; "
                "did you mean 'json'?"
            ),
        )
    ],
    "dedupe": [
        (
            {"on": "id", "pool": "p", "forget_after": "3x"},
            (
                "setting forget_after: not a length of time; expected seconds, or a time such as "
                "90s, 30m, 2h, 1h30m "
                "or 7d"
            ),
        )
    ],
    "filter": [
        ({}, ": expected either keep or drop"),
        (
            {"keep": {"field": "a", "is": "{{ vras.x }}"}},
            (
                "setting keep.is: the template {{ vras.x }} reads 'vras.x', which begins with no "
                "known root; expected "
                "one of payload, item, meta, vars, run, now, last_success; did you mean 'vars'?"
            ),
        ),
    ],
    "flow_control": [
        ({"size": 0}, "setting size: the number is too small; expected at least 1"),
        ({"size": "ten"}, "setting size: this is text; expected a whole number"),
    ],
    "load_from_cache": [({}, "setting cache: 'cache' is missing (name of the cache)")],
    "manual_payload": [
        (
            {"payload": 1, "media_type": "text/csv"},
            ": payload must be text where media_type is named",
        )
    ],
    "map": [
        (
            {"fields": [{"to": "a", "from": "b", "do": [{"case": "uper"}]}]},
            (
                "setting fields[0].do[0].case: case: to is 'uper'; expected one of upper, lower, "
                "title, capital; did "
                "you mean 'upper'?"
            ),
        ),
        ({"fields": [{"to": "a"}]}, "setting fields[0]: the field a: expected either from or value"),
    ],
    "merge": [
        (
            {"by": "a["},
            f"setting by: the path 'a[' is not valid: unexpected '[' at character 2; expected {PATH_FORM}",
        )
    ],
    "notify": [({}, "setting message: 'message' is missing (the text)")],
    "route": [
        ({"paths": []}, "setting paths: the list is too short; expected at least 1"),
        (
            {"paths": [{"id": "a", "wen": IS_ONE, "steps": []}]},
            "setting paths[0].wen: unknown setting 'wen'; expected id or when; did you mean 'when'?",
        ),
        ({"paths": [{"steps": []}]}, "setting paths[0].id: 'id' is missing"),
        (
            {"paths": [{"id": "a", "steps": []}, {"id": "a", "steps": []}]},
            (
                "setting paths[1].id: the id 'a' is taken already, in line 1; expected an id "
                "that no other step or path "
                "of the flow has"
            ),
        ),
    ],
    "run_flow": [({}, "setting flow: 'flow' is missing (name of the flow)")],
    "script": [
        (
            {"code": "def hande(payload, meta, vars):\n    return payload"},
            "setting code: the script defines no function handle; expected def handle(payload, meta, vars):",
        )
    ],
    "set_variables": [
        (
            {"meta": {"a": "{{ payload.x"}},
            (
                "setting meta.a: the template {{ payload.x is not closed; expected }} at its "
                "end; a literal {{ is "
                "written \\{{"
            ),
        )
    ],
    "split": [({}, "setting at: 'at' is missing (path of the part, relative to the item)")],
    "track": [({"fields": []}, "setting fields: the list is too short; expected at least 1")],
    "try": [
        ({}, "setting steps: 'steps' is missing; expected a list of steps"),
        (
            {"steps": [], "cach": []},
            (
                "setting cach: unknown setting 'cach'; expected catch, id, missing, name, note, "
                "on_failure, retries, "
                "shape, skip, steps or timeout; did you mean 'catch'?"
            ),
        ),
    ],
    "wait": [({"nothing": 1}, "setting nothing: unknown setting 'nothing'")],
}
SHAPES = Registry.discover().shapes
CASES = [
    pytest.param(kind, *case, id=f"{kind}: {json.dumps(case[0])}")
    for kind, cases in BAD.items()
    if kind in SHAPES
    for case in cases
]


@pytest.mark.parametrize(("kind", "settings", "message"), CASES)
def test_what_is_wrong_is_told_once(kind: str, settings: dict[str, Any], message: str) -> None:
    text = json.dumps({"flow": "f", "steps": [{"id": "it", "shape": kind, **settings}]})
    with pytest.raises(FlowInvalid) as caught:
        parse_flow(load_text(text, "flow.json")[0], Registry.discover())
    (told,) = [str(problem) for problem in caught.value.problems]
    where = "flow.json:1: step it" + ("" if message.startswith(":") else " ")
    assert told.startswith(where + message)
