"""A newer description over the connector that is there."""

from __future__ import annotations

from tests.unit.documents.described.made import api, made_of, query


def get(**more):
    return {"get": {"responses": {}, **more}}


PATHS = {"/a": get(), "/b": get(parameters=[query("q")]), "/c": get()}


def changes(made, there, **wanted):
    from redrive.documents.described.merging import merge
    from redrive.documents.load import load_one

    merged = merge(
        made.described, load_one(there), partial=bool(wanted.get("only")), replace=wanted.get("replace", ())
    )
    return {one.endpoint: (one.change, one.settings) for one in merged.changes}


def test_the_same_again_changes_nothing(registry):
    first = made_of(api(PATHS), registry)
    again = made_of(api(PATHS), registry, there=first.text)
    assert again.text == first.text
    assert changes(first, first.text) == {}


def test_endpoints_are_added_changed_and_removed(registry):
    there = made_of(api(PATHS), registry).text
    newer = {"/a": get(), "/b": get(parameters=[query("q"), query("r")]), "/d": get()}
    made = made_of(api(newer), registry, there=there)
    assert list(made.document["endpoints"]) == ["get-a", "get-b", "get-d"]
    assert changes(made, there) == {
        "get-b": ("changed", ("request.query", "with.r")),
        "get-c": ("removed", ()),
        "get-d": ("added", ()),
    }


EDITED = "    # our own words\n    direction: receive\n    description: edited by hand # here"


def test_what_was_edited_by_hand_stays_with_its_comments(registry):
    there = made_of(api(PATHS), registry).text.replace("    direction: receive", EDITED, 1)
    newer = {**PATHS, "/a": get(parameters=[query("new")])}
    made = made_of(api(newer), registry, there=there)
    assert EDITED in made.text
    assert "new" not in made.endpoint("get-a").get("with", {})
    assert changes(made, there) == {
        "get-a": ("kept_differs", ("description", "request.query", "with")),
    }
    # A second time nothing is lost either.
    assert made_of(api(newer), registry, there=made.text).text == made.text


def test_an_edited_endpoint_is_taken_anew_on_demand(registry):
    there = made_of(api(PATHS), registry).text.replace("    direction: receive", EDITED, 1)
    made = made_of(api(PATHS), registry, there=there, replace=["get-a"])
    assert "edited by hand" not in made.text.split("\n", 3)[3]


def test_an_edited_endpoint_that_the_description_lost_stays(registry):
    there = made_of(api(PATHS), registry).text.replace("    direction: receive", EDITED, 1)
    made = made_of(api({"/b": PATHS["/b"]}), registry, there=there)
    assert list(made.document["endpoints"]) == ["get-b", "get-a"]
    assert changes(made, there) == {"get-a": ("kept", ()), "get-c": ("removed", ())}


OWN = """\
connector: shop
base_url: https://own.example
rate_limit: {requests: 1}
endpoints:
  mine: {direction: receive, request: {path: /mine}}
"""


def test_a_connector_written_by_hand_keeps_all_that_it_has(registry):
    made = made_of(api(PATHS), registry, there=OWN, name="shop")
    assert made.document["base_url"] == "https://own.example"
    assert made.document["rate_limit"] == {"requests": 1}
    assert list(made.document["endpoints"]) == ["get-a", "get-b", "get-c", "mine"]


def test_a_part_that_is_taken_leaves_the_rest(registry):
    there = made_of(api(PATHS), registry).text
    newer = {"/a": get(parameters=[query("q")]), "/b": get(), "/d": get()}
    made = made_of(api(newer), registry, there=there, only=("/a", "/d"))
    assert list(made.document["endpoints"]) == ["get-a", "get-d", "get-b", "get-c"]
    assert changes(made, there, only=True) == {
        "get-a": ("changed", ("request.query", "with")),
        "get-d": ("added", ()),
    }
    assert "with" in made.endpoint("get-b")


def test_names_do_not_depend_on_the_order_of_the_description(registry):
    one = {
        "/x/{a}": get(operationId="list"),
        "/y": get(operationId="list"),
        "/x/{b}/": get(operationId="list"),
    }
    names = {}
    for paths in (one, dict(reversed(one.items()))):
        made = made_of(api(paths), registry)
        names[len(names)] = {
            endpoint["request"]["path"]: name for name, endpoint in made.document["endpoints"].items()
        }
    assert names[0] == names[1]
    assert len(set(names[0].values())) == 3
