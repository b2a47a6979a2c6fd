"""Every page, light and dark: nothing serious for axe, nothing beside the screen, and its picture."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.acceptance.warehouse import warehouse as open_warehouse
from tests.browser.conftest import look_over, picture

FLOW = """
flow: orders-to-erp
variables: {day: {type: string, default: "2026-11-02"}}
triggers:
  - schedule: {cron: "*/15 * * * *", timezone: Europe/London}
steps:
  - {id: pull, shape: connector, connection: warehouse, endpoint: list}
  - {id: paid-only, shape: filter, keep: {field: paid, is: true}}
  - {id: remember, shape: add_to_cache, cache: prices, entry: "{{ item.id }}", scope: company}
  - id: by-country
    shape: route
    send_to: first
    paths:
      - id: uk
        when: {field: country, is: GB}
        steps: [{id: uk-form, shape: map, fields: [{to: id, from: id}]}]
    otherwise: {steps: [{id: ten-each, shape: flow_control, size: 10}]}
  - {id: send, shape: connector, connection: warehouse, endpoint: take, key: id}
"""
QUICK = """
flow: heartbeat
steps:
  - {id: give, shape: manual_payload, payload: "[{\\"beat\\": 1}]"}
"""
# Each route of `web/src/routes/pages.ts`: its picture, and the words that it shows when it is whole.
# The tests of a page take its light picture themselves where they show more on it.
PAGES = {
    "/": ("home", "same cause"),
    "/runs": ("run-log", "+2 same"),
    "/runs/$run": ("run", "answered 422"),
    "/queue": ("queue", "heartbeat"),
    "/flows": ("flows", "orders-to-erp"),
    "/flows/$flow": ("canvas", "by-country"),
    "/start": ("start", "Skip, in this run only"),
    "/payloads/$payload": ("payload", "buyer1001@example.com"),
    "/find": ("find", "rejected"),
    "/connections": ("connections", "warehouse"),
    "/connections/$connection": ("connection", "orders-to-erp"),
    "/connectors/$connector": ("connector", "take-each"),
    "/people": ("people", "New token"),
    "/insights": ("insights", "By flow"),
    "/lookups": ("lookups", "countries"),
    "/lookups/$lookup": ("lookup", "Country 1"),
    "/pools": ("pools", "seen"),
    "/pools/$pool": ("data-pool", "1001"),
    "/caches": ("caches", "prices"),
    "/settings": ("settings", "retention"),
}
TAKEN_HERE = {"start", "connections", "insights", "lookups", "pools", "caches"}
"""The light pictures that no other test takes."""


@pytest.fixture(scope="module")
def filled(served):
    with open_warehouse() as warehouse:
        orders = [
            {"id": 1001 + n, "paid": n % 7 > 0, "country": "GB" if n % 3 else "DE", "total": f"{19 + n}.90",
             "email": f"buyer{1001 + n}@example.com"}
            for n in range(60)
        ]  # fmt: skip
        warehouse.give(orders)
        warehouse.refused = {"1042"}
        served.load(warehouse.documents, FLOW, QUICK)
        for _ in range(3):
            served.failed = served.run("orders-to-erp")
            served.run("heartbeat")
        for number in range(1, 30):
            entry = {"from": f"C{number:02}", "to": f"Country {number}"}
            served.api.put("/lookups/countries/entries", json=entry).raise_for_status()
        keys = [str(order["id"]) for order in orders]
        served.api.put("/pools/seen/entries", json={"keys": keys}).raise_for_status()
        side = served.api.get(f"/runs/{served.failed}/steps/pull/payloads/out")
        side.raise_for_status()
        served.payload = side.json()["items"][0]["id"]
        served.api.post(
            "/pauses", json={"kind": "all", "reason": "the ERP is being moved"}
        ).raise_for_status()
        for _ in range(3):
            served.start("heartbeat")
        yield served


def address(site, route):
    parts = {
        "$run": site.failed,
        "$flow": "orders-to-erp",
        "$payload": site.payload,
        "$connection": "warehouse",
        "$connector": "warehouse",
        "$lookup": "countries",
        "$pool": "seen",
    }
    path = re.sub(r"\$\w+", lambda part: parts[part[0]], route)
    more = {"/start": "?flow=orders-to-erp", "/find": "?value=1042", "/people": "?tab=tokens"}
    return f"{site.url}{path}{more.get(route, '')}"


@pytest.fixture(scope="module")
def signed_in(filled, browser):
    page = filled.page(browser)
    yield page.context
    page.context.close()


@pytest.mark.parametrize("route", PAGES)
def test_every_page_is_right_light_and_dark(signed_in, site, route):
    name, words = PAGES[route]
    page = signed_in.new_page()
    site.watch(page)
    page.goto(address(site, route))
    expect(page.locator("body")).to_contain_text(words)
    expect(page.locator(".loading")).to_have_count(0)
    assert page.evaluate("() => document.documentElement.scrollWidth") <= page.viewport_size["width"]
    page.wait_for_load_state("load")
    for look in ("light", "dark"):
        page.emulate_media(color_scheme=look)
        look_over(page)
        if look == "dark":
            picture(page, f"{name}-dark")
        elif look == "light" and name in TAKEN_HERE:
            picture(page, name)
    page.close()
