"""The web page in a real Chromium, on a real `redrive up`: nothing is mocked.

`page` is signed in, and at its end a test fails if the page threw an error, wrote one to its console, or
asked any other address for anything. `REDRIVE_SCREENSHOTS=1` writes the pictures of the docs.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.acceptance.product import TIMEOUT_S, Command
from tests.structure.tree import ROOT

PICTURES = ROOT / "docs" / "images" / "ui"
AXE = ROOT / "web" / "node_modules" / "axe-core" / "axe.min.js"
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
]
NO_BROWSER = (
    "There is no chromium to test the web page with. Install it: sudo apt-get install chromium "
    "(or name one: REDRIVE_CHROMIUM=/path/to/chromium)"
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.slow)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    program = os.environ.get("REDRIVE_CHROMIUM") or shutil.which("chromium")
    if not program:
        pytest.fail(NO_BROWSER)
    with sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=program, args=ARGUMENTS)
        yield opened
        opened.close()


@dataclass
class Site:
    """A running server, and the command on its home."""

    url: str
    link: str
    command: Command
    faults: list[str] = field(default_factory=list)
    expected: list[str] = field(default_factory=list)
    """Parts of console messages that the test itself brings about."""

    def page(self, browser: Browser, *, signed_in: bool = True, **options: Any) -> Page:
        """A page of a new browser profile, watched for faults."""
        options = {"viewport": {"width": 1360, "height": 820}, "color_scheme": "light", **options}
        page = browser.new_context(**options).new_page()
        page.set_default_timeout(10_000)
        self.watch(page)
        if signed_in:
            link = self.command.json("token", "link")["link"]
            page.goto(link)
        return page

    def watch(self, page: Page) -> None:
        page.on("pageerror", lambda error: self.faults.append(f"error: {error}"))
        page.on("console", lambda line: line.type == "error" and self.faults.append(f"console: {line.text}"))
        page.on(
            "request",
            lambda request: (
                None
                if request.url.startswith((self.url, "data:", "blob:"))
                else self.faults.append(f"outside: {request.url}")
            ),
        )

    def check(self) -> None:
        found = [one for one in self.faults if not any(part in one for part in self.expected)]
        self.faults.clear()
        self.expected.clear()
        assert not found


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Command:
    """The home of a module's tests. A module that wants runs in it has a `home` of its own."""
    return Command(tmp_path_factory.mktemp("browser") / "home")


@pytest.fixture(scope="module")
def served(home: Command) -> Iterator[Site]:
    process = home.begun("up", "--port", "0", "--json")
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line, process.communicate(timeout=TIMEOUT_S)[1].decode()
        told = json.loads(line)
        yield Site(told["url"], told["link"], home)
    finally:
        process.terminate()
        process.communicate(timeout=TIMEOUT_S)


@pytest.fixture
def site(served: Site) -> Iterator[Site]:
    yield served
    served.check()


@pytest.fixture
def page(site: Site, browser: Browser) -> Iterator[Page]:
    opened = site.page(browser)
    yield opened
    opened.context.close()


def look_over(page: Page) -> None:
    """axe finds nothing serious on the page as it is."""
    assert AXE.exists(), "axe-core is missing: python tools/npm.py ci"
    # Through the debugger, not as a script of the page: its Content-Security-Policy stays as it is.
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found = page.evaluate("() => axe.run(document, {resultTypes: ['violations']})")
    serious = [
        f"{one['id']} ({one['impact']}): {one['help']}: {[node['html'][:160] for node in one['nodes'][:3]]}"
        for one in found["violations"]
        if one["impact"] in {"serious", "critical"}
    ]
    assert not serious, "\n".join(serious)


def picture(page: Page, name: str) -> None:
    """The picture of the docs, written only where REDRIVE_SCREENSHOTS asks for it."""
    assert re.fullmatch(r"[a-z0-9-]+", name)
    if os.environ.get("REDRIVE_SCREENSHOTS"):
        PICTURES.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=PICTURES / f"{name}.png", animations="disabled", caret="hide")
