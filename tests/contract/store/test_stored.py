"""What is stored, on each database: damage is told by name, dictionaries are made, read and given up."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from blake3 import blake3
from sqlalchemy import update

from redrive.engine.contents import ContentStore, StoredContent
from redrive.engine.dictionaries import SAMPLES
from redrive.service.app import open_service
from redrive.service.content_checks import ContentChecks
from redrive.service.kept_views import EraseRequest
from redrive.service.views import StartRequest
from redrive.settings import load
from redrive.store import contents as content_store
from redrive.store import tables
from redrive.store.caches import INSERT, INSERT_PAGE
from redrive.store.contents import INSERT_CONTENT
from redrive.store.statements import Statement
from tests.contract.store.filling import row_of

FLOW = b"""
flow: orders
steps:
  - {id: pull, shape: manual_payload, payload: [{id: 1042, mail: ann@example.org}]}
"""
MAIL = "ann@example.org"


@pytest.fixture
async def home(store: str, tmp_path: Path):
    environment = {"REDRIVE_RETENTION_EVERY_S": "0"}
    if "REDRIVE_STORE" in os.environ:
        environment["REDRIVE_STORE"] = os.environ["REDRIVE_STORE"]
    async with open_service(tmp_path / "home", load(environment=environment), serve=True) as home:
        await home.flows.import_documents([("orders.yaml", FLOW)], deploy=True)
        yield home


async def changed(home: Any, table: Any, **values: Any) -> None:
    """Behind the back of the store."""
    statement = Statement(update(table).values(**values))
    await home.kernel.write(lambda transaction: transaction.run(statement))
    home.kernel.deps.contents.forget()


async def told(home: Any) -> dict[str, str]:
    """What is not in order, by the name of the check, of all that is stored."""
    found, after = {}, None
    while True:
        part = await ContentChecks(home.kernel, repair=False).part(after)
        found.update({one.name: one.detail for one in part.findings if not one.ok})
        after = part.next
        if after is None:
            return found


async def keep(home: Any, data: bytes) -> StoredContent:
    content: StoredContent = await home.kernel.deps.contents.of("1/pull").put(data)
    await home.kernel.write(lambda transaction: transaction.insert_many(INSERT_CONTENT, content.rows))
    return content


def order(number: int) -> bytes:
    chance = blake3(b"%d" % number).hexdigest()
    return (
        f'{{"id": {number}, "token": "{chance}", "financial_status": "paid", "currency": "GBP", '
        f'"mail": "{MAIL}", "shipping_address": '
        f'{{"address1": "{number} High Street", "country_code": "GB"}}}}'
    ).encode()


async def test_a_damaged_content_is_told_with_the_payload_that_it_strikes(home):
    run = await home.runs.start("orders", StartRequest())
    await home.runs.wait(run.id, 30)
    assert await told(home) == {}
    assert {one.name for one in await home.doctor() if not one.ok} <= {"database"}
    await changed(home, tables.contents, data=b"[]")
    payload = (await home.runs.get(run.id)).steps[0].payloads_out[0].id
    found = await told(home)
    assert set(found) == {"contents"}
    assert f"payload {payload} of run {run.id} after step pull" in found["contents"]
    (quick,) = [one for one in await home.doctor() if one.name == "contents"]
    assert not quick.ok


async def test_a_damaged_content_is_told_with_the_cache_that_holds_it(home):
    content = await keep(home, b"small" * 100)
    cache = row_of(tables.caches, id=4, name="customers", scope="company", flow="", run_id=0)
    page = row_of(tables.cache_pages, cache_id=4, digest=content.digest, run_id=0, step="put")

    def work(transaction: Any) -> None:
        transaction.insert(INSERT, cache)
        transaction.insert(INSERT_PAGE, page)

    await home.kernel.write(work)
    await changed(home, tables.contents, data=b"[]")
    assert "a page of the cache customers by an upload after step put" in (await told(home))["contents"]


async def test_a_dictionary_is_made_read_by_others_and_given_up(home):
    before = [await keep(home, order(number)) for number in range(SAMPLES + 1)]
    kernel = home.kernel
    await kernel.deps.contents.families.settle()
    content = await keep(home, order(77_777))
    number = content_store.get(kernel.deps.reader.rows(), content.digest).dictionary
    assert number is not None
    assert len(content.rows[-1][3]) * 1.5 < len(before[0].rows[-1][3])
    other = ContentStore(kernel.deps.reader, kernel.blobs)
    try:
        assert await other.known(content.digest, content.size_bytes).read() == order(77_777)
    finally:
        other.close()
    assert await told(home) == {}
    await home.erasures.erase(EraseRequest(value=MAIL, reason="asked for", confirm=True))
    assert content_store.dictionaries(kernel.deps.reader.rows()) == []
    assert await told(home) == {}


async def test_a_damaged_dictionary_is_told(home):
    for number in range(SAMPLES + 1):
        await keep(home, order(number))
    await home.kernel.deps.contents.families.settle()
    content = await keep(home, order(77_777))
    await changed(home, tables.dictionaries, data=b"something else")
    found = await told(home)
    assert "does not match its hash" in found["dictionaries"]
    assert content.digest.hex()[:12] in found["contents"]
