from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from redrive.sdk.testing import MemoryContext, run_shape
from redrive.shapes.set_variables import SetVariables
from tests.unit.shapes.builders import payload, refusal


async def test_content_passes_on_and_values_keep_their_type() -> None:
    given = payload('{"total": 19.90, "tags": ["a"], "id": 7}', meta={"page": "1"})
    shape = SetVariables(
        variables={"total": "{{ payload.total }}", "tags": "{{ payload.tags }}", "at": "{{ now }}"},
        meta={"id": "{{ payload.id }}", "tags": "{{ payload.tags }}", "total": "{{ payload.total }}"},
    )
    result = await run_shape(shape, [given])
    assert result.variables == {"total": Decimal("19.90"), "tags": ["a"], "at": "2026-01-15T12:00:00Z"}
    (one,) = result.payloads
    assert one.content is given.content
    assert one.meta == {"page": "1", "id": "7", "tags": '["a"]', "total": "19.90"}


async def test_an_empty_payload_passes_on() -> None:
    result = await run_shape(SetVariables(variables={"since": "{{ now - 2 days }}"}), [b""])
    assert [one.data for one in result.payloads] == [b""]
    assert result.variables == {"since": "2026-01-13T12:00:00Z"}


async def test_the_last_payload_decides_and_each_sees_those_before_it() -> None:
    shape = SetVariables(variables={"last": "{{ payload.id }}"}, meta={"before": "{{ vars.last }}"})
    result = await run_shape(shape, [{"id": 1}, {"id": 2}], variables={"last": 0})
    assert result.variables == {"last": 2}
    assert [one.meta for one in result.payloads] == [{"before": "0"}, {"before": "1"}]


async def test_a_payload_is_read_only_where_a_template_needs_it() -> None:
    broken = payload("<html>", media_type="text/html")
    assert (await run_shape(SetVariables(variables={"a": 1}), [broken])).variables == {"a": 1}
    result = await run_shape(SetVariables(variables={"a": "{{ payload.id }}"}), [b"{", {"id": 5}])
    assert result.variables == {"a": 5}
    assert [failed.error.code for failed in result.failed] == ["payload.invalid"]


async def test_a_template_that_finds_nothing_follows_the_step() -> None:
    shape = SetVariables(variables={"a": "{{ payload.x }}", "b": 1}, meta={"m": "{{ payload.x }}"})
    result = await run_shape(shape, [{}])
    assert result.error is not None
    assert result.error.detail == "payload 0: the template of meta.m finds nothing at payload.x"
    assert result.variables == {}
    empty = await run_shape(shape, [{}], meta={"m": "old"}, ctx=MemoryContext(missing="empty"))
    assert (empty.variables, empty.payloads[0].meta) == ({"a": None, "b": 1}, {})
    left = await run_shape(shape, [{}], meta={"m": "old"}, ctx=MemoryContext(missing="skip_item"))
    assert (left.variables, left.payloads[0].meta) == ({"b": 1}, {"m": "old"})


async def test_meta_is_bounded() -> None:
    result = await run_shape(SetVariables(meta={"m": "{{ payload.x }}"}), [{"x": "x" * 10_240}, {"x": "y"}])
    assert result.error is not None
    assert result.error.code == "meta.too_large"
    assert [one.meta for one in result.payloads] == [{"m": "y"}]


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, "nothing to set; expected variables or meta"),
        ({"variables": {"a": "{{ item.id }}"}}, "a: there is no item here"),
        ({"meta": {"a": "{{ itme.id }}"}}, "did you mean 'item'?"),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings: dict[str, Any], expected: str) -> None:
    assert expected in refusal(SetVariables, **settings)
