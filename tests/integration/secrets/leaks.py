"""A hostile system that tells back whatever it is told, and a search for what should stay in."""

from __future__ import annotations

import base64
import json
import sqlite3
import tarfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import quote, quote_plus

import zstandard
from aiohttp import web

SECRETS = {
    "token": "s3cret/+ä tok&n=9f2c",
    "password": 'pass"w0rd\\<b>71ac',
    "key": "k-5b0e77c1d2",
    "proxy_password": "pr0xy-3fa9",
}
GOT = {"access": "access/got+by-itself-77", "session": "session-got-81"}
URL_PASSWORD = "group-0b3a9d"
HOOK = "hook-secret-4c11"
EVERY = [*SECRETS.values(), *GOT.values(), URL_PASSWORD, HOOK]
MODES = ("good", "refused", "broken", "rejected", "text", "elsewhere", "cut", "half")

DOCUMENTS = """
connector: {name}
base_url: "{{{{ connection.base_url }}}}"
timeouts: {{connect_s: 2, read_s: 2, total_s: 4}}
{authentication}
endpoints:
  take:
    direction: receive
    request: {request}
    items: orders
  give:
    direction: send
    request: {{method: POST, path: "/{{{{ with.mode }}}}/give", body: "{{{{ payload }}}}"}}
---
connection: {name}
connector: {name}
settings: {{base_url: "{url}"}}
secrets: {secrets}
---
flow: {name}
variables: {{mode: {{type: string, default: good}}}}
steps:
  - id: take
    shape: connector
    connection: {name}
    endpoint: take
    retries: 0
    with: {{mode: "{{{{ vars.mode }}}}"}}
  - id: give
    shape: connector
    connection: {name}
    endpoint: give
    key: id
    retries: 0
    with: {{mode: "{{{{ vars.mode }}}}"}}
"""
PLAIN = '{path: "/{{ with.mode }}/take"}'
EVERYWHERE = (
    '{method: POST, path: "/{{ with.mode }}/{{ connection.token }}", '
    'headers: {X-Mine: "{{ connection.key }}"}, query: {q: "{{ connection.password }}"}, '
    'body: {mine: "{{ connection.password }}", of: "{{ connection.token }}"}}'
)
METHODS = {
    "bearer": 'method: bearer, token: "{{ connection.token }}"',
    "basic": 'method: basic, username: ann, password: "{{ connection.password }}"',
    "query": 'method: api_key, query: k, value: "{{ connection.token }}"',
    "oauth2": "method: oauth2_client_credentials, token_url: 'URL/good/token', client_id: me, "
    'client_secret: "{{ connection.token }}"',
    "login": "method: login, token: session, header: X-Session, prefix: '', request: {method: POST, "
    'path: /good/login, body: {user: ann, password: "{{ connection.password }}"}}',
    "oauth1": 'method: oauth1, consumer_key: me, consumer_secret: "{{ connection.token }}", '
    'token: t, token_secret: "{{ connection.password }}"',
    "hmac": 'method: hmac, secret: "{{ connection.key }}", header: X-Signature, '
    'sign: "{{ request.timestamp }}.{{ request.body }}", value: "{{ signature }}", '
    'headers: {X-Key: "{{ connection.token }}"}',
}
KINDS = {name: (f"authentication: {{{method}}}", PLAIN) for name, method in METHODS.items()} | {
    "everywhere": ("", EVERYWHERE),
    "proxied": ('proxy: "http://ann:{{ connection.proxy_password }}@PROXY"', PLAIN),
}


def documents(name: str, url: str) -> bytes:
    authentication, request = KINDS[name]
    authentication = authentication.replace("URL", url).replace("PROXY", url.removeprefix("http://"))
    text = DOCUMENTS.format(
        name=name,
        url="http://system.invalid" if name == "proxied" else url,
        authentication=authentication,
        request=request,
        secrets=json.dumps(SECRETS),
    )
    return text.encode()


async def told_back(request: web.Request) -> web.StreamResponse:  # noqa: C901 - a line for each mode
    """Answers in the way that the first part of the path names, with all that came in."""
    body = (await request.read()).decode(errors="replace")
    echo = {
        "headers": dict(request.headers),
        "url": str(request.url),
        "raw": request.raw_path,
        "query": dict(request.query),
        "body": body,
    }
    headers = {"X-Echo": quote(str(request.url), safe="/:?=&%"), "X-Auth": _plain(request)}
    mode, _, operation = request.path.lstrip("/").partition("/")
    if request.raw_path.startswith("http://"):
        mode, _, operation = request.raw_path.partition("//")[2].partition("/")[2].partition("/")
    if operation == "token":
        return web.json_response({"access_token": GOT["access"], "token_type": "bearer", "echo": echo})
    if operation == "login":
        return web.json_response({"session": GOT["session"], "echo": echo})
    match mode:
        case "good":
            answer = {"orders": [{"id": 1, "sku": "a"}], "echo": echo}
            return web.json_response(answer if operation != "give" else {"ok": True}, headers=headers)
        case "refused":
            return web.json_response(echo, status=401, headers=headers)
        case "broken":
            return web.Response(text=json.dumps(echo, ensure_ascii=False), status=500, headers=headers)
        case "rejected":
            lower = quote(json.dumps(echo), safe="").replace("%2F", "%2f").replace("%C3%A4", "%c3%a4")
            return web.Response(text=f"{echo} {lower}", status=422, headers=headers)
        case "text":
            return web.Response(text=f"<html>{echo}</html>", content_type="text/html", headers=headers)
        case "elsewhere":
            place = f"http://169.254.169.254/latest?{request.raw_path}&{quote_plus(body)}"
            return web.Response(status=302, headers={"Location": place, **headers})
    response = web.StreamResponse(headers={"Content-Length": "100000", **headers})
    await response.prepare(request)
    if mode == "half":
        await response.write(b'{"orders": [' + json.dumps(echo).encode())
    assert request.transport is not None
    request.transport.abort()
    return response


def _plain(request: web.Request) -> str:
    return request.headers.get("Authorization", "none")


def spellings(secret: str) -> set[bytes]:
    """Every form in which somebody could read it."""
    raw = secret.encode()
    texts = {
        secret,
        quote(secret, safe=""),
        quote(secret),
        quote_plus(secret),
        quote(secret, safe="").lower() if secret.islower() else quote(secret, safe=""),
        json.dumps(secret)[1:-1],
        json.dumps(secret, ensure_ascii=False)[1:-1],
        json.dumps(secret)[1:-1].replace("/", "\\/"),
        json.dumps(json.dumps(secret)[1:-1])[1:-1],
        raw.hex(),
    }
    found = {text.encode() for text in texts}
    for shift in range(3):  # in the middle of something longer that is base64 as a whole
        coded = base64.b64encode(b"." * shift + raw)
        inner = coded[-(-shift * 8 // 6) : len(coded.rstrip(b"=")) - 1]
        if len(inner) > 8:
            found |= {inner, inner.replace(b"+", b"-").replace(b"/", b"_")}
    return found


FORMS: Mapping[bytes, str] = {form: secret for secret in EVERY for form in spellings(secret)}


def leaks(what: str, data: bytes) -> set[tuple[str, str, str]]:
    """Where a secret is found: place, secret, and what stands around it."""
    return {
        (what, secret, data[max(data.index(form) - 60, 0) :][: len(form) + 70].decode(errors="replace"))
        for form, secret in FORMS.items()
        if form in data
    }


def cells(database: Path) -> Iterator[tuple[str, bytes]]:
    """Every value of every table."""
    connection = sqlite3.connect(database)
    connection.text_factory = bytes
    try:
        tables = [
            row[0].decode()
            for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        ]
        for table in tables:
            try:
                rows = connection.execute(f'SELECT * FROM "{table}"')
            except sqlite3.OperationalError:
                continue  # a virtual table; what it holds lies in others
            names = [column[0] for column in rows.description]
            for row in rows:
                for name, value in zip(names, row, strict=True):
                    if isinstance(value, bytes):
                        yield f"{table}.{name}", value
    finally:
        connection.close()


def members(archive: Path) -> Iterator[tuple[str, bytes]]:
    with tarfile.open(archive) as tar:
        for member in tar:
            file = tar.extractfile(member)
            data = file.read() if file is not None else b""
            if member.name.endswith(".zst"):
                data = zstandard.ZstdDecompressor().decompressobj().decompress(data)
            yield member.name, data
