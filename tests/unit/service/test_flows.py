from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import select

from redrive.core.jsonvalue import decode
from redrive.core.run import Run
from redrive.documents.load import load_one
from redrive.errors import ConfigInvalid, FlowInvalid, NotFound, StateConflict, UsageError
from redrive.registry import Registry
from redrive.service.flows import Flows
from redrive.service.secret_views import RotateRequest
from redrive.service.secrets import Secrets
from redrive.service.versions import (
    digest_of,
    ensure_flow,
    flow_named,
    freeze,
    resolve_version,
    text_of,
    text_tag,
)
from redrive.store import connections as connection_store
from redrive.store import runs as run_store
from redrive.store import tables
from redrive.store.statements import row
from tests.unit.service.definition_home import (
    CHANGED,
    CONNECTION,
    CONNECTOR,
    EVERYTHING,
    FLOW,
    NOON,
    RESPELT,
    SKIPPED,
    opened,
)


@pytest.fixture
async def kernel(tmp_path):
    async with opened(tmp_path / "home") as kernel:
        yield kernel


@pytest.fixture
def flows(kernel):
    return Flows(kernel)


async def results(flows, *documents, **options):
    return [(one.kind, one.name, one.result) for one in await flows.import_documents(documents, **options)]


async def resolved(kernel, asked, name="orders"):
    return await kernel.deps.reader.run(lambda rows: resolve_version(rows, flow_named(rows, name), asked))


async def stored(kernel, name="shop"):
    return await kernel.deps.reader.run(lambda rows: connection_store.get_connection(rows, name))


async def actions(kernel):
    found = await kernel.deps.reader.run(
        lambda rows: rows.query(
            select(tables.audit.c.action, tables.audit.c.subject, tables.audit.c.actor).order_by(
                tables.audit.c.id
            )
        )
    )
    assert all(actor == "tester" for _, _, actor in found)
    return [(action, subject) for action, subject, _ in found]


def freezing(kernel, text, name="orders", file="flow.yaml"):
    """Work that freezes a document as a start from a file does."""
    digest = digest_of(load_one(text.decode(), file))
    return lambda transaction: freeze(
        transaction, kernel, ensure_flow(transaction, kernel, name).id, text, file, digest
    )


# ---- import


async def test_documents_come_in_together_and_go_out_as_they_were(kernel, flows):
    done = await results(flows, *EVERYTHING)
    assert done == [
        ("connection", "shop", "created"),
        ("connector", "demo-shop", "created"),
        ("flow", "orders", "created"),
    ]
    assert await flows.export("orders") == FLOW
    assert await flows.export_connector("demo-shop") == CONNECTOR
    view = await flows.get("orders")
    assert (view.enabled, view.deployed, view.draft, view.versions) == (True, None, True, 0)
    assert await actions(kernel) == [
        ("connection.imported", "shop"),
        ("connector.imported", "demo-shop"),
        ("flow.imported", "orders"),
    ]


async def test_one_file_may_hold_several_documents(flows):
    text = CONNECTION + b"---\n" + CONNECTOR + b"--- # the flow\n" + FLOW
    assert len(await results(flows, ("all.yaml", text))) == 3
    assert (await flows.export("orders")).endswith(FLOW)


async def test_an_equal_document_changes_nothing(kernel, flows):
    await flows.import_documents(EVERYTHING, deploy=True)
    before = await stored(kernel)
    audited = await actions(kernel)
    assert {result for _, _, result in await results(flows, *EVERYTHING, deploy=True)} == {"unchanged"}
    assert await stored(kernel) == before
    assert (await flows.get("orders")).versions == 1
    assert await actions(kernel) == audited


async def test_the_spelling_of_an_equal_document_is_kept(flows):
    await flows.import_documents(EVERYTHING)
    respelt = CONNECTOR + b"# as of today\n"
    assert await results(flows, ("flow.yaml", RESPELT), ("demo-shop.yaml", respelt)) == [
        ("flow", "orders", "unchanged"),
        ("connector", "demo-shop", "unchanged"),
    ]
    assert await flows.export("orders") == RESPELT
    assert await flows.export_connector("demo-shop") == respelt


async def test_a_changed_document_replaces_the_draft_and_nothing_that_is_deployed(flows):
    await flows.import_documents(EVERYTHING, deploy=True)
    assert await results(flows, ("flow.yaml", CHANGED)) == [("flow", "orders", "changed")]
    assert await flows.export("orders", version="draft") == CHANGED
    assert await flows.export("orders") == await flows.export("orders", version="deployed") == FLOW


async def test_a_draft_that_somebody_else_changed_is_not_overwritten(flows):
    first = FLOW.encode() if isinstance(FLOW, str) else FLOW
    await flows.import_documents([("f.yaml", first)], based_on={"orders": ""})
    read = text_tag(first)
    theirs = first + b"# theirs\n"
    await flows.import_documents([("f.yaml", theirs)], based_on={"orders": f'"{read}"'})
    for tag in (read, ""):
        with pytest.raises(StateConflict) as refused:
            await flows.import_documents([("f.yaml", first + b"# mine\n")], based_on={"orders": tag})
        assert refused.value.code == "draft.changed"
    assert await flows.export("orders", version="draft") == theirs


async def test_every_problem_of_every_document_is_told_and_nothing_is_written(kernel, flows):
    bad_flow = FLOW.replace(b"filter", b"fliter").replace(b"list-orders", b"list-order")
    with pytest.raises(FlowInvalid) as caught:
        await flows.import_documents(
            [
                ("a.yaml", CONNECTOR.replace(b"receive", b"recieve")),
                ("b.yaml", CONNECTION),
                ("c.yaml", bad_flow),
                ("d.yaml", b"\xff"),
                ("e.yaml", CONNECTION),
            ]
        )
    assert {(one.file, one.code) for one in caught.value.problems} == {
        ("a.yaml", "connector.invalid"),
        ("c.yaml", "shape.unknown"),
        ("d.yaml", "document.encoding"),
        ("e.yaml", "document.duplicate"),
    }
    assert (await flows.list()).items == []
    assert (await flows.connections()).items == []
    assert await actions(kernel) == []


async def test_what_the_home_has_is_known_to_the_check(flows):
    await flows.import_documents(EVERYTHING[:2])
    checked = await flows.check([("flow.yaml", FLOW.replace(b"list-orders", b"list-order"))])
    assert [(one.code, one.step, one.line, one.nearest) for one in checked.problems] == [
        ("endpoint.unknown", "pull", 7, "list-orders")
    ]
    assert (await flows.check([("flow.yaml", FLOW)])).problems == []
    assert (await flows.list()).items == []


async def test_warnings_stand_at_the_document_that_they_are_about(flows):
    text = CONNECTOR + b"---\n" + SKIPPED
    connector, flow = await flows.import_documents([("all.yaml", text)])
    assert connector.warnings == []
    assert [line.split(": ", 1)[0] for line in flow.warnings] == ["all.yaml:14", "all.yaml:16"]
    assert "connection 'shop' is not known" in flow.warnings[0]
    assert "skipped" in flow.warnings[1]
    checked = await flows.check([("all.yaml", text)])
    assert checked.warnings == flow.warnings


async def test_connections_are_renamed_on_the_way_in(flows):
    text = CONNECTION + b"---\n" + CONNECTOR + b"---\n" + FLOW
    done = await results(flows, ("all.yaml", text), rename={"shop": "shop-test"})
    assert done[0] == ("connection", "shop-test", "created")
    assert b"connection: shop-test\n" in await flows.export("orders")
    with pytest.raises(UsageError, match="shopp"):
        await flows.import_documents([("all.yaml", text)], rename={"shopp": "other"})
    with pytest.raises(FlowInvalid) as caught:
        await flows.import_documents(
            [("all.yaml", text), ("b.yaml", CONNECTION.replace(b"shop\n", b"two\n", 1))],
            rename={"two": "shop"},
        )
    assert [one.code for one in caught.value.problems] == ["document.duplicate"]


async def test_an_import_of_nothing_is_wrong_use(flows):
    with pytest.raises(UsageError):
        await flows.import_documents([])


# ---- versions


async def test_deploying_numbers_the_draft_and_retires_what_was_deployed(kernel, flows):
    await flows.import_documents(EVERYTHING)
    first = await flows.deploy("orders")
    assert (first.number, first.state) == (1, "deployed")
    await flows.import_documents([("flow.yaml", CHANGED)])
    assert (await flows.deploy("orders")).number == 2
    states = [(one.number, one.state) for one in (await flows.versions("orders")).items]
    assert states == [(2, "deployed"), (1, "inactive")]
    restored = await flows.deploy("orders", version=1)
    assert (restored.number, restored.state) == (1, "deployed")
    assert await flows.export("orders") == FLOW
    assert await flows.export("orders", version="draft") == CHANGED
    assert await flows.export("orders", version="2") == CHANGED
    assert [subject for action, subject in await actions(kernel) if action == "flow.deployed"] == [
        "orders"
    ] * 3


async def test_an_equal_version_is_not_numbered_again(flows):
    await flows.import_documents(EVERYTHING, deploy=True)
    await flows.import_documents([("flow.yaml", CHANGED)], deploy=True)
    done = await flows.import_documents([("flow.yaml", RESPELT)], deploy=True)
    assert (done[0].result, done[0].version) == ("changed", 1)
    assert (await flows.deploy("orders")).number == 1
    assert (await flows.get("orders")).versions == 2


async def test_a_flow_that_is_deployed_with_a_skip_warns_wherever_it_is_shown(flows):
    await flows.import_documents([*EVERYTHING[:2], ("flow.yaml", SKIPPED)])
    assert (await flows.get("orders")).warnings == []
    await flows.deploy("orders")
    shown = (await flows.get("orders")).warnings
    assert len(shown) == 1
    assert "skipped in every run" in shown[0]
    assert (await flows.list()).items[0].warnings == shown
    await flows.import_documents([("flow.yaml", FLOW)], deploy=True)
    assert (await flows.get("orders")).warnings == []


async def test_a_draft_that_no_longer_validates_is_not_deployed(tmp_path):
    async with opened(tmp_path / "home") as kernel:
        await Flows(kernel).import_documents(EVERYTHING)
    full = Registry.discover()
    less = Registry(
        [shape for kind, shape in full.shapes.items() if kind != "filter"], full.protocols.values()
    )
    async with opened(tmp_path / "home", less) as kernel:
        with pytest.raises(FlowInvalid, match="filter"):
            await Flows(kernel).deploy("orders")


async def test_asked_versions_are_resolved(kernel, flows):
    await flows.import_documents(EVERYTHING)
    assert await resolved(kernel, None) == await resolved(kernel, "draft") == ("draft",)
    await flows.deploy("orders")
    assert await resolved(kernel, None) == await resolved(kernel, "deployed") == ("version", 1)
    assert await resolved(kernel, "draft") == ("draft",)
    assert await resolved(kernel, "1") == ("version", 1)


@pytest.mark.parametrize(
    ("asked", "hint"),
    [
        ("2", "There is 1 or draft."),
        ("0", "There is 1 or draft."),
        ("9" * 30, "There is 1 or draft."),
        ("-1", "There is 1 or draft."),
        ("drafts", "Did you mean 'draft'?"),
    ],
)
async def test_a_version_that_is_not_there_is_named_with_those_that_are(kernel, flows, asked, hint):
    await flows.import_documents(EVERYTHING, deploy=True)
    with pytest.raises(NotFound) as caught:
        await resolved(kernel, asked)
    assert (caught.value.code, caught.value.hint) == ("version.unknown", hint)
    assert "orders" in caught.value.detail


async def test_without_a_deployed_version_none_is_resolved(kernel, flows):
    await flows.import_documents(EVERYTHING)
    with pytest.raises(NotFound, match="no deployed version") as caught:
        await resolved(kernel, "deployed")
    assert "redrive deploy orders" in caught.value.hint


async def test_a_run_of_a_file_makes_a_flow_without_a_draft(kernel, flows):
    assert await kernel.write(freezing(kernel, FLOW)) == 1
    view = await flows.get("orders")
    assert (view.deployed, view.draft, view.versions) == (None, False, 1)
    assert await resolved(kernel, "1") == ("version", 1)
    for asked in (None, "draft", "deployed"):
        with pytest.raises(NotFound) as caught:
            await resolved(kernel, asked)
        assert caught.value.code == "version.unknown"
    with pytest.raises(StateConflict) as conflict:
        await flows.deploy("orders")
    assert conflict.value.code == "draft.none"
    assert (await flows.deploy("orders", version=1)).state == "deployed"
    assert (await flows.import_documents([("flow.yaml", CHANGED)]))[0].result == "created"


async def test_a_frozen_document_keeps_its_text_and_its_file(kernel, flows):
    number = await kernel.write(freezing(kernel, FLOW, file="./orders/flow.yaml"))

    def read(rows):
        flow = flow_named(rows, "orders")
        return text_of(rows, flow, ("version", number))

    assert await kernel.deps.reader.run(read) == (FLOW, "./orders/flow.yaml")
    (version,) = (await flows.versions("orders")).items
    assert version.state == "inactive"
    assert version.created_at.timestamp() * 1_000_000 == NOON


async def test_starts_at_the_same_time_freeze_one_version_of_one_flow(kernel, flows):
    texts = [FLOW, RESPELT, CHANGED, FLOW, CHANGED, SKIPPED] * 4
    numbers = await asyncio.gather(*(kernel.write(freezing(kernel, text)) for text in texts))
    assert numbers == [1, 1, 2, 1, 2, 3] * 4
    assert [view.versions for view in (await flows.list()).items] == [3]


async def test_two_processes_on_one_home_number_versions_once(tmp_path):
    async with opened(tmp_path / "home") as one, opened(tmp_path / "home") as other:
        numbers = await asyncio.gather(
            one.write(freezing(one, FLOW)),
            other.write(freezing(other, FLOW)),
            one.write(freezing(one, CHANGED)),
            other.write(freezing(other, CHANGED)),
        )
        assert numbers[0] == numbers[1] != numbers[2] == numbers[3]
        assert (await Flows(one).get("orders")).versions == 2


# ---- lists, names, ends


async def test_lists_come_in_pages(kernel, flows):
    await flows.import_documents(
        [(f"{name}.yaml", FLOW.replace(b"flow: orders", f"flow: {name}".encode())) for name in "dbac"]
    )
    first = await flows.list(limit=3)
    assert [view.name for view in first.items] == ["a", "b", "c"]
    assert [view.name for view in (await flows.list(limit=3, cursor=first.next)).items] == ["d"]
    assert (await flows.list(limit=4)).next is None
    for text in (FLOW, CHANGED, SKIPPED):
        await kernel.write(freezing(kernel, text))
    page = await flows.versions("orders", limit=2)
    assert [version.number for version in page.items] == [3, 2]
    rest = await flows.versions("orders", limit=2, cursor=page.next)
    assert ([version.number for version in rest.items], rest.next) == ([1], None)
    with pytest.raises(UsageError):
        await flows.versions("orders", cursor="x")


async def test_unknown_names_are_told_with_the_nearest(flows):
    await flows.import_documents(EVERYTHING)
    for call, code, near in (
        (flows.get("order"), "flow.unknown", "orders"),
        (flows.versions("order"), "flow.unknown", "orders"),
        (flows.export("order"), "flow.unknown", "orders"),
        (flows.deploy("order"), "flow.unknown", "orders"),
        (flows.enable("order", True), "flow.unknown", "orders"),
        (flows.delete("order"), "flow.unknown", "orders"),
        (flows.export_connector("demo-shopp"), "connector.unknown", "demo-shop"),
        (flows.export_connection("shoppe"), "connection.unknown", "shop"),
    ):
        with pytest.raises(NotFound) as caught:
            await call
        assert (caught.value.code, caught.value.hint) == (code, f"Did you mean {near!r}?")


async def test_a_flow_is_disabled_and_enabled(kernel, flows):
    await flows.import_documents(EVERYTHING)
    assert (await flows.enable("orders", False)).enabled is False
    assert (await flows.get("orders")).enabled is False
    assert (await flows.enable("orders", True)).enabled is True
    await flows.enable("orders", True)
    assert (await actions(kernel))[-2:] == [("flow.disabled", "orders"), ("flow.enabled", "orders")]


def a_run(kernel, flow_id, status):
    now = kernel.deps.clock.micros()
    return Run(
        id=kernel.deps.ids.next(), flow_id=flow_id, flow="orders", version=1, status=status,
        trigger="manual", priority=2, epoch=0, losses=0, queued_at=now, clock=now,
    )  # fmt: skip


async def test_a_deleted_flow_leaves_its_runs_with_their_version(kernel, flows):
    await flows.import_documents(EVERYTHING, deploy=True)
    flow = await kernel.deps.reader.run(lambda rows: flow_named(rows, "orders"))
    run = a_run(kernel, flow.id, "success")
    await kernel.write(lambda transaction: transaction.insert(run_store.INSERT_RUN, row(run)))
    await flows.delete("orders")
    with pytest.raises(NotFound):
        await flows.get("orders")
    assert (await kernel.deps.reader.run(lambda rows: run_store.get_run(rows, run.id))).flow == "orders"
    assert kernel.deps.flows.get(flow.id, 1).flow.name == "orders"
    # The name is free: what comes now is another flow.
    (new,) = await flows.import_documents([("flow.yaml", CHANGED)], deploy=True)
    assert (new.result, new.version) == ("created", 1)
    assert await flows.export("orders") == CHANGED


@pytest.mark.parametrize("status", ["queued", "running"])
async def test_a_flow_with_a_run_that_has_not_ended_is_not_deleted(kernel, flows, status):
    await flows.import_documents(EVERYTHING)
    flow = await kernel.deps.reader.run(lambda rows: flow_named(rows, "orders"))
    run = a_run(kernel, flow.id, status)
    await kernel.write(lambda transaction: transaction.insert(run_store.INSERT_RUN, row(run)))
    with pytest.raises(StateConflict) as caught:
        await flows.delete("orders")
    assert caught.value.code == "flow.running"
    assert (await flows.get("orders")).draft


async def test_schemas_are_those_of_the_kinds(flows):
    assert "steps" in (await flows.schema("flow"))["properties"]
    assert "endpoints" in (await flows.schema("connector"))["properties"]
    assert "secrets" in (await flows.schema("connection"))["properties"]
    with pytest.raises(NotFound, match="flows"):
        await flows.schema("flows")


# ---- connectors and connections


async def test_a_connector_points_to_its_newest_document(flows):
    await flows.import_documents(EVERYTHING)
    (first,) = (await flows.connectors()).items
    assert first.endpoints == {"list-orders": "receive"}
    other = CONNECTOR.replace(b"list-orders", b"all-orders")
    assert await results(flows, ("demo-shop.yaml", other)) == [("connector", "demo-shop", "changed")]
    (second,) = (await flows.connectors()).items
    assert second.digest != first.digest
    assert second.endpoints == {"all-orders": "receive"}
    assert await results(flows, ("demo-shop.yaml", CONNECTOR)) == [("connector", "demo-shop", "changed")]
    assert (await flows.connectors()).items == [first]


async def test_secrets_are_sealed_and_shown_only_as_where_they_come_from(kernel, flows):
    await flows.import_documents(EVERYTHING)
    (view,) = (await flows.connections()).items
    assert view.settings == {"base_url": "http://127.0.0.1:9001"}
    assert view.secrets == {"token": "env:SHOP_TOKEN", "password": "stored"}
    assert kernel.secrets.open((await stored(kernel)).secrets["password"]["sealed"]) == "hunter2"
    for file in kernel.home.rglob("*"):
        assert not file.is_file() or b"hunter2" not in file.read_bytes()


async def test_secrets_that_a_document_does_not_name_stay(kernel, flows):
    await flows.import_documents(EVERYTHING)
    before = await stored(kernel)
    moved = b"connection: shop\nconnector: demo-shop\nsettings: {base_url: http://127.0.0.1:9009}\n"
    assert await results(flows, ("shop.yaml", moved)) == [("connection", "shop", "changed")]
    after = await stored(kernel)
    assert after.secrets == before.secrets
    assert after.settings == {"base_url": "http://127.0.0.1:9009"}
    assert after.updated_at > before.updated_at  # though the clock stood still
    assert await results(flows, ("shop.yaml", moved)) == [("connection", "shop", "unchanged")]


async def test_a_secret_is_replaced_or_moved(kernel, flows):
    await flows.import_documents(EVERYTHING)
    text = CONNECTION.replace(b"hunter2", b"hunter3").replace(b"env: SHOP_TOKEN", b"file: /run/secrets/t")
    assert await results(flows, ("shop.yaml", text)) == [("connection", "shop", "changed")]
    secrets = (await stored(kernel)).secrets
    assert secrets["token"] == {"file": "/run/secrets/t"}
    assert kernel.secrets.open(secrets["password"]["sealed"]) == "hunter3"


async def test_a_secret_that_becomes_a_setting_is_removed_with_a_warning(kernel, flows):
    await flows.import_documents(EVERYTHING)
    text = b"connection: shop\nconnector: demo-shop\nsettings: {password: none}\n"
    (done,) = await flows.import_documents([("shop.yaml", text)])
    assert "password" in done.warnings[0]
    assert list((await stored(kernel)).secrets) == ["token"]


async def test_a_secret_whose_key_is_gone_is_sealed_anew(kernel, flows):
    await flows.import_documents(EVERYTHING)
    (kernel.home / "secret.key").unlink()
    async with opened(kernel.home) as other:
        with pytest.raises(ConfigInvalid, match="is not at hand"):
            await results(Flows(other), *EVERYTHING[:1])
        await Secrets(other).rotate(RotateRequest(lost=True))
        assert await results(Flows(other), *EVERYTHING[:1]) == [("connection", "shop", "changed")]
        sealed = (await stored(other)).secrets["password"]["sealed"]
        assert other.secrets.open(sealed) == "hunter2"


async def test_the_audit_holds_no_secret(kernel, flows):
    await flows.import_documents(EVERYTHING)
    found = await kernel.deps.reader.run(lambda rows: rows.query(select(tables.audit.c.data)))
    assert decode(found[0][0]) == {"connector": "demo-shop", "secrets_changed": ["password", "token"]}
    assert not any(b"hunter2" in data for (data,) in found)


async def test_an_exported_connection_is_imported_as_the_same(kernel, flows):
    odd = (
        "connection: '12'\nconnector: demo-shop\nsettings:\n"
        "  base_url: 'a # b: c'\n  amount: 1.10\n  big: 123456789012345678901234567890\n"
        "  no: 'no'\n  flag: true\n  nothing: null\n  deep: {a: [1, {b: \"x\\n\\u2028y\\x85\"}], '': 😀}\n"
        "secrets: {token: {env: T}, cert: {file: '/a b: #c'}, password: hunter2}\n"
    ).encode()
    await flows.import_documents([("demo-shop.yaml", CONNECTOR), ("odd.yaml", odd)])
    text = await flows.export_connection("12")
    assert b"hunter2" not in text
    assert b"#   password: " in text
    before = await stored(kernel, "12")
    assert await results(flows, ("again.yaml", text)) == [("connection", "12", "unchanged")]
    # In a home that has none of it yet all but the stored secret comes back.
    renamed = await flows.import_documents([("again.yaml", text)], rename={"12": "thirteen"})
    assert renamed[0].result == "created"
    after = await stored(kernel, "thirteen")
    assert after.settings == before.settings
    assert str(after.settings["amount"]) == "1.10"
    assert after.secrets == {name: before.secrets[name] for name in ("cert", "token")}
