"""What dedupe and the shapes of caches say of wrong settings and wrong items; what they keep."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from redrive.sdk import Shape
from redrive.sdk.testing import MemoryContext, run_shape
from redrive.shapes.add_to_cache import AddToCache
from redrive.shapes.dedupe import Dedupe
from redrive.shapes.load_from_cache import LoadFromCache
from redrive.shapes.map import Map


@pytest.mark.parametrize(
    ("shape", "settings", "said"),
    [
        (Dedupe, {"pool": "p"}, "on\n  Field required"),
        (Dedupe, {"on": "id"}, "pool\n  Field required"),
        (Dedupe, {"on": "id", "pool": "{{ vars.x }}"}, "should match pattern"),
        (Dedupe, {"on": "id", "pool": "p", "action": "drop"}, "'filter', 'track' or 'filter_and_track'"),
        (Dedupe, {"on": "id", "pool": "p", "forget_after": "soon"}, "not a length of time; expected seconds"),
        (Dedupe, {"on": "a[", "pool": "p"}, "on\n"),
        (AddToCache, {"cache": "c", "scope": "world"}, "'run', 'flow' or 'company'"),
        (AddToCache, {"cache": "c", "entry": "{{ connection.token }}"}, "entry\n"),
        (AddToCache, {"cache": "c", "ttl": 0}, "a length of time is more than 0"),
        (LoadFromCache, {"cache": "c", "pages": 3}, "'all' or 'last'"),
        (LoadFromCache, {"cache": "c", "on_miss": "skip"}, "'fail', 'empty' or 'pass'"),
    ],
)
def test_wrong_settings_are_told(shape: type[Shape], settings: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError) as caught:
        shape.model_validate(settings)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("shape", "given", "code", "said"),
    [
        (
            Dedupe(on="id", pool="p"),
            [{"id": None}],
            "key.missing",
            "payload 0, item 0: the key id finds nothing",
        ),
        (Dedupe(on="id", pool="p"), [{"id": 1}, {"id": ""}], "key.missing", "payload 0, item 1: the key id"),
        (Dedupe(on="id", pool="p"), [{"id": {}}], "key.invalid", "the key id finds an object"),
        (Dedupe(on="id[]", pool="p"), [{"id": [1, 2]}], "key.invalid", "finds 2 values"),
        (Dedupe(on="id", pool="p"), [{"id": "x" * 2001}], "key.too_long", "more than 2000 bytes"),
        (Dedupe(on="id", pool="p"), b"<a/>", "payload.invalid", "payload 0"),
        (
            AddToCache(cache="c", entry="{{ item.id }}"),
            [{"id": ""}],
            "key.missing",
            "payload 0, item 0: the template",
        ),
        (
            AddToCache(cache="c", entry="{{ payload.id }}"),
            {"id": None},
            "key.missing",
            "payload 0: the template",
        ),
        (
            LoadFromCache(cache="c"),
            [1],
            "cache.miss",
            "the cache 'c' of scope flow has no entry of that name",
        ),
        (
            Map.model_validate({"fields": [{"to": "a", "from": "a", "do": [{"lookup": "nope"}]}]}),
            [{"a": "x"}],
            "lookup.unknown",
            "there is no lookup 'nope'",
        ),
    ],
)
async def test_wrong_items_are_told(shape: Shape, given: Any, code: str, said: str) -> None:
    result = await run_shape(shape, [given])

    assert result.error is not None
    assert (result.error.code, said in result.error.detail) == (code, True), result.error.detail
    assert "x" * 20 not in result.error.detail


async def test_what_nothing_is_left_out_of_passes_on_as_it_is() -> None:
    data = b'[ {"id": 1.10} , {"id":1.1} ]'
    result = await run_shape(Dedupe(on="id", pool="p"), [data])

    assert [payload.data for payload in result.payloads] == [data]  # keys are compared as they are spelt


async def test_look_ups_of_many_items_are_made_together() -> None:
    fields = [
        {"to": "a", "from": "a", "do": [{"lookup": "t"}, {"lookup": {"table": "t", "missing": "keep"}}]},
        {"to": "b", "from": "b", "do": [{"each": [{"lookup": {"table": "t", "missing": "keep"}}]}]},
    ]
    ctx = MemoryContext(lookups={"t": {"1": "2", "2": "3"}})
    given = [{"a": 1 + n % 2, "b": [1, "x"]} for n in range(500)]
    result = await run_shape(Map.model_validate({"fields": fields}), [given], ctx=ctx)

    assert result.values == [[{"a": "3", "b": ["2", "x"]}] * 500]
    assert ctx.lookups["t"].reads <= 4
