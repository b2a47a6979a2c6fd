"""A record written from one decode has the bytes that the patient way gives, whatever the item looks like."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from redrive.core.rows import Rows
from redrive.errors import PayloadError
from redrive.sdk import Item
from redrive.shapes.map import Map
from redrive.shapes.map_record import Mapper

FIELDS = [
    {"to": "100%b", "from": "id"},
    {"to": "source", "value": "50%%"},
    {"to": "who.email", "from": "customer.email"},
    {"to": "who.city", "from": "customer.address.city", "do": [{"case": "upper"}]},
    {"to": "lines[].sku", "from": "order.lines[].sku"},
    {"to": "lines[].price.net", "from": "order.lines[].price.net"},
    {"to": "tags[]", "from": "tags[].name"},
    {"to": "twice", "from": "id"},
]

SPELT = st.sampled_from(
    ["0", "-0.0", "1.10", "1E+2", "123456789012345678901234567890", "null", "true", '"x"', '"\\ud83d"', '"é"']
)


def _object(**members: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """Some of the members, some twice, in any order."""
    pairs = st.lists(st.sampled_from(sorted(members)), max_size=len(members) + 1)
    return pairs.flatmap(
        lambda names: st.tuples(*(members[name] for name in names)).map(
            lambda values: (
                "{" + ", ".join(f"{json.dumps(n)} :{v}" for n, v in zip(names, values, strict=True)) + "}"
            )
        )
    )


def _or_odd(usual: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    odd = st.sampled_from(
        ["null", "1", '"t"', "[]", "{}", "[1, null]", '{"a": {"sku": 1}}', '[{"sku": 2}, 3]']
    )
    return st.one_of(usual, usual, usual, odd)


def _list(of: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.lists(of, max_size=3).map(lambda parts: "[" + ",".join(parts) + "]")


LINE = _or_odd(_object(sku=SPELT, price=_or_odd(_object(net=SPELT, tax=SPELT))))
CUSTOMER = _object(email=SPELT, address=_or_odd(_object(city=st.sampled_from(['"ulm"', "null"]), zip=SPELT)))
ITEMS = _or_odd(
    _object(
        id=SPELT,
        other=SPELT,
        customer=_or_odd(CUSTOMER),
        order=_or_odd(_object(lines=_or_odd(_list(LINE)))),
        tags=_or_odd(_list(_object(name=SPELT))),
    )
)


def _made(mapper: Mapper, raw: bytes) -> Any:
    try:
        return mapper.record(Item(raw, 0, 7))
    except PayloadError as error:
        return error.detail
    except ValueError as error:
        return type(error)


@given(text=ITEMS)
def test_both_ways_give_the_same_bytes(text: str) -> None:
    shape = Map.model_validate({"fields": FIELDS})
    assert shape.compiled.row is not None
    quick = Mapper(shape.compiled, {}, "error", automatic=False)
    patient = Mapper(shape.compiled, {}, "error", automatic=False)
    patient._row = None
    raw = text.encode("utf-8")
    assert _made(quick, raw) == _made(patient, raw)


@pytest.mark.parametrize("cut", [0, 1, 9, -1])
def test_what_is_no_json_is_refused_either_way(cut: int) -> None:
    shape = Map.model_validate({"fields": FIELDS})
    raw = b'{"id": 1, "customer": null}'[:cut]
    with pytest.raises(ValueError, match=r".+"):
        Mapper(shape.compiled, {}, "error", automatic=False).record(Item(raw, 0, 0))


@pytest.mark.parametrize(
    "fields",
    [
        [{"to": "id", "from": "id", "missing": "error"}],
        [{"to": "id", "from": ["id", "number"]}],
        [{"to": "id", "value": "{{ item.id }}"}],
        [{"to": "first", "from": "lines[0].sku"}],
        [{"to": "skus", "from": "lines[].sku"}],
        [{"to": "all", "from": "customer"}, {"to": "mail", "from": "customer.email"}],
        [{"to": "rows[].a", "from": "lines[].a"}, {"to": "rows[].b", "from": "others[].b"}],
        [{"to": "rows[].a", "from": "lines[].a"}, {"to": "rows[].order", "from": "id"}],
        [{"to": "rows[].cells[].a", "from": "lines[].parts[].a"}],
        [{"to": "rows[].a", "from": "lines[].a", "do": [{"case": "upper"}]}],
        [{"to": "source", "value": "web"}],
    ],
)
def test_other_maps_go_the_patient_way(fields: list[dict[str, Any]]) -> None:
    assert Map.model_validate({"fields": fields}).compiled.row is None


def test_paths_that_exclude_each_other_have_no_rows() -> None:
    with pytest.raises(ValueError, match="another path"):
        Rows([(("a",), None), (("a", "b"), None)])
    with pytest.raises(ValueError, match="another path"):
        Rows([(("a",), None), (("a",), [("b",)])])
