"""Re-running in the browser: in four stages by hand, by redrive in a few clicks, one item, twenty runs."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from redrive.demo.servers import DemoServers
from tests.acceptance.product import Command
from tests.browser.conftest import Clicks, figure, look_over, picture

FLOW = "orders-to-erp"
DAY = "2026-11-02"


@pytest.fixture(scope="module")
def demo():
    with DemoServers(orders=200) as servers:
        yield servers


@pytest.fixture(scope="module")
def home(tmp_path_factory, demo):
    return Command(tmp_path_factory.mktemp("redriving") / "home", demo.environment)


@pytest.fixture(scope="module")
def filled(served, demo):
    served.load(demo.documents())
    return served


@pytest.fixture
def site(filled):
    yield filled
    filled.check()


@pytest.fixture
def failed(site, demo):
    """A run of the demo's flow that failed at its last step: 40 orders were booked, 10 refused for one."""
    run = site.run(FLOW, variables={"day": DAY}, delivery="send_all", reason="a test of its own")
    assert site.api.get(f"/runs/{run}").json()["status"] == "failure"
    return run


def dialog(page):
    return page.get_by_role("dialog")


def plan_of(page):
    return page.get_by_role("region", name="Plan")


def start(page, name="Redrive"):
    return dialog(page).get_by_role("button", name=re.compile(f"^{name}"))


def test_one_order_is_edited_from_a_middle_step_in_four_clicks(site, page, failed, demo):
    before = demo.erp.counts()
    versions = site.api.get(f"/flows/{FLOW}/versions").json()
    page.goto(f"{site.url}/find?value=1042")
    clicks = Clicks()
    clicks.click(
        page.get_by_role("region", name=f"Run {failed}").get_by_role(
            "link", name=re.compile("send.*rejected")
        )
    )
    expect(page.get_by_text(re.compile("ship_to|reference")).first).to_be_visible()
    page.get_by_role("tree").press("x")
    clicks.click(page.get_by_role("button", name="Redrive 1 item"))
    editor = dialog(page).get_by_role("textbox", name=re.compile("after$"))
    clicks.click(editor.get_by_text('"postcode": ""'))
    page.keyboard.press("End")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowLeft")
    page.keyboard.type("BS1 5TY")
    expect(editor).to_contain_text('"postcode": "BS1 5TY"')
    expect(plan_of(page).get_by_role("status")).to_contain_text("1 item will be sent")
    look_over(page)
    picture(page, "redrive-edit")
    clicks.click(start(page))
    expect(dialog(page).get_by_text("Ended: 1 in success")).to_be_visible(timeout=30_000)
    figure(
        "one order, edited, from a middle step",
        f"{clicks.many} clicks, {clicks.seconds:.1f} s, flow untouched",
    )
    assert clicks.many <= 4
    after = demo.erp.counts()
    assert after.get("1042") == before.get("1042", 0) + 1
    assert {key: many for key, many in after.items() if key != "1042"} == {
        key: many for key, many in before.items() if key != "1042"
    }
    assert site.api.get(f"/flows/{FLOW}/versions").json() == versions


def test_a_failed_run_is_redriven_in_three_clicks_and_nothing_is_sent_twice(site, page, failed, demo):
    before = demo.erp.counts()
    page.goto(f"{site.url}/runs?status=failure&flow={FLOW}")
    clicks = Clicks()
    clicks.click(page.locator(f"tr[data-key={failed}]").get_by_role("link").first)
    clicks.click(page.get_by_role("button", name="Redrive", exact=True))
    expect(plan_of(page).get_by_role("status")).to_contain_text("10 items will be sent, 40 delivered already")
    expect(plan_of(page).get_by_role("row", name=re.compile("^send"))).to_contain_text("10")
    page.get_by_text("40 items left out").click()
    expect(plan_of(page).get_by_role("link").first).to_have_text(failed)
    look_over(page)
    picture(page, "redrive-plan")
    page.emulate_media(color_scheme="dark")
    look_over(page)
    picture(page, "redrive-plan-dark")
    clicks.click(start(page))
    expect(dialog(page).get_by_text("Ended, 1 otherwise")).to_be_visible(timeout=30_000)
    figure("redrive the failed run", f"{clicks.many} clicks, 0 duplicates, the count shown before")
    assert clicks.many <= 3
    assert demo.erp.counts() == before, "order 1042 is still without a postcode: nothing else was sent"


def test_a_run_that_did_not_fail_asks_first(site, page, demo):
    run = site.run(FLOW, variables={"order_id": "1003"}, delivery="send_all", reason="a test of its own")
    page.goto(f"{site.url}/runs/{run}")
    page.get_by_role("button", name="Redrive", exact=True).click()
    go = start(page)
    expect(plan_of(page).get_by_role("status")).to_contain_text("Nothing will be sent")
    expect(go).to_be_disabled()
    expect(dialog(page).get_by_text("ended in success")).to_be_visible()
    page.get_by_text("How it runs").click()
    page.get_by_role("combobox", name="Delivery").select_option("send_all")
    expect(plan_of(page).get_by_role("status")).to_contain_text("Say why")
    page.get_by_role("textbox", name="Reason").fill("the ERP was restored from a backup")
    expect(plan_of(page).get_by_role("status")).to_contain_text("1 item will be sent")
    expect(go).to_be_disabled()
    page.get_by_role("checkbox", name="Start it all the same").check()
    before = demo.erp.counts()["1003"]
    go.click()
    expect(dialog(page).get_by_text("Ended: 1 in success")).to_be_visible(timeout=30_000)
    assert demo.erp.counts()["1003"] == before + 1


def test_an_edit_that_no_longer_parses_is_refused_unless_forced(site, page, failed):
    page.goto(f"{site.url}/runs/{failed}")
    page.get_by_role("button", name="Redrive", exact=True).click()
    payload = page.get_by_role("combobox", name="Payload")
    payload.select_option(index=1)
    page.get_by_role("textbox", name="Items").fill("#0")
    editor = dialog(page).get_by_role("textbox", name=re.compile("after$"))
    editor.click()
    page.keyboard.press("Control+Home")
    page.keyboard.type("oops ")
    site.expected.append("responded with a status of 422")
    expect(plan_of(page)).to_contain_text("no longer parses")
    expect(start(page)).to_be_disabled()
    look_over(page)


def test_a_start_with_data_skips_in_this_run_only(site, page, demo):
    page.goto(f"{site.url}/runs")
    page.get_by_role("link", name="Run a flow").click()
    page.get_by_role("combobox", name="Flow").select_option(FLOW)
    editor = dialog(page).get_by_role("textbox", name="Data to begin with")
    editor.click()
    page.keyboard.insert_text('[{"id": 990001, "ship_to": {"postcode": "LS1 4AP"}}]')
    page.get_by_role("button", name="Use this text").click()
    expect(page.get_by_role("list", name="Data that it begins with")).to_contain_text("1 item")
    for step in ("pull", "paid-only", "erp-form", "ten-each"):
        page.get_by_role("checkbox", name=re.compile(f"^{step}")).check()
    look_over(page)
    picture(page, "initialise")
    expect(plan_of(page).get_by_role("status")).to_contain_text("1 item will be sent")
    page.emulate_media(color_scheme="dark")
    look_over(page)
    picture(page, "initialise-dark")
    page.get_by_role("button", name="Run with this data").click()
    expect(dialog(page).get_by_text("Ended: 1 in success")).to_be_visible(timeout=30_000)
    assert demo.erp.counts()["990001"] == 1
    assert site.api.get(f"/flows/{FLOW}/start-form").json()["deployed_skips"] == []


def test_twenty_failed_runs_are_redriven_together(site, page, demo):
    site.load(site.api.get(f"/flows/{FLOW}/document").text.replace(f"flow: {FLOW}", "flow: twenty"))
    demo.erp.control(faults=[{"kind": "status", "status": 422, "times": 20}])
    paid = [number for number in range(1059, 1110) if number != 1042]
    orders = [order for order in paid if paid_in(demo, order)][:20]
    for order in orders:
        site.run("twenty", variables={"order_id": str(order)})
    page.goto(f"{site.url}/runs?status=failure&flow=twenty")
    page.get_by_role("checkbox", name="Select all that are listed").check()
    expect(page.get_by_text("20 runs selected")).to_be_visible()
    clicks = Clicks()
    clicks.click(
        page.get_by_role("region", name="Selection").get_by_role("button", name=re.compile("^Redrive"))
    )
    expect(plan_of(page).get_by_role("status")).to_contain_text("20 items will be sent", timeout=30_000)
    look_over(page)
    picture(page, "redrive-many")
    clicks.click(start(page, "Retry"))
    expect(dialog(page).get_by_text("All 20 runs ended: 20 in success")).to_be_visible(timeout=60_000)
    expect(dialog(page).get_by_role("listitem")).to_have_count(20)
    figure(
        "twenty failed runs redriven together",
        f"{clicks.many} clicks once they are chosen, {clicks.seconds:.1f} s",
    )
    assert {demo.erp.counts()[str(order)] for order in orders} == {1}


def paid_in(demo, order):
    return b'"financial_status":"paid"' in demo.shop.read(f"/orders?order_id={order}")


def test_four_stages_by_hand(site, page, failed, demo):
    """As the guide of the reference product tells it: find it, take the text, skip, initialise, unskip."""
    clicks = Clicks()
    page.goto(f"{site.url}/runs")
    # 1. The run log, filtered on failure; the run's logs; the eye on the step; the eye on the payload.
    clicks.click(page.get_by_role("button", name="Filter by status"))
    clicks.click(page.get_by_role("dialog").get_by_text("Failure", exact=True).first)
    page.keyboard.press("Escape")
    row = page.locator(f"tr[data-key={failed}]")
    clicks.click(row.get_by_role("button", name=re.compile("^Actions")))
    clicks.click(page.get_by_role("menuitem", name="View logs"))
    clicks.click(page.get_by_role("button", name=re.compile("Pull orders")))
    clicks.click(page.get_by_role("tab", name=re.compile("^Payloads out")))
    clicks.click(page.get_by_role("tab", name="Text", exact=True))
    expect(page.get_by_text("[trimmed]")).to_be_visible()
    cut = page.get_by_role("region", name="The text as stored").inner_text()
    assert cut.endswith("[trimmed]"), "what is copied from here is not whole: that is what redrive is for"
    # 2. Skips on the shapes, deployed; every start form warns of it.
    document = site.api.get(f"/flows/{FLOW}/document").text
    skipping = re.sub(r"(  - id: (?!send)\S+\n)", r"\1    skip: true\n", document)
    site.load(skipping)
    before = demo.erp.counts().get("990002", 0)
    page.goto(f"{site.url}/start?flow={FLOW}")
    expect(page.get_by_role("note")).to_contain_text("pull, paid-only, erp-form, ten-each")
    look_over(page)
    picture(page, "initialise-with-skips")
    # 3. Initialise with data.
    editor = dialog(page).get_by_role("textbox", name="Data to begin with")
    clicks.click(editor)
    page.keyboard.insert_text('[{"id": 990002, "ship_to": {"postcode": "LS1 4AP"}}]')
    clicks.click(page.get_by_role("button", name="Use this text"))
    clicks.click(page.get_by_role("button", name="Run with this data"))
    expect(dialog(page).get_by_text("Ended: 1 in success")).to_be_visible(timeout=30_000)
    assert demo.erp.counts()["990002"] == before + 1
    # 4. The skips off again: nothing warns any more.
    site.load(document)
    page.goto(f"{site.url}/start?flow={FLOW}")
    expect(page.get_by_role("combobox", name="Version")).to_be_visible()
    expect(page.get_by_role("note")).to_be_hidden()
    figure("the four stages by hand", f"{clicks.many} clicks and two edits of the flow")
