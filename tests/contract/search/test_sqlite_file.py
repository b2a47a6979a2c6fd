"""What befalls the file of the index."""

from __future__ import annotations

import subprocess
import sys

import pytest

from redrive.core.searching import Query, token, tokens
from redrive.store.search_index import NEWEST, Changes, Entry, IndexState, Payloads
from redrive.store.search_sqlite import SqliteSearchIndex, spelt


@pytest.fixture
def index(tmp_path):
    index = SqliteSearchIndex(tmp_path / "search.db", shelf=4)
    assert index.claim()
    index.begin(7, 0)
    index.apply(Changes(entries=[Entry(1, (Payloads(1, 0, 1),), tokens(["secret"]), old=False)]))
    yield index
    index.close()


def found(index):
    return [one.run_id for one in index.find(Query("secret"), NEWEST, 5)]


def test_a_file_that_was_deleted_is_an_empty_index(index, tmp_path):
    assert found(index) == [1]
    for path in tmp_path.glob("search.db*"):
        path.unlink()
    assert found(index) == []
    assert index.state() == IndexState()
    index.begin(8, 0)
    assert index.state().generation == 8


@pytest.mark.parametrize("where", [0, 4096, 8192])
def test_a_damaged_file_is_an_empty_index(index, tmp_path, where):
    index.close()
    path = tmp_path / "search.db"
    data = bytearray(path.read_bytes())
    data[where : where + 4096] = b"\xff" * 4096
    path.write_bytes(data)
    again = SqliteSearchIndex(path, shelf=4)
    assert again.claim()
    for _ in range(2):  # what a question finds out, the next change mends
        again.find(Query("secret"), NEWEST, 5)
        state = again.state()
        if not state.generation:
            break
        with pytest.raises(Exception, match=r"malformed|no such|disk image"):
            again.apply(Changes(entries=[Entry(2, (), tokens(["secret"]), old=False)], dropped=[1]))
    again.begin(9, 0)
    assert again.state().generation == 9
    again.close()


def test_it_is_readable_by_its_owner_only(tmp_path, index):
    assert (tmp_path / "search.db").stat().st_mode & 0o077 == 0


def test_nothing_of_what_was_erased_is_left_in_the_file(index, tmp_path):
    word = spelt(token("secret")).encode()
    index.apply(Changes(entries=[Entry(2, (Payloads(2, 0, 1),), tokens(["other"]), old=False)]))
    index.apply(Changes(dropped=[1], erased=[1]))
    assert index.compact()
    assert index.rewrites(10) == [2]
    index.close()
    held = b"".join(path.read_bytes() for path in tmp_path.glob("search.db*"))
    assert word not in held


# In a process of its own, which is what was lost.
THREADS = """
import sqlite3, sys, threading
from pathlib import Path
from redrive.store.search_sqlite import SqliteSearchIndex

index = SqliteSearchIndex(Path(sys.argv[1]))
assert index.claim()
index.begin(1, 0)
ended = threading.Event()

def ask():
    while not ended.is_set():
        try:
            index.progress(1), index.taken(1), index.rewrites(10), index.state()
        except sqlite3.Error:  # thrown away at this moment
            pass

threads = [threading.Thread(target=ask) for _ in range(3)]
for thread in threads:
    thread.start()
for number in range(200):
    index.begin(number + 1, 0)
ended.set()
for thread in threads:
    thread.join()
print(index.state().generation)
index.close()
"""


def test_it_is_thrown_away_and_begun_anew_while_other_threads_ask(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", THREADS, str(tmp_path / "search.db")],
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stdout.strip()) == (0, "200"), done.stderr
