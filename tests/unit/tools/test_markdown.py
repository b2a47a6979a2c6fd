"""Reference pages: what becomes of schemas, values and docstrings."""

from __future__ import annotations

from typing import Annotated, Literal

import pytest
from pydantic import BaseModel, Field

from tools.pages.markdown import as_yaml, definitions, links, properties, prose, table, type_name


class Part(BaseModel):
    """A part."""

    text: str = Field(min_length=1, description="Its text | with a bar.")


class Whole(BaseModel):
    size: int = Field(100, ge=1, description="Most items.", json_schema_extra={"unit": "items"})
    mode: Literal["all", "first"] | None = None
    parts: list[Part] = []
    rate: Annotated[float, Field(gt=0)] | None = None


def test_a_table_of_settings_has_types_limits_units_and_links():
    schema = Whole.model_json_schema()
    assert properties(schema, links(schema)).splitlines() == [
        "| setting | type | default | unit | limits | meaning |",
        "| --- | --- | --- | --- | --- | --- |",
        "| `size` | whole number | `100` | items | ≥ 1 | Most items. |",
        '| `mode` | `"all"` or `"first"` |  |  |  |  |',
        "| `parts` | list of [Part](#part) | `[]` |  |  |  |",
        "| `rate` | number |  |  | > 0 |  |",
    ]
    assert definitions(schema).splitlines() == [
        "### Part",
        "",
        "A part.",
        "",
        "| setting | type | default | limits | meaning |",
        "| --- | --- | --- | --- | --- |",
        "| `text` | text | required | characters ≥ 1 | Its text \\| with a bar. |",
    ]


@pytest.mark.parametrize(
    ("schema", "name"),
    [
        ({}, "any value"),
        ({"type": ["string", "null"]}, "text"),
        ({"type": "object", "additionalProperties": {"type": "integer"}}, "map of whole number"),
        ({"const": "x"}, '`"x"`'),
        ({"anyOf": [{"type": "boolean"}, {"type": "null"}]}, "true or false"),
        ({"allOf": [{"$ref": "#/$defs/_Part"}]}, "Part"),
    ],
)
def test_types_are_words(schema, name):
    assert type_name(schema) == name


def test_columns_that_say_nothing_are_left_out():
    assert table(("a", "b"), [(1, None), (2, "")]) == "| a |\n| --- |\n| 1 |\n| 2 |"


def test_yaml_is_written_as_it_is_read():
    assert as_yaml({"on": "no", "yes": True, "n": None, "text": "true", "list": ["1"]}) == (
        "```yaml\non: no\nyes: true\nn: null\ntext: 'true'\nlist:\n  - '1'\n```"
    )


def test_a_docstring_keeps_its_paragraphs_and_lists_its_parts():
    text = "First words,\nmore of them.\n\nIn: a payload,\nof items.\nOut: nothing.\n\nAfterwards."
    assert prose(text) == (
        "First words,\nmore of them.\n\n- **In**: a payload,\n  of items.\n- **Out**: nothing.\n\nAfterwards."
    )
