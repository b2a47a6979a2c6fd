"""Functions that look a value up outside the item: in a lookup, in a cache."""

from __future__ import annotations

from typing import Any, Protocol

from redrive.core.functions.describe import Argument, Example, Function, need_text
from redrive.core.jsonvalue import MISSING
from redrive.core.matching import MATCHES

ROOT = "references"
"""The name in a scope under which `References` stands. No template can name it."""


class Asked(Exception):
    """What a function looks up is not at hand yet: it has been noted; apply the functions again later."""


class References(Protocol):
    """Answers that are at hand. Each raises `Asked` where one still has to be fetched."""

    def lookup(self, table: str, direction: str, match: str, value: str) -> str | None:
        """What stands beside the value; None where it is in no row."""

    def cached(self, cache: str, scope: str, entry: str, at: str) -> Any:
        """A value of a cache entry; MISSING where there is none."""

    def scripted(self, code: str, value: Any) -> Any:
        """What a script returns for a value."""


_MISSING = Argument(
    "missing",
    "choice",
    "What a value that is not found becomes: an error, null, itself, or its item is left out.",
    default="error",
    choices=("error", "empty", "keep", "skip_item"),
)
_DEFAULT = Argument("default", "any", "What a value that is not found becomes, instead.", default=None)


def _lookup(
    value: Any, *, references: References, table: str, direction: str, match: str, default: Any, missing: str
) -> Any:
    found = references.lookup(table, direction, match, need_text(value))
    if found is not None:
        return found
    return _not_found(value, default, missing, f"the value is not in the lookup {table!r}")


def _cache_lookup(
    value: Any, *, references: References, cache: str, scope: str, at: str, default: Any, missing: str
) -> Any:
    found = references.cached(cache, scope, need_text(value), at)
    if found is not MISSING:
        return found
    return _not_found(value, default, missing, f"the cache {cache!r} has nothing for the value")


def _not_found(value: Any, default: Any, missing: str, message: str) -> Any:
    if default is not None:
        return default
    if missing == "error":
        raise ValueError(f"{message}; add it, or set default or missing")
    return {"empty": None, "keep": value, "skip_item": MISSING}[missing]


FUNCTIONS = (
    Function(
        "lookup",
        "look-up",
        "What stands beside the value in a cross-reference table. Numbers are looked up as they are spelt.",
        _lookup,
        (
            Argument("table", "text", "Name of the lookup."),
            Argument(
                "direction",
                "choice",
                "From its first column to the second, or back.",
                default="forward",
                choices=("forward", "backward"),
            ),
            Argument(
                "match",
                "choice",
                "How the value and a row are compared: as they stand, without outer blanks, without case, "
                "without both, or by the longest row that the value begins with.",
                default="exact",
                choices=MATCHES,
            ),
            _DEFAULT,
            _MISSING,
        ),
        (
            Example({"lookup": "countries"}, "GB", "United Kingdom"),
            Example({"lookup": {"table": "countries", "direction": "backward"}}, "France", "FR"),
            Example({"lookup": {"table": "countries", "match": "loose"}}, " gb ", "United Kingdom"),
            Example({"lookup": {"table": "countries", "match": "prefix"}}, "FR-75001", "France"),
            Example({"lookup": {"table": "countries", "default": "elsewhere"}}, "XX", "elsewhere"),
            Example({"lookup": {"table": "countries", "missing": "keep"}}, "XX", "XX"),
            Example({"lookup": "countries"}, "XX", fails="not in the lookup 'countries'"),
        ),
        references=True,
    ),
    Function(
        "cache_lookup",
        "look-up",
        "What a cache holds in the entry that the value names: the document of its last page.",
        _cache_lookup,
        (
            Argument("cache", "text", "Name of the cache."),
            Argument("at", "text", "Path within the document; without it, all of it.", default=""),
            Argument(
                "scope",
                "choice",
                "Whose cache: of the run, of the flow, or of all flows.",
                default="flow",
                choices=("run", "flow", "company"),
            ),
            _DEFAULT,
            _MISSING,
        ),
        (
            Example({"cache_lookup": {"cache": "stock", "at": "free"}}, "MUG-BLU-350", 12),
            Example({"cache_lookup": "stock"}, "MUG-BLU-350", {"sku": "MUG-BLU-350", "free": 12}),
            Example({"cache_lookup": {"cache": "stock", "at": "free", "default": 0}}, "TEA-EGR-100", 0),
            Example({"cache_lookup": "stock"}, "TEA-EGR-100", fails="the cache 'stock' has nothing"),
        ),
        references=True,
    ),
)
