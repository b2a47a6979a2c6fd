"""Starts a real OpenID Connect server: node-oidc-provider, installed once from its lock into a cache."""

from __future__ import annotations

import asyncio
import hashlib
import re
import shutil
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import filelock
import httpx
import platformdirs

from hatch_build import npm_command

HERE = Path(__file__).parent / "identity"
CLIENT_ID = "redrive"
CLIENT_SECRET = "a secret of the tests"


def installed() -> Path:
    """A folder with the server and its packages, named after the lock that they come from."""
    npm, env = npm_command()
    lock = (HERE / "package-lock.json").read_bytes()
    cache = Path(platformdirs.user_cache_dir("redrive-tests", appauthor=False))
    folder = cache / f"identity-{hashlib.sha256(lock).hexdigest()[:16]}"
    cache.mkdir(parents=True, exist_ok=True)
    with filelock.FileLock(f"{folder}.lock"):
        if not (folder / "installed").exists():
            folder.mkdir(exist_ok=True)
            for name in ("package.json", "package-lock.json"):
                shutil.copy(HERE / name, folder / name)
            done = subprocess.run(
                [*npm, "ci", "--ignore-scripts"],
                cwd=folder,
                env=env,
                capture_output=True,
                text=True,
                check=False,
            )
            assert done.returncode == 0, done.stdout + done.stderr
            (folder / "installed").touch()
    shutil.copy(HERE / "provider.js", folder / "provider.js")
    return folder


@asynccontextmanager
async def identity_server(port: int, redirect_uri: str) -> AsyncIterator[str]:
    """Its issuer address, while it runs."""
    folder = await asyncio.to_thread(installed)
    issuer = f"http://127.0.0.1:{port}"
    told = {
        "ISSUER": issuer,
        "PORT": str(port),
        "CLIENT_ID": CLIENT_ID,
        "CLIENT_SECRET": CLIENT_SECRET,
        "REDIRECT_URI": redirect_uri,
    }
    node_env = npm_command()[1]
    node = shutil.which("node", path=node_env["PATH"])
    assert node is not None, "npm_command finds Node.js or raises"
    process = await asyncio.create_subprocess_exec(
        node, "provider.js", cwd=folder, env={**node_env, **told},
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        line = b""
        while line.strip() != b"ready":
            line = await asyncio.wait_for(process.stdout.readline(), 60)
            assert line, "the identity server has ended"
        yield issuer
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


async def agree(browser: httpx.AsyncClient, url: str, login: str, redirect_uri: str) -> str:
    """Do at the provider what a person does; the address that it leads back to."""
    for _ in range(12):
        answer = await browser.get(url)
        while answer.is_redirect:
            url = str(answer.url.join(answer.headers["location"]))
            if url.startswith(redirect_uri):
                return url
            answer = await browser.get(url)
        form = re.search(r'<form[^>]*action="([^"]+)"', answer.text)
        assert form, answer.text
        prompt = re.search(r'name="prompt" value="(\w+)"', answer.text)
        assert prompt, answer.text
        fields = {"prompt": prompt[1]}
        if prompt[1] == "login":
            fields |= {"login": login, "password": "any"}
        answer = await browser.post(str(answer.url.join(form[1])), data=fields)
        url = str(answer.url.join(answer.headers["location"]))
    raise AssertionError("the identity server leads round and round")
