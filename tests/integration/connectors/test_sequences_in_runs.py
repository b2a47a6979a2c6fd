"""A send of two requests on a home: a retry goes on with the second one."""

from __future__ import annotations

from redrive.service.app import open_service
from redrive.service.views import RetryRequest, StartRequest
from redrive.settings import Settings
from tests.integration.connectors.bench import served
from tests.integration.connectors.test_rest_sequences import Erp

DOCUMENTS = """
connector: erp
base_url: "{{ connection.base_url }}"
endpoints:
  create:
    direction: send
    per: item
    key: id
    request: {method: POST, path: /orders, body: "{{ item }}"}
    followed_by:
      - request:
          {method: POST, path: "/orders/{{ response.body.number }}/confirm", body: {of: "{{ item.id }}"}}
---
connection: erp
connector: erp
settings: {base_url: "URL"}
---
flow: send
steps:
  - {id: make, shape: manual_payload, payload: [{id: 1}, {id: 2}]}
  - {id: send, shape: connector, connection: erp, endpoint: create}
"""


async def test_a_retry_confirms_what_was_created(tmp_path):
    erp = Erp(422)
    async with served(erp) as site, open_service(tmp_path, Settings(), serve=True) as service:
        text = DOCUMENTS.replace("URL", site.url).encode()
        await service.flows.import_documents([("d.yaml", text)], deploy=True)
        failed = await service.runs.wait((await service.runs.start("send", StartRequest())).id)
        between = [(one.key, one.status) for one in (await service.ledger.list()).items]
        again = await service.redrives.retry(failed.id, RetryRequest())
        ended = await service.runs.wait(again.id)
        after = [one.status for one in (await service.ledger.list()).items]
    assert (failed.status, ended.status) == ("failure", "success")
    assert sorted(between) == [("1", "unknown"), ("2", "delivered")]
    assert after == ["delivered", "delivered"]
    assert erp.created == [1, 2]
    assert sorted(erp.confirmed) == ["/orders/N1/confirm", "/orders/N2/confirm"]
