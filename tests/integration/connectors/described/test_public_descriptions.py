"""Large public API descriptions, of different hands and tools, as connectors: what of each is imported."""

from __future__ import annotations

import os
from collections import Counter
from importlib import import_module

import pytest

from redrive.documents.connector_document import parse_connector
from redrive.documents.described import Wanted, convert
from redrive.documents.described.merging import merge
from redrive.documents.load import load_one
from redrive.registry import Registry

pytestmark = pytest.mark.slow
converting = import_module("redrive.documents.described.convert")  # the package has a function of that name
EVERYTHING = bool(os.environ.get("REDRIVE_TEST_ALL"))
largest = pytest.mark.skipif(not EVERYTHING, reason="13 MB of description: with REDRIVE_TEST_ALL=1")
"""What this skips, others show with smaller descriptions."""

GITHUB = ("@octokit/openapi@2.2.1", "generated/api.github.com.json")
README = ("@readme/oas-examples@8.2.2", "3.1/json/readme.json")
STAR_TREK = ("@readme/oas-examples@8.2.2", "3.0/yaml/star-trek.yaml")
DIRECTUS = ("@directus/specs@15.2.0", "dist/openapi.json")
BLOCKFROST = ("@blockfrost/openapi@0.1.93", "openapi.yaml")
RCLONE = ("rclone-openapi@1.75.0", "openapi.json")
SHIPENGINE = ("shipengine-openapi@1.4.0", "openapi.yaml")
TRAVELLING = ("postgen@4.6.5", "samples/postman_collections/Travelling.postman_collection.json")
WASPS = ("postgen@4.6.5", "samples/postman_collections/WaspswithBazookas.postman_collection.json")

FIGURES = [
    # kind, operations, refused by reason, receive, send, with items, pagination, authentication
    (
        GITHUB,
        "OpenAPI 3.0.3",
        706,
        {"server": 1},
        368,
        337,
        202,
        {"link_header": 147, "page_number": 21},
        None,
    ),
    (README, "OpenAPI 3.1.0", 54, {"body": 4}, 23, 27, 11, {"page_number": 3}, "bearer"),
    (STAR_TREK, "OpenAPI 3.0.1", 120, {}, 120, 0, 80, {"page_number": 80}, None),
    (DIRECTUS, "OpenAPI 3.0.1", 136, {}, 46, 90, 22, {"page_number": 12}, "api_key"),
    (BLOCKFROST, "OpenAPI 3.0.3", 129, {"server": 6}, 120, 3, 80, {"page_number": 65}, "api_key"),
    (RCLONE, "OpenAPI 3.1.0", 101, {"body": 1}, 5, 95, 5, {}, None),
    (SHIPENGINE, "OpenAPI 3.0.0", 76, {}, 32, 44, 15, {"next_url": 6}, "api_key"),
    (TRAVELLING, "Postman collection", 24, {}, 19, 5, 1, {}, None),
    (WASPS, "Postman collection", 16, {"server": 3}, 9, 4, 1, {}, None),
]


@pytest.mark.parametrize(
    ("source", "kind", "operations", "refused", "receive", "send", "items", "pages", "authentication"),
    [
        pytest.param(*one, id=one[0][1].rsplit("/", 1)[-1], marks=[largest] if one[0] is GITHUB else [])
        for one in FIGURES
    ],
)
def test_a_public_description_is_a_valid_connector(
    description, source, kind, operations, refused, receive, send, items, pages, authentication
):
    data = description(*source)
    made = convert(data, source[1], Wanted())
    assert (made.kind, made.chosen) == (kind, operations)
    assert Counter(one.reason for one in made.refused) == refused
    assert all(one.why and one.way_out for one in made.refused)
    assert Counter(one.direction for one in made.endpoints) == Counter({"receive": receive, "send": send})
    assert len(made.endpoints) + len(made.refused) == operations
    assert sum("items" in one.document for one in made.endpoints) == items
    assert (
        Counter(one.document["paginate"]["by"] for one in made.endpoints if "paginate" in one.document)
        == pages
    )
    assert made.head.get("authentication", {}).get("method") == authentication

    text = merge(made, None, partial=False).text
    loaded = load_one(text, "made.yaml")
    connector = parse_connector(loaded, Registry.discover())
    assert list(connector.endpoints) == [one.name for one in made.endpoints]
    # The same again is the same, and changes nothing in what is there.
    again = merge(made, loaded, partial=False)
    assert (again.text, again.changes) == (text, [])


def test_the_same_description_in_json_and_yaml_is_the_same_connector(description):
    texts = {
        merge(convert(description(package, path), "x", Wanted()), None, partial=False).text
        for package, path in (STAR_TREK, ("@readme/oas-examples@8.2.2", "3.0/json/star-trek.json"))
    }
    assert len(texts) == 1


@pytest.mark.parametrize(
    ("source", "part", "most_values"),
    [
        (BLOCKFROST, "/addresses", 10_000),
        pytest.param(GITHUB, "orgs", converting.MOST_VALUES, marks=largest),
    ],
    ids=["small", "large"],
)
def test_a_part_of_a_large_description_keeps_more_detail(description, monkeypatch, source, part, most_values):
    monkeypatch.setattr(converting, "MOST_VALUES", most_values)
    data = description(*source)
    whole = convert(data, source[1], Wanted())
    small = convert(data, source[1], Wanted(only=(part,)))
    assert any("schemas and samples are" in note.text for note in whole.notes)
    assert not any("schemas and samples are" in note.text for note in small.notes)
    # The same names: what flows say about them stays true.
    assert {one.name for one in small.endpoints} <= {one.name for one in whole.endpoints}
    assert small.endpoints
