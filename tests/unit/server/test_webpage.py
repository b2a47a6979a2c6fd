from __future__ import annotations

import httpx
import pytest

from redrive.server.app import create_app
from redrive.server.webpage import WebPage, is_page
from tests.unit.server.conftest import BASE
from tests.unit.server.recording import FixedSettings

HTML = {"Accept": "text/html,application/xhtml+xml"}
INDEX = '<html><meta name="redrive-session" content="no" /></html>'


@pytest.fixture
def folder(tmp_path):
    for name, text in {
        "index.html": INDEX,
        "assets/a-1.js": "plain",
        "assets/a-1.js.gz": "packed",
        "assets/a-1.js.br": "smaller",
        "assets/b-2.svg": "<svg/>",
    }.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    return tmp_path


@pytest.fixture
async def browser(service, access, folder):
    app = create_app(service, FixedSettings(), access=access, web=WebPage(folder))
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url=BASE, headers=HTML) as client:
        yield client


@pytest.mark.parametrize(
    ("method", "path", "accept", "page"),
    [
        ("GET", "/", None, True),
        ("GET", "/runs/r_1", "text/html", True),
        ("GET", "/runs/r_1", "*/*", False),
        ("POST", "/runs/r_1", "text/html", False),
        ("GET", "/api/v1/runs", "text/html", False),
        ("GET", "/login/x", "text/html", False),
        ("GET", "/static/x.js", "text/html", False),
    ],
)
def test_a_page_is_what_an_address_bar_asks_for(method, path, accept, page):
    assert is_page(method, path, accept) is page


async def test_each_address_of_the_page_is_the_same_file_and_is_kept_by_its_tag(browser):
    first = await browser.get("/runs/r_1?tab=logs")
    assert (first.status_code, first.text) == (200, INDEX)
    policy = first.headers["content-security-policy"]
    assert "default-src 'none'; script-src 'self'" in policy
    assert "unsafe" not in policy
    assert first.headers["cache-control"] == "no-cache"
    again = await browser.get("/find", headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


async def test_the_page_is_told_of_a_session(browser, service):
    made = await service.sign_ins.by_link(service.sign_ins.new_code(), address=None, agent=None)
    cookie = f"redrive_session_8765={made.text}"
    stranger = (await browser.get("/")).headers["etag"]
    page = await browser.get("/", headers={"Cookie": cookie, "If-None-Match": stranger})
    assert 'content="yes"' in page.text


@pytest.mark.parametrize(
    ("accepted", "encoding", "text"),
    [("br, gzip", "br", b"smaller"), ("gzip;q=1", "gzip", b"packed"), ("identity", None, b"plain")],
)
async def test_a_file_comes_packed_and_is_kept_for_ever(browser, accepted, encoding, text):
    async with browser.stream(
        "GET", "/static/assets/a-1.js", headers={"Accept-Encoding": accepted}
    ) as answer:
        assert b"".join([part async for part in answer.aiter_raw()]) == text
    assert answer.headers.get("content-encoding") == encoding
    assert answer.headers["cache-control"].endswith("immutable")
    assert answer.headers["content-type"].startswith("text/javascript")


@pytest.mark.parametrize("name", ["assets/none.js", "index.html", "assets/a-1.js.gz", "..%2fapp.py"])
async def test_what_is_no_file_of_the_page_is_not_found(browser, name):
    answer = await browser.get(f"/static/{name}")
    assert answer.status_code in {401, 404}
    assert answer.headers["content-type"] == "application/problem+json"


async def test_what_is_unknown_stays_unknown(api, browser):
    assert (await api.get("/nothing")).status_code == 404
    assert (await api.post("/nothing", json={})).status_code == 404
    assert (await browser.get("/nothing", headers={"Accept": "*/*"})).status_code == 401
    assert (await api.delete("/api/v1/health")).status_code == 405


async def test_without_its_files_the_page_says_how_to_build_them(service, access, tmp_path):
    app = create_app(service, FixedSettings(), access=access, web=WebPage(tmp_path))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url=BASE) as client:
        page = await client.get("/")
    assert page.status_code == 200
    assert "make web" in page.text
    assert "<script" not in page.text
