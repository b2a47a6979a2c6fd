"""What the tutorial, the guides and the README show is what happens."""

from __future__ import annotations

import shutil
from typing import Any

import pytest

from redrive.core import jsonvalue
from redrive.demo.documents import ERP_URL, SHOP_URL
from redrive.documents.check import check
from redrive.documents.load import read_text
from redrive.registry import Registry
from tests.acceptance.pages import ROOT, Shown, blocks, commands, fits, run

DOCS = ROOT / "docs"
TUTORIAL = DOCS / "tutorial" / "first-redrive.md"
GUIDES = DOCS / "howto"
README = ROOT / "README.md"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not (shutil.which("bash") and shutil.which("curl")), reason="the pages use bash and curl"
    ),
]

# What the guides take up: the documents of the tutorial are imported, and its run has failed.
IMPORTED = [Shown("redrive import examples/orders-to-erp --deploy", ["…"], "before")]
FAILED = [*IMPORTED, Shown("redrive run orders-to-erp", ["…"], "before")]


@pytest.fixture(autouse=True)
def every_store():
    """Not on every one: the pages show a home as a newcomer has it."""


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


@pytest.fixture
def program(tmp_path):
    """The command that runs a program."""

    def kept(text):
        (tmp_path / "program.py").write_text(text, encoding="utf-8")
        return "python program.py"

    return kept


def test_the_tutorial_from_its_first_command_to_its_last(shell):
    shell(commands(TUTORIAL))


def test_the_first_commands_of_the_readme(shell):
    shown = commands(README, under="### By command line")
    for one in shown:
        if one.command.startswith("RUN="):
            one.command = 'read RUN PAYLOAD < <(redrive find 1042 --json | python -c "{}")'.format(
                "import json, sys; row = json.load(sys.stdin)['items'][0]; print(row['run'], row['payload'])"
            )
    shell(shown)


def test_the_story_of_the_readme(shell):
    (text,) = blocks(README, "text")
    shell([Shown("redrive demo --once", text.splitlines(), "README.md")])


def test_the_program_of_the_readme(shell, program):
    (text,) = blocks(README, "python")
    assert "It prints `orders-to-erp [('send', 10)]`" in README.read_text(encoding="utf-8")
    shell([*FAILED, Shown(program(text), ["orders-to-erp [('send', 10)]"], "README.md")])


def test_a_re_sync_by_hand(shell):
    shell([*FAILED, *commands(GUIDES / "resync-by-hand.md")])


def test_a_redrive_by_the_http_api(shell):
    # Its address comes by a pipe, which is read once it is there.
    up = Shown("mkfifo up && { redrive up --port 0 > up & UP=$!; exec 3< up; read -r ADDRESS <&3; }")
    shown = commands(GUIDES / "use-the-http-api.md")
    assert shown[0].command == "API=http://127.0.0.1:8765/api/v1"
    shown[0].command = "API=${ADDRESS#Redrive runs at }/api/v1"
    shell([*FAILED, up, *shown, Shown("kill $UP; wait $UP", ["…"])])


def test_a_script_is_written_as_the_guide_says(shell):
    page = GUIDES / "write-a-script.md"
    assert blocks(page, "yaml")[0] == (ROOT / "examples" / "script" / "flow.yaml").read_text(encoding="utf-8")
    shell(commands(page))


def test_a_redrive_in_a_program(shell, program):
    page = GUIDES / "embed-in-python.md"
    first = blocks(page, "python")[0]
    (printed,) = blocks(page, "text")
    shell([*IMPORTED, Shown(program(first), printed.splitlines(), page.name)])


async def test_a_flow_is_tested_as_the_guide_says(tmp_path):
    first, second = blocks(GUIDES / "embed-in-python.md", "python")
    names: dict[str, Any] = {}
    exec(first.partition("import redrive\n")[0] + second, names)
    await names["test_only_paid_orders_and_their_totals_to_the_digit"](tmp_path)


async def test_a_shape_is_written_as_the_guide_says():
    names: dict[str, Any] = {"__name__": "acme_shapes.sample"}
    for code in blocks(GUIDES / "write-a-shape.md", "python"):
        exec(code, names)
    tests = [value for name, value in names.items() if name.startswith("test_")]
    assert len(tests) == 2
    for test in tests:
        await test()


def test_a_backup_is_a_whole_home(shell):
    shell([*FAILED, *commands(GUIDES / "back-up-a-home.md")])


def test_many_runs_are_redriven_as_the_guide_says(shell):
    shell([*FAILED, *commands(GUIDES / "redrive-many-runs.md")])


def test_secrets_are_kept_as_the_guide_says(shell):
    shell([*IMPORTED, *commands(GUIDES / "keep-secrets.md")])


@pytest.mark.parametrize("page", ["sign-in.md", "mask-fields.md", "read-the-audit-log.md"])
def test_people_are_let_in_as_the_guides_say(shell, page):
    shell(commands(GUIDES / page))


@pytest.mark.parametrize("page", sorted(DOCS.rglob("*.md")), ids=lambda page: page.name)
def test_documents_that_are_shown_are_valid(page):
    for text in blocks(page, "yaml"):
        if text.startswith(("flow:", "connector:", "connection:")):
            check(read_text(text, page.name), Registry.discover()).raise_if_any()


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
