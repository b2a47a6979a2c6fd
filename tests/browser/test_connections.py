"""Connections and connectors: made, tried, imported, deleted."""

from __future__ import annotations

import json

import pytest
from playwright.sync_api import expect

from tests.acceptance.warehouse import warehouse as open_warehouse
from tests.browser.conftest import look_over, picture

FLOW = """
flow: orders-to-erp
steps:
  - {id: pull, shape: connector, connection: warehouse, endpoint: list}
"""
PETS = {
    "openapi": "3.0.0",
    "info": {"title": "Pet shop", "version": "1"},
    "servers": [{"url": "https://pets.example"}],
    "paths": {
        "/pets": {
            "get": {
                "operationId": "listPets",
                "parameters": [{"name": "size", "in": "query", "schema": {"type": "integer"}}],
                "responses": {"200": {"description": "pets"}},
            }
        }
    },
}


@pytest.fixture(scope="module")
def warehouse():
    with open_warehouse() as server:
        yield server


@pytest.fixture(scope="module")
def seeded(served, warehouse):
    warehouse.give([{"id": 1001, "paid": True, "total": "19.90"}, {"id": 1002, "paid": False}])
    served.load(warehouse.documents, FLOW)
    return served


def test_a_connection_shows_where_it_is_used_and_is_tried(page, seeded, site):
    page.goto(f"{site.url}/connections")
    page.get_by_role("link", name="warehouse").click()
    uses = page.get_by_role("region", name="Where it is used")
    expect(uses).to_contain_text("orders-to-erp")
    expect(uses).to_contain_text("pull")
    look_over(page)
    picture(page, "connection")

    page.get_by_role("button", name="Try it…").click()
    panel = page.get_by_role("dialog", name="Try warehouse")
    panel.get_by_label("Endpoint").select_option("list")
    panel.get_by_role("button", name="Try it").click()
    expect(panel.get_by_text("It works")).to_be_visible()
    expect(panel.get_by_role("region", name="Items")).to_contain_text('"19.90"')
    panel.get_by_role("tab", name="Exchanges").click()
    expect(panel.get_by_role("region", name="Answer")).to_contain_text("application/json")
    look_over(page)
    picture(page, "try-endpoint")
    page.keyboard.press("Escape")

    page.get_by_role("button", name="Delete…").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name="Delete").click()
    expect(dialog.get_by_role("alert")).to_contain_text("is used by the flow orders-to-erp")
    site.expected.append("409")


def test_a_description_becomes_a_connector_and_a_connection_of_it_is_made(page, seeded, site, tmp_path):
    file = tmp_path / "pets.json"
    file.write_text(json.dumps(PETS))
    page.goto(f"{site.url}/connections")
    page.get_by_role("button", name="Import a description…").click()
    dialog = page.get_by_role("dialog", name="Import a description")
    dialog.get_by_label("File").set_input_files(file)
    dialog.get_by_label("Name of the connector").fill("pets")
    dialog.get_by_role("button", name="Look at it").click()
    expect(dialog).to_contain_text("pets would be made: 1 of 1 operation")
    dialog.get_by_role("button", name="Import 1").click()
    expect(dialog).to_contain_text("pets was made")
    look_over(page)
    picture(page, "import-description")
    dialog.get_by_role("button", name="Done").click()

    page.get_by_role("tab", name="Connectors").click()
    page.get_by_role("link", name="pets").click()
    page.get_by_text("listPets").or_(page.get_by_text("list-pets")).first.wait_for()
    expect(page.get_by_role("cell", name="size")).to_be_visible()
    look_over(page)
    picture(page, "connector")

    page.goto(f"{site.url}/connections")
    page.get_by_role("button", name="New connection…").click()
    dialog = page.get_by_role("dialog", name="New connection")
    dialog.get_by_label("Connector").select_option("pets")
    dialog.get_by_label("Name", exact=True).fill("pets-test")
    dialog.get_by_role("button", name="Add a secret").click()
    dialog.get_by_label("Name of secret 1").fill("pets_token")
    dialog.get_by_label("Value of pets_token").fill("very-secret-text")
    picture(page, "new-connection")
    dialog.get_by_role("button", name="Save").click()
    page.get_by_role("link", name="pets-test").click()
    expect(page.get_by_role("region", name="Secrets")).to_contain_text("stored here, sealed")
    assert "very-secret-text" not in page.content()

    page.get_by_role("button", name="Delete…").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(page.get_by_role("link", name="warehouse")).to_be_visible()
    expect(page.get_by_role("link", name="pets-test")).to_be_hidden()
