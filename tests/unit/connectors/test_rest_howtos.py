"""The documents of the how-to pages are valid, and what is wrong in one of the kind is told in place."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from redrive.connectors.rest import Rest

HOWTO = Path(__file__).parents[3] / "docs" / "howto"
PAGES = ("authenticate-with-a-system.md", "call-graphql-soap-and-json-rpc.md", "write-a-connector.md")
DOCUMENTS = [
    document
    for page in PAGES
    for text in re.findall(r"```yaml\n(.*?)```", (HOWTO / page).read_text(), re.DOTALL)
    for document in yaml.safe_load_all(text)
    if "endpoints" in document
]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda one: one["connector"])
def test_documents_of_the_pages_are_valid(document):
    assert Rest().check(document) == []


def with_endpoint(**more):
    return {"endpoints": {"it": {"direction": "receive", "request": {"path": "/"}, **more}}}


def with_authentication(**settings):
    return {"authentication": settings, **with_endpoint()}


@pytest.mark.parametrize(
    ("more", "at", "title"),
    [
        (with_authentication(method="oauth2"), "/authentication/method", "this 'method' is not known"),
        (
            with_authentication(method="oauth2_client_credentials", client_id="x"),
            "/authentication/token_url",
            "the setting 'token_url' is missing",
        ),
        (
            with_authentication(method="hmac", secret="x", sign="{{ payload.id }}", header="X"),
            "/authentication/sign",
            "payload cannot be read where a request is signed",
        ),
        (
            with_authentication(method="hmac", secret="x", sign="x"),
            "/authentication",
            "a signature stands in a header or in the query: name one of the two",
        ),
        (
            with_authentication(method="login", request={"path": "/"}),
            "/authentication",
            "a login names one of token, token_header and token_cookie",
        ),
        (
            with_endpoint(request={"graphql": {"query": "{ a }"}, "json_rpc": {"method": "m"}}),
            "/endpoints/it/request",
            "a request has one of graphql, json_rpc, not several",
        ),
        (
            with_endpoint(followed_by=[{"request": {"path": "/"}}]),
            "/endpoints/it/followed_by",
            "`followed_by` is for endpoints that send",
        ),
        (
            with_endpoint(paginate={"by": "graphql_cursor"}),
            "/endpoints/it/paginate/at",
            "the setting 'at' is missing",
        ),
        (
            with_endpoint(request={"soap": {"body": "<a>{{ x.y }}</a>"}}),
            "/endpoints/it/request/soap/body",
            "begins with no known root",
        ),
        (with_endpoint(script="def other(response):\n    pass\n"), "/endpoints/it/script", "handle"),
        (
            with_endpoint(paginate={"by": "script", "script": "def other(a, b):\n    return 1\n"}),
            "/endpoints/it/paginate/script",
            "handle",
        ),
    ],
)
def test_what_is_wrong_is_told_in_its_place(more, at, title):
    problems = Rest().check({"connector": "c", "base_url": "http://x", **more})
    assert [one.at for one in problems][:1] == [at], problems
    assert title in problems[0].title
