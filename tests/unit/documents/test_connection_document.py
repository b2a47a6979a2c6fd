# ruff: noqa: E501, ISC004 - messages stand in one piece, as they are shown
from __future__ import annotations

from decimal import Decimal

import pytest

from redrive.documents.connection_document import SecretSource, parse_connection
from redrive.documents.load import load_one
from redrive.errors import FlowInvalid, UsageError


def problems(text):
    with pytest.raises(FlowInvalid) as caught:
        parse_connection(load_one(text, "live.yaml"))
    return [str(problem) for problem in caught.value.problems]


def test_a_connection_is_read():
    connection = parse_connection(
        load_one(
            """\
connection: shop-live
connector: shop
settings: {base_url: "http://127.0.0.1:9001", rate: 1.50}
secrets: {a: {env: SHOP_TOKEN}, b: {file: /run/secrets/b}, c: {value: "s3cret"}, d: s3cret, e: {value: ""}}
"""
        )
    )
    assert (connection.name, connection.connector) == ("shop-live", "shop")
    assert connection.settings == {"base_url": "http://127.0.0.1:9001", "rate": Decimal("1.50")}
    assert connection.secrets == {
        "a": SecretSource("env", "SHOP_TOKEN"),
        "b": SecretSource("file", "/run/secrets/b"),
        "c": SecretSource("value", "s3cret"),
        "d": SecretSource("value", "s3cret"),
        "e": SecretSource("value", ""),
    }
    assert "s3cret" not in repr(connection)


def test_settings_and_secrets_may_be_left_out():
    connection = parse_connection(load_one("connection: a\nconnector: b"))
    assert (connection.settings, connection.secrets) == ({}, {})


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("settings: {x: 1}\nsecrets: {x: {env: A}}", "live.yaml:4: setting secrets.x: 'x' is both a setting and a "
         "secret; templates could not tell them apart; expected a name of its own"),
        ("secrets: {x: {fiel: a}}", "live.yaml:3: setting secrets.x.fiel: unknown name 'fiel'; expected env, file or "
         "value; did you mean 'file'?"),
        ("secrets: {x: {}}", "live.yaml:3: setting secrets.x: it is not clear where the secret is; expected exactly "
         "one of env, file or value"),
        ("secrets: {x: {env: A, file: b}}", "live.yaml:3: setting secrets.x: it is not clear where the secret is; "
         "expected exactly one of env, file or value"),
        ("secrets: {x: 12345}", "live.yaml:3: setting secrets.x: this is a whole number; expected a mapping or text"),
        ("secrets: {x: {env: A-B}}", "live.yaml:3: setting secrets.x.env: 'A-B' cannot be a name here; expected the "
         "name of an environment variable"),
        ("secrets: {x y: z}", "live.yaml:3: setting secrets['x y']: 'x y' cannot be a name here; expected letters, "
         "digits, hyphens and underscores, a letter first"),
        ("setings: {}", "live.yaml:3: setting setings: unknown name 'setings'; expected circuit, connection, "
         "connector, description, max_running, secrets or settings; did you mean 'settings'?"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_connection(line, message):
    assert problems(f"connection: a\nconnector: b\n{line}\n") == [message]


def test_a_connection_names_its_connector():
    assert problems("connection: a") == [
        "live.yaml:1: setting connector: 'connector' is missing (the connector that it uses)"
    ]


def test_no_secret_is_ever_in_a_message():
    text = "connection: a\nconnector: b\nsecrets:\n  x: {value: [s3cret]}\n  y: {vlue: s3cret}\n  z: {env: s3cret!}\n"
    assert [line for line in problems(text) if "s3cret" in line and "secrets.z" not in line] == []


def test_only_connections_are_connections():
    with pytest.raises(UsageError, match="f is a flow, not a connection"):
        parse_connection(load_one("flow: f"))
