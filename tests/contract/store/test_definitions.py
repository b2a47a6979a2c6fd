"""Flows, connectors, connections, tokens, contents: what people define and keep, on each database."""

from __future__ import annotations

from typing import Any

import pytest

from redrive.store import checks, connections, flows, payloads, tokens
from redrive.store import runs as run_store
from redrive.store.connections import ConnectionRow, ConnectorRow
from redrive.store.contents import INSERT_CONTENT
from redrive.store.flows import FlowRow, VersionRow
from redrive.store.tokens import TokenRow
from tests.contract.store.conftest import Store


def flow(number: int, name: str, **more: Any) -> FlowRow:
    fields = {
        "enabled": True,
        "draft": None,
        "draft_file": None,
        "created_at": 1,
        "last_success": None,
    } | more
    return FlowRow(id=number, name=name, **fields)


def version(number: int, digest: bytes = b"d", **more: Any) -> VersionRow:
    fields = {"flow_id": 1, "state": "inactive", "created_at": 1} | more
    return VersionRow(number=number, digest=digest, **fields)


def content(digest: bytes, **more: Any) -> tuple[Any, ...]:
    fields = {"digest": digest, "form": 0} | more
    columns = [column for column in INSERT_CONTENT.table.columns if column.server_default is None]
    return tuple(fields.get(column.name, 0 if not column.nullable else None) for column in columns)


async def test_flows_by_name_in_pages(here: Store) -> None:
    names = ["orders", "Orders", "aufträge", "zebra", "10", "9", "ä", "_x", "a-b", "a b"]
    for number, name in enumerate(names, 1):
        await here.write(lambda t, n=number, name=name: flows.insert_flow(t, flow(n, name)))
    assert await here.read(flows.names) == sorted(names)
    first = await here.read(lambda rows: flows.listed(rows, after="", at_most=4))
    rest = await here.read(lambda rows: flows.listed(rows, after=first[-1].name, at_most=99))
    assert [one.name for one in [*first, *rest]] == sorted(names)
    with pytest.raises(here.database.errors):
        await here.write(lambda t: flows.insert_flow(t, flow(99, "orders")))


async def test_a_flow_is_read_as_it_was_written(here: Store) -> None:
    one = flow(1, "orders", enabled=False, draft=b"\x00flow: \xff", draft_file="./ä\0.yaml", last_success=5)
    await here.write(lambda t: flows.insert_flow(t, one))
    found = await here.read(lambda rows: flows.get_flow(rows, "orders"))
    assert found == one
    assert found.enabled is False
    listed = await here.read(lambda rows: flows.listed_one(rows, "orders"))
    assert (listed.enabled, listed.has_draft, listed.deployed, listed.versions) == (False, True, None, 0)
    assert await here.read(lambda rows: flows.get_flow(rows, "ORDERS")) is None


async def test_one_version_is_deployed(here: Store) -> None:
    await here.write(lambda t: flows.insert_flow(t, flow(1, "orders")))
    for number in (1, 2, 3):
        one = version(number, bytes([number]))
        await here.write(lambda t, one=one: flows.insert_version(t, one, b"text %d" % one.number, "f.yaml"))
    for number in (2, 3):
        await here.write(lambda t, n=number: flows.set_deployed(t, 1, n))
    assert (await here.read(lambda rows: flows.deployed(rows, 1))).number == 3
    assert (await here.read(lambda rows: flows.equal_version(rows, 1, b"\x02"))).state == "inactive"
    assert [
        one.number for one in await here.read(lambda rows: flows.versions(rows, 1, before=3, at_most=9))
    ] == [2, 1]
    assert await here.read(lambda rows: flows.newest_number(rows, 1)) == 3
    assert await here.read(lambda rows: flows.newest_number(rows, 2)) == 0
    assert await here.read(lambda rows: flows.document(rows, 1, 2)) == (b"text 2", "f.yaml")
    assert await here.read(flows.all_deployed) == [("orders", 3, b"text 3", "f.yaml")]
    for odd in (0, -1, 1 << 31, 1 << 40, 1 << 80):
        assert await here.read(lambda rows, n=odd: flows.get_version(rows, 1, n)) is None


async def test_a_connector_points_to_its_newest_version(here: Store) -> None:
    one = ConnectorRow(name="shop", digest=b"1", document=b"one", file="a")
    other = ConnectorRow(name="shop", digest=b"2", document=b"two", file="b")
    for number, row in enumerate((one, other, one)):
        await here.write(lambda t, row=row, n=number: connections.put_connector(t, row, at=n))
    assert await here.read(connections.connectors) == [one]
    respelt = ConnectorRow(name="shop", digest=b"1", document=b"one # again", file="c")
    await here.write(lambda t: connections.respell_connector(t, respelt))
    assert await here.read(lambda rows: connections.get_connector(rows, "shop")) == respelt


async def test_a_connection_is_replaced_with_its_secrets(here: Store) -> None:
    def made(**more: Any) -> ConnectionRow:
        fields = {
            "settings": {"n": 12345678901234567890},
            "secrets": {"b": {"env": "B"}, "a": {"file": "/x"}},
        }
        return ConnectionRow(name="shop", connector="demo", updated_at=1, **(fields | more))

    for one in (made(settings={}), made()):
        await here.write(lambda t, one=one: connections.put_connection(t, one))
    assert await here.read(connections.connections) == [made()]
    assert await here.read(lambda rows: connections.get_connection(rows, "none")) is None


async def test_tokens(here: Store) -> None:
    made = [
        TokenRow(id=n, name="ci\0", digest=bytes([n]) * 32, created_at=1, expires_at=None) for n in (2, 1)
    ]
    for token in made:
        await here.write(lambda t, token=token: tokens.insert_token(t, token))
    assert await here.read(tokens.tokens) == made[::-1]
    assert await here.read(lambda rows: tokens.by_digest(rows, b"\x02" * 32)) == made[0]
    assert [await here.write(lambda t: tokens.delete_token(t, 2)) for _ in range(2)] == [True, False]


async def test_contents_are_kept_once(here: Store) -> None:
    small = content(b"\x00" * 32, size_bytes=5, data=b"\x00\xff bytes")
    large = content(b"\xff" * 32, size_bytes=1 << 40, data=bytes(300_000), base=b"\x00" * 32, base_offset=7)
    await here.insert(INSERT_CONTENT, small, large)
    await here.insert(INSERT_CONTENT, content(small[0], size_bytes=9, data=b"other"))
    found = await here.read(lambda rows: checks.contents_after(rows, b"", 9))
    assert found == [(small[0], 5), (large[0], 1 << 40)]
    assert await here.read(lambda rows: checks.contents_after(rows, small[0], 9)) == found[1:]
    await here.payload(1, 0, digest=large[0], size_bytes=1 << 40)
    assert await here.read(lambda rows: checks.newest_contents(rows, 1)) == found[1:]
    assert await here.read(lambda rows: checks.newest_contents(rows, 9)) == found[::-1]


async def test_where_a_payload_stands_and_what_is_gone(here: Store) -> None:
    run = await here.run(plan=b"{}")
    await here.insert(run_store.INSERT_BUCKET, (5, run.id, 2), (6, run.id, payloads.HANDED))
    await here.insert(run_store.INSERT_BUCKET, (5, 99, 99))
    payload = await here.payload(5, 0, meta=b"{}", lineage=b"\x00", edited_from=1)
    other = await here.payload(5, 1, digest=b"gone" * 8)
    await here.insert(INSERT_CONTENT, content(payload.digest, size_bytes=2, data=b"[]"))
    await here.insert(run_store.INSERT_EDIT, (payload.id, other.id, b"[]", "why\0", "ann", 1))
    assert await here.read(lambda rows: payloads.get_payload(rows, payload.id)) == payload
    place = await here.read(lambda rows: payloads.place_of(rows, payload))
    assert (place.run_id, place.position, place.step, place.plan) == (run.id, 2, None, b"{}")
    edit = await here.read(lambda rows: payloads.edit_of(rows, payload))
    assert (edit.original_id, edit.reason) == (other.id, "why\0")
    assert await here.all(payloads.GONE, bucket=5) == [(other.id,)]
    assert await here.all(payloads.KEPT, digest=payload.digest) == [(2,)]


async def test_what_the_database_tells_of_itself(here: Store, store: str) -> None:
    await here.run(status="queued")
    counted = await here.read(
        lambda rows: (checks.count_runs(rows, "queued"), checks.count_unknown_deliveries(rows))
    )
    assert counted == (1, 0)
    assert await here.read(checks.schema) == "0001"
    assert await here.read(here.database.size_bytes) > 8192
    complaints = await here.read(here.database.complaints)
    # The server of the tests runs without fsync, and says so.
    assert [one.split(":")[0] for one in complaints] == (
        []
        if store == "sqlite"
        else ["the server runs with fsync = off", "the server runs with full_page_writes = off"]
    )
