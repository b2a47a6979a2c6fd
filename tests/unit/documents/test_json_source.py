from __future__ import annotations

from decimal import Decimal

import pytest

from redrive.documents.json_source import parse_json
from redrive.documents.nodes import MAX_DEPTH


def test_values_numbers_and_lines():
    text = '\ufeff{\n "flow": "\\ud83d\\ude00\\/",\n\t"a": [1, 1.10, -0.5e2, true, null,\n {}]\n}\n'
    (part,) = parse_json(text).parts
    assert part.node.value == {
        "flow": "\U0001f600/",
        "a": [1, Decimal("1.10"), Decimal(-50), True, None, {}],
    }
    assert str(part.node.value["a"][1]) == "1.10"
    assert (part.node.line_at("/a"), part.node.line_at("/a/5")) == (3, 4)
    assert text[part.start : part.end] == text


@pytest.mark.parametrize(
    ("text", "line", "title"),
    [
        ('{"a": 1,}', 1, "the file is not JSON: a name in double quotes should stand here"),
        ('{"a"\n1}', 2, "the file is not JSON: ':' should stand here"),
        ('{"a": 01}', 1, "the file is not JSON: ',' or '}' should stand here"),
        ("[1\n2]", 2, "the file is not JSON: ',' or ']' should stand here"),
        ('{"a": no}', 1, "the file is not JSON: a value should stand here"),
        ('{"a": NaN}', 1, "the file is not JSON: a value should stand here"),
        ('{\n"a": "x\n"}', 2, "a text that is not closed, or holds a bare control character or a bad escape"),
        ('{"a": "\\ud800"}', 1, "half of a surrogate pair in a text"),
        ('{"a": 1} x', 1, "the file goes on after the end of its JSON document"),
        ('{"a": 1,\n"a": 2}', 2, "the name 'a' stands twice in one mapping (first in line 1)"),
        ('{"a": ' + "9" * 5000 + "}", 1, "a number of more than 4000 digits"),
        ("[" * 3000, 1, f"nested more than {MAX_DEPTH} levels deep"),
        ('{"a": 1', 1, "the file is not JSON: ',' or '}' should stand here"),
    ],
)
def test_what_is_not_json_is_told_with_its_line(text, line, title):
    (problem,) = parse_json(text, "f.json").problems
    assert (problem.file, problem.line, problem.title) == ("f.json", line, title)
