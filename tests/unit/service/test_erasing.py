"""Erasing on a home that ran flows against a shop and an ERP; what is left is searched for byte by byte."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import zstandard
from aiohttp import web

from redrive.core.run import PayloadRow
from redrive.engine.failpoints import ERASE, failpoints
from redrive.errors import ConfirmationNeeded, UsageError
from redrive.service.app import open_service
from redrive.service.kept_views import EraseRequest
from redrive.service.views import RedriveRequest, StartRequest
from redrive.settings import load
from redrive.store import contents as content_store
from redrive.store import tables
from redrive.store.contents import INSERT_CONTENT
from redrive.store.runs import INSERT_PAYLOAD
from redrive.store.statements import row

MAIL = "ann.quist@example.org"
NAME = "Ann Quist-Zebra"
SETTINGS = load(environment={"REDRIVE_RETENTION_EVERY_S": "0", "REDRIVE_RETRY_BASE_S": "0.01"})
FILLER = (
    "".join(chr(33 + (n * n * 7 + n // 97) % 80) for n in range(300_000)).replace('"', "x").replace("\\", "y")
)
DOCUMENTS = """
connector: site
base_url: "{url}"
endpoints:
  list-orders:
    direction: receive
    request: {{method: GET, path: /orders}}
    items: orders
  book:
    direction: send
    request: {{method: POST, path: /book, body: "{{{{ payload }}}}"}}
---
connection: site
connector: site
---
flow: orders
variables:
  customer: {{type: string, default: ""}}
steps:
  - {{id: pull, shape: connector, connection: site, endpoint: list-orders}}
  - {{id: mark, shape: track, fields: {{mail: mail}}}}
  - {{id: paid, shape: filter, keep: {{field: paid, is: true}}}}
  - {{id: send, shape: connector, connection: site, endpoint: book, key: mail}}
"""


def order(number: int, mail: str, name: str, *, large: bool = False) -> dict:
    note = FILLER if large else "please ring"
    return {"id": number, "mail": mail, "name": name, "paid": number % 2 == 0, "note": note}


class Site:
    def __init__(self) -> None:
        self.large = False
        self.booked: list[list[dict]] = []

    async def orders(self, _request: web.Request) -> web.Response:
        orders = [order(n, f"c{n}@x.org", f"Customer {n}", large=self.large and n == 2) for n in range(6)]
        orders[4] = order(4, MAIL, NAME)
        orders[1] = order(1, MAIL, NAME)
        return web.Response(
            text=json.dumps({"orders": orders, "next": None}).replace("@", "\\u0040"),
            content_type="application/json",
        )

    async def book(self, request: web.Request) -> web.Response:
        self.booked.append(await request.json())
        return web.json_response({"booked": [one["mail"] for one in self.booked[-1]]})


@pytest.fixture
async def site() -> AsyncIterator[tuple[Site, str]]:
    site = Site()
    app = web.Application(client_max_size=1 << 30)
    app.router.add_get("/orders", site.orders)
    app.router.add_post("/book", site.book)
    runner = web.AppRunner(app)
    await runner.setup()
    server = web.TCPSite(runner, "127.0.0.1", 0)
    await server.start()
    yield site, f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


@pytest.fixture
async def home(tmp_path: Path, site):
    async with open_service(tmp_path / "home", SETTINGS, serve=True) as service:
        text = DOCUMENTS.format(url=site[1])
        await service.flows.import_documents([("d.yaml", text.encode())], deploy=True)
        yield service


async def ran(service, **how) -> str:
    row = await service.runs.start("orders", StartRequest(**how))
    ended = await service.runs.wait(row.id, 30)
    assert ended.status == "success", ended.summary
    return row.id


def asked(**more) -> EraseRequest:
    return EraseRequest(value=MAIL, reason="asked for by letter", confirm=True, **more)


def left_in(folder: Path, *texts: str) -> list[str]:
    """Where one of the texts still stands: in the bytes of each file, and in what its frames unpack to."""
    spelt = [form for text in texts for form in (text.encode(), text.replace("@", "\\u0040").encode())]
    found = []
    for path in folder.rglob("*"):
        if path.is_file():
            data = path.read_bytes()
            found += [f"{path.name}: {form!r}" for form in spelt if form in data]
            at = 0
            while (at := data.find(zstandard.MAGIC_NUMBER.to_bytes(4, "little"), at)) >= 0:
                try:
                    plain = zstandard.ZstdDecompressor().decompressobj().decompress(data[at:])
                except zstandard.ZstdError:
                    plain = b""
                found += [f"{path.name}@{at}: {form!r}" for form in spelt if form in plain]
                at += 4
    return found


@pytest.mark.parametrize("large", [False, True], ids=["rows", "objects"])
async def test_nothing_of_it_is_left_and_everything_else_is(home, site, tmp_path, large):
    site[0].large = large
    run = await ran(home, variables={"customer": MAIL})
    redriven = await home.redrives.redrive(run, RedriveRequest(at="paid", confirm=True, reason=f"for {MAIL}"))
    assert (await home.runs.wait(redriven.id, 30)).status == "success"
    before = {step.step: step for step in (await home.runs.get(run)).steps}
    others = [await text_of(home, before[name].payloads_out[0].id) for name in ("pull", "paid")]
    plan = await home.erasures.plan(asked())
    assert plan.items >= 6
    assert (await home.search.find(MAIL)).items
    assert len(left_in(tmp_path / "home", MAIL, NAME)) > 3
    done = await home.erasures.erase(asked())
    assert done.finished_at is not None
    assert done.found is not None
    assert (done.found.items, done.found.payloads) == (plan.items, plan.payloads)
    assert left_in(tmp_path / "home", MAIL, NAME, "Quist") == []
    after = {step.step: step for step in (await home.runs.get(run)).steps}
    assert [(p.id, p.items) for p in after["pull"].payloads_out] == [
        (p.id, p.items) for p in before["pull"].payloads_out
    ]
    items = json.loads(await text_of(home, after["pull"].payloads_out[0].id))
    assert items[1] == items[4] == {"_erased": True}
    assert [one for n, one in enumerate(json.loads(others[0])) if n not in {1, 4}] == [
        one for n, one in enumerate(items) if n not in {1, 4}
    ]
    assert len(json.loads(others[1])) == len(
        json.loads(await text_of(home, after["paid"].payloads_out[0].id))
    )
    assert (await home.search.find(MAIL)).items == []
    assert all(finding.ok for finding in await home.doctor() if finding.name in {"contents", "database"})
    for exchange in (await home.runs.exchanges(run)).items:
        body = b"".join([chunk async for chunk in home.runs.exchange_body(exchange.id, "response")])
        assert len(body) == exchange.response_bytes


async def text_of(home, payload_id: str) -> bytes:
    return b"".join([chunk async for chunk in home.payloads.stream(payload_id)])


async def test_what_was_erased_is_not_sent_again(home, site):
    await ran(home)
    sent = [one["mail"] for batch in site[0].booked for one in batch]
    assert MAIL in sent
    await home.erasures.erase(asked())
    site[0].booked.clear()
    again = await ran(home)
    assert site[0].booked == []
    send = (await home.runs.get(again)).steps[-1]
    assert send.deliveries.skipped == 3
    keys = [one.key for one in (await home.ledger.list()).items]
    assert len([key for key in keys if key.startswith("erased:")]) == 1
    assert MAIL not in keys


async def test_it_says_who_and_why_but_not_what_and_which_backups_hold_it(home):
    await ran(home)
    async for _ in home.backups.create(name="/mnt/monday.tar"):
        pass
    done = await home.erasures.erase(asked())
    async for _ in home.backups.create(name="/mnt/tuesday.tar"):
        pass
    (listed,) = (await home.erasures.list()).items
    assert listed == done
    assert [one.name for one in listed.found.backups] == ["/mnt/monday.tar"]
    rows = home._kernel.deps.reader.rows().query(tables.audit.select())
    (entry,) = [row for row in rows if row[3] == "home.erase"]
    assert json.loads(entry[5])["value_hash"] == listed.value_hash
    assert MAIL.encode() not in entry[5]


async def test_only_items_with_it_in_the_field(home):
    run = await ran(home)
    done = await home.erasures.erase(asked(field="name"))
    assert done.found.items == 0
    items = json.loads(await text_of(home, (await home.runs.get(run)).steps[0].payloads_out[0].id))
    assert items[4]["mail"] == MAIL


async def test_what_is_refused(home):
    for request in (
        EraseRequest(value="x", reason="r", confirm=True),
        EraseRequest(value=MAIL, reason=" ", confirm=True),
        EraseRequest(value=MAIL, reason="r", field="[", confirm=True),
    ):
        with pytest.raises(UsageError):
            await home.erasures.erase(request)
    with pytest.raises(ConfirmationNeeded):
        await home.erasures.erase(EraseRequest(value=MAIL, reason="r"))
    assert (await home.erasures.list()).items == []


async def test_a_dictionary_that_learnt_from_it_is_given_up(home, tmp_path):
    kernel = home.kernel
    contents = kernel.deps.contents.of("orders/pull")
    bucket = kernel.deps.ids.next()

    async def put(number: int) -> PayloadRow:
        text = json.dumps([order(n, f"{MAIL}", NAME) for n in range(number, number + 3)]).encode()
        content = await contents.put(text)
        payload = PayloadRow(
            id=kernel.deps.ids.next(), bucket=bucket, position=number, digest=content.digest,
            size_bytes=content.size_bytes, items=3, media_type="application/json",
        )  # fmt: skip

        def work(transaction) -> None:
            transaction.insert_many(INSERT_CONTENT, content.rows)
            transaction.insert(INSERT_PAYLOAD, row(payload))

        await kernel.write(work)
        return payload

    for number in range(80):
        await put(number)
    await contents.families.settle()
    last = await put(99)
    rows = kernel.deps.reader.rows()
    ((_, _, learnt, _),) = content_store.dictionaries(rows)
    assert content_store.get(rows, last.digest).dictionary is not None
    assert MAIL.encode() in learnt
    await home.erasures.erase(asked())
    assert content_store.dictionaries(kernel.deps.reader.rows()) == []
    assert left_in(tmp_path / "home", MAIL, NAME) == []


@pytest.mark.parametrize("point", ERASE)
async def test_an_erasing_that_was_cut_off_goes_on(tmp_path, site, point, monkeypatch):
    class Dead(BaseException):
        pass

    def die(name: str) -> None:
        if name == point:
            raise Dead

    text = DOCUMENTS.format(url=site[1]).encode()
    async with open_service(tmp_path / "home", SETTINGS, serve=True) as service:
        await service.flows.import_documents([("d.yaml", text)], deploy=True)
        run = await ran(service)
        monkeypatch.setattr(failpoints, "action", die)
        with pytest.raises(Dead):
            await service.erasures.erase(asked())
        monkeypatch.setattr(failpoints, "action", None)
    async with open_service(tmp_path / "home", SETTINGS, serve=True) as service:
        async with asyncio.timeout(30):
            await service.erasures.resume()
        (listed,) = (await service.erasures.list()).items
        assert listed.finished_at is not None
        assert left_in(tmp_path / "home", MAIL, NAME) == []
        items = json.loads(await text_of(service, (await service.runs.get(run)).steps[0].payloads_out[0].id))
        assert items[4] == {"_erased": True}
        assert len(items) == 6
