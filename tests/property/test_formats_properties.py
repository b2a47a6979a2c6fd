"""Readers of items agree with plain parsers, whatever the document and its pieces."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from redrive.core.formats import ItemsInvalid, item_reader, json_items

_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(alphabet=st.sampled_from('ab"\\{}[],: \né\ud800')),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["a", "b", "},{"]), inner),
    max_leaves=15,
)
_spaces = st.sampled_from(["", " ", "\n", " \t\r\n"])


def _read(media_type: str, path: str, document: bytes, step: int) -> list[bytes]:
    reader = item_reader(media_type, path)
    items: list[bytes] = []
    for at in range(0, len(document), step):
        items += reader.feed(document[at : at + step])
    items += reader.close()
    return items


@settings(deadline=None)
@given(
    values=st.lists(_values, max_size=8),
    before=_values,
    gap=_spaces,
    window=st.integers(1, 40),
    step=st.integers(1, 60),
    nested=st.booleans(),
)
def test_items_are_the_elements_to_the_byte(
    values: list[Any], before: Any, gap: str, window: int, step: int, *, nested: bool
) -> None:
    texts = [json.dumps(value) for value in values]
    document = f"{gap}[{gap}" + f"{gap},{gap}".join(texts) + f"{gap}]{gap}"
    if nested:
        document = f'{gap}{{"x":{json.dumps(before)},{gap}"o"{gap}:{document},"y":{json.dumps(before)}}}{gap}'
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_items, "WINDOW_BYTES", window)
        found = _read("application/json", "o" if nested else "", document.encode(), step)
    assert found == [text.encode() for text in texts]


@settings(deadline=None)
@given(
    document=st.text(alphabet=st.sampled_from('[]{},:"\\ 1a'), max_size=20).map(lambda text: "[" + text),
    window=st.integers(1, 12),
    step=st.integers(1, 12),
)
def test_what_is_accepted_is_json(document: str, window: int, step: int) -> None:
    try:
        expected: list[Any] | None = json.loads(document)
    except ValueError:
        expected = None
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_items, "WINDOW_BYTES", window)
        try:
            found: list[Any] | None = [
                json.loads(item) for item in _read("application/json", "", document.encode(), step)
            ]
        except ItemsInvalid:
            found = None
    assert found == expected


@settings(deadline=None)
@given(
    rows=st.lists(
        st.lists(
            st.text(alphabet=st.sampled_from('ab",; \né'), min_size=1, max_size=5), min_size=2, max_size=3
        ),
        max_size=6,
    ),
    line_end=st.sampled_from(["\n", "\r\n"]),
    step=st.integers(1, 40),
)
def test_rows_are_those_of_the_csv_module(rows: list[list[str]], line_end: str, step: int) -> None:
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator=line_end)
    writer.writerow(["id", "name"])
    writer.writerows(rows)
    document = out.getvalue().encode()
    found = _read("text/csv", "", document, step)
    assert [next(csv.reader(io.StringIO(row.decode(), newline=""))) for row in found] == rows
    assert b"id,name" + line_end.encode() + b"".join(row + line_end.encode() for row in found) == document
