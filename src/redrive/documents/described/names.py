"""Names of endpoints, connectors and parameters: readable, unique, and the same at every import."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final

MOST: Final = 80
_EDGE: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_OTHER: Final = re.compile(r"[^A-Za-z0-9]+")
_VERBS: Final = {"GET": "get", "POST": "post", "PUT": "put", "PATCH": "patch", "DELETE": "delete"}


def kebab(text: str, most: int = MOST) -> str:
    """`listForOrg`, `repos/list for_org` → `repos-list-for-org`; may be empty."""
    words = _OTHER.sub("-", _EDGE.sub("-", text[: most * 4])).strip("-").lower()
    return words[:most].rstrip("-")


def by_path(method: str, path: str) -> str:
    """`GET /orders/{id}/lines` → `get-orders-by-id-lines`."""
    parts = [_VERBS.get(method, method.lower())]
    for part in path.split("/"):
        parts += [
            f"by-{kebab(piece)}" if piece.startswith("{") else kebab(piece)
            for piece in re.split(r"(\{[^}]*\})", part)
        ]
    return "-".join(part for part in parts if part)[:MOST].rstrip("-")


def endpoint_names(operations: Sequence[tuple[str, str, str]]) -> Mapping[str, str]:
    """`METHOD path` → name, for (wanted, method, path).

    All that want the same name get one of their path, so none depends on the order of the description.
    """
    wanted = {f"{method} {path}": kebab(text) or by_path(method, path) for text, method, path in operations}
    for step in (lambda method, path, _: by_path(method, path), _marked):
        counts = Counter(wanted.values())
        for _, method, path in operations:
            key = f"{method} {path}"
            if counts[wanted[key]] > 1:
                wanted[key] = step(method, path, wanted[key])
    return wanted


def _marked(method: str, path: str, name: str) -> str:
    mark = hashlib.sha256(f"{method} {path}".encode(errors="replace")).hexdigest()[:6]
    return f"{name[: MOST - 7]}-{mark}"


class Parameters:
    """Names under `with` for the parameters of one endpoint: what a path of a template can spell."""

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def name(self, text: str) -> str:
        base = _OTHER.sub("_", text[:60]).strip("_") or "value"
        if not base[0].isalpha():
            base = f"p_{base}"
        name, number = base, 1
        while name in self._taken:
            number += 1
            name = f"{base}_{number}"
        self._taken.add(name)
        return name
