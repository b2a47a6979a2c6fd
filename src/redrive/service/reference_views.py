"""What the CLI prints and the API answers of lookups, data pools and caches."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import ConfigDict, Field

from redrive.service.views import View


class LookupView(View):
    """A cross-reference table: its two columns, how many entries it has."""

    name: str
    columns: list[str]
    entries: int
    created_at: datetime
    updated_at: datetime


class LookupEntry(View):
    """One row of a lookup."""

    model_config = ConfigDict(frozen=True, populate_by_name=True, extra="forbid")

    from_: str = Field(alias="from")
    to: str


class LookupAnswer(View):
    """What stands beside a value; `to` is null where it is in no row."""

    value: str
    found: bool
    to: str | None


class TableImported(View):
    """What an import of CSV has done; `duplicates` are rows left out because their key stood twice."""

    name: str
    entries: int
    duplicates: int = 0
    header: bool
    delimiter: str


class PoolView(View):
    """A data pool; `flow` is null where flows share it. Provisional entries belong to runs under way."""

    name: str
    flow: str | None
    entries: int
    provisional: int
    created_at: datetime


class PoolEntryView(View):
    """A key in a pool: since when, and which run put it there (null: a person)."""

    key: str
    at: datetime
    run: str | None
    provisional: bool = False


class CacheView(View):
    """A cache of one scope: `flow` is null in `company`, `run` but in `run`."""

    id: str
    name: str
    scope: Literal["run", "flow", "company"]
    flow: str | None
    run: str | None
    created_at: datetime


class CacheEntryView(View):
    """An entry of a cache as a whole; `at`: when its last page was added."""

    entry: str
    pages: int
    size_bytes: int
    at: datetime
    expires_at: datetime | None


class CachePageView(View):
    """One page of a cache entry."""

    page: int
    run: str
    step: str
    items: int | None
    size_bytes: int
    media_type: str
    meta: dict[str, str]
    at: datetime
    expires_at: datetime | None


class Removed(View):
    """How many entries were taken away."""

    removed: int
