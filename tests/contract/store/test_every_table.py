"""Each table is decided on: what erasing, moves, backups and retention do with it, on each database."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import LargeBinary, Table, Text

from redrive.core.erasing import Wanted
from redrive.engine import backup
from redrive.engine.restore import restore
from redrive.engine.restored import NOT_SENT
from redrive.engine.retention import Retention
from redrive.engine.scrubbing import scrub
from redrive.store import notices, tables
from redrive.store.keeping import KEPT, Bound, columns_of
from redrive.store.opening import open_database
from redrive.store.statements import Insert
from tests.contract.store.filling import put, row_of
from tests.unit.service.building import Home, open_home

TABLES = tables.metadata.sorted_tables
MAIL = "ann@example.org"
# Of the tables in which an erasing looks: the other texts and bytes, which are ours.
OURS = {
    "answers": "step",
    "audit": "action via result",
    "backups": "name state",
    "cache_pages": "step media_type items_path",
    "circuits": "connection probe",
    "delivery_events": "status",
    "edits": "",
    "erasures": "field value value_hash counts",
    "exchanges": "",
    "failed_payloads": "",
    "log_lines": "level",
    "lookup_entries": "",
    "notices": "group_name signature level flow step status left",
    "pauses": "kind name",
    "payloads": "media_type items_path lineage",
    "pool_claims": "",
    "pool_entries": "",
    "runs": "flow status trigger start_step connectors parent_step",
    "start_keys": "digest",
    "step_runs": "step shape name status inputs outputs paths joined taken waits",
    "tracked": "field",
    "version_events": "kind",
}
# A restored home goes on with none of these by itself; `ends_of` tests it.
SETTLED = {"audit", "backups", "connection_slots", "notices", "runs", "sessions", "step_runs"}
DAY = 86_400


@pytest.fixture
async def home(store: str, tmp_path: Path) -> AsyncIterator[Home]:
    async with open_home(tmp_path) as home:
        yield home


def rows_of(home: Home, table: Table) -> list[tuple[Any, ...]]:
    rows = home.kernel.deps.reader.rows().query(table.select().order_by(*table.primary_key.columns))
    return [tuple([bytes(v) if isinstance(v, memoryview) else v for v in row]) for row in rows]


def test_every_table_is_decided_on() -> None:
    assert set(KEPT) == set(tables.metadata.tables)
    for table in TABLES:
        kept = KEPT[table.name]
        looked_at = columns_of(table.name)
        named = {name.partition(".")[0] for name in (*kept.scrubbed, *kept.removed)}
        assert named == set(looked_at), table.name
        assert named or kept.elsewhere, f"{table.name}: nothing says why an erasing does not look there"
        texts = {
            column.name
            for column in table.columns
            if isinstance(column.type, (Text, LargeBinary)) and not column.info.get("content")
        }
        if named:
            assert texts - named == set(OURS[table.name].split()), f"{table.name}: a column is not decided on"
        # What is part of a key cannot be written anew.
        assert not {c.name for c in table.primary_key.columns} & (named - set(kept.removed)), table.name


def test_a_backup_has_every_table() -> None:
    assert set(backup.ORDER) == set(TABLES)


def texts_with(table: Table, value: str) -> dict[str, Any]:
    """The value in every column in which an erasing looks."""
    given: dict[str, Any] = {}
    for name, members in columns_of(table.name).items():
        member = next(iter(members - {"*"}), "detail")
        text = f'{{"{member}": ["{value}", 1], "other": 2}}'
        given[name] = text.encode() if isinstance(table.columns[name].type, LargeBinary) else f"of {value}."
    return given


@pytest.mark.parametrize("dry", [True, False], ids=["plan", "erase"])
async def test_an_erased_value_is_in_no_table(home: Home, dry: bool) -> None:
    for table in TABLES:
        if columns_of(table.name):
            await home.kernel.write(put(table, **texts_with(table, MAIL)))
    lookup = {"generation": 7, "revision": 1, "entries": 5}
    await home.kernel.write(put(tables.lookups, **lookup))
    found = await scrub(home.kernel.deps, Wanted(MAIL), set(), dry=dry)
    assert found == len(OURS)
    held = {table.name for table in TABLES if MAIL in repr(rows_of(home, table))}
    assert held == (set(OURS) if dry else set())
    if not dry:
        gone = {table.name for table in TABLES if KEPT[table.name].removed}
        assert {name for name in OURS if not rows_of(home, tables.metadata.tables[name])} == gone
        (left,) = rows_of(home, tables.lookups)
        assert left[5:7] == (2, 4)  # revision, entries
        (error,) = home.kernel.deps.reader.rows().query(
            tables.step_runs.select().with_only_columns(tables.step_runs.c.error)
        )
        assert bytes(error[0]) == b'{"detail":["of [erased]",1],"other":2}'.replace(b"of ", b"")


async def test_names_of_ours_are_not_taken_for_a_value(home: Home) -> None:
    """`seven` is the name of every flow, step, connection and state here."""
    for table in TABLES:
        given = dict.fromkeys(columns_of(table.name), b"{}")
        given = {
            name: value if isinstance(table.columns[name].type, LargeBinary) else "x"
            for name, value in given.items()
        }
        await home.kernel.write(put(table, **given))
    plan = b'{"begins":{"seven":{}},"paths":{"seven/a":[1]},"asked":{"note":"seven"}}'
    run = dict.fromkeys(("summary", "overlap", "lane"), "x") | {"id": 8, "plan": plan, "variables": b"{}"}
    await home.kernel.write(put(tables.runs, **run))
    before = {table.name: rows_of(home, table) for table in TABLES}
    assert await scrub(home.kernel.deps, Wanted("seven"), set(), dry=False) == 1
    after = {table.name: rows_of(home, table) for table in TABLES}
    changed = after.pop("runs")
    assert repr(changed) == repr(before.pop("runs")).replace('"note":"seven"', '"note":"[erased]"')
    assert after == before


async def test_a_page_of_a_cache_that_is_removed_lets_its_content_go(home: Home) -> None:
    for digest in (b"a" * 32, b"b" * 32):
        await home.kernel.write(put(tables.contents, digest=digest, condemned=0))
    for number, entry in enumerate([MAIL, "another"]):
        page = {"id": number, "entry": entry, "digest": b"ab"[number : number + 1] * 32}
        await home.kernel.write(put(tables.cache_pages, **page))
    await scrub(home.kernel.deps, Wanted(MAIL), set(), dry=False)
    assert [page[2] for page in rows_of(home, tables.cache_pages)] == ["another"]
    condemned = {row[0]: row[-1] for row in rows_of(home, tables.contents)}
    assert condemned == {b"a" * 32: 1, b"b" * 32: 0}


async def test_what_is_bound_to_runs_or_to_age_goes(home: Home) -> None:
    """One row of each, all of one run that has long ended; then a retention, years later."""
    await home.version()
    run = await home.run(finished_at=home.clock.now)
    given = {"run_id": run.id, "at": home.clock.now, "expires_at": home.clock.now}
    bound = [table for table in TABLES if KEPT[table.name].bound in {Bound.RUNS, Bound.AGE}]
    by_run = [
        table
        for table in bound
        if "run_id" in table.columns and table.name not in {"buckets", "search_queue", "step_runs"}
    ]
    for table in by_run:
        more = {"status": "sent"} if table.name == "notices" else {}
        row = {name: value for name, value in given.items() if name in table.columns}
        await home.kernel.write(put(table, **row, **more))
    step = dict.fromkeys(("inputs", "outputs", "taken"), "[1]") | {"paths": "{}", "joined": "{}"}
    await home.kernel.write(
        put(tables.step_runs, run_id=run.id, position=0, bucket=1, status="success", **step)
    )
    await home.kernel.write(put(tables.buckets, id=1, run_id=run.id, position=0))
    await home.kernel.write(put(tables.contents, digest=b"c" * 32, condemned=0, form=0, data=b"x"))
    await home.kernel.write(put(tables.payloads, id=5, bucket=1, position=0, digest=b"c" * 32))
    await home.kernel.write(put(tables.edits, payload_id=5))
    await home.kernel.write(put(tables.caches, id=9, scope="run", run_id=run.id))
    await home.kernel.write(put(tables.cache_pages, cache_id=9, digest=b"c" * 32))
    await home.kernel.write(put(tables.dictionaries, id=3, retired_at=home.clock.now))
    for table in (tables.insights, tables.sessions, tables.schedule_starts):
        if not rows_of(home, table):
            await home.kernel.write(put(table))
    elsewhere = {"search_queue", "audit", "lookup_generations"}  # the indexer; the service; an import
    empty = {t.name for t in bound if not rows_of(home, t)}
    assert empty <= elsewhere, f"nothing was put into {empty - elsewhere}"
    home.clock.forward(1_200 * DAY)
    pass_ = Retention(home.kernel.deps, home.kernel.blobs, pause_s=0)
    await pass_.run()
    left = {table.name for table in bound if rows_of(home, table)}
    assert left <= elsewhere
    assert not rows_of(home, tables.cache_pages)
    assert not rows_of(home, tables.caches)


async def test_every_row_comes_back_from_a_backup(home: Home, tmp_path: Path) -> None:
    for table in TABLES:
        if table.name not in {"contents", "backups"}:
            insert = Insert(table, whole=True)
            more = {"status": "waiting"} if table.name == "notices" else {}
            rows = [row_of(table, **_numbered(table, n), **more) for n in (1, 2)]
            await home.kernel.write(lambda tx, insert=insert, rows=rows: tx.insert_many(insert, rows))
    before = {table.name: rows_of(home, table) for table in TABLES}
    kernel = home.kernel
    made = backup.Backup(kernel.deps, kernel.blobs, kernel.home, name="b", actor="ann", secrets=None)
    archive = b"".join([chunk async for chunk in made.chunks()])
    done = await restore(io.BytesIO(archive), tmp_path / "new")
    assert done.rows == sum(len(rows) for rows in before.values()) + 1  # the backup's own
    database = open_database(tmp_path / "new", None)
    connection = database.connect_reader()
    try:
        for table in TABLES:
            found = connection.execute(f"SELECT * FROM {table.name} ORDER BY 1, 2").fetchall()
            if table.name not in SETTLED:
                assert [list(row) for row in found] == [
                    [int(v) if isinstance(v, bool) else v for v in row] for row in before[table.name]
                ], table.name
        told = connection.execute("SELECT status, error FROM notices").fetchall()
        assert [tuple(one) for one in told] == [(notices.FAILED, NOT_SENT)] * 2
        assert not connection.execute("SELECT * FROM sessions").fetchall()
        assert not connection.execute("SELECT * FROM connection_slots").fetchall()
    finally:
        connection.close()


def _numbered(table: Table, number: int) -> dict[str, Any]:
    """Other values for each row in what has to differ."""
    given: dict[str, Any] = {}
    for column in table.columns:
        if column.primary_key or column.unique or any(column.name in c.columns for c in table.constraints):
            text = isinstance(column.type, Text)
            blob = isinstance(column.type, LargeBinary)
            given[column.name] = f"n{number}" if text else b"%d" % number if blob else number
    if table.name in {"runs", "step_runs"}:
        given |= {"status": "success"} | ({"finished_at": 9} if table.name == "runs" else {})
    return given
