"""Compiled types of settings: read, written back, described, refused."""

from __future__ import annotations

from typing import Any

import jsonschema_rs
import pydantic
import pytest

from redrive.core.conditions import Condition
from redrive.core.functions import Functions
from redrive.core.paths import Path
from redrive.core.template import Templated
from redrive.sdk.fields import (
    ConditionField,
    ConnectorConditionField,
    ConnectorTemplatedValue,
    Field,
    FunctionsField,
    PathText,
    TemplatedValue,
)

DOCUMENT: dict[str, Any] = {
    "key": "customer.id",
    "keys": ["a", "$.b[0]"],
    "keep": {"all": [{"field": "total", "gt": 100}, {"not": {"field": "email", "exists": True}}]},
    "drop": {"field": "{{ vars.x }}", "in": ["a"]},
    "value": {"id": "{{ vars.id }}", "list": [1, None]},
    "do": ["trim", {"case": "upper"}],
}


class Settings(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="forbid")

    key: PathText | None = Field(None, help="One path.")
    keys: list[PathText] = Field([], help="Several.")
    keep: ConditionField | None = Field(None, help="What to keep.")
    drop: ConditionField | None = Field(None, help="What to drop.")
    value: TemplatedValue | None = Field(None, help="A value.")
    do: FunctionsField | None = Field(None, help="Functions.")


class ConnectorSettings(pydantic.BaseModel):
    when: ConnectorConditionField = Field(help="A condition.")
    body: ConnectorTemplatedValue = Field(help="A value.")


def test_settings_are_compiled_and_written_back() -> None:
    settings = Settings.model_validate(DOCUMENT)

    assert isinstance(settings.key, Path)
    assert all(isinstance(path, Path) for path in settings.keys)
    assert isinstance(settings.keep, Condition)
    assert isinstance(settings.value, Templated)
    assert isinstance(settings.do, Functions)
    assert settings.model_dump() == DOCUMENT
    assert Settings.model_validate_json(settings.model_dump_json()) == settings
    assert Settings.model_validate(settings.model_copy().__dict__) == settings


def test_connector_documents_have_more_roots() -> None:
    document = {
        "when": {"field": "{{ response.status }}", "is": 200},
        "body": {"token": "{{ connection.token }}"},
    }

    assert ConnectorSettings.model_validate(document).model_dump() == document
    with pytest.raises(pydantic.ValidationError, match="connector documents only"):
        Settings.model_validate({"value": "{{ connection.token }}"})


@pytest.mark.parametrize(
    ("document", "loc", "message", "setting"),
    [
        ({"key": "a b"}, ("key",), "the path 'a b' is not valid", ""),
        ({"keys": ["a", ""]}, ("keys", 1), "the path is empty", ""),
        ({"keep": {"all": [{"field": "a", "equals": 1}]}}, ("keep",), "did you mean 'is'?", "all[0].equals"),
        ({"value": {"a": ["{{ vasr.x }}"]}}, ("value",), "did you mean 'vars'?", "a[0]"),
        ({"do": [{"case": "uper"}]}, ("do",), "did you mean 'upper'?", "[0].case.to"),
    ],
)
def test_what_does_not_parse_is_a_pydantic_error(document: Any, loc: Any, message: str, setting: str) -> None:
    with pytest.raises(pydantic.ValidationError) as caught:
        Settings.model_validate(document)

    (error,) = caught.value.errors()
    assert error["loc"] == loc
    assert message in error["msg"]
    assert error["ctx"]["error"].setting == setting


def test_a_path_is_a_text() -> None:
    with pytest.raises(pydantic.ValidationError, match="a path is a text"):
        Settings.model_validate({"key": 5})


@pytest.mark.parametrize("mode", ["validation", "serialization"])
def test_the_schema_takes_what_is_taken_and_refuses_the_rest(mode: Any) -> None:
    schema = Settings.model_json_schema(mode=mode)
    validator = jsonschema_rs.validator_for(schema)

    assert schema["properties"]["keep"]["anyOf"][0] == {"$ref": "#/$defs/Condition"}
    assert validator.is_valid(DOCUMENT)
    for keep in (
        {"field": "a", "after": {"ago": {"days": 2}}, "before": {"in": {"hours": "{{ vars.h }}"}}},
        {"field": "a", "within": {"from": "2026-05-01", "to": "{{ now }}"}},
        {"not": {"any": [{"field": "a", "exists": False}]}},
        {"field": "a", "is": None},
        {"field": "a", "gt": 1, "lte": "5"},
    ):
        Condition.parse(keep)
        assert validator.is_valid({"keep": keep}), keep
    for keep in (
        {},
        {"field": "a"},
        {"is": 1},
        {"field": "a", "equals": 1},
        {"all": []},
        {"all": [{"any": [{"field": "a", "gt": []}]}]},
        {"not": [{"field": "a", "is": 1}]},
        {"field": "a", "is": 1, "all": [{"field": "a", "is": 1}]},
        {"field": "a", "after": {"ago": {"dayz": 2}}},
        {"field": "a", "exists": "maybe"},
    ):
        with pytest.raises(ValueError):  # noqa: PT011 - only that both refuse it
            Condition.parse(keep)
        assert not validator.is_valid({"keep": keep}), keep
