"""What every search index does."""

from __future__ import annotations

from redrive.core.searching import Query, tokens
from redrive.store.search_index import NEWEST, Changes, Entry, IndexState, Payloads, Window


def entry(run, *values, old=False, part=None):
    return Entry(run, (part or Payloads(run, 0, 2),), tokens(values), old)


def runs(index, text, before=NEWEST, at_most=100):
    return [found.run_id for found in index.find(Query(text), before, at_most)]


def test_there_is_nothing_before_it_is_begun(opened):
    index = opened()
    assert index.state() == IndexState()
    assert runs(index, "x") == []
    assert index.size_bytes() >= 0


def test_what_was_added_is_found_the_newest_first(index, opened):
    parts = (Payloads(1 << 62, 0, 7), Window(5, 3, 1000, 1 << 40, (1 << 40) + 5))
    index.apply(Changes(entries=[Entry(10, parts, tokens(["Ann Lee"]), old=False)]))
    index.apply(Changes(entries=[entry(11, "Ann"), entry(9, "ann", old=True), entry(8, "ann", old=True)]))
    assert runs(index, "ann") == [11, 10, 9, 8]
    assert runs(index, "ANN LEE") == [10]
    assert runs(index, "lee, ann") == [10]
    assert runs(index, "nobody") == []
    found = index.find(Query("lee"), NEWEST, 5)
    assert found[0].parts == parts
    other = opened()  # another process asks at the same time
    assert runs(other, "ann") == [11, 10, 9, 8]


def test_pages_follow_each_other_over_all_parts_of_the_index(index):
    for first in range(0, 40, 8):
        index.apply(Changes(entries=[entry(100 + n, "all", f"v{n}") for n in range(first, first + 8)]))
    seen, before = [], NEWEST
    while page := index.find(Query("all"), before, 7):
        assert len(page) <= 7
        seen += [document.run_id for document in page]
        before = page[-1].id
    assert seen == [100 + n for n in reversed(range(40))]
    assert runs(index, "v3") == [103]


def test_what_is_dropped_is_found_no_more(index):
    index.apply(Changes(entries=[entry(1, "a"), entry(1, "b"), entry(2, "a")]))
    index.apply(Changes(dropped=[1], entries=[entry(1, "c")]))
    assert runs(index, "a") == [2]
    assert runs(index, "b") == []
    assert runs(index, "c") == [1]


def test_changes_are_kept_with_their_mark(index, opened):
    assert index.state()[:3] == (7, 0, 100)
    assert index.apply(Changes(entries=[entry(1, "a")], before=50)) == 1
    assert index.apply(Changes()) == 2
    index.close()
    again = opened()
    assert again.claim()
    assert again.state()[:3] == (7, 2, 50)
    assert runs(again, "a") == [1]


def test_a_run_that_is_not_whole_says_how_far_it_is(index):
    assert not index.taken(1)
    index.apply(Changes(entries=[entry(1, "a")], progress={1: b"so far"}))
    assert index.progress(1) == b"so far"
    assert not index.taken(1)
    index.apply(Changes(entries=[entry(1, "b")], progress={1: None}))
    assert index.progress(1) is None
    assert index.taken(1)
    index.apply(Changes(progress={1: b"x"}))
    index.apply(Changes(dropped=[1]))
    assert index.progress(1) is None


def test_one_process_writes(index, opened):
    other = opened()
    assert not other.claim()
    index.release()
    assert other.claim()
    assert other.claim()
    assert not index.claim()


def test_it_is_thrown_away(index):
    index.apply(Changes(entries=[entry(1, "a")]))
    index.clear()
    assert index.state() == IndexState()
    assert runs(index, "a") == []
    index.begin(8, 0)
    assert index.state()[:3] == (8, 0, 0)
    assert runs(index, "a") == []


def test_a_part_that_is_mostly_dead_is_written_anew(index):
    index.apply(Changes(entries=[entry(run, "a") for run in range(1, 9)], progress={1: None}))
    assert not index.compact()
    index.apply(Changes(dropped=[1, 2, 3]))
    living = set(runs(index, "a"))
    assert living == {4, 5, 6, 7, 8}
    while index.compact():
        pass
    wanted = index.rewrites(100)
    index.apply(Changes(entries=[entry(run, "a") for run in wanted], progress=dict.fromkeys(wanted, None)))
    assert index.rewrites(100) == []
    assert set(runs(index, "a")) == living
    assert not index.compact()


def test_numbers_of_tokens_of_eras_fit():
    from redrive.store.search_postgres import of_era

    for token in (0, 1, (1 << 30) - 1):
        for era in (-5, 0, 4096, 1 << 33):
            assert -(1 << 31) <= of_era(token, era) < 1 << 31
    assert len({of_era(12345, era) for era in range(100)}) == 100
