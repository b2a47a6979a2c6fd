"""Every folder of examples/ does what its expected.json says.

`payloads` are the documents that the last step puts out, `meta` the meta of each, `variables` those
that were set, `tracked` the fields found as [field, value, item]; `error` names the step that fails.
`status` is that of the run where no step fails. Each is run twice: shape by shape with the kit that
plug-ins are tested with (unless it has paths or calls a flow, which only the engine does), and as a run of
the product. The steps that need another system are left out: the flow orders-to-erp begins with what was
pulled and ends with what would be sent.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from redrive.client import connect
from redrive.client.records import StartRequest
from redrive.core.jsonvalue import decode, encode
from redrive.demo.documents import DOCUMENTS, document
from redrive.demo.orders import Orders
from redrive.documents.load import load_path
from redrive.registry import Registry
from redrive.sdk import MemoryContent, Payload
from redrive.sdk.shape import STEP_NAMES
from redrive.sdk.testing import MemoryCache, MemoryContext, MemoryPool, OutPayload, Tracked, run_shape

EXAMPLES = Path(__file__).parents[2] / "examples"
FOLDERS = sorted(path for path in EXAMPLES.iterdir() if (path / "expected.json").exists())
KEYS = {"payloads", "meta", "variables", "tracked", "error", "status"}


def of_the_engine(folder: Path) -> bool:
    """Whether only the engine runs its steps: they own paths, or call flows."""
    shapes = Registry.discover().shapes
    steps = load_path(folder / "flow.yaml")[0].data["steps"]
    return any(shapes[step["shape"]].tree or step["shape"] == "run_flow" for step in steps)


PLAIN = [folder for folder in FOLDERS if not of_the_engine(folder)]


@dataclass
class Outcome:
    payloads: list[OutPayload] = field(default_factory=list)
    variables: dict[str, Any] = field(default_factory=dict)
    tracked: list[Tracked] = field(default_factory=list)
    error: dict[str, str] | None = None


async def run(folder: Path) -> Outcome:
    flow = load_path(folder / "flow.yaml")[0].data
    given = folder / "input.json"
    bucket: list[Any] = [Payload(MemoryContent(given.read_bytes() if given.exists() else b""))]
    outcome = Outcome(
        variables={name: each.get("default") for name, each in flow.get("variables", {}).items()}
    )
    classes = Registry.discover().shapes
    pools: dict[str, MemoryPool] = {}
    caches: dict[tuple[str, str], MemoryCache] = {}
    for step in flow["steps"]:
        if step["shape"] == "connector":
            continue
        settings = {name: value for name, value in step.items() if name not in STEP_NAMES}
        ctx = MemoryContext(variables=outcome.variables, step=step["id"], pools=pools, caches=caches)
        result = await run_shape(classes[step["shape"]].model_validate(settings), bucket, ctx=ctx)
        outcome.variables |= result.variables
        outcome.tracked += result.tracked
        outcome.payloads = result.payloads
        if result.error:
            outcome.error = {"step": step["id"], "code": result.error.code}
            break
        bucket = [
            Payload(out.content, media_type=out.media_type, items_path=out.items_path, meta=out.meta)
            for out in result.payloads
        ]
    return outcome


@pytest.mark.parametrize("folder", PLAIN, ids=lambda folder: folder.name)
async def test_an_example_does_what_it_says(folder: Path) -> None:
    expected = decode((folder / "expected.json").read_bytes())
    assert expected.keys() <= KEYS
    outcome = await run(folder)
    assert outcome.error == expected.get("error")
    if "payloads" in expected:
        # As text, so that 19.90 is not 19.9 and the order of the fields counts.
        assert [encode(out.value) for out in outcome.payloads] == [
            encode(one) for one in expected["payloads"]
        ]
    if "meta" in expected:
        assert [dict(out.meta) for out in outcome.payloads] == expected["meta"]
    if "variables" in expected:
        assert outcome.variables == expected["variables"]
    if "tracked" in expected:
        assert [[each.field, each.value, each.item[1]] for each in outcome.tracked] == expected["tracked"]


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
async def test_an_example_does_the_same_in_the_product(folder: Path, tmp_path: Path) -> None:
    expected = decode((folder / "expected.json").read_bytes())
    flow = folder / "flow.yaml"
    connectors = [step["id"] for step in load_path(flow)[0].data["steps"] if step["shape"] == "connector"]
    given = folder / "input.json"

    async def chunks() -> AsyncIterator[bytes]:
        yield given.read_bytes()

    async with connect(home=tmp_path) as client:
        payloads = (
            [(await client.payloads.upload(chunks(), filename=given.name)).id] if given.exists() else []
        )
        request = StartRequest(payloads=payloads, skips=connectors)
        if (called := folder / "called.yaml").exists():
            await client.flows.import_documents([(called.name, called.read_bytes())], deploy=True)
        row = await client.runs.start_document(flow.read_bytes(), str(flow), request)
        await client.finish(row.id)
        run = await client.runs.get(row.id)
        failed = [step for step in run.steps if step.status == "failure" and step.error]
        errors = [{"step": step.step, "code": step.error.code} for step in failed if step.error]
        assert errors == ([expected["error"]] if "error" in expected else [])
        assert run.status == ("failure" if errors else expected.get("status", "success"))
        top = [step["id"] for step in load_path(flow)[0].data["steps"]]
        last = [step for step in run.steps if step.step in top and step.step not in connectors][-1]
        if "payloads" in expected:
            put_out = [
                b"".join([chunk async for chunk in client.payloads.stream(payload.id)])
                for payload in last.payloads_out
            ]
            assert [encode(decode(one)) for one in put_out] == [encode(one) for one in expected["payloads"]]
        if "meta" in expected:
            assert [payload.meta for payload in last.payloads_out] == expected["meta"]
        for field_name, value, item in expected.get("tracked", []):
            found = (await client.search.find(value, field=field_name)).items
            assert [(one.run, one.item) for one in found if one.item == item] == [(run.id, item)]


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_an_example_expects_something_and_says_how_to_run_it(folder: Path) -> None:
    assert decode((folder / "expected.json").read_bytes()).keys() & {"payloads", "error"}
    assert f"redrive run examples/{folder.name}/flow.yaml" in (folder / "README.md").read_text(
        encoding="utf-8"
    )


def test_every_shape_has_an_example() -> None:
    assert {folder.name for folder in FOLDERS} >= Registry.discover().shapes.keys() - {"connector"}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_the_whole_example_is_the_flow_of_the_demo(name: str) -> None:
    file = "flow" if name == "orders-to-erp" else name
    assert (EXAMPLES / "orders-to-erp" / f"{file}.yaml").read_text(encoding="utf-8") == document(name)


def test_the_input_of_the_whole_example_is_what_the_demo_shop_has() -> None:
    orders = Orders()
    shop = [orders.encoded(place) for place in range(orders.count)]
    given = decode((EXAMPLES / "orders-to-erp" / "input.json").read_bytes())
    assert [order["id"] for order in given] == [1001, 1007, 1042]
    assert all(encode(order) in shop for order in given)
