"""The page on a long run log, while runs come in: it opens, filters and pages at once.

20,000 runs; with REDRIVE_TEST_ALL a million, or those of a home that REDRIVE_LOG_HOME names and that
`python -m benchmarks log --log-runs 1000000 --store DIR` has filled (DIR/home).
"""

from __future__ import annotations

import asyncio
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from playwright.sync_api import expect

from benchmarks.run_log import fill
from tests.acceptance.product import Command
from tests.browser.conftest import figure
from tests.browser.painted import Waits

RUNS = 1_000_000 if os.environ.get("REDRIVE_TEST_ALL") or os.environ.get("REDRIVE_LOG_HOME") else 20_000
ROUNDS = 5
AIM_MS, MOST_MS = 300, 2_000
"""The aim holds on a machine that does nothing else; what is told is the figure. The most is for any machine."""
PERIOD_S = 0.5

LIST = """
const box = document.querySelector('table[aria-label="Runs"]')
const rows = [...document.querySelectorAll('table[aria-label="Runs"] tbody tr[data-key]')]
const all = (fits) => rows.length > 5 && !box.ariaBusy && rows.every(fits)
const none = () => document.querySelector('.empty, [class*=empty]') !== null
const icon = (row) => row.querySelector('svg[aria-label]')?.getAttribute('aria-label') ?? ''
const cell = (row, n) => row.children[n]?.innerText ?? ''
"""


def seen(condition: str) -> str:
    return f"(about) => {{ {LIST} return {condition} }}"


SHOWN = seen("all(() => true)")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Command:
    if kept := os.environ.get("REDRIVE_LOG_HOME"):
        return Command(Path(kept))
    made = tmp_path_factory.mktemp("long") / "home"
    # The driver of the browser has a loop in this thread already.
    with ThreadPoolExecutor(1) as thread:
        thread.submit(lambda: asyncio.run(fill(made, RUNS))).result()
    return Command(made)


@pytest.fixture(scope="module")
def busy(served):
    """The server, on which a run begins and ends every half second."""
    over = threading.Event()

    def start() -> None:
        while not over.wait(PERIOD_S):
            served.start("orders-19")

    with ThreadPoolExecutor(1) as thread:
        starting = thread.submit(start)
        yield served
        over.set()
        starting.result()


@pytest.fixture
def waits(busy, page):
    found = Waits(page)
    yield found
    for name, taken in found.taken.items():
        told = f"{found.median(name):.0f} ms, at most {max(taken):.0f} ms"
        figure(f"{name}, {RUNS:,} runs", f"{told} of {len(taken)}")
    slow = {name: taken for name, taken in found.taken.items() if found.median(name) > MOST_MS}
    assert not slow


def opened(waits, site, **view):
    query = "&".join(f"{name}={value}" for name, value in view.items())
    waits.page.goto(f"{site.url}/runs?{query}")
    waits.page.wait_for_function(SHOWN)


def test_the_log_opens(waits, site):
    page = waits.page
    opened(waits, site)
    for _ in range(ROUNDS):
        waits.opened("the run log opens by its address", f"{site.url}/runs", SHOWN)
    for _ in range(ROUNDS):
        page.goto(f"{site.url}/queue")
        page.get_by_role("heading", name="Queue").wait_for()
        link = page.get_by_role("link", name="Run log")
        waits.asked("the run log opens by its link", link.click, SHOWN)
    assert page.get_by_role("row").count() < 60


def test_home_and_insights_open(waits, site):
    page = waits.page
    home = "() => document.querySelectorAll('[aria-labelledby=failed] li').length > 2 && /[0-9]/.test(document.querySelector('[class*=value]')?.innerText)"
    insights = "() => document.querySelectorAll('main svg rect').length > 2"
    for _ in range(ROUNDS):
        waits.opened("Home opens by its address", site.url, home)
        link = page.get_by_role("link", name="Insights")
        waits.asked("Insights opens by its link", link.click, insights)
        waits.opened("Insights opens by its address", f"{site.url}/insights", insights)
        link = page.get_by_role("link", name="Home", exact=True)
        waits.asked("Home opens by its link", link.click, home)


def head(page, name):
    return page.get_by_role("button", name=f"Filter by {name}")


def choose(page, label, value):
    return lambda: page.get_by_role("dialog").get_by_label(label, exact=True).select_option(value)


def tick(page, label):
    return lambda: page.get_by_role("dialog").get_by_label(label, exact=True).check()


FILTERS = {
    "status failure": ("status", lambda page: tick(page, "Failure"), "all((row) => icon(row).startsWith('Failure'))"),
    "status stopped (rare)": ("status", lambda page: tick(page, "Stopped"), "all((row) => icon(row) === 'Stopped')"),
    "only with warnings": ("status", lambda page: tick(page, "Only with warnings"), "all((row) => row.querySelector('.badge.warn'))"),
    "a flow with half of the runs": ("flow", lambda page: choose(page, "Flow", "orders-0"), "all((row) => cell(row, 2).startsWith('orders-0 '))"),
    "a flow with few runs": ("flow", lambda page: choose(page, "Flow", "orders-7"), "all((row) => cell(row, 2).startsWith('orders-7 '))"),
    "a rare version": ("flow", lambda page: typed(page, "Version", "2"), "all((row) => cell(row, 2).includes(' v2'))"),
    "a trigger": ("trigger", lambda page: choose(page, "Trigger", "webhook"), "all((row) => cell(row, 4) === 'webhook')"),
    "a rare trigger": ("trigger", lambda page: choose(page, "Trigger", "retry"), "all((row) => cell(row, 4) === 'retry')"),
    "a trigger that no run has": ("trigger", lambda page: choose(page, "Trigger", "callback"), "none()"),
    "a text in many messages": ("what happened", lambda page: typed(page, "Text in the message, the flow or the id", "answered with 500"), "all((row) => icon(row).startsWith('Failure'))"),
    "the last 30 days": ("queued", lambda page: choose(page, "Queued", "30d"), "location.search.includes('since=30d') && all(() => true)"),
}  # fmt: skip


def typed(page, label, text):
    box = page.get_by_role("dialog").get_by_label(label, exact=True)
    box.fill(text)
    return lambda: box.press("Enter")


@pytest.mark.parametrize("name", FILTERS)
def test_a_filter_on_a_column_head_answers(waits, site, name):
    column, press, condition = FILTERS[name]
    page = waits.page
    for _ in range(3):
        opened(waits, site)
        head(page, column).click()
        page.get_by_role("dialog").wait_for()
        page.wait_for_load_state("networkidle")
        waits.asked(f"filter: {name}", press(page), seen(condition))


def test_filters_are_put_together_and_taken_away(waits, site):
    page = waits.page
    failed = seen("all((row) => /^(Failure|Partial success)$/.test(icon(row)))")
    for _ in range(3):
        opened(waits, site)
        waits.asked(
            "filter: failed and not made good", page.get_by_role("button", name="Failed", exact=True).click, failed
        )
        head(page, "flow").click()
        wanted = "all((row) => /^(Failure|Partial)/.test(icon(row)) && cell(row, 2).startsWith('orders-3 '))"
        waits.asked("filter: failed, of a flow", choose(page, "Flow", "orders-3"), seen(f"rows.length > 2 && !box.ariaBusy && {wanted.replace('all(', 'rows.every(')}"))
        waits.asked(
            "filters taken away",
            page.get_by_role("button", name="Clear filters").click,
            seen("all(() => true) && rows.some((row) => icon(row) === 'Success')"),
        )


def test_what_is_rare_is_looked_for_and_nothing_is_kept_back(waits, site):
    """No index finds a text in a message: the page looks further back by itself, and says so."""
    page = waits.page
    opened(waits, site)
    head(page, "what happened").click()
    press = typed(page, "Text in the message, the flow or the id", f"order-{RUNS // 50:08}")
    waits.asked("filter: a text in one message, until the page says that it looks", press, seen(
        "/Looking further back/.test(document.querySelector('.table-box')?.innerText) || rows.length === 1 || none()"
    ))
    waits._until("filter: a text in one message, far back, until all are looked through", seen(
        "!box.ariaBusy && !/Looking|Reading/.test(document.querySelector('.table-box').innerText) && (rows.length === 1 || none())"), None)


def test_the_log_is_paged_through(waits, site):
    page = waits.page
    opened(waits, site)
    box = page.locator(".table-box")
    for _ in range(12):
        many = int(page.locator("table").get_attribute("aria-rowcount"))
        waits.page.evaluate("() => { window.asked = performance.now() }")
        waits.asked(
            "the next 100 runs",
            lambda: box.evaluate("box => { window.asked = performance.now(); box.scrollTo(0, box.scrollHeight) }"),
            seen("Number(box.ariaRowCount ?? box.getAttribute('aria-rowcount')) > about && all(() => true)"),
            many,
        )
    assert page.get_by_role("row").count() < 60
    for _ in range(ROUNDS):
        for before, after in (("Newest first", "oldest"), ("Oldest first", "newest")):
            first = page.locator("tbody tr[data-key]").first.get_attribute("data-key")
            waits.asked(
                f"the {after} first",
                page.get_by_role("button", name=before).click,
                seen("all(() => true) && rows[0].dataset.key !== about && rows[0].dataset.index === '0'"),
                first,
            )


def test_many_failures_for_few_causes_are_not_all_read(waits, site):
    """A list that folds to less than a screen would otherwise read on to its end."""
    page = waits.page
    calls = []
    page.on("request", lambda request: calls.append(request.url) if "/api/v1/runs?" in request.url else None)
    page.goto(f"{site.url}/runs?status=failure&healed=no&flow=orders-0")
    expect(page.get_by_role("button", name="Look further back")).to_be_visible()
    assert page.locator("tbody tr[data-key]").count() <= 10
    further = len([url for url in calls if "cursor=" in url])
    assert further <= 6
    page.get_by_role("button", name="Look further back").click()
    expect(page.get_by_text("1,100 runs read")).to_be_visible()


def test_a_run_far_back_opens_and_its_key_is_found(waits, site):
    page = waits.page
    key = f"order-{RUNS // 2:08}"
    page.goto(f"{site.url}/queue")
    box = page.get_by_role("searchbox", name="Find any value")
    box.fill(key)
    waits.asked("a key is found", lambda: box.press("Enter"), f"() => document.querySelector('main').innerText.includes('{key}') && document.querySelector('main a[href*=\"/runs/\"]')")
    run = site.api.get("/find", params={"value": key}).json()["items"][0]["run"]
    for _ in range(ROUNDS):
        waits.opened("a run opens by its address", f"{site.url}/runs/{run}", "() => document.querySelectorAll('[aria-label=Steps] button').length === 2")
