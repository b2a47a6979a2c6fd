"""What the tutorial, the guides and the README show is what happens."""

from __future__ import annotations

import shutil

import pytest

from redrive.core import jsonvalue
from redrive.demo.documents import ERP_URL, SHOP_URL
from tests.acceptance.pages import ROOT, commands, fits, run

TUTORIAL = ROOT / "docs" / "tutorial" / "first-redrive.md"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not (shutil.which("bash") and shutil.which("curl")), reason="the pages use bash and curl"
    ),
]


@pytest.fixture
def shell(tmp_path, servers):
    """Runs commands as a newcomer would: in a fresh clone, on a fresh home, with the two systems up."""
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    addresses = {SHOP_URL: servers.shop.url, ERP_URL: servers.erp.url}
    connections = tmp_path / "examples" / "orders-to-erp" / "connections.yaml"
    text = connections.read_text(encoding="utf-8")
    for old, new in addresses.items():
        text = text.replace(old, new)
    connections.write_text(text, encoding="utf-8")

    def carry_out(shown, **environment):
        run(shown, tmp_path, {"REDRIVE_HOME": str(tmp_path / "home"), **environment}, addresses)

    return carry_out


def test_the_tutorial_from_its_first_command_to_its_last(shell):
    shell(commands(TUTORIAL))


def test_the_shop_of_the_tutorial_has_the_orders_that_it_speaks_of(servers):
    text = TUTORIAL.read_text(encoding="utf-8")
    assert "58 of them are of 2 November 2026; 50 of these are paid" in text
    of_the_day = jsonvalue.decode(servers.shop.read("/orders?per_page=250&day=2026-11-02"))["orders"]
    paid = [order for order in of_the_day if order["financial_status"] == "paid"]
    assert (len(of_the_day), len(paid)) == (58, 50)


@pytest.mark.parametrize(
    ("expected", "found", "same"),
    [
        (["a", "…", "d"], ["a", "b", "c", "d"], True),
        (["a", "…"], ["a"], True),
        (["a …"], ["a b c"], True),
        (["a"], ["a", "b"], False),
        (["a", "…", "d"], ["a", "b"], False),
        (["a …"], ["b"], False),
        ([], ["a"], False),
    ],
)
def test_only_what_is_marked_as_left_out_may_be_left_out(expected, found, same):
    assert fits(expected, found) is same
