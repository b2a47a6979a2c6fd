"""Guesses from an answer's schema and an operation's parameters: where the records are, how pages follow.

Each guess comes with its reason; where there is none, nothing is guessed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from redrive.documents.described.schemas import Schemas

_LISTS: Final = (
    "items", "data", "results", "result", "records", "value", "values", "list", "entries", "objects", "rows",
    "hits", "elements", "content", "resources", "members", "docs",
)  # fmt: skip
_HOLDERS: Final = (
    "data",
    "result",
    "results",
    "response",
    "payload",
    "_embedded",
    "embedded",
    "hits",
    "body",
)
_ENVELOPE: Final = re.compile(
    r"total|count|page|limit|offset|size|next|prev|first|last|more|cursor|link|meta|paging|pagination|status|"
    r"success|message|error|warning|self|href|url|object|kind|type|incomplete|token|etag|version|code|ok|start|"
    r"request|per|facet|sort|timestamp|extra|aggregat|result_info",
    re.IGNORECASE,
)
_NEXT_URL: Final = (
    "next", "next_url", "nextUrl", "next_page_url", "nextPageUrl", "next_link", "nextLink", "@odata.nextLink",
    "next_page_uri", "next_page", "nextPage", "href",
)  # fmt: skip
_NEXT_HOLDERS: Final = (
    "", "links", "_links", "paging", "pagination", "meta", "page", "meta.pagination", "response_metadata"
)  # fmt: skip
_TOKENS: Final = (
    "next_cursor", "nextCursor", "next_page_token", "nextPageToken", "next_token", "nextToken", "cursor",
    "endCursor", "end_cursor", "continuation_token", "continuationToken", "continue", "after", "next_page",
    "next", "next_page_cursor", "nextMarker", "next_marker", "scroll_id",
)  # fmt: skip
_CURSORS: Final = (
    "cursor", "page_token", "pageToken", "next_token", "nextToken", "next_cursor", "nextCursor",
    "page_cursor", "continuation_token", "continuationToken", "continue", "after", "page[after]",
    "page[cursor]", "marker", "next_page_token", "starting_after", "start_cursor", "next_marker",
)  # fmt: skip
_NUMBERS: Final = (
    "page", "page_number", "pageNumber", "page[number]", "pageNo", "page_no", "pageIndex", "page_index", "p",
)  # fmt: skip
_OFFSETS: Final = (
    "offset",
    "skip",
    "startAt",
    "start_at",
    "page[offset]",
    "startIndex",
    "start_index",
    "start",
)
_SIZES: Final = (
    "per_page", "perPage", "page_size", "pageSize", "limit", "size", "page[size]", "page[limit]", "count",
    "max", "maxResults", "max_results", "top", "$top", "pagesize", "num",
)  # fmt: skip
_MOST_SIZE: Final = 1000


class Found(NamedTuple):
    """Where the records are. `path` None: nothing is known; `why` says more."""

    path: str | None
    why: str


class Paging(NamedTuple):
    """`document` goes under `paginate`; `taken` are the query parameters that it sends by itself."""

    document: dict[str, Any] | None
    why: str
    taken: tuple[str, ...] = ()


def records(schema: Any, path: str, schemas: Schemas) -> Found:
    """The array of records in an answer of this schema, at this path of the system."""
    kind = schemas.kind(schema)
    if kind == "array":
        return Found("", "the answer is an array")
    last = path.rstrip("/").rsplit("/", 1)[-1]
    single = last.startswith("{")
    properties = schemas.properties(schema)
    arrays = [name for name, inner in properties.items() if _plain(name) and schemas.kind(inner) == "array"]
    envelope = all(_ENVELOPE.search(name) for name in properties if name not in arrays)
    for name in arrays:
        if name.casefold() == last.casefold() and not single:
            return Found(name, f"`{name}` is an array, named as the path is")
    known = [name for name in _LISTS if name in arrays]
    if known and (envelope or not single):
        return Found(known[0], f"`{known[0]}` is an array")
    if len(arrays) == 1 and envelope:
        return Found(arrays[0], f"`{arrays[0]}` is the only array, beside what tells of pages")
    for holder in _HOLDERS:
        if holder not in properties or single:
            continue
        inner = schemas.properties(properties[holder])
        inside = [name for name, one in inner.items() if _plain(name) and schemas.kind(one) == "array"]
        if len(inside) == 1:
            return Found(f"{holder}.{inside[0]}", f"`{holder}.{inside[0]}` is the only array in `{holder}`")
    if len(arrays) > 1 and not single:
        several = ", ".join(arrays[:6])
        return Found(None, f"several arrays ({several}): name the one with the records in `items`")
    return Found(None, "")


def paging(
    queries: Mapping[str, Mapping[str, Any]],
    schema: Any,
    headers: Mapping[str, Any],
    items: str | None,
    schemas: Schemas,
) -> Paging:
    """How pages follow. `queries`: schema by query parameter; `headers`: those of the answer."""
    size = next((name for name in _SIZES if name in queries), None)
    if any(name.casefold() == "link" for name in headers):
        return Paging({"by": "link_header"}, "the answer documents a Link header")
    cursor = next((name for name in _CURSORS if name in queries), None)
    number = next((name for name in _NUMBERS if name in queries), None)
    fields = dict(_scalars(schema, schemas))
    url = _next_url(fields, strict=cursor is not None or number is not None)
    if url is not None:
        return Paging({"by": "next_url", "at": url}, f"`{url}` of the answer is the URL of the next page")
    if cursor is not None:
        token = _token(fields, cursor)
        if token is not None:
            more = next((n for n in ("has_more", "hasMore", "has_next", "hasNextPage") if n in fields), None)
            made: dict[str, Any] = {"by": "cursor", "at": token, "parameter": cursor}
            if more is not None:
                made["more"] = more
            return Paging(made, f"`{token}` of the answer goes into `{cursor}`", (cursor,))
        return Paging(
            None,
            f"`{cursor}` looks like a cursor, but no field of the answer is known to hold the next one: "
            "set `paginate` (by: cursor, or by: script) where it is paged",
        )
    if number is not None:
        return _counted("page_number", number, size, queries, items)
    offset = next((name for name in _OFFSETS if name in queries), None)
    if offset is not None and size is not None:
        return _counted("offset", offset, size, queries, items)
    return Paging(None, "")


def _counted(
    by: str, parameter: str, size: str | None, queries: Mapping[str, Mapping[str, Any]], items: str | None
) -> Paging:
    why = f"the query has `{parameter}`" + (f" and `{size}`" if size else "")
    if items is None:
        return Paging(
            None,
            f"{why}, but it is not known where the records are: set `items` and `paginate` (by: {by})",
        )
    made: dict[str, Any] = {"by": by, "parameter": parameter}
    start = _number(queries[parameter].get("default"))
    if start is None:
        start = _number(queries[parameter].get("minimum"))
    usual = 1 if by == "page_number" else 0
    made["start"] = start if start in (0, 1) and by == "page_number" else usual
    if made["start"] == usual:
        del made["start"]
    taken = [parameter]
    if size is not None:
        about = queries[size]
        count = _number(about.get("maximum")) or _number(about.get("default"))
        if count is not None and count > 0:
            made["size"] = min(count, _MOST_SIZE)
            made["size_parameter"] = size
            taken.append(size)
    return Paging(made, why, tuple(taken))


def _number(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**31 else None


def _plain(name: str) -> bool:
    return re.fullmatch(r"[A-Za-z_][A-Za-z0-9_-]*", name) is not None


def _scalars(schema: Any, schemas: Schemas) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Fields by dotted path, down to where pages are told of."""
    for name, inner in schemas.properties(schema).items():
        about = schemas.resolved(inner)
        yield name, about
        if schemas.kind(inner) == "object":
            for below, one in schemas.properties(inner).items():
                deeper = schemas.resolved(one)
                yield f"{name}.{below}", deeper
                if schemas.kind(one) == "object" and name in {"_links", "links", "paging", "meta"}:
                    for last, leaf in schemas.properties(one).items():
                        yield f"{name}.{below}.{last}", schemas.resolved(leaf)


def _next_url(fields: Mapping[str, Mapping[str, Any]], *, strict: bool) -> str | None:
    for holder in _NEXT_HOLDERS:
        for name in _NEXT_URL[:-1]:
            path = f"{holder}.{name}" if holder else name
            for full in (path, f"{path}.href"):
                about = fields.get(full)
                if about is None or not _path_fits(full) or "string" not in _kinds(about):
                    continue
                named = full.endswith(("href", "url", "Url", "link", "Link", "uri")) or "links" in holder
                told = about.get("format") in {"uri", "url", "uri-reference"} or "http" in str(
                    about.get("example", "")
                )
                if named or told or (not strict and name == "next"):
                    return full
    return None


def _token(fields: Mapping[str, Mapping[str, Any]], cursor: str) -> str | None:
    for holder in (*_NEXT_HOLDERS, "data", "result_info", "metadata", "cursors", "paging.cursors"):
        for name in dict.fromkeys((*_TOKENS, cursor)):
            path = f"{holder}.{name}" if holder else name
            if path in fields and _path_fits(path) and {"string", "integer"} & _kinds(fields[path]):
                return path
    return None


def _kinds(about: Mapping[str, Any]) -> set[str]:
    kind = about.get("type")
    return set(map(str, kind)) if isinstance(kind, list) else {str(kind)}


def _path_fits(path: str) -> bool:
    return all(_plain(part) for part in path.split("."))
