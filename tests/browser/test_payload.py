"""The payload view: any size, any content, as stored; searched, chosen from, compared, copied, saved."""

from __future__ import annotations

import json
import os
import re
import time

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import figure, look_over, picture

LARGE_BYTES = (500 if os.environ.get("REDRIVE_TEST_ALL") else 60) << 20
LONGEST_MS, MOST_HEAP = 1_000, 80 << 20
"""The aim is 100 ms; a machine that others use is given more, and the figure is told."""

WATCH = """
window.longest = 0
new PerformanceObserver((list) => {
  for (const one of list.getEntries()) window.longest = Math.max(window.longest, one.duration)
}).observe({ type: 'longtask', buffered: true })
"""


def order(number, width=1500):
    lines = [{"sku": f"SKU-{number}-{n}", "price": "19.90"} for n in range(3)]
    return b'{"id":%d,"total":%d.10,"email":"buyer%d@example.com","lines":%s,"note":"%s"}' % (
        number,
        number,
        number,
        json.dumps(lines).encode(),
        b"x" * width,
    )


def orders(many, **more):
    yield b'{"orders":['
    for number in range(many):
        yield (b"," if number else b"") + order(1_000 + number, **more)
    yield b"]}"


@pytest.fixture
def upload(site):
    def put(data, **more):
        answer = site.api.post(
            "/uploads", content=data, params=more, headers={"Content-Type": "application/octet-stream"}
        )
        assert answer.is_success, answer.text
        return answer.json()

    return put


def rows(page):
    return page.get_by_role("treeitem")


def tab(page, name):
    page.get_by_role("tab", name=name).click()


def heap(page):
    debugger = page.context.new_cdp_session(page)
    debugger.send("HeapProfiler.collectGarbage")
    debugger.send("Performance.enable")
    metrics = {one["name"]: one["value"] for one in debugger.send("Performance.getMetrics")["metrics"]}
    return metrics["JSHeapUsedSize"]


def sought(page, text):
    box = page.get_by_role("searchbox", name="Search in this payload")
    box.fill(text)
    box.press("Enter")


def test_a_large_payload_is_paged_through_while_the_page_stays_alive(site, page, upload):
    record = len(order(1_000)) + 1
    many = LARGE_BYTES // record
    payload = upload(orders(many), media_type="application/json", items_path="orders")
    assert payload["items"] == many
    page.add_init_script(WATCH)
    began = time.perf_counter()
    page.goto(f"{site.url}/payloads/{payload['id']}")
    expect(rows(page).first).to_contain_text('"id":1000')
    opened = time.perf_counter() - began
    tree = page.get_by_role("tree")
    tree.press("End")
    expect(rows(page).last).to_contain_text(f'"id":{1_000 + many - 1}', timeout=60_000)
    tree.press("ArrowRight")
    expect(rows(page).filter(has_text="total").last).to_contain_text(f"{1_000 + many - 1}.10")
    tab(page, "Text")
    expect(page.get_by_text("[trimmed]")).to_be_visible()
    page.get_by_role("button", name="Last page").click()
    expect(page.get_by_text("[trimmed]")).to_be_hidden()
    expect(page.get_by_role("region", name="The text as stored")).to_contain_text("]}")
    tab(page, "Tree")
    began = time.perf_counter()
    sought(page, f"buyer{1_000 + many - 7}@example.com")
    expect(page.get_by_role("status").filter(has_text="1 of 1 hit")).to_be_visible(timeout=120_000)
    found = time.perf_counter() - began
    expect(
        page.locator("[role=treeitem] mark, [role=treeitem]")
        .filter(has_text=f"buyer{1_000 + many - 7}")
        .first
    ).to_be_visible()
    tab(page, "Table")
    expect(page.get_by_role("gridcell", name="buyer1000@example.com")).to_be_visible()
    longest, used = page.evaluate("() => window.longest"), heap(page)
    size = f"{payload['size_bytes'] / 1e6:.0f} MB"
    figure(f"payload of {size}: opened after", f"{opened * 1000:.0f} ms")
    figure(f"payload of {size}: a value near its end found after", f"{found * 1000:.0f} ms")
    figure(f"payload of {size}: longest task of the page", f"{longest:.0f} ms")
    figure(f"payload of {size}: heap of the page", f"{used / 1e6:.1f} MB")
    assert longest <= LONGEST_MS
    assert used <= MOST_HEAP


def test_ten_thousand_orders_are_shown_at_once(site, page, upload):
    payload = upload(orders(10_000), media_type="application/json", items_path="orders")
    page.goto(f"{site.url}/payloads/{payload['id']}")
    rows(page).first.wait_for()
    began = time.perf_counter()
    page.reload()
    expect(rows(page).first).to_contain_text('"id":1000')
    figure(
        "JSON of 10,000 orders: shown after, page load included",
        f"{(time.perf_counter() - began) * 1000:.0f} ms",
    )
    taken = page.evaluate(
        """() => performance.getEntriesByType('resource').filter((one) => one.name.includes('/window'))
          .map((one) => one.responseEnd - one.startTime)"""
    )
    figure("JSON of 10,000 orders: its first window read in", f"{max(taken):.0f} ms")
    expect(page.get_by_text("10,000 items").first).to_be_visible()


HOSTILE = {
    "script": b'[{"<img src=x onerror=window.hit=1>":"<script>window.hit=1</script>"}]',
    "numbers": b'[{"n":123456789012345678901234567890,"n":1.10,"e":1E+2,"s":"\\ud800","z":-0}]',
    "a huge key": b'[{"' + b"k" * 900_000 + b'":1}]',
    "a huge text": b'[{"a":"' + b"t" * 900_000 + b'"}]',
    "many keys": b"[{" + b",".join(b'"k%d":%d' % (n, n) for n in range(60_000)) + b"}]",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_payloads_are_text_and_nothing_else(site, page, upload, name):
    payload = upload(HOSTILE[name], media_type="application/json")
    page.add_init_script(WATCH)
    page.goto(f"{site.url}/payloads/{payload['id']}")
    rows(page).first.click()
    expect(rows(page).nth(1)).to_be_visible()
    if name == "script":
        expect(rows(page).nth(1)).to_contain_text("<img src=x onerror=window.hit=1>")
        expect(rows(page).nth(1)).to_contain_text('"<script>window.hit=1</script>"')
        look_over(page)
    if name == "numbers":
        texts = ["123456789012345678901234567890", "1.10", "1E+2", r'"\ud800"', "-0"]
        for row, text in enumerate(texts, 1):
            expect(rows(page).nth(row)).to_contain_text(text)
    for view in ("Text", "Table", "About", "Tree"):
        tab(page, view)
    tab(page, "Text")
    expect(page.get_by_role("region", name="The text as stored")).to_contain_text(HOSTILE[name][:40].decode())
    assert page.evaluate("() => window.hit") is None
    assert page.evaluate("() => window.longest") <= LONGEST_MS
    figure(f"hostile payload ({name}): longest task", f"{page.evaluate('() => window.longest'):.0f} ms")


@pytest.mark.parametrize("levels", [500, 100_000])
def test_levels_without_end_are_opened_and_read(site, page, upload, levels):
    data = b"[" * levels + b"]" * levels
    payload = upload(
        data, media_type="application/json", like=upload(b"[]", media_type="application/json")["id"]
    )
    page.add_init_script(WATCH)
    page.goto(f"{site.url}/payloads/{payload['id']}")
    if levels > 900:
        site.expected.append("responded with a status of")
        # It cannot be cut into items: that is said, and the text is there.
        expect(page.get_by_text("nested too deeply")).to_be_visible()
        page.get_by_role("button", name="Show it as text").click()
    else:
        page.get_by_role("tree").press("*")
        expect(rows(page).nth(10)).to_be_visible()
        tab(page, "Text")
    expect(page.get_by_role("region", name="The text as stored")).to_contain_text("[" * 400)
    assert page.evaluate("() => window.longest") <= LONGEST_MS


def test_what_is_no_text_is_shown_as_numbers(site, page, upload):
    payload = upload(bytes(range(256)) * 300, media_type="application/octet-stream")
    page.goto(f"{site.url}/payloads/{payload['id']}")
    expect(page.get_by_role("region", name="The text as stored")).to_contain_text("00 01 02 03")
    expect(page.get_by_role("tab", name="Tree")).to_be_hidden()


def test_items_are_chosen_by_click_by_shift_and_by_condition(site, page, upload):
    payload = upload(orders(300, width=20), media_type="application/json", items_path="orders")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.goto(f"{site.url}/payloads/{payload['id']}")
    page.get_by_role("checkbox", name="Choose item 2", exact=True).check()
    rows(page).nth(6).click(modifiers=["Shift"])
    expect(page.get_by_text("5 of 300 items chosen")).to_be_visible()
    box = page.get_by_role("textbox", name="Choose items by a condition")
    box.fill("id in 1042,1043")
    box.press("Enter")
    expect(page.get_by_text("2 of 300 items chosen")).to_be_visible()
    look_over(page)
    picture(page, "payload-choose")
    page.get_by_role("button", name="Copy what is chosen").click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    copied = page.evaluate("() => navigator.clipboard.readText()")
    assert copied.encode() == b"[" + order(1042, 20) + b"," + order(1043, 20) + b"]"
    site.expected.append("responded with a status of")
    box.fill("id is 7")
    box.press("Enter")
    expect(page.get_by_text("cannot be read")).to_be_visible()
    page.get_by_role("button", name="Choose none").click()
    tree = page.get_by_role("tree")
    tree.press("Home")
    tree.press("x")
    expect(page.get_by_text("1 of 300 items chosen")).to_be_visible()
    with page.expect_download() as saved:
        page.get_by_role("link", name="Download the exact bytes").click()
    assert saved.value.path().read_bytes() == b"".join(orders(300, width=20))


def test_a_hit_leads_to_its_place(site, page, upload):
    payload = upload(orders(3_000, width=20), media_type="application/json", items_path="orders")
    page.goto(f"{site.url}/payloads/{payload['id']}?q=sku-3777-1")
    expect(page.get_by_role("status").filter(has_text="1 of 1 hit")).to_be_visible()
    active = page.locator("[role=treeitem]").filter(has_text="SKU-3777-1").last
    expect(active).to_be_visible()
    expect(page.get_by_text("item 2777 · lines[1].sku")).to_be_visible()
    expect(rows(page).filter(has_text="buyer3778@example.com")).to_be_visible()
    picture(page, "payload-tree")
    look_over(page)


def test_a_payload_is_compared_with_another(site, page, upload):
    before = upload(b'[{"id":1,"total":1.10},{"id":2},{"id":3}]', media_type="application/json")
    after = upload(b'[{"id":3},{"id":1,"total":1.100},{"id":4}]', media_type="application/json")
    page.goto(f"{site.url}/payloads/{after['id']}?as=diff")
    page.get_by_role("textbox", name="Id of a payload").fill(before["id"])
    page.get_by_role("button", name="Compare", exact=True).click()
    expect(page.get_by_text("1 item changed, 1 added, 1 removed, 1 equal")).to_be_visible()
    merge = page.get_by_role("group", name="The item before and after")
    expect(merge.get_by_role("textbox").first).to_contain_text('"total": 1.10')
    expect(merge.get_by_role("textbox").last).to_contain_text('"total": 1.100')
    expect(page).to_have_url(re.compile(f"with={before['id']}"))
    look_over(page)
    picture(page, "payload-compare")


def test_csv_is_a_table(site, page, upload):
    payload = upload(b'sku;name\nA1;"a ""b"""\nA2;c\n', media_type="text/csv")
    page.goto(f"{site.url}/payloads/{payload['id']}")
    expect(page.get_by_role("columnheader", name="sku")).to_be_visible()
    expect(page.get_by_role("gridcell", name='a "b"')).to_be_visible()
    look_over(page)


LOOKS = {"": {}, "-dark": {"color_scheme": "dark"}, "-narrow": {"viewport": {"width": 390, "height": 800}}}


@pytest.mark.parametrize("look", LOOKS)
def test_every_view_is_accessible_dark_and_narrow(site, browser, upload, look):
    payload = upload(orders(50, width=20), media_type="application/json", items_path="orders")
    page = site.page(browser, **LOOKS[look])
    page.goto(f"{site.url}/payloads/{payload['id']}")
    rows(page).first.click()
    for view in ("Tree", "Text", "Table", "Compare", "About"):
        tab(page, view)
        if view in {"Text", "Table"}:
            expect(page.get_by_role("tabpanel")).to_contain_text("buyer1000@example.com")
        look_over(page)
        if view in {"Text", "Table"}:
            picture(page, f"payload-{view.lower()}{look}")
    assert page.evaluate("() => document.documentElement.scrollWidth") <= page.viewport_size["width"]
    page.context.close()


def test_what_is_not_there_is_said(site, page):
    site.expected.append("responded with a status of")
    page.goto(f"{site.url}/payloads/p0nothere")
    expect(page.get_by_role("alert")).to_contain_text("there is no payload")
