"""`$ref` inside one description: resolved where it is used, bounded, never fetched."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import unquote

from redrive.documents.described.model import Unfit

MAX_STEPS: Final = 50
"""References that lead to references."""


class References:
    """Follows the references of one document."""

    def __init__(self, document: Any) -> None:
        self._document = document
        self._known: dict[str, Any] = {}

    def of(self, value: Any) -> Any:
        """What a value stands for: itself, or what its `$ref` names.

        Errors: `Unfit` for one that is remote, leads nowhere, or leads back to itself.
        """
        seen: list[str] = []
        while isinstance(value, Mapping) and isinstance(value.get("$ref"), str):
            reference: str = value["$ref"]
            if reference in seen or len(seen) >= MAX_STEPS:
                raise _broken(reference, "leads back to itself")
            seen.append(reference)
            value = self._target(reference)
        return value

    def name_of(self, value: Any) -> str | None:
        """The reference itself, where there is one: it tells that a schema stands inside itself."""
        reference = value.get("$ref") if isinstance(value, Mapping) else None
        return reference if isinstance(reference, str) else None

    def _target(self, reference: str) -> Any:
        if reference not in self._known:
            if not reference.startswith("#"):
                raise Unfit(
                    "reference",
                    f"the reference {reference[:200]!r} leads out of the file, and no other file is fetched",
                    "Bundle the description into one file first (`redocly bundle`, `swagger-cli bundle`).",
                )
            self._known[reference] = self._find(reference)
        return self._known[reference]

    def _find(self, reference: str) -> Any:
        value = self._document
        for part in reference[1:].split("/")[1:]:
            name = unquote(part).replace("~1", "/").replace("~0", "~")
            if isinstance(value, Mapping) and name in value:
                value = value[name]
            elif isinstance(value, list) and name.isdecimal() and len(name) < 7 and int(name) < len(value):
                value = value[int(name)]
            else:
                raise _broken(reference, "leads nowhere")
        return value


def _broken(reference: str, how: str) -> Unfit:
    return Unfit(
        "reference",
        f"the reference {reference[:200]!r} {how}",
        "Mend the description, or write this endpoint by hand.",
    )
