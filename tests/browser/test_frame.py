"""The frame around every page: sign-in, navigation, keys, looks, and what it weighs."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import figure, look_over, picture

MOST_BYTES, MOST_FILES = 300_000, 15


def test_a_stranger_sees_how_to_sign_in_and_asks_only_for_the_ways(site, browser):
    page = site.page(browser, signed_in=False)
    calls = []
    page.on("request", lambda request: calls.append(request.url))
    page.goto(f"{site.url}/runs/r_1")
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    expect(page.get_by_text("redrive token link")).to_be_visible()
    assert {url for url in calls if "/api/" in url} == {f"{site.url}/api/v1/me"}
    look_over(page)
    picture(page, "sign-in")
    page.context.close()


def test_the_first_page_is_light_and_quick(site, browser):
    context = site.page(browser).context
    figures = []
    for when in ("cold", "warm"):
        page = context.new_page()
        site.watch(page)
        if when == "cold":
            context.new_cdp_session(page).send("Network.clearBrowserCache")
        sent: dict[str, int] = {}
        seen_by(context.new_cdp_session(page), sent)
        page.goto(site.url)
        page.get_by_role("heading", level=1).wait_for()
        usable = page.evaluate("() => performance.now()")
        page.wait_for_load_state("networkidle")
        files = [url for url, size in sent.items() if "/static/" in url and size]
        figures.append((when, sum(sent[url] for url in files), len(files), usable))
        page.close()
    for when, size, many, usable in figures:
        figure(f"first page, {when}", f"{size:,} bytes in {many} files, usable after {usable:.0f} ms")
    assert all(size <= MOST_BYTES and many <= MOST_FILES for _, size, many, _ in figures)
    assert figures[0][1] > 50_000
    assert figures[1][1] == 0, "a browser keeps the files"


def seen_by(debugger, sent):
    """Bytes on the wire of each address, as the browser counted them; none for what it had kept."""
    urls: dict[str, str] = {}
    debugger.send("Network.enable")
    debugger.on(
        "Network.requestWillBeSent", lambda one: urls.update({one["requestId"]: one["request"]["url"]})
    )
    debugger.on("Network.requestServedFromCache", lambda one: urls.pop(one["requestId"], None))
    kept = set()
    debugger.on(
        "Network.responseReceived",
        lambda one: kept.add(one["requestId"]) if one["response"].get("fromDiskCache") else None,
    )

    def finished(one):
        if one["requestId"] in urls and one["requestId"] not in kept:
            sent[urls[one["requestId"]]] = int(one["encodedDataLength"])

    debugger.on("Network.loadingFinished", finished)


def test_keys_lead_about_and_help_lists_them(page):
    page.get_by_role("heading", level=1).wait_for()
    page.keyboard.press("?")
    dialog = page.get_by_role("dialog", name="Keyboard")
    expect(dialog).to_be_visible()
    look_over(page)
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    page.keyboard.press("g")
    page.keyboard.press("r")
    expect(page).to_have_url(re.compile(r"/runs$"))
    page.keyboard.press("/")
    box = page.get_by_role("searchbox", name="Find any value")
    expect(box).to_be_focused()
    page.keyboard.type("1042\n")
    expect(page).to_have_url(re.compile(r"/find\?value=1042$"))


def test_the_look_is_chosen_and_kept(page):
    page.get_by_role("button", name="You and this page").click()
    page.get_by_role("menuitem", name="Dark").click()
    assert page.evaluate("() => getComputedStyle(document.documentElement).colorScheme") == "dark"
    page.reload()
    assert page.evaluate("() => document.documentElement.dataset.theme") == "dark"
    page.get_by_role("heading", level=1).wait_for()
    look_over(page)


@pytest.mark.parametrize("width", [390])
def test_on_a_narrow_screen_the_navigation_opens_over_the_page(site, browser, width):
    page = site.page(browser, viewport={"width": width, "height": 800})
    link = page.get_by_role("link", name="Run log")
    expect(link).to_be_hidden()
    page.get_by_role("button", name="Navigation", exact=True).click()
    link.click()
    expect(page).to_have_url(re.compile(r"/runs$"))
    expect(link).to_be_hidden()
    assert page.evaluate("() => document.documentElement.scrollWidth") <= width
    page.context.close()


def test_who_signs_out_sees_sign_in(page):
    page.get_by_role("button", name="You and this page").click()
    page.get_by_role("menuitem", name="Sign out").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


def test_an_address_that_leads_nowhere_says_so(page, site):
    page.goto(f"{site.url}/nothing/here")
    expect(page.get_by_role("heading", name="There is no such page")).to_be_visible()
