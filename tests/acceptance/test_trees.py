"""A flow of paths in paths: what fails in it is caught, found, retried, redriven and healed."""

import json

import pytest

from redrive.errors import NotFound, UsageError

FLOW = """
flow: orders
steps:
  - id: twice
    shape: branch
    paths:
      - id: booked
        steps:
          - id: guard
            shape: try
            steps:
              - id: where
                shape: route
                send_to: first
                paths:
                  - id: home
                    when: {field: country, is: GB}
                    steps:
                      - {id: pairs, shape: flow_control, size: 2}
                      - {id: send-home, shape: connector, connection: warehouse, endpoint: take, key: id}
                  - id: abroad
                    when: {field: country, is: FR}
                    steps:
                      - {id: singles, shape: flow_control, size: 1}
                      - {id: send-abroad, shape: connector, connection: warehouse, endpoint: take, key: id}
                otherwise:
                  steps: [{id: left, shape: set_variables, meta: {left: "yes"}}]
            catch:
              - {id: caught, shape: set_variables, meta: {why: "{{ meta.error_step }}"}}
      - id: listed
        steps:
          - {id: slim, shape: map, fields: [{to: id, from: id}]}
  - {id: all, shape: merge}
"""
ORDERS = [{"id": number, "country": ("GB", "FR", "DE")[number % 3]} for number in range(9)]


@pytest.fixture
def partial(redrive, warehouse, tmp_path):
    """Of GB 0, 3, 6 in pairs and FR 1, 4, 7 alone, 3, 4 and 6 are refused. Gives the run."""
    (tmp_path / "documents.yaml").write_text(warehouse.documents + "---" + FLOW)
    (tmp_path / "orders.json").write_text(json.dumps(ORDERS))
    redrive.ok("import", str(tmp_path / "documents.yaml"), "--deploy")
    warehouse.refused = {"3", "4", "6"}
    run = redrive.json("run", "orders", "--payload", str(tmp_path / "orders.json"), code=1)
    assert run["status"] == "partial_success"
    return run


def step(run, name):
    return next(one for one in run["steps"] if one["step"] == name)


def healed(run):
    """By the failing steps: by which run each failed payload, and the step, was made good."""
    return {
        one["step"]: ([failed.get("healed_by") for failed in one["failed_payloads"]], one.get("healed_by"))
        for one in run["steps"]
        if one["failed_payloads"]
    }


def test_what_failed_deep_in_a_tree_is_retried_and_healed(redrive, warehouse, partial):
    why = "endpoint 'take' of connection 'warehouse' answered 422 Unprocessable Entity"
    assert partial["summary"] == (
        f"send-home: 2 payloads failed ({why}), send-abroad: 1 payload failed, 2 delivered"
    )
    assert [one["meta"]["why"] for one in step(partial, "caught")["payloads_out"]] == [
        "send-home", "send-home", "send-abroad",
    ]  # fmt: skip
    (joined,) = step(partial, "all")["payloads_out"]
    assert [one.get("id", "answer") for one in redrive.ok("payload", joined["id"]).value] == [
        "answer", "answer", 2, 5, 8, 0, 3, 6, 4, *range(9),
    ]  # fmt: skip
    assert healed(partial) == {"send-home": ([None, None], None), "send-abroad": ([None], None)}

    warehouse.refused = {"4"}
    first = redrive.json("retry", partial["id"], code=1)
    assert warehouse.counts == {"0": 1, "1": 1, "3": 1, "6": 1, "7": 1}
    assert [one["items"] for one in step(first, "all")["payloads_in"]] == [
        1,
        1,
        1,
    ]  # the others went on already

    warehouse.refused = set()
    last = redrive.json(
        "redrive", first["id"], "--at", "send-abroad", "--items", "failed", "--reason", "mended"
    )
    assert last["status"] == "success"
    assert warehouse.counts == {str(number): 1 for number in (0, 1, 3, 4, 6, 7)}
    source = redrive.json("show", partial["id"])
    assert source["healed_by"] == last["id"]
    assert healed(source) == {
        "send-home": ([first["id"], first["id"]], first["id"]), "send-abroad": ([last["id"]], last["id"]),
    }  # fmt: skip
    told = redrive.ok("show", partial["id"], "--step", "send-home").text
    assert f"healed by {first['id']}" in told


@pytest.fixture
async def broken(product, warehouse):
    """The same run in this process; after it nothing is refused any more."""
    await product.load(warehouse.documents, FLOW)
    warehouse.refused = {"3", "4", "6"}
    run = await product.run("orders", payloads=[await product.upload(json.dumps(ORDERS).encode())])
    assert run.status == "partial_success"
    warehouse.refused = set()
    warehouse.forget()
    return run


async def test_items_are_chosen_above_the_tree_and_followed_through_it(product, warehouse, broken):
    plan = await product.plan(broken.id, at="twice", items="failed")
    assert {one.step: one.to_send for one in plan.steps} == {"send-home": 3, "send-abroad": 1}
    run = await product.redrive(broken.id, at="twice", items="failed")
    assert run.status == "success"
    assert warehouse.counts == {"0": 1, "3": 1, "4": 1, "6": 1}
    assert (await product.client.runs.get(broken.id)).healed_by == run.id
    plan = await product.plan(broken.id, at="twice", items="id = 4")
    assert plan.warnings == ["send-abroad leaves 1 item out, which put nothing out: all will not see them"]
    found = (await product.client.search.find("4", field="id")).items
    assert {(one.step, one.delivery) for one in found if one.run == broken.id and one.delivery} == {
        ("send-abroad", "rejected")
    }


async def test_a_redrive_inside_a_path_goes_on_there(product, warehouse, broken):
    run = await product.redrive(broken.id, after="pairs")
    assert {one.step: one.status for one in run.steps} == {
        "twice": "success", "guard": "success", "where": "success", "pairs": "kept", "send-home": "success",
        "singles": "kept", "send-abroad": "kept", "left": "kept", "caught": "pending", "slim": "kept",
        "all": "success",
    }  # fmt: skip
    assert warehouse.counts == {"0": 1, "3": 1, "6": 1}
    run = await product.redrive(broken.id, at="slim", items="id in 3,5")
    (joined,) = next(one for one in run.steps if one.step == "all").payloads_out
    assert json.loads(await product.bytes(joined.id)) == [{"id": 3}, {"id": 5}]
    with pytest.raises(NotFound) as told:
        await product.redrive(broken.id, at="send-hom")
    assert (told.value.code, told.value.hint) == ("step.unknown", "Did you mean 'send-home'?")


async def test_a_start_inside_a_step_that_is_skipped_is_refused(product, warehouse, broken):
    with pytest.raises(UsageError) as refused:
        await product.plan(broken.id, at="send-home", skips=["where"])
    assert (refused.value.code, refused.value.at) == ("start.skipped", "where")
    assert "--skip where" in refused.value.hint
    # The same where the version itself skips it.
    await product.load(FLOW.replace("shape: route", "shape: route\n                skip: true"))
    with pytest.raises(UsageError, match="inside where, which is skipped"):
        await product.redrive(broken.id, at="send-home", version="deployed")
    assert (await product.plan(broken.id, at="where", version="deployed")).warnings == []


async def test_a_plan_tells_what_would_fail_and_be_caught(product, warehouse, broken):
    upload = await product.upload(b'[{"no": "key"}]')
    plan = await product.plan(broken.id, at="send-home", payloads=[upload])
    (told,) = (one for one in plan.warnings if "would fail" in one)
    assert told.startswith("send-home would fail for 1 payload, which `try` catches: payload 0, item 0: the")
