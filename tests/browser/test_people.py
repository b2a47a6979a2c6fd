"""Two people of different roles: sign-in, what is offered to whom, sessions, tokens, masks, the audit log."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import look_over, picture

QUICK = """
flow: heartbeat
steps:
  - {id: give, shape: manual_payload, payload: "[{\\"email\\": \\"ann@example.com\\"}]"}
"""
ANN, VIC = "correct horse battery", "another good password"


@pytest.fixture(scope="module")
def seeded(served):
    served.load(QUICK)
    served.run("heartbeat")
    return served


def sign_in(page, site, name, password):
    page.goto(f"{site.url}/queue")
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()


def test_two_people_of_different_roles(  # noqa: PLR0915 (one story)
    page, browser, seeded, site
):
    page.goto(f"{site.url}/people?tab=accounts")
    expect(page.get_by_role("heading", name="No accounts yet")).to_be_visible()
    for name, role, password in (("ann", "admin", ANN), ("vic", "viewer", VIC)):
        page.get_by_role("button", name="New account…").click()
        dialog = page.get_by_role("dialog", name="New account")
        dialog.get_by_label("Name").fill(name)
        dialog.get_by_label("Role").select_option(role)
        dialog.get_by_label("Password").fill(password)
        dialog.get_by_role("button", name="Create").click()
        expect(page.get_by_role("row").filter(has_text=name)).to_contain_text(role)
    look_over(page)
    picture(page, "accounts")

    stranger = site.page(browser, signed_in=False)
    sign_in(stranger, site, "vic", "not the password")
    expect(stranger.get_by_role("alert")).to_be_visible()
    site.expected.append("403")
    look_over(stranger)
    picture(stranger, "sign-in")
    sign_in(stranger, site, "vic", VIC)
    expect(stranger.get_by_role("heading", name="Queue")).to_be_visible()
    stranger.get_by_role("heading", name="Nothing waits").wait_for()
    expect(stranger.get_by_role("button", name="Pause everything…")).to_be_hidden()
    stranger.goto(f"{site.url}/connections")
    expect(stranger.get_by_role("heading", name="No connections yet")).to_be_visible()
    expect(stranger.get_by_role("button", name="New connection…")).to_be_hidden()
    stranger.goto(f"{site.url}/people")
    expect(stranger.get_by_role("heading", name="vic")).to_be_visible()
    expect(stranger.get_by_role("tab", name="Accounts")).to_be_hidden()
    expect(stranger.get_by_role("tab", name="Audit log")).to_be_hidden()
    stranger.get_by_label("Now").fill(VIC)
    stranger.get_by_label("New", exact=True).fill("a third good password")
    stranger.get_by_label("New, once more").fill("a third good password")
    stranger.get_by_role("button", name="Change the password").click()
    expect(stranger.get_by_text("The password is changed")).to_be_visible()
    look_over(stranger)
    picture(stranger, "people-you")

    page.get_by_role("tab", name="Sessions").click()
    page.get_by_role("button", name="End the session of vic").click()
    expect(page.get_by_text("The session has ended")).to_be_visible()
    picture(page, "sessions")
    stranger.goto(f"{site.url}/runs")
    expect(stranger.get_by_role("heading", name="Sign in")).to_be_visible()
    site.expected.append("401")
    stranger.context.close()

    page.get_by_role("tab", name="Audit log").click()
    row = page.get_by_role("row").filter(has_text="sign_in.failed")
    expect(row.first).to_be_visible()
    look_over(page)
    picture(page, "audit-log")
    page.get_by_label("Who").fill("vic")
    page.get_by_role("button", name="Filter", exact=True).click()
    expect(page).to_have_url(f"{site.url}/people?tab=audit&who=vic")
    expect(page.get_by_role("row").filter(has_text="vic").first).to_be_visible()


def test_a_token_is_shown_once_and_revoked(page, seeded, site):
    page.goto(f"{site.url}/people?tab=tokens")
    page.get_by_role("button", name="New token…").click()
    dialog = page.get_by_role("dialog", name="New token")
    dialog.get_by_label("Name").fill("nightly")
    dialog.get_by_label("run", exact=True).check()
    dialog.get_by_role("button", name="Create").click()
    shown = page.get_by_role("dialog", name="The token nightly")
    expect(shown.get_by_role("button", name="Copy the token")).to_be_visible()
    shown.get_by_role("button", name="Done").click()
    row = page.get_by_role("row").filter(has_text="nightly")
    expect(row).to_contain_text("read, run")
    look_over(page)
    picture(page, "tokens")
    page.get_by_role("button", name="Revoke nightly").click()
    page.get_by_role("dialog").get_by_role("button", name="Revoke").click()
    expect(row).to_be_hidden()


def test_a_rule_hides_a_field(page, seeded, site):
    page.goto(f"{site.url}/people?tab=masks")
    page.get_by_role("button", name="New rule…").click()
    dialog = page.get_by_role("dialog", name="New rule")
    dialog.get_by_label("Name").fill("emails")
    dialog.get_by_label("Fields").fill("email, customer.phone")
    dialog.get_by_role("button", name="Save").click()
    expect(page.get_by_role("row").filter(has_text="emails")).to_contain_text("email, customer.phone")
    look_over(page)
    picture(page, "masking-rules")
