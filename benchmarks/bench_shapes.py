"""Each item-wise shape alone, beside a hand-written Python loop that does the same.

The shape works as in a step: the payload is read in pieces of a megabyte, and the new one is laid out,
with the lineage of each item, but not compressed or stored. The loop has the whole document in memory,
parses it (orjson, csv, ElementTree), works on the values, and writes it again; it keeps no lineage, and
orjson makes floats of the numbers.
"""

from __future__ import annotations

import asyncio
import csv
import io
import resource
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple
from xml.etree import ElementTree as ET

import jsonschema_rs
import orjson

from benchmarks import report
from benchmarks.machine import Others, describe
from redrive.core.lineage import LineageBuilder
from redrive.demo.orders import Orders
from redrive.registry import Registry
from redrive.sdk import Bucket, GatherShape, MemoryContent, Payload
from redrive.sdk.testing import MemoryContext
from redrive.sdk.writing import Writing

ROUNDS = 5


class Case(NamedTuple):
    """A shape with settings, what it is given, and the loop that does the same."""

    name: str
    shape: str
    settings: dict[str, Any]
    given: str
    loop: Callable[[bytes], Any]


class Given(NamedTuple):
    data: bytes
    media_type: str = "application/json"
    items_path: str = ""


SCHEMA = {"type": "object", "required": ["id", "email"], "properties": {"id": {"type": "integer"}}}
_validator = jsonschema_rs.validator_for(SCHEMA)


SCRIPT_ADDS = """\
def handle(order):
    order["units"] = sum(line["quantity"] for line in order["line_items"])
    return order
"""
SCRIPT_KEEPS = "def handle(order): return order if order['financial_status'] == 'paid' else None"


def _adds(data: bytes) -> bytes:
    orders = orjson.loads(data)
    for order in orders:
        order["units"] = sum(line["quantity"] for line in order["line_items"])
    return orjson.dumps(orders)


def _filter(data: bytes) -> bytes:
    return orjson.dumps([one for one in orjson.loads(data) if one.get("financial_status") == "paid"])


def _map(data: bytes) -> bytes:
    return orjson.dumps(
        [
            {
                "number": one["id"],
                "customer": {"email": one["email"].lower()},
                "total": one["total_price"],
                "lines": [{"sku": line["sku"], "qty": line["quantity"]} for line in one["line_items"]],
                "source": "web",
            }
            for one in orjson.loads(data)
        ]
    )


def _batches(data: bytes) -> list[bytes]:
    items = orjson.loads(data)
    return [orjson.dumps(items[at : at + 50]) for at in range(0, len(items), 50)]


def _split(data: bytes) -> bytes:
    return orjson.dumps([line for one in orjson.loads(data) for line in one["line_items"]])


def _merge(data: bytes) -> bytes:
    return orjson.dumps([one for half in (data, data) for one in orjson.loads(half)])


def _merge_by(data: bytes) -> bytes:
    merged: dict[Any, Any] = {}
    for half in (data, data):
        for one in orjson.loads(half):
            merged[one["id"]] = one
    return orjson.dumps(list(merged.values()))


def _assert(data: bytes) -> bytes:
    if not all(_validator.is_valid(one) for one in orjson.loads(data)):
        raise AssertionError
    return data


def _track(data: bytes) -> list[tuple[str, str]]:
    found = []
    for one in orjson.loads(data):
        found += [("id", str(one["id"])), ("email", one["email"])]
    return found


def _to_ndjson(data: bytes) -> bytes:
    return b"".join([orjson.dumps(one) + b"\n" for one in orjson.loads(data)])


def _flat(one: dict[str, Any], above: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in one.items():
        if isinstance(value, dict) and value:
            flat |= _flat(value, f"{above}{name}.")
        else:
            flat[above + name] = orjson.dumps(value).decode() if isinstance(value, list | dict) else value
    return flat


def _to_csv(data: bytes) -> bytes:
    rows = [_flat(one) for one in orjson.loads(data)]
    columns = list(dict.fromkeys(name for row in rows for name in row))
    out = io.StringIO()
    writer = csv.DictWriter(out, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue().encode()


def _from_csv(data: bytes) -> bytes:
    return orjson.dumps(list(csv.DictReader(io.StringIO(data.decode()))))


def _element(parent: ET.Element, name: str, value: Any) -> None:
    for one in value if isinstance(value, list) else [value]:
        child = ET.SubElement(parent, name)
        if isinstance(one, dict):
            for key, inner in one.items():
                _element(child, key, inner)
        elif one is not None:
            child.text = str(one)


def _to_xml(data: bytes) -> bytes:
    root = ET.Element("items")
    for one in orjson.loads(data):
        _element(root, "item", one)
    return ET.tostring(root)


def _object(element: ET.Element) -> Any:
    if not len(element):
        return element.text
    members: dict[str, Any] = {}
    for child in element:
        value = _object(child)
        if child.tag not in members:
            members[child.tag] = value
        elif isinstance(members[child.tag], list):
            members[child.tag].append(value)
        else:
            members[child.tag] = [members[child.tag], value]
    return members


def _from_xml(data: bytes) -> bytes:
    return orjson.dumps([_object(one) for one in ET.fromstring(data)])


CASES = (
    Case(
        "filter, one field", "filter", {"keep": {"field": "financial_status", "is": "paid"}}, "json", _filter
    ),
    Case(
        "map, 7 fields, a transform, a list",
        "map",
        {
            "fields": [
                {"to": "number", "from": "id"},
                {"to": "customer.email", "from": "email", "do": [{"case": "lower"}]},
                {"to": "total", "from": "total_price"},
                {"to": "lines[].sku", "from": "line_items[].sku"},
                {"to": "lines[].qty", "from": "line_items[].quantity"},
                {"to": "source", "value": "web"},
            ]
        },
        "json",
        _map,
    ),
    Case("flow_control, 50 each", "flow_control", {"size": 50}, "json", _batches),
    Case("split, the lines", "split", {"at": "line_items"}, "json", _split),
    Case("merge, two payloads", "merge", {}, "json", _merge),
    Case("merge by id, the last", "merge", {"by": "id", "combine": "last"}, "json", _merge_by),
    Case("script, a field for each item", "script", {"code": SCRIPT_ADDS, "per": "item"}, "json", _adds),
    Case("script, items kept or left out", "script", {"code": SCRIPT_KEEPS, "per": "item"}, "json", _filter),
    Case("assert, a schema for each item", "assert", {"schema": SCHEMA, "on": "item"}, "json", _assert),
    Case("track, two fields", "track", {"fields": ["id", "email"]}, "json", _track),
    Case("convert, JSON to NDJSON", "convert", {"to": "ndjson"}, "json", _to_ndjson),
    Case("convert, JSON to CSV", "convert", {"to": "csv"}, "json", _to_csv),
    Case("convert, CSV to JSON", "convert", {"to": "json"}, "csv", _from_csv),
    Case("convert, JSON to XML", "convert", {"to": "xml"}, "json", _to_xml),
    Case("convert, XML to JSON", "convert", {"to": "json"}, "xml", _from_xml),
)


def main(folder: Path, *, payload_mb: int, rounds: int = ROUNDS) -> list[str]:
    """Measure; the lines of the report."""
    machine = describe(folder)
    with Others() as others:
        given = _given(payload_mb)
        rows = [_row(case, given[case.given], rounds) for case in CASES]
    what = (
        f"One payload of {len(given['json'].data) / 1e6:.0f} MB of orders in memory, one core, median of "
        f"{rounds} rounds. Items and megabytes are those that go in (merge: both payloads)."
    )
    return [
        *[what, "", *[f"- {line}" for line in (*machine, others.line)], ""],
        *report.table(["shape", "items/s", "MB/s", "loop: items/s", "loop: MB/s", "shape/loop, time"], rows),
    ]


def _given(payload_mb: int) -> dict[str, Given]:
    orders = Orders()
    some = [orders.encoded(place) for place in range(orders.count)]
    size = sum(map(len, some)) + len(some)
    items = some * max(1, payload_mb * 1_000_000 // size)
    # An order of its own each: equal keys would make merge by id look better than it is.
    marked = [b'{"id":%d' % number + one[one.index(b",") :] for number, one in enumerate(items)]
    data = b"[" + b",".join(marked) + b"]"
    return {
        "json": Given(data),
        "csv": Given(_to_csv(data), "text/csv"),
        "xml": Given(_to_xml(data), "application/xml", "items.item"),
    }


def _row(case: Case, given: Given, rounds: int) -> Sequence[str]:
    shape = Registry.discover().shapes[case.shape].model_validate(case.settings)
    payloads = 2 if case.shape == "merge" else 1
    ours, loops = [], []
    items = asyncio.run(_count(given)) * payloads
    for _ in range(rounds):
        begun = _cpu_s()
        asyncio.run(_work(shape, given, payloads))
        ours.append(_cpu_s() - begun)
        begun = _cpu_s()
        case.loop(given.data)
        loops.append(_cpu_s() - begun)
    size = len(given.data) * payloads / 1e6
    mine, loop = median(ours), median(loops)
    return [
        case.name,
        f"{items / mine:,.0f}",
        f"{size / mine:.0f}",
        f"{items / loop:,.0f}",
        f"{size / loop:.0f}",
        f"{mine / loop:.2f}",
    ]


def _cpu_s() -> float:
    """Of this process and of those that it started and that have ended: scripts run in their own."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def _payload(given: Given, position: int = 0) -> Payload:
    return Payload(
        MemoryContent(given.data, b"0" * 32),
        media_type=given.media_type,
        items_path=given.items_path,
        position=position,
    )


async def _count(given: Given) -> int:
    return sum([len(items) async for items in _payload(given).chunks()])


async def _work(shape: Any, given: Given, payloads: int) -> None:
    """All that a step does but for the store."""
    bucket = [_payload(given, position) for position in range(payloads)]
    ctx = MemoryContext()
    outs = shape.run(Bucket(bucket, payloads) if isinstance(shape, GatherShape) else bucket[0], ctx)
    async for out in outs:
        writing = await Writing.begin(out)
        if writing is None or writing.content is not None:
            continue
        lineage = LineageBuilder()
        async for piece in writing.pieces():
            lineage.add_items(piece.items)
    await ctx.close()
