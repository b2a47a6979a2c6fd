"""Each wrong connector document gets its message, at its place."""

# ruff: noqa: E501 - a table reads best with each case on one line
from __future__ import annotations

import copy
from pathlib import Path

import pytest
import yaml

import redrive.demo
from redrive.connectors.rest import Rest, manifest
from redrive.connectors.rest.manifest import ConnectorModel, EndpointModel
from redrive.registry import Registry

GOOD = {
    "connector": "shop",
    "base_url": "{{ connection.base_url }}",
    "authentication": {"method": "bearer", "token": "{{ connection.token }}"},
    "rate_limit": {"requests": 40, "per_s": 1},
    "endpoints": {
        "list": {
            "direction": "receive",
            "request": {"method": "GET", "path": "/orders", "query": {"id": "{{ with.id }}", "size": 250}},
            "items": "orders",
            "paginate": {"by": "page_number", "parameter": "page"},
        },
        "create": {
            "direction": "send",
            "request": {"method": "POST", "path": "/orders", "body": {"orders": "{{ payload }}"}},
            "success": {"status": [200, 201], "unless": {"field": "error", "exists": True}},
            "rules": [{"status": ["5xx", 409], "when": {"field": "code", "is": "x"}, "then": "retry"}],
            "results": {"at": "results", "key": "id", "ok": {"field": "status", "is": "ok"}},
            "idempotency": {"header": "Idempotency-Key"},
            "lookup": {"endpoint": "list", "with": {"id": "{{ with.key }}"}},
        },
    },
}


def changed(path, value):
    document = copy.deepcopy(GOOD)
    *parents, last = path
    inside = document
    for part in parents:
        inside = inside[part]
    if value is None:
        del inside[last]
    else:
        inside[last] = value
    return document


def test_a_good_document_has_no_problem():
    assert Rest().check(GOOD) == []


def test_the_demo_documents_have_no_problem():
    folder = Path(redrive.demo.__file__).parent / "documents"
    for file in ("demo-shop.yaml", "demo-erp.yaml"):
        assert Rest().check(yaml.safe_load((folder / file).read_text())) == []


@pytest.mark.parametrize(
    ("path", "value", "at", "title", "nearest"),
    [
        (("basurl",), "x", "/basurl", "there is no setting 'basurl'", "base_url"),
        (("base_url",), None, "/base_url", "the setting 'base_url' is missing", None),
        (("endpoints", "list", "direction"), "recieve", "/endpoints/list/direction", "this is not one of", "receive"),
        (("endpoints", "list", "request", "metod"), "GET", "/endpoints/list/request/metod", "there is no setting", "method"),
        (("authentication", "method"), "baerer", "/authentication/method", "this 'method' is not known", "bearer"),
        (("authentication",), {"token": "x"}, "/authentication/method", "the setting 'method' is missing", None),
        (("authentication", "tokn"), "x", "/authentication/tokn", "there is no setting 'tokn'", "token"),
        (("authentication",), {"method": "api_key", "value": "x"}, "/authentication", "an api_key stands in", None),
        (("endpoints", "list", "paginate", "by"), "page", "/endpoints/list/paginate/by", "this 'by' is not known", None),
        (("endpoints", "list", "paginate"), {"by": "cursor"}, "/endpoints/list/paginate/at", "the setting 'at' is", None),
        (("endpoints", "list", "key"), "id", "/endpoints/list/key", "`key` is for endpoints that send", None),
        (("endpoints", "create", "items"), "a", "/endpoints/create/items", "`items` is for endpoints that receive", None),
        (("endpoints", "create", "rules"), [{"then": "retry"}], "/endpoints/create/rules/0", "a rule needs a status", None),
        (("endpoints", "create", "rules", 0, "then"), "retyr", "/endpoints/create/rules/0/then", "this is not one", "retry"),
        (("endpoints", "create", "rules", 0, "when", "iz"), 1, "/endpoints/create/rules/0/when/iz", "unknown operator", None),
        (("endpoints", "create", "success", "status", 1), "2x", "/endpoints/create/success/status/1", "this is not an HTTP", None),
        (("endpoints", "create", "success", "status"), 99, "/endpoints/create/success/status", "this is not an HTTP", None),
        (("endpoints", "create", "lookup", "endpoint"), "lsit", "/endpoints/create/lookup/endpoint", "there is no receive", "list"),
        (("endpoints", "create", "lookup"), {}, "/endpoints/create/lookup", "a lookup names an endpoint or holds", None),
        (("endpoints", "create", "request", "form"), {"a": 1}, "/endpoints/create/request", "a request has a body or a form", None),
        (("endpoints", "list", "request", "query", "id"), "{{ wiht.id }}", "/endpoints/list/request/query/id", "the template", "with"),
        (("endpoints", "create", "request", "body"), {"a": ["{{ itm }}"]}, "/endpoints/create/request/body/a/0", "the template", "item"),
        (("endpoints", "list", "request", "path"), "/{{ paylod.id }}", "/endpoints/list/request/path", "the template", "payload"),
        (("endpoints", "list", "items"), "a[*]", "/endpoints/list/items", "the items path", None),
        (("rate_limit", "requests"), 0, "/rate_limit/requests", "input should be greater", None),
        (("endpoints",), {}, "/endpoints", "dictionary should have at least 1", None),
    ],
)  # fmt: skip
def test_a_wrong_document_says_where_and_what(path, value, at, title, nearest):
    (problem,) = Rest().check(changed(path, value))
    assert (problem.at, problem.nearest) == (at, nearest)
    assert problem.title.startswith(title)


def test_all_problems_are_told_at_once():
    document = changed(("rate_limit", "requests"), 0)
    document["basurl"] = "x"
    assert {problem.at for problem in Rest().check(document)} == {"/basurl", "/rate_limit/requests"}


def test_every_setting_has_a_help_text():
    def without(schema, at):
        for name, setting in schema.get("properties", {}).items():
            if "description" not in setting and "$ref" not in setting:
                yield f"{at}.{name}"

    schema = ConnectorModel.model_json_schema()
    missing = [*without(schema, "connector")]
    for name, definition in schema["$defs"].items():
        if hasattr(manifest, name):
            missing += without(definition, name)
    assert missing == []


@pytest.mark.parametrize(
    ("more", "method", "safe"),
    [
        ({}, "POST", False),
        ({}, "PUT", True),
        ({}, "DELETE", True),
        ({}, "PATCH", False),
        ({"repeat": "unsafe"}, "PUT", False),
        ({"repeat": "safe"}, "POST", True),
        ({"idempotency": {}}, "POST", True),
        ({"lookup": {"request": {"path": "/x"}}}, "POST", False),
    ],
)
def test_what_makes_a_repeat_safe(more, method, safe):
    endpoint = EndpointModel.model_validate({"direction": "send", "request": {"method": method}, **more})
    assert endpoint.repeat_is_safe is safe


def test_the_registry_finds_the_protocol():
    assert Registry.discover().protocol("http").check(GOOD) == []
