"""A description from a file or from the web, as the command line names it."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import aiohttp

from redrive.errors import NotFound, RemoteUnavailable, UsageError

MOST_BYTES: Final = 48 << 20
TIMEOUT_S: Final = 60.0


def is_url(source: str) -> bool:
    return source.startswith(("http://", "https://"))


async def fetch(source: str) -> bytes:
    """The bytes of a file or URL. Errors: `file.unknown`, `file.unreadable`, `remote.unavailable`,
    `description.too_large`.
    """
    if is_url(source):
        return await _download(source)
    try:
        return await asyncio.to_thread(Path(source).read_bytes)
    except FileNotFoundError:
        raise NotFound(f"There is no file {source}", code="file.unknown", at=source) from None
    except OSError as error:
        raise UsageError(
            f"The file {source} cannot be read: {error.strerror}", code="file.unreadable", at=source
        ) from None


async def _download(url: str) -> bytes:
    host = urlsplit(url).hostname or url
    timeout = aiohttp.ClientTimeout(total=TIMEOUT_S)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            session.get(url, headers={"Accept": "application/json, application/yaml, */*"}) as answer,
        ):
            if answer.status != 200:
                raise RemoteUnavailable(
                    f"{host} answered {answer.status} when the description was asked for",
                    hint="Open the address in a browser; save the file and name it instead.",
                )
            parts: list[bytes] = []
            size = 0
            async for part in answer.content.iter_chunked(1 << 16):
                size += len(part)
                if size > MOST_BYTES:
                    raise UsageError(
                        f"the description at {host} is larger than {MOST_BYTES:,} bytes",
                        code="description.too_large",
                        at=url,
                    )
                parts.append(part)
            return b"".join(parts)
    except (aiohttp.ClientError, TimeoutError, ValueError) as error:
        raise RemoteUnavailable(
            f"the description cannot be fetched from {host}: {type(error).__name__}",
            hint="Save the file and name it instead.",
        ) from None
