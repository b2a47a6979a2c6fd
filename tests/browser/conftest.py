"""The web page in a real Chromium, on a real `redrive up`: nothing is mocked.

`page` is signed in, and at its end a test fails if the page threw an error, wrote one to its console, or
asked any other address for anything. `REDRIVE_SCREENSHOTS=1` writes the pictures of the docs.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Locator, Page, expect, sync_playwright

from tests.acceptance.product import TIMEOUT_S, Command
from tests.structure.tree import ROOT

expect.set_options(timeout=TIMEOUT_S * 1000)  # a busy machine is no fault of the page

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


@pytest.fixture(scope="module")
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

    def __post_init__(self) -> None:
        token = json.loads((self.command.home / "server.json").read_text())["token"]
        self.api = httpx.Client(
            base_url=f"{self.url}/api/v1", headers={"Authorization": f"Bearer {token}"}, timeout=TIMEOUT_S
        )

    def load(self, *texts: str) -> None:
        """Import documents and deploy their flows."""
        documents = [{"filename": f"{n}.yaml", "text": text} for n, text in enumerate(texts)]
        answer = self.api.post("/imports", json={"documents": documents, "deploy": True})
        assert answer.is_success, answer.text

    def start(self, flow: str, **request: Any) -> str:
        answer = self.api.post(f"/flows/{flow}/runs", json=request, params={"trigger": "manual"})
        assert answer.is_success, answer.text
        return str(answer.json()["id"])

    def ended(self, run: str) -> dict[str, Any]:
        """The run's row when it has ended."""
        while True:
            row = self.api.get(f"/runs/{run}/wait", params={"timeout_s": 30}).json()
            if row["status"] not in {"queued", "running"}:
                return dict(row)

    def run(self, flow: str, **request: Any) -> str:
        """Start a run and wait for its end."""
        run = self.start(flow, **request)
        self.ended(run)
        return run

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
        site = Site(told["url"], told["link"], home)
        with site.api:
            yield site
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


class Clicks:
    """Clicks and presses of Enter, counted; and the seconds from the first to now."""

    def __init__(self) -> None:
        self.many = 0
        self._began = 0.0

    def click(self, locator: Locator) -> None:
        self._count()
        locator.click()

    def enter(self, locator: Locator) -> None:
        self._count()
        locator.press("Enter")

    @property
    def seconds(self) -> float:
        return time.perf_counter() - self._began

    def _count(self) -> None:
        if self.many == 0:
            self._began = time.perf_counter()
        self.many += 1


FIGURES: dict[str, str] = {}


def figure(name: str, value: str) -> None:
    """One figure of the page, told at the end of the tests."""
    FIGURES[name] = value


def pytest_terminal_summary(terminalreporter: Any) -> None:
    if FIGURES:
        terminalreporter.section("figures of the web page")
        for name, value in FIGURES.items():
            terminalreporter.write_line(f"{name}: {value}")
    if (path := os.environ.get("REDRIVE_FIGURES")) and FIGURES:
        known = json.loads(Path(path).read_text()) if Path(path).exists() else {}
        Path(path).write_text(json.dumps({**known, **FIGURES}, indent=2) + "\n")


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
