"""Insights: what ended how, in charts and as tables."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.browser.conftest import look_over

GOOD = """
flow: heartbeat
steps:
  - {id: give, shape: manual_payload, payload: "[{\\"beat\\": 1}]"}
"""


def test_runs_are_counted_and_a_flow_is_looked_at(page, served, site):
    page.goto(f"{site.url}/insights")
    expect(page.get_by_role("heading", name="No run ended in this time")).to_be_visible()
    look_over(page)
    served.load(GOOD)
    for _ in range(3):
        served.run("heartbeat")
    page.reload()
    by_flow = page.get_by_role("region", name="By flow")
    expect(by_flow.get_by_role("row").filter(has_text="heartbeat")).to_contain_text("3")
    page.get_by_label("Time").select_option("24h")
    page.get_by_role("region", name="Runs").get_by_role("button", name="As a table").click()
    expect(page.get_by_role("table", name="Runs (UTC)").get_by_role("row").last).to_contain_text("3")
    look_over(page)
    by_flow.get_by_role("link", name="heartbeat").click()
    expect(page.get_by_role("button", name="Only heartbeat")).to_be_visible()
    found = site.api.get("/insights", params={"flow": "heartbeat"}).json()
    assert (found["total"]["runs"], found["total"]["success"], found["complete"]) == (3, 3, True)
