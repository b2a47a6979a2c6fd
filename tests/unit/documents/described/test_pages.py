"""Where records are and how pages follow, guessed from a description."""

from __future__ import annotations

import pytest

from tests.unit.documents.described.made import listing, made_of, query

LIST = {"type": "array", "items": {"type": "object", "properties": {"id": {"type": "integer"}}}}
TEXT = {"type": "string"}


def about(**properties):
    return {"type": "object", "properties": properties}


@pytest.mark.parametrize(
    ("schema", "path", "items"),
    [
        (LIST, "/orders", ""),
        (about(orders=LIST, tags=LIST), "/orders", "orders"),
        (about(data=LIST, links=about(next=TEXT)), "/orders", "data"),
        (about(things=LIST, total_count={"type": "integer"}), "/orders", "things"),
        (about(data=about(orders=LIST), meta=about()), "/orders", "data.orders"),
        ({"allOf": [about(items=LIST), about(page={"type": "integer"})]}, "/orders", "items"),
        (about(id=TEXT, name=TEXT, tags=LIST), "/orders/{id}", None),
        (about(id=TEXT, items=LIST, customer=about()), "/orders/{id}", None),
        (about(id=TEXT), "/orders/{id}", None),
    ],
)
def test_the_records_are_found_in_the_answer(registry, schema, path, items):
    assert made_of(listing(schema, path=path), registry).endpoint().get("items") == items


def test_where_several_arrays_could_be_it_nothing_is_guessed(registry):
    made = made_of(listing(about(reds=LIST, blues=LIST, colour=TEXT)), registry)
    assert "items" not in made.endpoint()
    assert "# items: several arrays (reds, blues): name the one with the records" in made.text


@pytest.mark.parametrize(
    ("schema", "parameters", "paginate"),
    [
        (
            about(orders=LIST),
            [query("page", type="integer", default=0), query("per_page", type="integer", maximum=100)],
            {"by": "page_number", "parameter": "page", "start": 0, "size": 100, "size_parameter": "per_page"},
        ),
        (
            about(orders=LIST),
            [query("offset", type="integer"), query("limit", type="integer", default=25)],
            {"by": "offset", "parameter": "offset", "size": 25, "size_parameter": "limit"},
        ),
        (
            about(orders=LIST, next_cursor=TEXT, has_more={"type": "boolean"}),
            [query("cursor")],
            {"by": "cursor", "at": "next_cursor", "parameter": "cursor", "more": "has_more"},
        ),
        (
            about(orders=LIST, meta=about(next_page_token=TEXT)),
            [query("page_token"), query("page_size", type="integer")],
            {"by": "cursor", "at": "meta.next_page_token", "parameter": "page_token"},
        ),
        (
            about(orders=LIST, links=about(next={"type": "string", "format": "uri"})),
            [query("page", type="integer")],
            {"by": "next_url", "at": "links.next"},
        ),
        (
            about(orders=LIST, _links=about(next=about(href=TEXT))),
            [],
            {"by": "next_url", "at": "_links.next.href"},
        ),
        (about(orders=LIST), [query("starting_after")], None),
        (about(id=TEXT), [query("page", type="integer")], None),
        (LIST, [query("limit", type="integer")], None),
    ],
)
def test_pagination_is_guessed_from_parameters_and_answer(registry, schema, parameters, paginate):
    made = made_of(listing(schema, *parameters), registry)
    endpoint = made.endpoint()
    assert endpoint.get("paginate") == paginate
    sent = {paginate.get("parameter"), paginate.get("size_parameter")} if paginate else set()
    left = [one["name"] for one in parameters if one["name"] not in sent]
    assert list(endpoint.get("with", {})) == left


def test_a_link_header_goes_before_page_numbers(registry):
    made = made_of(listing(LIST, query("page", type="integer"), headers={"Link": {}}), registry)
    assert made.endpoint()["paginate"] == {"by": "link_header"}
    assert "# paginate: the answer documents a Link header" in made.text


def test_what_looks_like_pages_but_is_not_known_is_told_in_a_comment(registry):
    made = made_of(listing(about(orders=LIST), query("starting_after")), registry)
    assert "# paginate: `starting_after` looks like a cursor, but" in made.text
