# ruff: noqa: E501 - descriptions are easier to read in one line
"""What an OpenAPI description becomes: address, authentication, parameters, bodies, refusals."""

from __future__ import annotations

import pytest

from redrive.documents.described.model import DescriptionInvalid
from tests.unit.documents.described.made import api, listing, made_of, query

ORDER = {
    "type": "object",
    "required": ["id"],
    "properties": {"id": {"type": "integer"}, "note": {"type": "string"}},
}


def sending(body, **more):
    return api({"/orders": {"post": {"requestBody": {"content": body}, "responses": {"201": {}}, **more}}})


@pytest.mark.parametrize(
    ("servers", "base_url", "settings"),
    [
        (
            [{"url": "https://a.example/v1/"}],
            "{{ connection.base_url | default('https://a.example/v1') }}",
            ["base_url"],
        ),
        (
            [
                {
                    "url": "https://{region}.example/{basePath}",
                    "variables": {
                        "region": {"default": "eu", "enum": ["eu", "us"]},
                        "basePath": {"default": "v2"},
                    },
                }
            ],
            "https://{{ connection.region | default('eu') }}.example/{{ connection.base_path | default('v2') }}",
            ["region", "base_path"],
        ),
        ([{"url": "/api"}], "{{ connection.base_url }}/api", ["base_url"]),
        ([{"url": "https://it's.example/"}], "{{ connection.base_url }}", ["base_url"]),
        ([], "{{ connection.base_url }}", ["base_url"]),
    ],
)
def test_a_server_is_the_base_url(registry, servers, base_url, settings):
    made = made_of({**listing({"type": "array"}), "servers": servers}, registry)
    assert made.document["base_url"] == base_url
    assert [one.name for one in made.described.settings] == settings


def test_a_relative_server_counts_from_where_the_description_came(registry):
    made = made_of(
        {**listing({"type": "array"}), "servers": [{"url": "/api"}]},
        registry,
        url="https://b.example/doc.json",
    )
    assert made.document["base_url"] == "{{ connection.base_url | default('https://b.example/api') }}"


FLOWS = {
    "clientCredentials": {"tokenUrl": "/token", "scopes": {"read": "", "write": ""}},
    "authorizationCode": {
        "tokenUrl": "https://id.example/token",
        "authorizationUrl": "https://id.example/page",
        "scopes": {"read": ""},
    },
}


@pytest.mark.parametrize(
    ("scheme", "authentication"),
    [
        ({"type": "http", "scheme": "Bearer"}, {"method": "bearer", "token": "{{ connection.token }}"}),
        (
            {"type": "http", "scheme": "basic"},
            {
                "method": "basic",
                "username": "{{ connection.username }}",
                "password": "{{ connection.password | default('') }}",
            },
        ),
        (
            {"type": "apiKey", "in": "header", "name": "X-Key"},
            {"method": "api_key", "value": "{{ connection.one }}", "header": "X-Key"},
        ),
        (
            {"type": "apiKey", "in": "query", "name": "key"},
            {"method": "api_key", "value": "{{ connection.one }}", "query": "key"},
        ),
        (
            {"type": "apiKey", "in": "cookie", "name": "sid"},
            {"method": "api_key", "value": "sid={{ connection.one }}", "header": "Cookie"},
        ),
        (
            {"type": "oauth2", "flows": FLOWS},
            {
                "method": "oauth2_client_credentials",
                "token_url": "https://shop.example/token",
                "client_id": "{{ connection.client_id }}",
                "client_secret": "{{ connection.client_secret | default('') }}",
                "scope": "{{ connection.scope | default('read') }}",
            },
        ),
        (
            {"type": "oauth2", "flows": {"authorizationCode": FLOWS["authorizationCode"]}},
            {
                "method": "oauth2_authorization_code",
                "token_url": "https://id.example/token",
                "authorize_url": "https://id.example/page",
                "client_id": "{{ connection.client_id }}",
                "client_secret": "{{ connection.client_secret | default('') }}",
                "scope": "{{ connection.scope | default('read') }}",
            },
        ),
        ({"type": "http", "scheme": "digest"}, None),
    ],
)
def test_a_security_scheme_is_the_authentication(registry, scheme, authentication):
    description = listing({"type": "array"})
    made = made_of(
        {**description, "security": [{"one": ["read"]}], "components": {"securitySchemes": {"one": scheme}}},
        registry,
    )
    assert made.document.get("authentication") == authentication
    if authentication is None:
        assert "HTTP authentication 'digest' has no counterpart" in made.notes[0]


@pytest.mark.parametrize(
    "scheme",
    [{"type": "oauth2", "flows": {"implicit": {}}}, {"type": "openIdConnect", "openIdConnectUrl": "x"}],
)
def test_what_names_no_token_address_takes_a_token_and_says_so(registry, scheme):
    description = {**listing({"type": "array"}), "security": [{"one": []}]}
    made = made_of({**description, "components": {"securitySchemes": {"one": scheme}}}, registry)
    assert made.document["authentication"]["method"] == "bearer"
    assert "an access token is expected" in made.notes[0]


SCHEMES = {
    "securitySchemes": {
        "a": {"type": "http", "scheme": "bearer"},
        "b": {"type": "apiKey", "in": "header", "name": "X-B"},
        "c": {"type": "apiKey", "in": "query", "name": "c"},
    }
}


def get(*ways, **more):
    return {"get": {"security": list(ways), "responses": {}, **more}}


def test_most_operations_decide_and_the_others_say_how_to_import_them(registry):
    paths = {"/1": get({"a": []}), "/2": get({"a": []}, {"c": []}), "/3": get({"c": []}), "/4": get({})}
    made = made_of(api(paths, components=SCHEMES), registry)
    assert list(made.document["endpoints"]) == ["get-1", "get-2", "get-4"]
    assert made.refused == [("GET /3", "authentication")]
    assert made.described.refused[0].way_out.endswith("--authentication c.")
    other = made_of(api(paths, components=SCHEMES), registry, authentication="c")
    assert list(other.document["endpoints"]) == ["get-2", "get-3", "get-4"]


def test_a_key_that_is_wanted_with_another_scheme_is_a_header_of_the_connector(registry):
    made = made_of(api({"/1": get({"a": [], "b": []})}, components=SCHEMES), registry)
    assert made.document["authentication"]["method"] == "bearer"
    assert made.document["headers"] == {"X-B": "{{ connection.b }}"}
    assert made.refused == []


def test_parameters_are_declared_and_stand_where_they_belong(registry):
    path = "/shops/{shopId}/orders/{order-id}"
    description = listing(
        ORDER,
        {"name": "shopId", "in": "path", "required": True, "schema": {"type": "integer"}},
        query("status", enum=["open", "paid"], default="open"),
        query("filter[since]", format="date"),
        {"name": "ids", "in": "query", "explode": False, "schema": {"type": "array", "items": {}}},
        {"name": "tags", "in": "query", "schema": {"type": "array", "items": {}}},
        {"name": "X-Trace", "in": "header", "required": True, "description": "An  id.", "schema": {}},
        {"name": "Accept", "in": "header", "schema": {"type": "string"}},
        {"name": "sid", "in": "cookie", "schema": {"type": "string"}},
        path=path,
    )
    endpoint = made_of(description, registry).endpoint()
    assert endpoint["request"] == {
        "method": "GET",
        "path": "/shops/{{ with.shopId }}/orders/{{ with.order_id }}",
        "query": {
            "status": "{{ with.status }}",
            "filter[since]": "{{ with.filter_since }}",
            "ids": "{{ with.ids }}",
            "tags": "{{ with.tags }}",
        },
        "headers": {"X-Trace": "{{ with.X_Trace }}"},
    }
    assert endpoint["with"] == {
        "shopId": {"type": "integer", "required": True},
        "order_id": {"type": "string", "required": True},
        "status": {"type": "string", "default": "open", "one_of": ["open", "paid"]},
        "filter_since": {"type": "string"},
        "ids": {"type": "string", "description": "Several are separated by a comma."},
        "tags": {"type": "array"},
        "X_Trace": {"required": True, "description": "An id."},
    }


def test_an_object_in_the_query_is_spread_or_left_out(registry):
    properties = {"type": "object", "properties": {"from": {"type": "string"}, "to": {}}}
    made = made_of(
        listing(
            ORDER,
            {"name": "at", "in": "query", "style": "deepObject", "schema": properties},
            {"name": "any", "in": "query", "schema": {"type": "object"}},
        ),
        registry,
    )
    assert made.endpoint()["request"]["query"] == {
        "at[from]": "{{ with.at_from }}",
        "at[to]": "{{ with.at_to }}",
    }
    assert "the query parameter 'any' is an object of unknown properties: left out" in made.notes


@pytest.mark.parametrize(
    ("body", "request_part", "per"),
    [
        ({"application/json": {"schema": ORDER}}, {"body": "{{ item }}"}, "item"),
        (
            {"application/vnd.shop+json": {"schema": {"type": "array", "items": ORDER}}},
            {"body": "{{ payload }}"},
            None,
        ),
        (
            {"application/x-www-form-urlencoded": {"schema": ORDER}},
            {"form": {"id": "{{ item.id | default(null) }}", "note": "{{ item.note | default(null) }}"}},
            "item",
        ),
        (
            {
                "multipart/form-data": {
                    "schema": {
                        "required": ["kind"],
                        "properties": {
                            "file": {"type": "string", "format": "binary"},
                            "kind": {"type": "string", "enum": ["a", "b"]},
                        },
                    }
                }
            },
            {
                "multipart": {
                    "file": {"value": "{{ payload }}", "filename": "{{ meta.filename | default('file') }}"},
                    "kind": {"value": "{{ with.kind }}"},
                }
            },
            None,
        ),
        ({"text/csv": {}}, {"body": "{{ payload }}", "headers": {"Content-Type": "text/csv"}}, None),
    ],
)
def test_a_body_is_sent_as_it_is_described(registry, body, request_part, per):
    endpoint = made_of(sending(body), registry).endpoint()
    assert endpoint["request"] == {"method": "POST", "path": "/orders", **request_part}
    assert endpoint.get("per") == per


def test_an_idempotency_header_and_a_flag_of_success_are_used(registry):
    answer = {"application/json": {"schema": {"properties": {"ok": {"type": "boolean"}, "id": {}}}}}
    description = sending(
        {"application/json": {"schema": ORDER}},
        parameters=[{"name": "Idempotency-Key", "in": "header", "required": True, "schema": {}}],
        responses={"200": {"content": answer}},
    )
    endpoint = made_of(description, registry).endpoint()
    assert endpoint["idempotency"] == {"header": "Idempotency-Key"}
    assert endpoint["success"] == {"unless": {"field": "ok", "is": False}}
    assert "with" not in endpoint


def test_a_post_that_searches_receives(registry):
    answer = {"application/json": {"schema": {"properties": {"results": {"type": "array", "items": ORDER}}}}}
    post = {
        "requestBody": {"content": {"application/json": {"schema": ORDER}}},
        "responses": {"200": {"content": answer}},
    }
    made = made_of(api({"/orders/search": {"post": post}, "/orders": {"post": post}}), registry)
    assert made.endpoint("post-orders")["direction"] == "send"
    search = made.endpoint("post-orders-search")
    assert (search["direction"], search["items"]) == ("receive", "results")
    assert search["request"]["body"] == "{{ with.body }}"
    assert search["with"]["body"]["default"] == {}
    assert "# direction: a POST, but by its name and answer a search" in made.text


@pytest.mark.parametrize(
    ("paths", "refused"),
    [
        ({"/a": {"head": {}}}, ("HEAD /a", "method")),
        ({"/a": {"trace": {}}}, ("TRACE /a", "method")),
        ({"/a/{b": {"get": {}}}, ("GET /a/{b", "path")),
        ({"a": {"get": {}}}, ("GET a", "path")),
        ({"/a#b": {"get": {}}}, ("GET /a#b", "path")),
        ({"/a": {"$ref": "other.yaml#/a"}}, ("ANY /a", "reference")),
        ({"/a": {"get": {"parameters": [{"$ref": "#/nowhere"}]}}}, ("GET /a", "reference")),
        (
            {"/a": {"get": {"parameters": [{"name": "c", "in": "cookie", "required": True}]}}},
            ("GET /a", "parameter"),
        ),
        (
            {"/a": {"get": {"parameters": [{**query("q", type="object"), "required": True}]}}},
            ("GET /a", "parameter"),
        ),
        ({"/a": {"get": {"servers": [{"url": "https://other.example"}]}}}, ("GET /a", "server")),
        ({"/a": {"post": {"requestBody": {"content": {"multipart/form-data": {}}}}}}, ("POST /a", "body")),
        (
            {"/a": {"post": {"requestBody": {"content": {"application/x-www-form-urlencoded": {}}}}}},
            ("POST /a", "body"),
        ),
    ],
)
def test_what_cannot_be_imported_is_named_with_reason_and_way_out(registry, paths, refused):
    made = made_of(api({**paths, "/good": {"get": {}}}), registry)
    assert made.refused == [refused]
    assert list(made.document["endpoints"]) == ["get-good"]
    assert made.described.refused[0].why
    assert made.described.refused[0].way_out.endswith(".")


def test_operations_of_another_server_are_imported_with_that_server(registry):
    paths = {"/a": {"get": {}}, "/up": {"put": {"servers": [{"url": "https://up.{zone}.example", "variables": {
        "zone": {"default": "eu"}}}]}}}  # fmt: skip
    made = made_of(api(paths), registry)
    assert made.refused == [("PUT /up", "server")]
    assert "--server https://up.eu.example --only /up" in made.described.refused[0].way_out
    other = made_of(api(paths), registry, server="https://up.eu.example")
    assert list(other.document["endpoints"]) == ["put-up"]
    assert other.refused == [("GET /a", "server")]
    assert "default('https://up.eu.example')" in other.document["base_url"]


def test_webhooks_are_named(registry):
    made = made_of({**listing(ORDER), "webhooks": {"paid": {"post": {}}}}, registry)
    assert made.refused == [("webhook paid", "webhook")]


@pytest.mark.parametrize(
    ("only", "names"),
    [
        (("orders",), ["get-orders", "get-orders-by-id"]),
        (("ORDERS",), ["get-orders", "get-orders-by-id"]),
        (("/orders",), ["get-orders", "get-orders-by-id"]),
        (("/orders/{id}",), ["get-orders-by-id"]),
        (("/*/{id}",), ["get-orders-by-id"]),
        (("findShop",), ["find-shop"]),
        (("find-shop", "/orders/{id}"), ["get-orders-by-id", "find-shop"]),
    ],
)
def test_a_part_is_chosen_by_tag_path_id_or_name(registry, only, names):
    one = {"tags": ["Orders"], "responses": {}}
    paths = {
        "/orders": {"get": one},
        "/orders/{id}": {"get": one},
        "/ordersets": {"get": {}},
        "/shops": {"get": {"operationId": "findShop"}},
    }
    assert list(made_of(api(paths), registry, only=only).document["endpoints"]) == names


def test_a_choice_that_fits_nothing_names_the_nearest(registry):
    with pytest.raises(DescriptionInvalid, match="'/order'") as caught:
        made_of(listing(ORDER), registry, only=("/order",))
    assert caught.value.code == "description.only"
    assert caught.value.hint == "Did you mean '/orders'?"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("swagger: '2.0'", "description.version"),
        ("openapi: 4.0.0", "description.version"),
        ("flow: x", "description.unknown"),
        ("[1]", "description.unknown"),
        ("", "description.syntax"),
        ("a: b: c", "description.syntax"),
        ("openapi: 3.0.0", "description.empty"),
        ("openapi: 3.0.0\npaths: {/a: {head: {}}}", "description.empty"),
        ('{"info": {}, "requests": [], "order": []}', "description.version"),
    ],
)
def test_what_is_no_such_description_says_what_is(text, code):
    from redrive.documents.described import Wanted, convert

    with pytest.raises(DescriptionInvalid) as caught:
        convert(text.encode(), "shop.yaml", Wanted())
    assert caught.value.code == code
    assert caught.value.hint
