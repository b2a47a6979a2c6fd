"""The lock of the one process that executes, on each database."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import psycopg
import pytest

from redrive.errors import RedriveError
from redrive.store.database import Database
from redrive.store.lock import RunnerLock


@pytest.fixture
def lock(database: Database) -> Iterator[Callable[[], RunnerLock]]:
    made: list[RunnerLock] = []

    def one_more() -> RunnerLock:
        made.append(database.runner_lock())
        return made[-1]

    yield one_more
    for one in made:
        one.close()


def test_one_has_it(lock: Callable[[], RunnerLock]) -> None:
    one, other = lock(), lock()
    assert one.acquire()
    assert one.held
    assert not other.acquire()
    assert (one.held_elsewhere(), other.held_elsewhere()) == (False, True)
    one.release()
    assert not one.held
    assert not other.held_elsewhere()
    assert other.acquire()
    other.release()
    other.release()
    assert one.acquire()


def test_it_goes_with_its_holder(lock: Callable[[], RunnerLock]) -> None:
    one, other = lock(), lock()
    assert one.acquire(serve=True)
    one.close()
    assert other.acquire(serve=True)


def test_looking_for_it_does_not_keep_it(lock: Callable[[], RunnerLock]) -> None:
    one, other = lock(), lock()
    assert not one.held_elsewhere()
    assert not one.served()
    assert other.acquire(serve=True)


@pytest.mark.parametrize("store", ["postgres"], indirect=True)
def test_whether_it_is_held_to_serve(lock: Callable[[], RunnerLock]) -> None:
    one, other = lock(), lock()
    one.acquire()
    assert not other.served()
    one.release()
    one.acquire(serve=True)
    assert other.served()
    one.release()
    assert not other.served()


@pytest.mark.parametrize("store", ["postgres"], indirect=True)
def test_a_session_that_ends_takes_the_lock_with_it_and_its_holder_is_told(
    lock: Callable[[], RunnerLock], database: Database
) -> None:
    one, other = lock(), lock()
    told: list[RedriveError] = []
    heard = threading.Event()

    def lost(error: RedriveError) -> None:
        told.append(error)
        heard.set()

    one.on_lost = lost
    assert one.acquire()
    end_sessions(database, "redrive runner")
    assert heard.wait(10)
    assert told[0].code == "store.lock_lost"
    assert not one.held
    assert other.acquire()
    one.release()  # what it has not, it does not give back
    assert other.held
    assert not one.acquire()


def end_sessions(database: Database, name: str) -> None:
    """As a server that is restarted, or a network that breaks, would."""
    with psycopg.connect(database._address, autocommit=True) as connection:
        ended = connection.execute(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
            " WHERE application_name = %s AND datname = current_database()",
            [name],
        ).fetchone()
    assert ended is not None
    assert ended[0] > 0
