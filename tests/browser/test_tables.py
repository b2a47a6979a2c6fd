"""Lookups, data pools, caches and settings."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.browser.conftest import look_over, picture


def test_a_lookup_is_imported_found_changed_and_deleted(page, site, tmp_path):
    file = tmp_path / "countries.csv"
    file.write_text("code,name\n" + "".join(f"C{n:04},Country {n}\n" for n in range(600)))
    page.goto(f"{site.url}/lookups")
    expect(page.get_by_role("heading", name="No lookups yet")).to_be_visible()
    page.get_by_role("button", name="Import CSV…").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Name").fill("countries")
    dialog.get_by_label("CSV file").set_input_files(file)
    dialog.get_by_role("button", name="Import").click()
    expect(page.get_by_text("600 entries")).to_be_visible()
    page.get_by_label("Find in the lookup").fill("Country 599")
    page.keyboard.press("Enter")
    row = page.get_by_role("row").filter(has_text="C0599")
    expect(row).to_be_visible()
    row.click()
    page.get_by_role("dialog").get_by_label("Stands for").fill("Elsewhere")
    page.get_by_role("dialog").get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", name="No entry holds Country 599")).to_be_visible()
    page.goto(f"{site.url}/lookups/countries")
    expect(page.get_by_role("row").filter(has_text="C0001")).to_be_visible()
    look_over(page)
    picture(page, "lookup")
    page.get_by_role("button", name="Actions for countries").click()
    page.get_by_role("menuitem", name="Delete…").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("button", name="Delete")).to_be_disabled()
    dialog.get_by_label("Type countries to go on").fill("countries")
    dialog.get_by_role("button", name="Delete").click()
    expect(page.get_by_role("heading", name="No lookups yet")).to_be_visible()


def test_keys_of_a_data_pool_are_added_and_removed(page, site):
    site.api.put("/pools/seen/entries", json={"keys": ["1001"]}).raise_for_status()
    page.goto(f"{site.url}/pools")
    page.get_by_role("link", name="seen").click()
    page.get_by_role("button", name="Add keys…").click()
    page.get_by_role("dialog").get_by_label("Keys").fill("1002\n1003\n1002")
    page.get_by_role("dialog").get_by_role("button", name="Add").click()
    expect(page.get_by_text("3 keys")).to_be_visible()
    look_over(page)
    picture(page, "data-pool")
    page.get_by_role("checkbox", name="Select 1001").check()
    page.get_by_role("checkbox", name="Select 1003").check()
    page.get_by_role("button", name="Remove 2…").click()
    page.get_by_role("dialog").get_by_role("button", name="Remove").click()
    expect(page.get_by_text("1 key", exact=True)).to_be_visible()
    page.goto(f"{site.url}/caches")
    expect(page.get_by_role("heading", name="No caches")).to_be_visible()
    look_over(page)


def test_settings_tell_their_value_and_source(page, site):
    page.goto(f"{site.url}/settings")
    page.get_by_label("Find a setting").fill("retention")
    expect(page.get_by_role("table", name="Settings").get_by_role("row").nth(1)).to_contain_text("retention")
    look_over(page)
    picture(page, "settings")
    for tab, seen in (
        ("Keeping and backups", "Search index"),
        ("Triggers", "No triggers"),
        ("Notification groups", "No notification groups"),
        ("Secrets", "sealed secret"),
        ("Erasing", "Erase what holds a value"),
    ):
        page.get_by_role("tab", name=tab).click()
        expect(page.get_by_role("heading", name=seen)).to_be_visible()
        look_over(page)
    page.get_by_role("tab", name="Keeping and backups").click()
    expect(page.get_by_text("complete").or_(page.get_by_text("document"))).not_to_have_count(0)
    picture(page, "settings-keeping")
