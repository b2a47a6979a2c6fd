"""GraphQL, SOAP, JSON-RPC, multipart, and further ways of pagination, against real servers."""

# ruff: noqa: E501, ISC004, SIM117 - tables read best in lines; first the server, then the connection to it
from __future__ import annotations

import email
import xml.etree.ElementTree as ET

import graphql
import pytest
from aiohttp import web

from tests.integration.connectors.bench import MemoryLedger, Seen, bench, reply, served

# ---- GraphQL

SCHEMA = graphql.build_schema(
    """
    type Order { id: Int! }
    type PageInfo { hasNextPage: Boolean!, endCursor: String }
    type Orders { nodes: [Order!]!, pageInfo: PageInfo! }
    type Problem { message: String! }
    type Created { order: Order, userErrors: [Problem!]! }
    type NotFoundError { message: String! }
    union Found = Order | NotFoundError
    type Query { orders(first: Int!, after: String): Orders!, find(id: Int!): Found }
    type Mutation { create(order: String!): Created, other: Int }
    """
)
ORDERS = "query Pull($first: Int!, $after: String) { orders(first: $first, after: $after) {\
 nodes { id } pageInfo { hasNextPage endCursor } } }"


class Root:
    def orders(self, info, first, after=None):
        start = int(after or 0)
        end = min(start + first, 5)
        more = {"hasNextPage": end < 5, "endCursor": str(end)}
        return {"nodes": [{"id": n} for n in range(start, end)], "pageInfo": more}

    def find(self, info, id):
        kind = "Order" if id == 1 else "NotFoundError"
        return {"__typename": kind, "id": id, "message": "there is none"}

    def create(self, info, order):
        if order == "bad":
            raise graphql.GraphQLError("bad order")
        if order == "busy":
            raise graphql.GraphQLError("slow down", extensions={"code": "THROTTLED"})
        wrong = [{"message": "no stock"}] if order == "none" else []
        return {"order": None if wrong else {"id": 1}, "userErrors": wrong}

    def other(self, info):
        return 5


def graphql_site(seen: Seen) -> web.StreamResponse:
    assert seen.headers["Content-Type"] == "application/json"
    asked = seen.json
    result = graphql.graphql_sync(
        SCHEMA,
        asked["query"],
        Root(),
        variable_values=asked.get("variables"),
        operation_name=asked.get("operationName"),
    )
    return reply(result.formatted)


def asking(query: str, **more):
    variables = more.pop("variables", {})
    return {"request": {"path": "/graphql", "graphql": {"query": query, "variables": variables}}, **more}


async def test_graphql_pages_by_cursor():
    endpoint = asking(
        ORDERS,
        variables={"first": 2},
        direction="receive",
        items="data.orders.nodes",
        paginate={"by": "graphql_cursor", "at": "data.orders.pageInfo"},
    )
    async with served(graphql_site) as site, bench(site, endpoint) as at:
        result = await at.run()
    assert result.error is None
    assert [item["id"] for page in result.values for item in page] == [0, 1, 2, 3, 4]
    assert [seen.json["variables"]["after"] for seen in site.seen] == [None, "2", "4"]


async def test_a_graphql_query_that_is_wrong_is_an_error():
    endpoint = asking("{ nothing }", direction="receive", items="data.orders.nodes")
    async with served(graphql_site) as site, bench(site, endpoint) as at:
        result = await at.run(attempts=3)
    assert result.error is not None
    assert (result.error.code, len(site.seen)) == ("remote.rejected", 1)
    assert result.error.detail.endswith("answered 200 OK with GraphQL errors")


@pytest.mark.parametrize(
    ("query", "order", "code", "outcome"),
    [
        ("mutation M($o: String!) { create(order: $o) { order { id } userErrors { message } } }", "good", None, "delivered"),
        ("mutation M($o: String!) { create(order: $o) { order { id } } }", "bad", "remote.rejected", "rejected"),
        ("mutation M($o: String!) { create(order: $o) { order { id } } }", "busy", "remote.unavailable", "rejected"),
        ("mutation M($o: String!) { create(order: $o) { userErrors { message } } }", "none", "remote.rejected", "rejected"),
        ("mutation M($o: String!) { other create(order: $o) { order { id } } }", "bad", "delivery.unknown", "unknown"),
    ],
)  # fmt: skip
async def test_what_a_graphql_mutation_may_be_answered(query, order, code, outcome):
    ledger = MemoryLedger()
    endpoint = asking(query, variables={"o": "{{ item.name }}"}, direction="send", per="item")
    async with served(graphql_site) as site, bench(site, endpoint) as at:
        result = await at.run([[{"id": 1, "name": order}]], ctx=at.context(ledger), key="id")
    assert (result.error.code if result.error else None) == code
    assert ledger.statuses() == {"1": outcome}


async def test_a_graphql_field_of_an_error_type_is_an_error():
    query = "query F($id: Int!) { find(id: $id) { __typename ... on NotFoundError { message } } }"
    endpoint = asking(query, variables={"id": 2}, direction="receive")
    async with served(graphql_site) as site, bench(site, endpoint) as at:
        result = await at.run()
    assert result.error is not None
    assert "'find' is of an error type" in result.error.detail


# ---- SOAP


SPACES = {
    "1.1": "http://schemas.xmlsoap.org/soap/envelope/",
    "1.2": "http://www.w3.org/2003/05/soap-envelope",
}


class SoapSite:
    """Reads envelopes with an XML parser of its own, and answers faults as each version spells them."""

    def __init__(self, version: str) -> None:
        self.space = SPACES[version]
        self.version = version
        self.names: list[str | None] = []

    def __call__(self, seen: Seen) -> web.StreamResponse:
        kind = {"1.1": "text/xml", "1.2": "application/soap+xml"}[self.version]
        assert seen.headers["Content-Type"].startswith(kind)
        assert ("SOAPAction" in seen.headers) is (self.version == "1.1")
        call = ET.fromstring(seen.body).find(f"{{{self.space}}}Body")[0]
        shop = {"s": "urn:shop"}
        if call.tag == "{urn:shop}list_orders":
            first = int(call.findtext("s:page", namespaces=shop)) * 2 - 1
            orders = "".join(
                f"<t:order><t:id>{n}</t:id><t:name>&lt;order &amp; {n}&gt;</t:name></t:order>"
                for n in range(first, first + 2)
                if n <= 5
            )
            return self.answer(f'<t:orders xmlns:t="urn:shop">{orders}</t:orders>')
        name = call.findtext("s:name", namespaces=shop)
        self.names.append(name)
        if name in {"reject", "crash"}:
            return self.fault(sender=name == "reject")
        return self.answer('<t:created xmlns:t="urn:shop">1</t:created>')

    def fault(self, *, sender: bool) -> web.StreamResponse:
        if self.version == "1.1":
            code = "Client.Invalid" if sender else "Server"
            return self.answer(f"<soap:Fault><faultcode>soap:{code}</faultcode></soap:Fault>", 500)
        code = "Sender" if sender else "Receiver"
        value = f"<soap:Code><soap:Value>soap:{code}</soap:Value></soap:Code>"
        return self.answer(f"<soap:Fault>{value}</soap:Fault>", 400 if sender else 500)

    def answer(self, body: str, status: int = 200) -> web.StreamResponse:
        text = f'<soap:Envelope xmlns:soap="{self.space}"><soap:Body>{body}</soap:Body></soap:Envelope>'
        return web.Response(status=status, body=text.encode(), content_type="text/xml")


def soap(body: str, **more):
    call = {"body": body, "action": more.pop("action", ""), "version": more.pop("version", "1.1")}
    return {"request": {"path": "/", "soap": call}, **more}


async def test_soap_pages_by_a_number_in_the_body_and_items_are_xml_elements():
    endpoint = soap(
        '<s:list_orders xmlns:s="urn:shop"><s:page>{{ page.number }}</s:page></s:list_orders>',
        direction="receive",
        items="Envelope.Body.orders.order",
        paginate={"by": "page_number"},
    )
    async with served(SoapSite("1.1")) as site, bench(site, endpoint) as at:
        result = await at.run()
    assert result.error is None
    assert [payload.count for payload in result.payloads] == [2, 2, 1]
    assert all(b"&lt;order &amp;" in payload.data for payload in result.payloads)
    assert [seen.path for seen in site.seen] == ["/"] * 4


@pytest.mark.parametrize("version", ["1.1", "1.2"])
@pytest.mark.parametrize(
    ("name", "code", "outcome"),
    [
        ('a <b> & "c"', None, "delivered"),
        ("reject", "remote.rejected", "rejected"),
        ("crash", "delivery.unknown", "unknown"),
    ],
)  # fmt: skip
async def test_a_soap_fault_is_an_error(version, name, code, outcome):
    ledger = MemoryLedger()
    endpoint = soap(
        '<s:create_order xmlns:s="urn:shop"><s:name>{{ item.name }}</s:name></s:create_order>',
        version=version,
        direction="send",
        per="item",
    )
    server = SoapSite(version)
    async with served(server) as site, bench(site, endpoint) as at:
        result = await at.run([[{"id": 7, "name": name}]], ctx=at.context(ledger), key="id")
    assert (result.error.code if result.error else None) == code, result.error
    assert ledger.statuses() == {"7": outcome}
    assert server.names == [name]


@pytest.mark.parametrize(
    ("body", "kind", "code"),
    [
        (b"<html>hello</html>", "text/html", "remote.unavailable"),
        (b"<broken", "text/xml", "remote.unavailable"),
        (b"<x/>", "text/xml", "remote.unavailable"),
        (
            b'<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"><s:Body><s:Fault><s:Code>'
            b"<s:Value>s:Sender</s:Value></s:Code></s:Fault></s:Body></s:Envelope>",
            "application/soap+xml",
            "remote.rejected",
        ),
    ],
)
async def test_what_is_no_soap_answer(body, kind, code):
    endpoint = soap("<a/>", direction="receive", items="Envelope.Body.a")
    async with served(lambda _: web.Response(body=body, content_type=kind)) as site:
        async with bench(site, endpoint) as at:
            result = await at.run()
    assert result.error is not None
    assert result.error.code == code


# ---- JSON-RPC


def rpc_site(seen: Seen) -> web.StreamResponse:
    asked = seen.json
    answer = {"jsonrpc": "2.0", "id": asked["id"]}
    if asked["method"] == "orders.list":
        start = asked["params"]["offset"]
        return reply({**answer, "result": {"orders": [{"id": n} for n in range(start, min(start + 2, 3))]}})
    codes = {"no": -32602, "crash": -32603}
    if (name := asked["params"]["name"]) in codes:
        return reply({**answer, "error": {"code": codes[name], "message": "x"}})
    return reply({**answer, "result": name} if name != "odd" else {"hello": 1})


async def test_json_rpc_pages_by_an_offset_in_its_parameters():
    call = {"method": "orders.list", "params": {"offset": "{{ page.offset }}"}}
    endpoint = {
        "direction": "receive",
        "request": {"json_rpc": call},
        "items": "result.orders",
        "paginate": {"by": "offset"},
    }
    async with served(rpc_site) as site, bench(site, endpoint) as at:
        result = await at.run()
    assert [item["id"] for page in result.values for item in page] == [0, 1, 2]


@pytest.mark.parametrize(
    ("name", "code", "outcome"),
    [
        ("good", None, "delivered"),
        ("no", "remote.rejected", "rejected"),
        ("crash", "delivery.unknown", "unknown"),
        ("odd", "delivery.unknown", "unknown"),
    ],
)
async def test_a_json_rpc_error_is_an_error(name, code, outcome):
    ledger = MemoryLedger()
    call = {"method": "orders.create", "params": {"name": "{{ item.name }}"}}
    endpoint = {"direction": "send", "per": "item", "request": {"json_rpc": call}}
    async with served(rpc_site) as site, bench(site, endpoint) as at:
        result = await at.run([[{"id": 1, "name": name}]], ctx=at.context(ledger), key="id")
    assert (result.error.code if result.error else None) == code
    assert ledger.statuses() == {"1": outcome}


# ---- multipart


async def test_an_upload_goes_as_multipart_with_its_own_bytes():
    found = []

    def answer(seen: Seen):
        head = f"Content-Type: {seen.headers['Content-Type']}\r\n\r\n".encode()
        message = email.message_from_bytes(head + seen.body)
        found.extend(
            (part.get_param("name", header="content-disposition"), part.get_filename(),
             part.get_content_type(), part.get_payload(decode=True))
            for part in message.get_payload()
        )  # fmt: skip
        return reply({}, 201)

    parts = {
        "file": {"value": "{{ payload }}", "filename": "{{ run.flow }}.csv", "media_type": "text/csv"},
        "note": {"value": "Zoë & {{ with.note }}"},
        "facts": {"value": {"a": 1}, "media_type": "application/json"},
    }
    endpoint = {"direction": "send", "request": {"method": "POST", "multipart": parts}}
    data = b"id,name\r\n1,--redrive\r\n"
    async with served(answer) as site, bench(site, endpoint) as at:
        await at.run([data], **{"with": {"note": "x"}})
        await at.run([data], **{"with": {"note": "x"}})
    assert found[:3] == [
        ("file", "test.csv", "text/csv", data),
        ("note", None, "text/plain", "Zoë & x".encode()),
        ("facts", None, "application/json", b'{"a":1}'),
    ]
    assert site.seen[0].body == site.seen[1].body


# ---- pagination


def pages(key: str):
    def answer(seen: Seen):
        number = int(seen.query.get(key) or 1)
        return reply({"orders": [{"id": number}] if number < 4 else [], "token": f"t{number}"})

    return answer


@pytest.mark.parametrize(
    ("paginate", "asked"),
    [
        (
            {"by": "uri_template", "template": "/orders?n={{ page.number }}&t={{ response.body.token }}"},
            ["/orders", "/orders?n=2&t=t1", "/orders?n=3&t=t2", "/orders?n=4&t=t3"],
        ),
        (
            {
                "by": "script",
                "script": "def handle(response, page):\n"
                "    if response['items'] and page['number'] < 3:\n"
                "        return {'n': page['number'] + 1}\n",
            },
            ["/orders", "/orders?n=2", "/orders?n=3"],
        ),
        (
            {
                "by": "script",
                "script": "def handle(response, page):\n"
                "    n = page['number']\n"
                "    return f'?n={n + 1}' if n < 3 else None\n",
            },
            ["/orders", "/orders?n=2", "/orders?n=3"],
        ),
    ],
    ids=["uri_template", "script_parameters", "script_address"],
)
async def test_ways_to_the_next_page(paginate, asked):
    endpoint = {
        "direction": "receive",
        "request": {"path": "/orders"},
        "items": "orders",
        "paginate": paginate,
    }
    async with served(pages("n")) as site, bench(site, endpoint) as at:
        result = await at.run()
    assert result.error is None
    assert [seen.path for seen in site.seen] == asked
    assert result.values == [[{"id": 1}], [{"id": 2}], [{"id": 3}]]


async def test_a_cursor_may_stand_in_the_body():
    def answer(seen: Seen):
        token = seen.json["after"]
        return reply({"orders": [{"id": token}], "next": {None: "a", "a": "b"}.get(token)})

    endpoint = {
        "direction": "receive",
        "request": {"method": "POST", "body": {"after": "{{ page.token }}"}},
        "items": "orders",
        "paginate": {"by": "cursor", "at": "next"},
    }
    async with served(answer) as site, bench(site, endpoint) as at:
        result = await at.run()
    assert [seen.json["after"] for seen in site.seen] == [None, "a", "b"]
    assert {seen.path for seen in site.seen} == {"/"}
    assert result.error is None


async def test_pages_that_go_round_in_a_circle_end():
    circle = {"": "a", "a": "b", "b": "c", "c": "a"}

    def answer(seen: Seen):
        token = seen.query.get("cursor", "")
        return reply({"orders": [{"id": len(site.seen)}], "next": circle[token]})

    endpoint = {
        "direction": "receive",
        "request": {"path": "/orders"},
        "items": "orders",
        "paginate": {"by": "cursor", "at": "next"},
    }
    async with served(answer) as site, bench(site, endpoint) as at:
        result = await at.run()
    assert result.error is not None
    assert result.error.code == "pagination.repeated"
    assert len(site.seen) < 12


# ---- rules


@pytest.mark.parametrize(
    ("answer", "code", "outcome"),
    [
        ({"state": "done"}, None, "delivered"),
        ({"state": "later"}, "remote.unavailable", "rejected"),
        ({"state": "never"}, "remote.rejected", "rejected"),
    ],
)
async def test_a_script_judges_answers(answer, code, outcome):
    ledger = MemoryLedger()
    script = (
        "def handle(response):\n"
        "    state = response['body']['state']\n"
        "    if state == 'later':\n"
        "        return 'retry'\n"
        "    if state == 'never':\n"
        "        return {'then': 'fail', 'why': 'never, it says'}\n"
    )
    endpoint = {"direction": "send", "request": {"method": "POST", "body": "{{ payload }}"}, "script": script}
    async with served(lambda _: reply(answer)) as site, bench(site, endpoint) as at:
        result = await at.run([[{"id": 1}]], ctx=at.context(ledger), key="id")
    assert (result.error.code if result.error else None) == code
    assert ledger.statuses() == {"1": outcome}
    if code == "remote.rejected":
        assert result.error.detail.endswith("by the endpoint's script: never, it says")


async def test_a_rule_on_a_header():
    rules = [{"headers": {"field": "x-status", "is": "failed"}, "then": "fail"}]
    endpoint = {"direction": "receive", "request": {"path": "/"}, "rules": rules}
    async with served(lambda _: reply([1], **{"X-Status": "failed"})) as site, bench(site, endpoint) as at:
        result = await at.run()
    assert result.error is not None
    assert result.error.code == "remote.rejected"
