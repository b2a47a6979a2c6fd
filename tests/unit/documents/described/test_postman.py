"""What a Postman collection becomes."""

from __future__ import annotations

import pytest

from redrive.documents.described.model import DescriptionInvalid
from tests.unit.documents.described.made import made_of

COLLECTION_21 = "https://schema.getpostman.com/json/collection/v2.1.0/collection.json"


def item(name, method="GET", url="{{baseUrl}}/orders", **request):
    response = request.pop("response", [])
    return {"name": name, "request": {"method": method, "url": url, **request}, "response": response}


def collection(*items, **more):
    return {"info": {"name": "Shop", "schema": COLLECTION_21}, "item": list(items), **more}


def raw(body):
    return {"mode": "raw", "raw": body}


def test_requests_in_folders_are_endpoints(registry):
    url = {
        "raw": "{{baseUrl}}/shops/:shop/orders?status=open&q={{what}}",
        "variable": [{"key": "shop", "description": "Which"}],
        "query": [
            {"key": "status", "value": "open"},
            {"key": "q", "value": "{{what}}", "description": "Words"},
            {"key": "off", "value": "1", "disabled": True},
        ],
    }
    folder = {
        "name": "Orders",
        "item": [item("List orders", url=url), item("Other", url="{{baseUrl}}/{{x}}")],
    }
    made = made_of(collection(folder, variable=[{"key": "baseUrl", "value": "https://s.example"}]), registry)
    assert made.document["base_url"] == "{{ connection.base_url | default('https://s.example') }}"
    assert made.endpoint("list-orders")["request"] == {
        "method": "GET",
        "path": "/shops/{{ with.shop }}/orders",
        "query": {"status": "{{ with.status }}", "q": "{{ with.q }}", "off": "{{ with.off }}"},
    }
    assert made.endpoint("list-orders")["with"] == {
        "shop": {"type": "string", "required": True, "description": "Which"},
        "status": {"default": "open"},
        "q": {"description": "Words"},
        "off": {},
    }
    assert made.endpoint("other")["request"]["path"] == "/{{ with.x }}"


def test_bodies_and_examples_are_samples(registry):
    answer = {"code": 200, "body": '{"orders": [{"id": 1}], "next_cursor": "a"}'}
    made = made_of(
        collection(
            item("Make", "POST", body=raw('{"id": {{id}}, "password": "hunter2"}')),
            item("Find", url={"raw": "{{baseUrl}}/orders", "query": [{"key": "cursor"}]}, response=[answer]),
        ),
        registry,
    )
    make, find = made.endpoint("make"), made.endpoint("find")
    assert (make["per"], make["request"]["body"]) == ("item", "{{ item }}")
    assert make["payload"]["sample"] == {"id": "id", "password": "secret"}
    assert find["items"] == "orders"
    assert find["paginate"] == {"by": "cursor", "at": "next_cursor", "parameter": "cursor"}
    assert "with" not in find


@pytest.mark.parametrize(
    ("auth", "authentication"),
    [
        ({"type": "bearer", "bearer": [{"key": "token", "value": "real-1"}]}, "bearer"),
        ({"type": "basic", "basic": {"username": "a", "password": "real-2"}}, "basic"),
        (
            {
                "type": "apikey",
                "apikey": [{"key": "key", "value": "X-Key"}, {"key": "value", "value": "real-3"}],
            },
            "api_key",
        ),
        (
            {
                "type": "oauth2",
                "oauth2": [
                    {"key": "accessTokenUrl", "value": "https://id.example/token"},
                    {"key": "grant_type", "value": "client_credentials"},
                    {"key": "clientSecret", "value": "real-4"},
                ],
            },
            "oauth2_client_credentials",
        ),
        ({"type": "oauth1", "oauth1": [{"key": "consumerSecret", "value": "real-5"}]}, "oauth1"),
        ({"type": "awsv4"}, None),
    ],
)
def test_authentication_is_taken_over_without_its_secrets(registry, auth, authentication):
    head = [{"key": "X-Api-Key", "value": "real-6"}]
    variables = [{"key": "baseUrl", "value": "https://s.example"}, {"key": "access_token", "value": "real-7"}]
    made = made_of(
        collection(
            item("One", header=head, url="{{baseUrl}}/{{access_token}}"), auth=auth, variable=variables
        ),
        registry,
    )
    assert made.document.get("authentication", {}).get("method") == authentication
    assert "real-" not in made.text
    assert made.endpoint()["request"]["headers"] == {"X-Api-Key": "{{ connection.x_api_key | default('') }}"}
    if authentication is None:
        assert "the authentication 'awsv4' has no counterpart" in made.notes[0]


def test_what_cannot_be_imported_is_named(registry):
    made = made_of(
        collection(
            item("A"),
            item("B", url="https://other.example/b"),
            item("C", "POST", body={"mode": "graphql", "graphql": {}}),
            item("D", "POST", body={"mode": "formdata", "formdata": []}, url="{{baseUrl}}/d"),
            item("E", "LINK"),
            item("A again"),
        ),
        registry,
    )
    assert made.refused == [
        ("GET /b", "server"),
        ("POST /orders", "body"),
        ("POST /d", "body"),
        ("LINK /orders", "method"),
    ]
    assert "'A again' is the same request once more" in made.notes


def test_a_folder_is_chosen(registry):
    one = {"name": "Orders", "item": [item("A")]}
    made = made_of(collection(one, item("B", url="{{baseUrl}}/b")), registry, only=("orders",))
    assert list(made.document["endpoints"]) == ["a"]
    with pytest.raises(DescriptionInvalid, match="'order'") as caught:
        made_of(collection(one), registry, only=("order",))
    assert caught.value.hint == "Did you mean 'Orders'?"


def test_folders_without_end_are_refused(registry):
    inner = item("A")
    for _ in range(40):
        inner = {"name": "F", "item": [inner]}
    with pytest.raises(DescriptionInvalid, match="nested more than 30"):
        made_of(collection(inner), registry)
