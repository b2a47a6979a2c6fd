"""A flow built from nothing on the canvas: by drag and drop, by keyboard alone, and as YAML."""

from __future__ import annotations

import re

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import look_over, picture

SAMPLE = '[{"id": 1042, "country": "GB", "total": 120}, {"id": 1043, "country": "DE", "total": 15}]'

ROUTED = """# Orders by country
flow: routed
description: Shows what the canvas draws.
steps:
  - id: sample
    shape: manual_payload   # two orders
    payload: [{id: 1042, country: GB, total: 120}, {id: 1043, country: DE, total: 15.10}]
  - id: by-country
    shape: route
    send_to: first
    paths:
      - id: uk
        when: {field: country, is: GB}
        steps:
          - id: uk-form
            shape: map
            fields:
              - {to: number, from: id}
              - {to: sum, from: total}
    otherwise:
      steps:
        - {id: rest, shape: flow_control, size: 1}
  - {id: big-ones, shape: filter, keep: {field: sum, gt: 100}}
"""


@pytest.fixture(scope="module")
def api(served):
    token = served.command.json("token", "create", "canvas")["token"]
    with httpx.Client(
        base_url=f"{served.url}/api/v1", headers={"Authorization": f"Bearer {token}"}, timeout=30
    ) as client:
        yield client


def given(api, name, text=ROUTED, *, deploy=False):
    body = {
        "documents": [{"filename": f"{name}.yaml", "text": text.replace("routed", name)}],
        "deploy": deploy,
    }
    answer = api.post("/imports", json=body)
    assert answer.is_success, answer.text


def draft(api, name):
    return api.get(f"/flows/{name}/document", params={"version": "draft"}).text


def opened(page: Page, site, name: str) -> None:
    page.goto(f"{site.url}/flows/{name}")
    expect(page.get_by_role("heading", level=1, name=name)).to_be_visible()
    expect(page.get_by_text("Started by hand")).to_be_visible()


def step(page: Page, name: str):
    return page.locator(f"[data-step='{name}']")


def new_flow(page: Page, site, name: str) -> None:
    page.goto(f"{site.url}/flows")
    page.get_by_role("button", name="New flow").click()
    page.get_by_role("textbox", name="Name").fill(name)
    page.get_by_role("button", name="Build it").click()
    expect(page.get_by_text("Started by hand")).to_be_visible()


def saved(page: Page) -> None:
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("Saved", exact=True)).to_be_visible()


def test_a_flow_is_built_by_drag_and_drop_deployed_and_run(page, site, api):
    new_flow(page, site, "dragged")
    canvas = page.get_by_role("region", name="Canvas").or_(page.locator("section[aria-label=Canvas]")).first
    middle = canvas.bounding_box()
    assert middle
    target = {"x": middle["width"] / 2, "y": 150}
    page.get_by_role("button", name="Add manual_payload").drag_to(canvas, target_position=target)
    expect(step(page, "manual-payload")).to_be_visible()
    page.get_by_role("textbox", name="Payload (required)").fill(SAMPLE)
    page.get_by_role("button", name="Add filter").drag_to(
        canvas, target_position={"x": middle["width"] / 2, "y": middle["height"] - 20}
    )
    expect(step(page, "filter")).to_be_visible()
    panel = page.locator("[data-panel]")
    panel.get_by_role("combobox", name="Field").first.fill("total")
    panel.get_by_role("combobox", name="Operator").select_option("gt")
    panel.get_by_role("combobox", name="Value", exact=True).fill("100")
    # The filter is let go above the sample, and comes back below it by Undo.
    step(page, "filter").drag_to(page.get_by_role("button", name="Add a step at the start"))
    expect(page.locator("[data-step]").first).to_have_attribute("data-step", "filter")
    page.get_by_role("button", name="Undo (Ctrl+Z)").click()
    expect(page.locator("[data-step]").first).to_have_attribute("data-step", "manual-payload")
    saved(page)
    text = draft(api, "dragged")
    assert "keep: {field: total, gt: 100}" in text

    page.get_by_role("button", name="Deploy", exact=True).click()
    dialog = page.get_by_role("dialog", name="Deploy the draft")
    dialog.get_by_label("Why").fill("first")
    dialog.get_by_role("button", name="Deploy").click()
    expect(page.get_by_text("deployed: version 1")).to_be_visible()

    page.get_by_role("button", name="Run", exact=True).click()
    expect(step(page, "filter").get_by_role("img", name="Success")).to_be_visible()
    expect(step(page, "filter")).to_contain_text("1 payload")
    step(page, "filter").click()
    expect(page.get_by_role("group", name="Payloads")).to_contain_text("Out 1")
    look_over(page)
    picture(page, "canvas-run")
    row = api.get("/runs", params={"flow": "dragged"}).json()["items"][0]
    assert (row["status"], row["version"]) == ("success", 1)


def test_a_flow_is_built_by_keyboard_alone(page, site, api):
    new_flow_by_keyboard(page, site, "typed")
    plus = page.get_by_role("button", name="Add a step at the start")
    focus(plus)
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog", name="Add a step")
    expect(dialog.get_by_role("searchbox")).to_be_focused()
    look_over(page)
    page.keyboard.type("manual")
    page.keyboard.press("Enter")
    box = step(page, "manual-payload")
    expect(box).to_have_attribute("aria-pressed", "true")
    focus(page.get_by_role("textbox", name="Payload (required)"))
    page.keyboard.press("Control+a")
    page.keyboard.type(SAMPLE)
    focus(box)
    page.keyboard.press("a")
    expect(dialog.get_by_role("searchbox")).to_be_focused()
    page.keyboard.type("control")
    page.keyboard.press("Enter")
    expect(step(page, "flow-control")).to_be_visible()
    size = page.get_by_role("textbox", name="Size, in items")
    focus(size)
    page.keyboard.type("1")
    focus(step(page, "flow-control"))
    page.keyboard.press("ArrowUp")
    expect(box).to_be_focused()
    page.keyboard.press("ArrowDown")
    expect(step(page, "flow-control")).to_be_focused()
    page.keyboard.press("Control+c")
    page.keyboard.press("Control+v")
    expect(step(page, "flow-control-2")).to_be_visible()
    page.keyboard.press("s")
    expect(step(page, "flow-control-2")).to_contain_text("Skipped")
    page.keyboard.press("Delete")
    expect(step(page, "flow-control-2")).to_have_count(0)
    page.keyboard.press("Control+z")
    expect(step(page, "flow-control-2")).to_contain_text("Skipped")
    page.keyboard.press("Control+y")
    expect(step(page, "flow-control-2")).to_have_count(0)
    page.keyboard.press("Control+s")
    expect(page.get_by_text("Saved", exact=True)).to_be_visible()
    page.keyboard.press("Control+Enter")
    expect(step(page, "flow-control")).to_contain_text("2 payloads")
    assert "size: 1\n" in draft(api, "typed")
    deployed_by_keyboard(page)
    assert api.get("/flows/typed").json()["deployed"] == 1
    run_by_keyboard(page, api)


def focus(place):
    expect(place).to_be_enabled()  # what may be done is known a moment after the page is there
    place.focus()


def new_flow_by_keyboard(page, site, name):
    page.goto(f"{site.url}/flows")
    focus(page.get_by_role("button", name="New flow"))
    page.keyboard.press("Enter")
    # Keys that are pressed before a dialog has the focus are not its own.
    expect(page.get_by_role("dialog", name="New flow").get_by_role("textbox", name="Name")).to_be_focused()
    page.keyboard.type(name)
    page.keyboard.press("Enter")


def run_by_keyboard(page, api):
    # The deployed version, from the menu beside.
    focus(page.get_by_role("button", name="More for the flow"))
    page.keyboard.press("Enter")
    expect(page.get_by_role("menuitem", name="Run the deployed version")).to_be_focused()
    with page.expect_response("**/api/v1/flows/typed/runs*") as begun:
        page.keyboard.press("Enter")
    run = begun.value.json()
    assert run["version"] == 1
    ended = api.get(f"/runs/{run['id']}/wait", params={"timeout_s": 30}).json()
    assert ended["status"] == "success"


def deployed_by_keyboard(page):
    focus(page.get_by_role("button", name="Deploy", exact=True))
    page.keyboard.press("Enter")
    deploy = page.get_by_role("dialog", name=re.compile("^Deploy"))
    expect(deploy).to_be_visible()
    look_over(page)
    for _ in range(10):
        if deploy.get_by_role("button", name="Deploy").evaluate("one => one === document.activeElement"):
            break
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_text("deployed: version 1")).to_be_visible()


def test_yaml_and_canvas_are_one_document(page, site, api):
    given(api, "both")
    opened(page, site, "both")
    expect(step(page, "rest")).to_be_visible()
    picture(page, "canvas")
    look_over(page)
    page.get_by_role("tab", name="YAML").click()
    editor = page.get_by_role("textbox", name="YAML of both")
    expect(editor).to_contain_text("# two orders")
    editor.click()
    page.keyboard.press("Control+End")
    page.keyboard.type("# the last line\n")
    picture(page, "canvas-yaml")
    step(page, "rest").click()
    page.get_by_role("textbox", name="Size, in items").fill("2")
    page.get_by_role("textbox", name="Name", exact=True).fill("The rest")
    expect(step(page, "rest")).to_contain_text("The rest")
    saved(page)
    expected = ROUTED.replace("routed", "both").replace(
        "{id: rest, shape: flow_control, size: 1}",
        "{id: rest, shape: flow_control, size: 2, name: The rest}",
    )
    assert draft(api, "both") == expected + "# the last line\n"


def test_skipping_is_seen_and_warned_of(page, site, api):
    given(api, "skipping", deploy=True)
    opened(page, site, "skipping")
    step(page, "big-ones").click()
    page.get_by_role("checkbox", name="Skip").check()
    expect(step(page, "big-ones")).to_contain_text("Skipped")
    line = step(page, "big-ones").get_by_text("big-ones", exact=True)
    assert "line-through" in line.evaluate("one => getComputedStyle(one).textDecoration")
    page.get_by_role("button", name="Deploy", exact=True).click()
    dialog = page.get_by_role("dialog", name="Deploy the draft")
    expect(dialog.get_by_role("alert")).to_contain_text("skip")
    picture(page, "canvas-deploy")
    dialog.get_by_role("button", name="Deploy").click()
    expect(page.get_by_text("deployed: version 2")).to_be_visible()
    expect(page.get_by_role("status").filter(has_text="Deployed:")).to_contain_text("big-ones")
    page.goto(f"{site.url}/flows")
    expect(page.get_by_role("row").filter(has_text="skipping")).to_contain_text("skip")
    look_over(page)
    picture(page, "flows")


def test_a_wrong_setting_is_shown_at_its_field(page, site, api):
    given(api, "wrong")
    opened(page, site, "wrong")
    step(page, "rest").click()
    size = page.get_by_role("textbox", name="Size, in items")
    size.fill("many")
    expect(size).to_have_attribute("aria-invalid", "true")
    expect(page.get_by_role("alert").filter(has_text="expected a whole number")).to_be_visible()
    expect(step(page, "rest").get_by_role("img", name="1 problem")).to_be_visible()
    expect(page.get_by_role("button", name="Deploy", exact=True)).to_be_disabled()
    look_over(page)
    picture(page, "canvas-problem")
    size.fill("3")
    expect(page.get_by_text("valid", exact=True)).to_be_visible()


def test_versions_are_compared_and_restored(page, site, api):
    given(api, "aging", deploy=True)
    given(api, "aging", ROUTED.replace("gt: 100", "gt: 500"), deploy=True)
    opened(page, site, "aging")
    page.get_by_role("button", name="Versions").click()
    page.get_by_role("button", name="Compare version 1").click()
    comparison = page.get_by_role("region", name="Comparison")
    expect(comparison).to_contain_text("keep.gt")
    expect(comparison.locator("del")).to_have_text("100")
    expect(comparison.locator("ins")).to_have_text("500")
    look_over(page)
    picture(page, "versions")
    page.get_by_role("button", name="Restore version 1").click()
    expect(page.get_by_text("Version 1 is the draft now")).to_be_visible()
    assert "gt: 100" in draft(api, "aging")
    page.get_by_role("button", name="Build", exact=True).click()
    expect(step(page, "big-ones")).to_contain_text("sum > 100")


def test_what_somebody_else_saved_is_not_overwritten(page, site, api):
    site.expected.append("409")
    given(api, "shared")
    opened(page, site, "shared")
    step(page, "rest").click()
    page.get_by_role("textbox", name="Size, in items").fill("7")
    given(api, "shared", ROUTED.replace("gt: 100", "gt: 900"))
    page.get_by_role("button", name="Save", exact=True).click()
    dialog = page.get_by_role("dialog", name="Somebody else has saved this draft")
    expect(dialog).to_be_visible()
    assert "gt: 900" in draft(api, "shared")
    dialog.get_by_role("button", name="Take theirs").click()
    expect(step(page, "big-ones")).to_contain_text("sum > 900")
    page.get_by_role("button", name="Undo (Ctrl+Z)").click()
    expect(step(page, "big-ones")).to_contain_text("sum > 100")


def test_who_leaves_with_unsaved_changes_is_asked(page, site, api):
    given(api, "leaving")
    opened(page, site, "leaving")
    step(page, "rest").click()
    page.get_by_role("textbox", name="Size, in items").fill("7")
    page.get_by_role("link", name="Run log").click()
    dialog = page.get_by_role("dialog", name="Leave without saving?")
    dialog.get_by_role("button", name="Save and leave").click()
    expect(page).to_have_url(re.compile(r"/runs$"))
    assert "size: 7" in draft(api, "leaving")


def test_triggers_and_variables_are_forms(page, site, api):
    given(api, "timed")
    opened(page, site, "timed")
    page.get_by_role("button", name="Triggers and settings").click()
    page.get_by_role("button", name="Add a trigger").click()
    page.get_by_role("menuitem", name="Schedule").click()
    page.get_by_role("textbox", name="cron").fill("*/15 * * * *")
    variables = page.get_by_role("group", name="Variables")
    if variables.count() == 0:
        page.locator("summary", has_text="Variables").click()
    page.get_by_role("textbox", name="Name of a new entry of Variables").fill("day")
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Remove day")).to_be_visible()
    look_over(page)
    picture(page, "flow-settings")
    saved(page)
    text = draft(api, "timed")
    assert all(part in text for part in ("cron: ", "*/15 * * * *", "variables:"))
    assert text.startswith("# Orders by country\n")


def test_the_canvas_is_dark_too(site, browser, api):
    given(api, "night")
    page = site.page(browser, color_scheme="dark")
    opened(page, site, "night")
    step(page, "uk-form").click()
    look_over(page)
    page.context.close()
