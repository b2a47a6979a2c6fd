from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from redrive.sdk.testing import run_shape
from redrive.shapes.manual_payload import ManualPayload
from tests.unit.shapes.builders import refusal


@pytest.mark.parametrize("given", [[], [b""], [[1], [2]]])
async def test_it_is_put_out_once_and_comes_from_nowhere(given: list[Any]) -> None:
    (one,) = (await run_shape(ManualPayload(payload=[{"id": 1}, 2]), given)).payloads
    assert one.data == b'[{"id":1},2]'
    assert one.lineage == [[], []]
    assert one.meta == {}


async def test_numbers_of_the_document_stay_exact_and_braces_are_no_templates() -> None:
    (one,) = (
        await run_shape(ManualPayload(payload={"t": Decimal("19.90"), "x": "{{ vars.y }}"}), [b""])
    ).payloads
    assert one.data == b'{"t":19.90,"x":"{{ vars.y }}"}'


async def test_the_items_may_lie_deeper() -> None:
    (one,) = (await run_shape(ManualPayload(payload={"rows": [1, 2]}, items_path="rows"), [b""])).payloads
    assert (one.count, one.items_path) == (2, "rows")


async def test_text_without_a_media_type_is_a_json_text() -> None:
    (one,) = (await run_shape(ManualPayload(payload="hello"), [b""])).payloads
    assert one.data == b'"hello"'
    (one,) = (await run_shape(ManualPayload(payload="hello", media_type="text/plain"), [b""])).payloads
    assert (one.data, one.media_type) == (b"hello", "text/plain")


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, "payload.Field required"),
        ({"payload": [1], "media_type": "text/csv"}, "payload must be text where media_type is named"),
        ({"payload": "[1", "media_type": "application/json"}, "payload is not JSON: "),
        ({"payload": "x", "media_type": "csv"}, "media_type.String should match pattern"),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings: dict[str, Any], expected: str) -> None:
    assert expected in refusal(ManualPayload, **settings)
