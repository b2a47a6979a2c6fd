"""Lookups, data pools and caches: over HTTP, on a home, and by command."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from redrive.cli.main import main
from redrive.client import connect
from redrive.client.connecting import Client
from redrive.client.records import CsvForm, StartRequest
from redrive.errors import FlowInvalid, NotFound, StateConflict
from redrive.server.serve import serve
from redrive.service.app import open_service
from redrive.settings import load
from tests.unit.server.recording import FixedSettings

FLOW = b"""
flow: f
steps:
  - {id: keep, shape: add_to_cache, cache: stock, entry: "{{ item.sku }}"}
  - {id: new, shape: dedupe, on: sku, pool: seen}
"""


@asynccontextmanager
async def served(home: Path) -> AsyncIterator[Client]:
    """A client of a server on a real socket that holds the home."""
    ready: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    settings = load(environment={})
    serving = asyncio.ensure_future(
        serve(
            home,
            "127.0.0.1",
            0,
            open_service=lambda: open_service(home, settings, serve=True),
            settings=FixedSettings(),
            ready=ready.set_result,
        )
    )
    await asyncio.wait({serving, ready}, return_when=asyncio.FIRST_COMPLETED)
    try:
        async with connect(home=home) as client:
            assert not client.in_process
            yield client
    finally:
        os.kill(os.getpid(), signal.SIGTERM)
        await serving


async def chunks(data: bytes) -> AsyncIterator[bytes]:
    yield data


async def whole(stream: AsyncIterator[bytes]) -> bytes:
    return b"".join([chunk async for chunk in stream])


@pytest.mark.parametrize("transport", [served, lambda home: connect(home=home)], ids=["http", "home"])
async def test_both_transports_do_the_same(tmp_path: Path, transport: Any) -> None:
    async with transport(tmp_path) as client:
        await lookups(client)
        upload = (
            await client.payloads.upload(chunks(b'[{"sku": "A b&c"}]'), media_type="application/json")
        ).id
        row = await client.runs.start_document(FLOW, "f.yaml", StartRequest(payloads=[upload]))
        assert (await client.finish(row.id)).status == "success"
        await pools(client, row.id)
        await caches(client, row.id)


async def lookups(client: Client) -> None:
    form = CsvForm(columns=("a", "b"), delimiter=";", encoding="windows-1252", filename="x.csv")
    data = "b;a\nGrüße;1\nTschüß;2\nnoch;1\n".encode("cp1252")
    with pytest.raises(FlowInvalid) as caught:
        await client.lookups.import_("t", chunks(data), form=form)
    assert [(one.file, one.line) for one in caught.value.problems] == [("x.csv", 4)]
    done = await client.lookups.import_("t", chunks(data), form=form, duplicates="last")
    assert (done.entries, done.duplicates, done.header) == (2, 1, True)
    assert (await client.lookups.find("t", " TSCHÜSS", direction="backward", match="loose")).to == "2"
    assert (await client.lookups.set("t", "3&4", "%")).entries == 3
    assert [one.to for one in (await client.lookups.entries("t", text="3&")).items] == ["%"]
    assert await whole(client.lookups.export("t")) == "a,b\r\n2,Tschüß\r\n1,noch\r\n3&4,%\r\n".encode()
    assert (await client.lookups.remove("t", "3&4")).removed == 1
    assert [(one.name, one.columns) for one in (await client.lookups.list()).items] == [("t", ["a", "b"])]
    assert (await client.lookups.clear("t")).removed == 2
    assert (await client.lookups.get("t")).entries == 0
    assert (await client.lookups.delete("t")).removed == 0
    with pytest.raises(NotFound) as unknown:
        await client.lookups.get("t")
    assert unknown.value.code == "lookup.unknown"


async def pools(client: Client, run: str) -> None:
    (entry,) = (await client.pools.entries("seen")).items
    assert (entry.key, entry.run, entry.provisional) == ("A b&c", run, False)
    assert (await client.pools.add("seen", ["x", "y"], flow="f")).entries == 2
    done = await client.pools.import_("seen", chunks(b"key\nz\n"), flow="f")
    assert done.entries == 1
    assert await whole(client.pools.export("seen", flow="f")) == b"key\r\nx\r\ny\r\nz\r\n"
    assert (await client.pools.remove("seen", ["x", "y"], flow="f")).removed == 2
    assert (await client.pools.clear("seen", before=(await client.pools.get("seen")).created_at)).removed == 0
    assert (await client.pools.delete("seen", flow="f")).removed == 1
    assert [(one.name, one.flow) for one in (await client.pools.list()).items] == [("seen", None)]


async def caches(client: Client, run: str) -> None:
    (cache,) = (await client.caches.list(scope="flow")).items
    assert (cache.name, cache.flow, cache.run) == ("stock", "f", None)
    (entry,) = (await client.caches.entries("stock", text="b&")).items
    assert (entry.entry, entry.pages) == ("A b&c", 1)
    (page,) = (await client.caches.pages(cache.id, "A b&c")).items
    assert (page.run, page.step, page.items) == (run, "keep", 1)
    assert await whole(client.caches.content("stock", "A b&c")) == b'{"sku": "A b&c"}'
    assert (await client.caches.clear("stock", expired=True)).removed == 0
    assert (await client.caches.remove("stock", "A b&c")).removed == 1
    with pytest.raises(NotFound):
        await client.caches.pages("stock", "A b&c")
    assert (await client.caches.delete(cache.id)).removed == 0
    with pytest.raises((NotFound, StateConflict)):
        await client.caches.get("stock")


WORDS = [
    (["lookups", "import", "t", "t.csv"], 0, "t: 2 entries (the first row as a header)\n"),
    (["lookups", "import", "t", "bad.csv"], 2, "bad.csv:2: the row has 1 cells; expected 2"),
    (["lookups", "import", "t", "none.csv"], 2, "There is no file none.csv"),
    (["lookups"], 0, "t       from  to  2"),
    (["lookups", "find", "t", "B"], 0, "two\n"),
    (["lookups", "set", "t", "-c", "-d"], 0, "t has 3 entries.\n"),
    (["lookups", "search", "t", "-C"], 0, "-c    -d"),
    (["lookups", "delete", "t", "--", "-c"], 0, "1 entry deleted.\n"),
    (["lookups", "export", "t"], 0, "from,to\nA,one\nB,two\n"),
    (["lookups", "clear", "t"], 2, "--yes does it without a question."),
    (["lookups", "clear", "t", "--yes"], 0, "2 entries deleted.\n"),
    (["lookups", "show", "t"], 0, "No entries."),
    (["lookups", "delete", "t", "--yes", "--json"], 0, '{"removed":0}\n'),
    (["lookups", "show", "t"], 2, "there is no lookup 't'"),
    (["pools", "add", "p", "1", "2"], 0, "p has 2 entries.\n"),
    (["pools", "import", "p", "bad.csv", "--header", "no"], 2, "bad.csv:1: the row has 2 cells"),
    (["pools", "search", "p", "2"], 0, "2    "),
    (["pools", "delete", "p", "2"], 0, "1 entry deleted.\n"),
    (["pools", "export", "p", "--out", "p.csv"], 0, "8 bytes written to p.csv"),
    (["pools", "clear", "p", "--older-than", "1d", "--yes"], 0, "0 entries deleted.\n"),
    (["pools"], 0, "p     -     1"),
    (["pools", "show", "q"], 2, "there is no data pool 'q'"),
    (["caches"], 0, "No caches."),
    (["caches", "show", "stock"], 2, "there is no cache 'stock'"),
]


def test_the_commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "t.csv").write_text("from,to\nA,one\nB,two\n")
    (tmp_path / "bad.csv").write_text("A,one\nB\n")
    for words, code, said in WORDS:
        assert main(["--home", str(tmp_path / "home"), *words]) == code, words
        captured = capsys.readouterr()
        assert said in (captured.out + captured.err).replace("\r\n", "\n"), words
