"""A description to a connector document: what kind it is, and as much detail as a document may hold."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from redrive.documents.described.model import Described, DescriptionInvalid, Note, Wanted
from redrive.documents.described.names import kebab
from redrive.documents.described.openapi import read_openapi
from redrive.documents.described.postman import read_postman
from redrive.documents.described.source import read

DETAIL: Final = (160, 50, 16, 0)
"""Most values of one schema or sample: the first at which the whole fits into a document."""
MOST_VALUES: Final = 150_000
"""Values of a whole document; `documents.nodes.MAX_NODES` is the bound of any."""
MOST_BYTES: Final = 6 << 20


def convert(data: bytes, name: str, wanted: Wanted, *, url: str | None = None) -> Described:
    """`name`: of the file, for messages; `url`: where it came from, which relative servers count from.

    Errors: `DescriptionInvalid`.
    """
    document = read(data, name)
    made = _read(document, name, url, wanted, DETAIL[0])
    for fewer in DETAIL[1:]:
        if _fits(made):
            break
        made = _read(document, name, url, wanted, fewer)
    if not _fits(made):
        raise DescriptionInvalid(
            f"{name} makes a document larger than one may be, even without schemas and samples",
            code="description.too_large",
            at=name,
            hint="Take a part of it: --only TAG or --only /PATH.",
        )
    if made.nodes != DETAIL[0]:
        kept = f"cut at {made.nodes} values each" if made.nodes else "left out"
        made.notes.insert(
            0,
            Note(
                "",
                f"schemas and samples are {kept}: in full the document would be larger than one may be; "
                "with --only there is more room",
            ),
        )
    if not made.endpoints:
        first = made.refused[0] if made.refused else None
        raise DescriptionInvalid(
            f"none of the {made.chosen} operations of {name} can be imported"
            + (f": {first.operation}: {first.why}" if first else ""),
            code="description.empty",
            at=name,
            hint=first.way_out if first else None,
        )
    return made


def _read(document: Any, name: str, url: str | None, wanted: Wanted, nodes: int) -> Described:
    if isinstance(document, Mapping):
        version = document.get("openapi")
        if isinstance(version, str) and version.startswith("3."):
            return read_openapi(document, _stem(name), url, wanted, nodes)
        if "swagger" in document or version is not None:
            raise DescriptionInvalid(
                f"{name} is a description of Swagger {str(document.get('swagger') or version)[:10]}; "
                "OpenAPI 3.0 and 3.1 are read",
                code="description.version",
                at=name,
                hint="Convert it first: `npx swagger2openapi FILE`, or the converter of editor.swagger.io.",
            )
        if isinstance(document.get("info"), Mapping) and isinstance(document.get("item"), list):
            return read_postman(document, _stem(name), wanted, nodes)
        inner = document.get("collection")
        if isinstance(inner, Mapping) and isinstance(inner.get("item"), list):
            return read_postman(inner, _stem(name), wanted, nodes)
        if "requests" in document and "order" in document:
            raise DescriptionInvalid(
                f"{name} is a Postman collection of version 1; 2.0 and 2.1 are read",
                code="description.version",
                at=name,
                hint="Export it again from Postman, as Collection v2.1.",
            )
    raise DescriptionInvalid(
        f"{name} is neither an OpenAPI 3 description nor a Postman collection",
        code="description.unknown",
        at=name,
        hint="OpenAPI has `openapi: 3.…` at its top; a Postman collection has `info` and `item`.",
    )


def _stem(name: str) -> str:
    last = name.replace("\\", "/").rstrip("/").rsplit("/", 1)[-1]
    return kebab(last.rsplit(".", 1)[0] if "." in last else last, 60) or "imported"


def _fits(made: Described) -> bool:
    values = size = 0
    for one in made.endpoints:
        more, length = _weight(one.document)
        values += more + 3
        size += length
        if values > MOST_VALUES or size > MOST_BYTES:
            return False
    return True


def _weight(value: Any) -> tuple[int, int]:
    """Values, and about how many bytes they take as text."""
    if isinstance(value, Mapping):
        values, size = 1, 4
        for name, inner in value.items():
            more, length = _weight(inner)
            values += more + 1
            size += length + len(name.encode(errors="replace")) + 12
        return values, size
    if isinstance(value, list):
        values, size = 1, 4
        for inner in value:
            more, length = _weight(inner)
            values += more
            size += length + 4
        return values, size
    return 1, len(str(value)) + 4
