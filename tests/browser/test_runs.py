"""Support's day: what failed and why, its payload, finding a record, retrying one run and many."""

from __future__ import annotations

import re
import time

import pytest
from playwright.sync_api import expect

from tests.acceptance.warehouse import warehouse as open_warehouse
from tests.browser.conftest import Clicks, figure, look_over, picture

ORDERS = """
flow: orders-to-erp
steps:
  - {id: pull, shape: connector, connection: warehouse, endpoint: list}
  - {id: paid-only, shape: filter, keep: {field: paid, is: true}}
  - {id: note, shape: track, fields: {order: id}}
  - {id: ten-each, shape: flow_control, size: 10}
  - {id: send, shape: connector, connection: warehouse, endpoint: take, key: id}
"""
ONE = """
flow: one-order
variables: {order_id: {type: string}}
steps:
  - id: pull
    shape: connector
    connection: warehouse
    endpoint: list
    with: {order_id: "{{ vars.order_id }}"}
  - {id: send, shape: connector, connection: warehouse, endpoint: take, key: id}
"""
LARGE = """
flow: all-orders
steps:
  - {id: pull, shape: connector, connection: warehouse, endpoint: list}
  - {id: paid-only, shape: filter, keep: {field: paid, is: true}}
"""
HOSTILE = """
flow: hostile
steps:
  - id: give
    shape: manual_payload
    payload: "<script>window.hit = 1</script><img src=x onerror='window.hit = 1'>"
"""
QUICK = """
flow: heartbeat
settings: {labels: [monitoring]}
steps:
  - {id: give, shape: manual_payload, payload: "[{\\"beat\\": 1}]"}
"""


@pytest.fixture(scope="module")
def warehouse():
    with open_warehouse() as server:
        yield server


@pytest.fixture(scope="module")
def seeded(served, warehouse):
    """Three runs that failed on order 1042, one that was made good, and some that went well."""
    warehouse.give([order(1001 + n) for n in range(50)])
    served.load(warehouse.documents, ORDERS, ONE, LARGE, HOSTILE, QUICK)
    warehouse.refused = {"2000"}
    warehouse.orders.append(b'{"id": 2000, "paid": true}')
    served.made_good = served.run("one-order", variables={"order_id": "2000"})
    warehouse.refused = {"1042"}
    answer = served.api.post(f"/runs/{served.made_good}/retry", json={})
    served.ended(answer.json()["id"])
    warehouse.orders.pop()
    for _ in range(3):
        served.failed = served.run("orders-to-erp")
        served.run("heartbeat")
    return served


def order(number):
    return {"id": number, "paid": True, "total": "19.90", "email": f"buyer{number}@example.com"}


@pytest.fixture
def site(seeded, warehouse):
    yield seeded
    warehouse.held = False
    warehouse.let_go.set()
    seeded.check()


def step(page, name):
    return page.get_by_role("list", name="Steps").get_by_role("button").filter(has_text=name).first


def payload_text(page, text):
    return page.get_by_text(text).first


def test_from_home_to_the_error_and_the_payload_of_the_pull(page, site):
    page.goto(site.url)
    failure = page.get_by_role("listitem").filter(has_text="orders-to-erp").first
    expect(failure).to_contain_text("1041 +9")
    expect(failure).to_contain_text("send")
    expect(failure).to_contain_text("3 runs, same cause")
    look_over(page)
    picture(page, "home")
    clicks = Clicks()
    clicks.click(failure.get_by_role("link", name="orders-to-erp"))
    expect(page.get_by_text("answered 422")).to_be_visible()
    clicks.click(step(page, "pull"))
    expect(payload_text(page, "buyer1001@example.com")).to_be_visible()
    figure(
        "home to the failed run, its error and the payload of its pull",
        f"{clicks.many} clicks, {clicks.seconds:.2f} s",
    )
    assert clicks.many <= 3


def test_a_run_shows_its_error_and_the_failed_payload_on_one_screen(page, site):
    page.goto(f"{site.url}/runs/{site.failed}")
    expect(step(page, "send")).to_have_attribute("aria-pressed", "true")
    expect(page.get_by_text("answered 422")).to_be_visible()
    expect(payload_text(page, "buyer1042@example.com")).to_be_visible()
    look_over(page)
    picture(page, "run")
    page.get_by_role("tab", name="Logs").click()
    expect(page.get_by_role("tabpanel")).not_to_be_empty()
    page.get_by_role("tab", name="Exchanges").click()
    page.get_by_text("/take").first.click()
    expect(page.get_by_role("heading", name="Answer")).to_be_visible()
    look_over(page)
    page.get_by_role("tab", name="Meta").click()
    expect(page.get_by_text("payloads out", exact=True)).to_be_visible()
    page.go_back()


def test_the_list_says_why_and_folds_what_is_the_same(page, site):
    page.goto(f"{site.url}/runs")
    row = page.get_by_role("row").filter(has_text="+2 same")
    expect(row).to_contain_text("send")
    expect(row).to_contain_text("1041 +9")
    look_over(page)
    picture(page, "run-log")
    before = page.get_by_role("row").count()
    row.get_by_role("button", name="+2 same").click()
    expect(page.get_by_role("row")).to_have_count(before + 2)


def test_what_was_made_good_leaves_the_red_list(page, site):
    page.goto(f"{site.url}/runs")
    healed = page.locator(f'tr[data-key="{site.made_good}"]')
    expect(healed).to_contain_text("made good")
    page.get_by_role("button", name="Failed", exact=True).click()
    expect(healed).to_have_count(0)
    expect(page.get_by_role("row").filter(has_text="orders-to-erp")).to_have_count(1)


def test_filters_stand_in_the_address_and_survive_a_run(page, site):
    page.goto(f"{site.url}/runs")
    page.get_by_role("button", name="Filter by flow").click()
    page.get_by_label("Flow", exact=True).select_option("heartbeat")
    expect(page).to_have_url(re.compile(r"flow=heartbeat"))
    expect(page.get_by_role("row").filter(has_text="orders-to-erp")).to_have_count(0)
    page.get_by_role("row").filter(has_text="heartbeat").first.get_by_role("link").first.click()
    expect(page).to_have_url(re.compile(r"/runs/r"))
    page.go_back()
    expect(page).to_have_url(re.compile(r"flow=heartbeat"))
    page.get_by_role("button", name="Filter by status").click()
    page.get_by_label("Failure", exact=True).check()
    expect(page.get_by_role("heading", name="No run fits these filters")).to_be_visible()
    look_over(page)
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Clear filters").click()
    expect(page).to_have_url(f"{site.url}/runs")


@pytest.mark.parametrize(
    ("key", "outcome", "ended"), [(1042, "rejected", "failed"), (1001, "delivered", "went well")]
)
def test_any_value_is_found_and_leads_to_the_record(page, site, key, outcome, ended):
    page.goto(site.url)
    box = page.get_by_role("searchbox", name="Find any value")
    box.fill(str(key))
    clicks = Clicks()
    clicks.enter(box)
    place = page.get_by_role("link").filter(has_text=outcome).first
    expect(place).to_be_visible()
    found = clicks.seconds
    look_over(page)
    if ended == "failed":
        picture(page, "find")
    clicks.click(place)
    expect(payload_text(page, f"buyer{key}@example.com")).to_be_visible()
    figure(f"the run that holds an order that {ended}", f"{clicks.many} clicks, listed after {found:.2f} s")
    assert clicks.many <= 2


def test_a_new_run_is_pushed_into_the_list(page, site):
    page.goto(f"{site.url}/runs?flow=heartbeat")
    expect(page.get_by_role("row").filter(has_text="heartbeat").first).to_be_visible()
    run = site.start("heartbeat")
    began = time.perf_counter()
    page.locator(f'tr[data-key="{run}"]').wait_for()
    seconds = time.perf_counter() - began
    figure("a new run appears in the list", f"after {seconds:.2f} s")
    expect(page.locator(f'tr[data-key="{run}"]').get_by_role("img", name="Success")).to_be_visible()


def test_the_oldest_of_300_runs_is_one_jump_away(page, site):
    runs = [site.start("heartbeat") for _ in range(300)]
    site.ended(runs[-1])
    oldest = site.api.get("/runs", params={"flow": "heartbeat", "oldest": True, "limit": 1}).json()["items"][
        0
    ]
    page.goto(f"{site.url}/runs?flow=heartbeat")
    expect(page.get_by_role("row").nth(5)).to_be_visible()
    clicks = Clicks()
    clicks.click(page.get_by_role("button", name="Newest first"))
    expect(page.get_by_role("row").nth(1)).to_have_attribute("data-key", oldest["id"])
    figure("the oldest of 300 runs", f"{clicks.many} click, {clicks.seconds:.2f} s")
    assert clicks.many == 1


def test_a_long_list_draws_only_what_is_seen_and_reads_on(page, site):
    page.goto(f"{site.url}/runs?flow=heartbeat")
    expect(page.get_by_role("row").nth(5)).to_be_visible()
    assert page.get_by_role("row").count() < 60
    box = page.locator(".table-box")
    for _ in range(20):
        box.evaluate("box => box.scrollTo(0, box.scrollHeight)")
        page.wait_for_load_state("networkidle")
        if page.locator("table").get_attribute("aria-rowcount") == str(
            len(site.api.get("/runs", params={"flow": "heartbeat", "limit": 500}).json()["items"])
        ):
            break
    else:
        pytest.fail("the end of the list is not reached")
    assert page.get_by_role("row").count() < 60


def test_a_failed_run_is_retried_with_the_count_before_and_no_duplicate(page, site, warehouse):
    page.goto(f"{site.url}/runs/{site.failed}")
    page.get_by_role("button", name="Retry", exact=True).wait_for()
    warehouse.refused = set()
    clicks = Clicks()
    clicks.click(page.get_by_role("button", name="Retry", exact=True))
    dialog = page.get_by_role("dialog", name="Retry a run of orders-to-erp")
    expect(dialog.get_by_text("10 items will be sent")).to_be_visible()
    look_over(page)
    picture(page, "retry")
    page.emulate_media(color_scheme="dark")
    look_over(page)
    clicks.click(dialog.get_by_role("button", name="Retry: send 10 items"))
    expect(dialog.get_by_text("Ended: 1 in success")).to_be_visible(timeout=30_000)
    dialog.get_by_role("listitem").get_by_role("link").click()
    expect(page).not_to_have_url(re.compile(site.failed))
    assert clicks.many <= 3
    counts = warehouse.counts
    twice = [one for one, many in counts.items() if many > 1]
    told = f"{clicks.many} clicks, {len(twice)} duplicates, the count shown before, {clicks.seconds:.2f} s"
    figure("retry the failed run", told)
    assert not twice
    assert counts["1042"] == 1
    page.get_by_text("Made from").locator("..").get_by_role("link").click()
    expect(page.get_by_text("Made good by")).to_be_visible()


def test_twenty_failed_runs_are_retried_together(page, site, warehouse):
    numbers = [str(3001 + n) for n in range(20)]
    warehouse.give([order(int(number)) for number in numbers])
    warehouse.refused = set(numbers)
    for number in numbers:
        site.run("one-order", variables={"order_id": number})
    warehouse.refused = set()
    warehouse.forget()
    page.goto(f"{site.url}/runs?flow=one-order&status=failure&healed=no")
    expect(page.get_by_role("row").filter(has_text="+19 same")).to_be_visible()
    clicks = Clicks()
    clicks.click(page.get_by_label("Select all that are listed"))
    expect(page.get_by_text("20 runs selected")).to_be_visible()
    look_over(page)
    picture(page, "bulk")
    clicks.click(page.get_by_role("button", name="Retry 20"))
    dialog = page.get_by_role("dialog", name="Retry 20 runs")
    expect(dialog.get_by_text("20 items will be sent")).to_be_visible(timeout=30_000)
    look_over(page)
    picture(page, "bulk-plan")
    clicks.click(dialog.get_by_role("button", name="Retry 20 runs: send 20 items"))
    expect(dialog.get_by_text("All 20 runs ended: 20 in success")).to_be_visible(timeout=60_000)
    figure("retry twenty failed runs together", f"{clicks.many} clicks, {clicks.seconds:.2f} s")
    look_over(page)
    dialog.get_by_text("Close", exact=True).click()
    expect(page.get_by_role("heading", name="No run fits these filters")).to_be_visible()
    assert warehouse.counts == dict.fromkeys(numbers, 1)


def test_a_job_goes_on_when_its_page_is_closed(page, site, browser, warehouse):
    numbers = [str(3101 + n) for n in range(4)]
    warehouse.give([order(int(number)) for number in numbers])
    warehouse.refused = set(numbers)
    failed = [site.run("one-order", variables={"order_id": number}) for number in numbers]
    warehouse.refused = set()
    made = site.api.post("/bulks", json={"runs": failed, "retry": {}, "per_minute": 30}).json()
    page.goto(f"{site.url}/queue")
    jobs = page.get_by_role("list", name="Bulk retries and redrives")
    row = jobs.get_by_role("listitem").filter(has_text="Retry of 4 runs")
    expect(row).to_contain_text("to come")
    row.get_by_role("button", name="Show").click()
    dialog = page.get_by_role("dialog", name="Retry of 4 runs")
    dialog.get_by_role("button", name="Pause").click()
    expect(dialog.get_by_role("status")).to_contain_text("paused")
    look_over(page)
    picture(page, "bulk-job")
    dialog.get_by_role("button", name="Go on").click()
    expect(dialog.get_by_role("button", name="Pause")).to_be_visible()
    page.context.close()
    later = site.page(browser)
    later.goto(f"{site.url}/queue")
    row = later.get_by_role("listitem").filter(has_text="Retry of 4 runs")
    expect(row).to_contain_text(": 4 in success", timeout=30_000)
    later.context.close()
    assert site.api.get(f"/bulks/{made['id']}").json()["state"] == "ended"
    assert all(site.api.get(f"/runs/{run}").json()["redrives"] for run in failed)


def test_filters_by_label_and_tracked_value(page, site):
    page.goto(f"{site.url}/runs")
    page.get_by_role("button", name="Filter by flow").click()
    page.get_by_label("Label", exact=True).select_option("monitoring")
    expect(page).to_have_url(re.compile(r"label=monitoring"))
    expect(page.get_by_role("row").filter(has_text="heartbeat").first).to_be_visible()
    expect(page.get_by_role("row").filter(has_text="orders-to-erp")).to_have_count(0)
    page.get_by_role("button", name="Clear filters").click()
    page.get_by_role("button", name="Filter by what happened").click()
    page.get_by_label("Tracked value").fill("1042")
    page.get_by_label("Tracked value").press("Enter")
    expect(page).to_have_url(re.compile(r"value=1042"))
    expect(page.get_by_role("row").filter(has_text="orders-to-erp").first).to_be_visible()
    expect(page.get_by_role("row").filter(has_text="heartbeat")).to_have_count(0)


def test_runs_are_deleted_but_for_the_pinned_and_saved_together(page, site):
    pinned, gone = site.run("hostile"), site.run("hostile")
    assert site.api.put(f"/runs/{pinned}/pin").is_success
    page.goto(f"{site.url}/runs?flow=hostile")
    page.get_by_label("Select all that are listed").check()
    with page.expect_download() as download:
        page.get_by_role("button", name=re.compile("^Download")).click()
    saved = download.value.path().read_text()
    assert pinned in saved
    assert gone in saved
    site.expected.append("responded with a status of 409")  # what an unconfirmed delete answers
    page.get_by_role("button", name=re.compile("^Delete")).click()
    dialog = page.get_by_role("dialog", name=re.compile("^Delete"))
    expect(dialog).to_contain_text("1 pinned run will stay")
    expect(dialog).to_contain_text("would be deleted for good")
    look_over(page)
    picture(page, "delete-runs")
    dialog.get_by_role("button", name=re.compile("^Delete")).click()
    expect(dialog).to_have_count(0)
    expect(page.locator(f'tr[data-key="{gone}"]')).to_have_count(0)
    expect(page.locator(f'tr[data-key="{pinned}"]')).to_be_visible()
    assert site.api.get(f"/runs/{gone}").status_code == 404


def test_a_run_that_goes_on_is_stopped_from_its_menu(page, site, warehouse):
    warehouse.give([order(4001)])
    warehouse.held = True
    warehouse.let_go.clear()
    run = site.start("one-order", variables={"order_id": "4001"})
    while "4001" not in warehouse.arrived.get(timeout=20):
        pass
    page.goto(f"{site.url}/runs?status=running")
    row = page.locator(f'tr[data-key="{run}"]')
    row.get_by_role("button", name=f"Actions of {run}").click()
    page.get_by_role("menuitem", name="Stop…").click()
    dialog = page.get_by_role("dialog", name="Stop the run?")
    dialog.get_by_label("At once").check()
    dialog.get_by_role("button", name="Stop", exact=True).click()
    expect(row).to_have_count(0)
    assert site.ended(run)["status"] == "stopped"


def test_payloads_never_become_markup(page, site):
    run = site.run("hostile")
    page.goto(f"{site.url}/runs/{run}")
    expect(payload_text(page, "onerror=")).to_be_visible()
    assert page.evaluate("() => window.hit") is None


@pytest.mark.parametrize("path", ["/", "/runs", "/find?value=1042", "/runs/RUN"])
def test_pages_are_right_on_narrow_screens(site, browser, path):
    width = 390
    page = site.page(browser, viewport={"width": width, "height": 820})
    page.goto(f"{site.url}{path.replace('RUN', site.failed)}")
    page.get_by_role("heading", level=1).wait_for()
    page.wait_for_load_state("load")
    expect(page.locator(".loading")).to_have_count(0)
    look_over(page)
    assert page.evaluate("() => document.documentElement.scrollWidth") <= width
    name = {"/": "home", "/runs": "run-log", "/find?value=1042": "find", "/runs/RUN": "run"}[path]
    picture(page, f"{name}-narrow")
    page.context.close()


def test_a_run_of_10_000_orders_opens_at_once(page, site, warehouse):
    warehouse.give([order(10_000 + n) for n in range(10_000)])
    run = site.run("all-orders")
    page.goto(f"{site.url}/runs?flow=all-orders")
    row = page.locator(f'tr[data-key="{run}"]')
    row.wait_for()
    page.evaluate(
        "() => { window.long = []; new PerformanceObserver(list => window.long.push("
        "...list.getEntries().map(one => one.duration))).observe({type: 'longtask'}) }"
    )
    clicks = Clicks()
    clicks.click(row.get_by_role("link").first)
    step(page, "pull").wait_for()
    opened = clicks.seconds
    step(page, "pull").click()
    begun = time.perf_counter()
    expect(page.get_by_role("region", name="Step pull")).to_contain_text(re.compile(r"\b10000\b"))
    shown = time.perf_counter() - begun
    longest = max(page.evaluate("() => window.long"), default=0)
    drawn = page.evaluate("() => document.querySelectorAll('*').length")
    memory = page.context.new_cdp_session(page)
    memory.send("HeapProfiler.collectGarbage")
    used = memory.send("Runtime.getHeapUsage")
    heap = (used["usedSize"] + used["embedderHeapUsedSize"]) / 1e6
    figure(
        "a run of 10,000 orders",
        f"open after {opened:.2f} s, its pull shown after {shown:.2f} s, "
        f"longest task {longest:.0f} ms, heap {heap:.0f} MB",
    )
    assert drawn < 3000
    assert heap < 80
