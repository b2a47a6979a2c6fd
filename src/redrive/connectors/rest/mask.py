"""Secrets out of what is recorded, in a way that a stored request can be sent again.

Every occurrence of a secret value becomes `[secret NAME]`, in each spelling that a URL, a form or
JSON gives it. `Masker.reveal` puts today's value back in. A value that is hidden only because of
the name it stands under (an `Authorization` header, a query parameter `token`) becomes `[masked]`,
which cannot be undone.
"""

from __future__ import annotations

import base64
import json
import re
from collections import deque
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Literal
from urllib.parse import quote, quote_plus

from redrive.sdk import encode

MASKED = "[masked]"
# Shorter ones would hide half of every document and are no secrets.
SHORTEST_SECRET = 4
MOST_LEARNT = 64
SHORTEST_INNER = 6
_ESCAPED = re.compile("%[0-9A-F]{2}")
_URLSAFE = bytes.maketrans(b"+/", b"-_")

Place = Literal["plain", "url", "form", "json"]

_SENSITIVE_HEADER = re.compile(
    r"authorization|cookie|password|secret|api-?key|access-?key|auth-?token|access-?token|signature|^token$|^x-token$",
    re.IGNORECASE,
)
_SENSITIVE_QUERY = frozenset(
    [
        "access_token",
        "api_key",
        "apikey",
        "api-key",
        "auth",
        "auth_token",
        "authorization",
        "client_secret",
        "password",
        "passwd",
        "pwd",
        "secret",
        "sig",
        "signature",
        "token",
        "x-amz-signature",
        "x-amz-credential",
    ]
)


def _spelt(value: str, place: Place) -> str:
    if place == "url":
        return quote(value, safe="")
    if place == "form":
        return quote_plus(value)
    if place == "json":
        return encode(value)[1:-1].decode()
    return value


def _spellings(value: str) -> set[str]:
    places: tuple[Place, ...] = ("plain", "url", "form", "json")
    ascii_json = json.dumps(value)[1:-1]
    in_url = quote(value, safe="")
    return {
        *(_spelt(value, place) for place in places),
        ascii_json,
        ascii_json.replace("/", "\\/"),
        # JSON inside of JSON: a request that is told back as a text.
        json.dumps(ascii_json)[1:-1],
        json.dumps(_spelt(value, "json"), ensure_ascii=False)[1:-1],
        quote(value),
        _ESCAPED.sub(lambda found: found.group().lower(), in_url),
        base64.b64encode(value.encode()).decode(),
        base64.urlsafe_b64encode(value.encode()).decode(),
    }


def _inside_base64(value: str) -> set[str]:
    """What base64 of something longer shows of it, wherever in that it stands: `user:password`."""
    found = set()
    for shift in range(3):
        coded = base64.b64encode(b"." * shift + value.encode())
        inner = coded[-(-shift * 8 // 6) : len(coded.rstrip(b"=")) - (len(coded) != len(coded.rstrip(b"=")))]
        if len(inner) >= SHORTEST_INNER:
            found |= {inner.decode(), inner.translate(_URLSAFE).decode()}
    return found


class Masker:
    """Knows the secrets of one connection."""

    def __init__(self, secrets: Mapping[str, str], *, over: Masker | None = None) -> None:
        """`over`: another one, whose secrets this one hides too, and more that it learns."""
        known = {name: value for name, value in secrets.items() if len(value) >= SHORTEST_SECRET}
        self._values = known
        self._hide: dict[bytes, bytes] = dict(over.table) if over is not None else {}
        self._learnt: deque[tuple[str, str]] = deque()
        for name, value in known.items():
            self._add(name, value)
        self._work_out()

    def learn(self, name: str, value: str) -> None:
        """One more secret: a token that was got by itself. Without a name it is hidden for good.

        Values that a name had before stay hidden, the last ones at least.
        """
        if len(value) < SHORTEST_SECRET or (name and self._values.get(name) == value):
            return
        if name:
            self._learnt.append((name, value))
        if len(self._learnt) > MOST_LEARNT:
            _, old = self._learnt.popleft()
            if old not in self._values.values():
                for text in _spellings(old) | _inside_base64(old):
                    self._hide.pop(text.encode(), None)
        if name:
            self._values = {**self._values, name: value}
        self._add(name, value)
        self._work_out()

    def _add(self, name: str, value: str) -> None:
        shown = f"[secret {name}]" if name else MASKED
        for text in _spellings(value):
            self._hide.setdefault(text.encode(), shown.encode())
        for text in _inside_base64(value):
            self._hide.setdefault(text.encode(), MASKED.encode())

    def _work_out(self) -> None:
        self._found = _any_of(self._hide)
        self._longest = max(map(len, self._hide), default=0)

    def hidden(self, text: str) -> str:
        """`text` without any secret value."""
        data = text.encode(errors="surrogateescape")
        return self.hidden_bytes(data).decode(errors="surrogateescape") if self.occurs(data) else text

    def hidden_bytes(self, data: bytes) -> bytes:
        if not self.occurs(data):
            return data
        return self._found.sub(lambda match: self._hide[match.group()], data)

    def occurs(self, data: bytes) -> bool:
        """Whether a secret value stands in it."""
        for secret in self._hide:  # noqa: SIM110 - several times as fast as any() over so few
            if secret in data:
                return True
        return False

    @property
    def table(self) -> Mapping[bytes, bytes]:
        """Every spelling of every secret, and what is shown instead."""
        return self._hide

    @property
    def overlap(self) -> int:
        """How many bytes of a chunk must be seen again with the next one to miss no secret."""
        return max(self._longest - 1, 0)

    async def hidden_stream(self, chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        """The same for a body of any size."""
        async for data in _replaced(chunks, self._found, self._hide, self._longest):
            yield data

    def reveal(self, text: str, place: Place) -> str:
        """Puts the secret values back where `hidden` took them out, spelt for `place`."""
        for name, value in self._values.items():
            text = text.replace(f"[secret {name}]", _spelt(value, place))
            text = text.replace(quote(f"[secret {name}]", safe=""), _spelt(value, place))
        return text

    async def reveal_stream(self, chunks: AsyncIterator[bytes], place: Place) -> AsyncIterator[bytes]:
        table = {
            f"[secret {name}]".encode(): _spelt(value, place).encode() for name, value in self._values.items()
        }
        async for data in _replaced(chunks, _any_of(table), table, max(map(len, table), default=0)):
            yield data

    def url(self, url: str) -> str:
        """A URL as it may be recorded."""
        base, question, query = self.hidden(url).partition("?")
        if not question:
            return base
        return f"{base}?{'&'.join(_masked_parameter(part) for part in query.split('&'))}"

    def headers(
        self, headers: Iterable[tuple[str, str]], credentials: Iterable[str] = ()
    ) -> Sequence[tuple[str, str]]:
        """Headers as they may be recorded. `credentials`: names that are hidden whatever they are."""
        always = {name.casefold() for name in credentials}
        pairs = list(headers)
        # Most requests hold no secret outside of their credentials: one look at all values tells.
        clean = not self.occurs("\n".join([value for _, value in pairs]).encode(errors="surrogateescape"))
        masked: list[tuple[str, str]] = []
        for name, value in pairs:
            shown = value if clean else self.hidden(value)
            if shown == value and (name.casefold() in always or _is_sensitive(name)):
                shown = _masked_header(value)
            masked.append((name, shown))
        return masked


@lru_cache(maxsize=512)
def _is_sensitive(name: str) -> bool:
    return _SENSITIVE_HEADER.search(name) is not None


def _masked_parameter(part: str) -> str:
    name, equals, value = part.partition("=")
    hide = equals and name.casefold() in _SENSITIVE_QUERY and not value.startswith("[secret ")
    return f"{name}={MASKED}" if hide else part


def _masked_header(value: str) -> str:
    scheme, space, _ = value.partition(" ")
    return f"{scheme} {MASKED}" if space and scheme.isalpha() else MASKED


def _any_of(table: Mapping[bytes, bytes]) -> re.Pattern[bytes]:
    if not table:
        return re.compile(rb"(?!)")
    return re.compile(b"|".join(re.escape(text) for text in sorted(table, key=len, reverse=True)))


async def _replaced(
    chunks: AsyncIterator[bytes], found: re.Pattern[bytes], table: Mapping[bytes, bytes], longest: int
) -> AsyncIterator[bytes]:
    rest = b""
    async for chunk in chunks:
        data = rest + chunk
        # What stands in the last bytes may be the beginning of something that is replaced.
        safe = max(len(data) - max(longest - 1, 0), 0)
        parts: list[bytes] = []
        at = 0
        for match in found.finditer(data):
            if match.start() >= safe:
                break
            parts += (data[at : match.start()], table[match.group()])
            at = match.end()
        upto = max(at, safe)
        parts.append(data[at:upto])
        rest = data[upto:]
        if piece := b"".join(parts):
            yield piece
    if rest:
        yield found.sub(lambda match: table[match.group()], rest)
