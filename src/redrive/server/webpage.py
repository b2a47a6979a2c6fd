"""The web page's built files: served packed, kept by browsers for ever, and the same for every address."""

from __future__ import annotations

import hashlib
from html import escape
from pathlib import Path
from typing import Final

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import BaseRoute, Match, Route
from starlette.types import Scope

from redrive import __version__
from redrive.errors import NotFound
from redrive.server.page import CSP as PLAIN_CSP
from redrive.server.page import plain_page
from redrive.server.wire import caller_of

STATIC: Final = Path(__file__).parent / "static"
PREFIX: Final = "/static/"
CSP: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; font-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'"
)
_NOT_PAGES: Final = ("/api/", "/static/", "/login/", "/hooks/", "/healthz", "/readyz", "/metrics")
_KINDS: Final = {
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".html": "text/html; charset=utf-8",
    ".woff2": "font/woff2",
    ".png": "image/png",
    ".map": "application/json",
}
_PACKED: Final = (("br", ".br"), ("gzip", ".gz"))
_SESSION: Final = '<meta name="redrive-session" content="no"'


def is_page(method: str, path: str, accept: str | None) -> bool:
    """Whether a browser asks for a page of its address bar: every such address is the same file, and the
    file itself finds what to show. It holds nothing that a stranger may not see.
    """
    if path == "/":
        return True
    return method in {"GET", "HEAD"} and "text/html" in (accept or "") and not path.startswith(_NOT_PAGES)


class WebPage:
    """The files of one folder, as it was when the server started."""

    def __init__(self, folder: Path = STATIC) -> None:
        self._files = {
            path.relative_to(folder).as_posix(): path for path in sorted(folder.rglob("*")) if path.is_file()
        }

    @property
    def built(self) -> bool:
        return "index.html" in self._files

    def page(self, request: Request, *, signed_in: bool) -> Response:
        """The page, for any address of it. It tells its scripts whether the browser has a session, so that
        no call has to fail to find that out.
        """
        text = self._files["index.html"].read_text(encoding="utf-8")
        if signed_in:
            text = text.replace(_SESSION, _SESSION.replace('"no"', '"yes"'), 1)
        body = text.encode()
        headers = {
            "Content-Security-Policy": CSP,
            "Cache-Control": "no-cache",
            "Vary": "Cookie",
            "ETag": f'"{hashlib.sha256(body).hexdigest()[:32]}"',
        }
        if headers["ETag"] in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=headers)
        return HTMLResponse(body, headers=headers)

    def file(self, request: Request, name: str) -> Response:
        """A built file. Its name holds the hash of what is in it. Errors: `route.unknown`."""
        path = self._files.get(name)
        if path is None or name == "index.html" or path.suffix in {".br", ".gz"}:
            raise NotFound(
                f"The page has no file {name[:200]!r}",
                code="route.unknown",
                hint="Load the page anew: it may be that of an older release.",
            )
        encoding, packed = self._packed(name, request.headers)
        headers = {"Cache-Control": "public, max-age=31536000, immutable", "Vary": "Accept-Encoding"}
        if encoding:
            headers["Content-Encoding"] = encoding
        body = b"" if request.method == "HEAD" else packed.read_bytes()
        return Response(body, media_type=_KINDS.get(path.suffix, "application/octet-stream"), headers=headers)

    def _packed(self, name: str, headers: Headers) -> tuple[str | None, Path]:
        accepted = {one.split(";")[0].strip() for one in headers.get("accept-encoding", "").split(",")}
        for encoding, ending in _PACKED:
            if encoding in accepted and name + ending in self._files:
                return encoding, self._files[name + ending]
        return None, self._files[name]


def routes(web: WebPage) -> list[BaseRoute]:
    """The built files, and the page for whatever address of it; to be looked at after all others."""

    async def file(request: Request) -> Response:
        return web.file(request, request.path_params["name"])

    async def page(request: Request) -> Response:
        if not web.built:
            return HTMLResponse(
                plain_page("Redrive", _NOT_BUILT), headers={"Content-Security-Policy": PLAIN_CSP}
            )
        return web.page(request, signed_in=caller_of(request) is not None)

    return [Route(f"{PREFIX}{{name:path}}", file), _PageRoute("/{path:path}", page)]


class _PageRoute(Route):
    """Only for what a browser's address bar asks for: anything else that is not known stays a 404."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        accept = Headers(scope=scope).get("accept") if scope["type"] == "http" else None
        if not is_page(scope.get("method", ""), scope["path"], accept):
            return Match.NONE, {}
        return super().matches(scope)


_NOT_BUILT: Final = (
    f"<main><h1>Redrive</h1><p>Redrive {escape(__version__)} runs here, without its web page: its files were "
    "not built.</p><p>Build them with <code>make web</code> in a clone (Node.js 20.19 or newer), or install "
    "the package again without <code>REDRIVE_SKIP_UI</code>. The command line and the API do everything "
    "meanwhile: <code>redrive --help</code>.</p></main>"
)
