"""The search index of each record store."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from redrive.store.opening import open_database
from redrive.store.search_index import SearchIndex
from redrive.store.search_opening import open_search_index
from redrive.store.search_sqlite import SqliteSearchIndex


@pytest.fixture
def opened(store: str, tmp_path: Path) -> Iterator[Callable[[], SearchIndex]]:
    """Opens the index as one more process would; with small shelves, where it has any."""
    database = open_database(tmp_path, os.environ.get("REDRIVE_STORE"))
    database.migrate()
    made: list[SearchIndex] = []

    def open_() -> SearchIndex:
        index = open_search_index(database)
        if isinstance(index, SqliteSearchIndex):
            index = SqliteSearchIndex(tmp_path / "search.db", shelf=4)
        made.append(index)
        return index

    yield open_
    for index in made:
        index.close()


@pytest.fixture
def index(opened: Callable[[], SearchIndex]) -> SearchIndex:
    index = opened()
    assert index.claim()
    index.begin(7, 100)
    return index
