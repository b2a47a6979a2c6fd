"""Parts of a Postman collection: addresses, lists of pairs, examples as schemas."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from redrive.core.jsonvalue import decode
from redrive.documents.described.model import text_of

VARIABLE: Final = re.compile(r"\{\{\s*([^{}]*?)\s*\}\}")
SENSITIVE: Final = re.compile(
    r"api[-_ ]?key|secret|passw|passphrase|credential|signature|(?<!page_)(?<!page-)(?<!next_)token\Z"
    r"|\Aauth|cookie",
    re.IGNORECASE,
)


def schema_of(value: Any, depth: int = 0) -> dict[str, Any]:
    """What an example tells of its schema."""
    if isinstance(value, Mapping):
        names = list(value.items())[:200] if depth < 8 else []
        return {"type": "object", "properties": {name: schema_of(one, depth + 1) for name, one in names}}
    if isinstance(value, list):
        return {"type": "array", "items": schema_of(value[0], depth + 1) if value and depth < 8 else {}}
    if isinstance(value, bool):
        return {"type": "boolean"}
    if isinstance(value, int):
        return {"type": "integer"}
    if isinstance(value, str):
        return (
            {"type": "string", "format": "uri"}
            if value.startswith(("http://", "https://"))
            else {"type": "string"}
        )
    return {} if value is None else {"type": "number"}


def address_of(url: Any) -> tuple[str, str]:
    """Host (with scheme and Postman's variables) and path of a request's URL."""
    if isinstance(url, Mapping):
        raw = url.get("raw")
        if not isinstance(raw, str):
            host, path = url.get("host"), url.get("path")
            joined = ".".join(map(str, host)) if isinstance(host, list) else str(host or "")
            inner = "/".join(map(str, path)) if isinstance(path, list) else str(path or "")
            raw = f"{url.get('protocol') or ''}{'://' if url.get('protocol') else ''}{joined}/{inner}"
    else:
        raw = url if isinstance(url, str) else ""
    raw = raw.strip().partition("?")[0].partition("#")[0]
    if raw.startswith("{{"):
        end = raw.find("}}") + 2
        rest = raw[end:]
        cut = rest.find("/")
        return (raw[:end] + rest[:cut], rest[cut:]) if cut >= 0 else (raw, "")
    parts = urlsplit(raw if "://" in raw else f"https://{raw}") if raw and not raw.startswith("/") else None
    if parts is None or "{{" in parts.netloc.partition("{{")[0]:
        return "", raw
    return f"{parts.scheme}://{parts.netloc}", raw.split(parts.netloc, 1)[1] if parts.netloc in raw else raw


def variables_of(listed: Any) -> Iterator[tuple[str, str]]:
    for one in listed if isinstance(listed, list) else ():
        if isinstance(one, Mapping) and isinstance(one.get("key"), str):
            yield one["key"], one["value"] if isinstance(one.get("value"), str) else ""


def pairs_of(listed: Any) -> Iterator[tuple[str, str | None, str, bool]]:
    """Key, value, description and whether it is switched off."""
    for one in listed if isinstance(listed, list) else ():
        if isinstance(one, Mapping) and isinstance(one.get("key"), str):
            value = one.get("value")
            yield (
                one["key"],
                value if isinstance(value, str) else None,
                text_of(said(one.get("description")), 160),
                one.get("disabled") is True,
            )


def url_part(request: Mapping[str, Any], name: str) -> Any:
    url = request.get("url")
    return url.get(name) if isinstance(url, Mapping) else None


def said(description: Any) -> str:
    if isinstance(description, Mapping):
        description = description.get("content")
    return description if isinstance(description, str) else ""


def whole_number(value: str | None) -> int | None:
    return (
        int(value)
        if value is not None and value.isascii() and value.isdecimal() and len(value) < 10
        else None
    )


def json_of(raw: Any) -> Any:
    if not isinstance(raw, str) or not raw.strip() or len(raw) > 1 << 20:
        return None
    try:
        return decode(raw)
    except ValueError:
        # Variables may stand where a value does: they are texts then.
        try:
            return decode(VARIABLE.sub(lambda match: f'"{match[1]}"', raw))
        except ValueError:
            return None


def without_secrets(value: Any, depth: int = 0) -> Any:
    """An example without the values that a name tells to be secret."""
    if isinstance(value, Mapping):
        return {
            name: "secret"
            if isinstance(inner, str) and SENSITIVE.search(str(name))
            else without_secrets(inner, depth + 1)
            for name, inner in (value.items() if depth < 30 else ())
        }
    return (
        [without_secrets(one, depth + 1) for one in value]
        if isinstance(value, list) and depth < 30
        else value
    )


def spells(name: str) -> bool:
    return 0 < len(name) <= 60 and name.isascii() and name.replace("_", "a").isalnum() and name[0].isalpha()
