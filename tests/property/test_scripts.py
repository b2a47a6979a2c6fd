"""What a script cannot spoil: bytes that it does not change, numbers, counts, order, lineage."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from redrive.core.jsonvalue import decode
from redrive.sandbox import KEPT, Sandbox, Script
from redrive.sdk import MemoryContent, Payload
from redrive.sdk.testing import NOW, run_shape
from redrive.shapes.script import RunScript
from tests.property.test_shapes import VALUES, joined

# What a sandbox can read: text without halves of characters.
READABLE = VALUES.filter(lambda text: r"\ud800" not in text)
ITEMS = st.lists(READABLE, max_size=12)
DOCUMENTS = ITEMS.flatmap(lambda items: joined("[", items, "]"))

SAME = RunScript(code="def handle(payload): return payload")
SAME_ITEMS = RunScript(code="def handle(payload): return payload", per="item")
WRAPPED = Script("def handle(value): return {'is': value, 'and': [value]}")
SOME = RunScript(
    code="n = []\ndef handle(payload):\n    n.append(1)\n"
    "    return {'n': len(n), 'is': payload} if len(n) % 3 else None",
    per="item",
)

FEW = settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def given_payload(text: str) -> Payload:
    return Payload(MemoryContent(text.encode()))


@FEW
@given(st.lists(DOCUMENTS, min_size=1, max_size=8))
async def test_a_script_that_changes_nothing_keeps_every_byte(texts: list[str]) -> None:
    for shape in (SAME, SAME_ITEMS):
        result = await run_shape(shape, [given_payload(text) for text in texts])
        assert result.failed == []
        # A payload without items has nothing that could be put out item by item.
        wanted = [text.encode() for text in texts if shape is SAME or decode(text)]
        assert [out.data for out in result.payloads] == wanted


@FEW
@given(st.lists(READABLE, min_size=1, max_size=20))
async def test_values_inside_a_new_one_keep_their_numbers(texts: list[str]) -> None:
    async with Sandbox(processes=1) as sandbox, sandbox.open(WRAPPED, now=NOW) as session:
        results = await session.each([text.encode() for text in texts], where="payload 0")
    for text, result in zip(texts, results, strict=True):
        assert isinstance(result, bytes)
        value = exact(text)
        assert exact(result) == {"is": value, "and": [value]}


def exact(text: Any) -> Any:
    """The value with numbers as they are spelt, and names that stand twice as the last."""

    def whole(digits: str) -> Any:
        # The one spelling that a whole number of Python cannot hold.
        return ("number", "0" if digits == "-0" else digits)

    return json.loads(text, parse_float=lambda digits: ("number", digits), parse_int=whole)


@FEW
@given(ITEMS)
async def test_items_keep_their_order_count_and_origin(items: list[str]) -> None:
    result = await run_shape(SOME, [given_payload(f"[{','.join(items)}]")])
    kept = [number for number in range(len(items)) if (number + 1) % 3]
    assert [out.lineage for out in result.payloads] == ([[[(0, number)] for number in kept]] if kept else [])
    if kept:
        (out,) = result.payloads
        assert [decode(raw)["n"] for raw in out.items()] == [number + 1 for number in kept]
        assert out.count == len(kept)


@FEW
@given(st.lists(st.decimals(allow_nan=False, allow_infinity=False, places=None), min_size=1, max_size=20))
async def test_arithmetic_is_exact(numbers: list[Decimal]) -> None:
    script = Script("def handle(value): return -value")
    raws = [str(number).encode() if "E" in str(number) else f"{number}".encode() for number in numbers]
    async with Sandbox(processes=1) as sandbox, sandbox.open(script, now=NOW) as session:
        results = await session.each(raws, where="payload 0")
    for raw, result in zip(raws, results, strict=True):
        value = decode(raw)
        assert (value if result is KEPT else decode(result)) == (value if result is KEPT else -value)
