"""The queue: what waits and why, another order, pauses, stopping."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import look_over, picture

QUICK = """
flow: heartbeat
steps:
  - {id: give, shape: manual_payload, payload: "[{\\"beat\\": 1}]"}
"""


@pytest.fixture(scope="module")
def waiting(served):
    """Three runs that wait because all is paused."""
    served.load(QUICK)
    answer = served.api.post("/pauses", json={"kind": "all", "reason": "the ERP is being moved"})
    assert answer.is_success, answer.text
    served.waiting = [served.start("heartbeat") for _ in range(3)]
    return served


def test_the_queue_tells_why_runs_wait_and_lets_them_go(page, waiting, site):
    page.goto(f"{site.url}/queue")
    expect(page.get_by_text("3 runs wait")).to_be_visible()
    expect(page.get_by_role("list", name="Paused")).to_contain_text("the ERP is being moved")
    first, _, last = waiting.waiting
    order = page.locator("table[aria-label='What waits'] tbody tr[data-key]")
    expect(order.nth(0)).to_have_attribute("data-key", first)
    expect(order.nth(0)).to_contain_text("Paused")

    page.get_by_role("button", name=f"Actions for {last}").click()
    page.get_by_role("menuitem", name="Move to the front").click()
    expect(order.nth(0)).to_have_attribute("data-key", last)

    page.get_by_role("combobox", name=f"Priority of {first}").select_option("highest")
    expect(order.nth(0)).to_have_attribute("data-key", first)
    look_over(page)
    picture(page, "queue")

    page.get_by_role("checkbox", name=f"Select {last}").check()
    page.get_by_role("region", name="Selection").get_by_role("button", name="Stop…").click()
    page.get_by_role("dialog").get_by_role("button", name="Stop", exact=True).click()
    expect(page.get_by_text("2 runs wait")).to_be_visible()
    assert waiting.ended(last)["status"] == "stopped"

    page.get_by_role("button", name="Resume everything").click()
    expect(page.get_by_role("heading", name="Nothing waits")).to_be_visible()
    assert waiting.ended(first)["status"] == "success"


def test_a_flow_is_paused_with_a_reason(page, waiting, site):
    page.goto(f"{site.url}/queue")
    page.get_by_role("button", name="Pause a flow or connection…").click()
    dialog = page.get_by_role("dialog", name="Pause")
    dialog.get_by_label("Name of the flow").fill("nothing-of-this-name")
    dialog.get_by_role("button", name="Pause", exact=True).click()
    expect(dialog.get_by_role("alert")).to_contain_text("nothing-of-this-name")
    site.expected.append("404")
    dialog.get_by_label("Name of the flow").fill("heartbeat")
    dialog.get_by_label("Why").fill("wrong prices")
    dialog.get_by_role("button", name="Pause", exact=True).click()
    expect(page.get_by_role("list", name="Paused")).to_contain_text("wrong prices")
    run = waiting.start("heartbeat")
    expect(page.locator(f"tr[data-key='{run}']")).to_contain_text("Paused")
    page.get_by_role("button", name="Resume flow heartbeat").click()
    assert waiting.ended(run)["status"] == "success"
