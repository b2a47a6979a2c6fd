"""Lookups and data pools from CSV: what is taken, and what is said of what is wrong, by line."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from redrive.errors import FlowInvalid, NotFound, RedriveError, UsageError
from redrive.service.app import Service, open_service
from redrive.service.csv_table import Form
from redrive.settings import load


@asynccontextmanager
async def opened(path: Path) -> AsyncIterator[Service]:
    async with open_service(path, load(environment={})) as service:
        yield service


async def chunks(data: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(data), 5):
        yield data[start : start + 5]


async def whole(stream: AsyncIterator[bytes]) -> bytes:
    return b"".join([chunk async for chunk in stream])


@pytest.mark.parametrize(
    ("data", "form", "gives"),
    [
        (b"GB,Britain\r\nFR,France\r\n", {}, [("GB", "Britain"), ("FR", "France")]),
        (b"from,to\nGB,Britain", {}, [("GB", "Britain")]),
        (b"Code;Name\nGB;Britain\n", {}, [("GB", "Britain")]),
        (b"from,to\nGB,Britain", {"header": "no"}, [("from", "to"), ("GB", "Britain")]),
        (b"land,ort\nGB,London", {"header": "yes"}, [("GB", "London")]),
        (b"id\tx\tname\n1\t-\tone\n", {"columns": ("name", "id")}, [("one", "1")]),
        (b'\xef\xbb\xbfkey,value\n"a,\n""b""", c \n', {}, [('a,\n"b"', " c ")]),
        ("Grüße,1\n".encode("cp1252"), {"encoding": "windows-1252"}, [("Grüße", "1")]),
        (b"", {}, []),
    ],
)
async def test_a_csv_becomes_a_lookup_and_comes_out_again(
    tmp_path: Path, data: bytes, form: dict[str, Any], gives: list[tuple[str, str]]
) -> None:
    async with opened(tmp_path) as service:
        done = await service.lookups.import_("t", chunks(data), form=Form(**form))
        page = await service.lookups.entries("t")
        assert [(one.from_, one.to) for one in page.items] == gives
        assert done.entries == len(gives)

        await service.lookups.import_(
            "copy", chunks(await whole(service.lookups.export("t"))), form=Form(header="yes")
        )
        assert (await service.lookups.entries("copy")).items == page.items


@pytest.mark.parametrize(
    ("data", "form", "said"),
    [
        (b"a,1\nb,2\na,3\n", {}, ["csv:3: the first column is that of line 1 again"]),
        (b"a,1\nb\n", {}, ["csv:2: the row has 1 cells; expected 2"]),
        (b"a,1\n\xff,2\nc,3\n\xfe,4\n", {}, ["csv:2: byte 1 of the line is not utf-8", "csv:4: byte 1"]),
        (b'a,1\n"b,2\n', {}, ["csv:2: it is not CSV"]),
        (b"a,b\n1,2\n", {"columns": ("a", "c")}, ["csv:1: there is no column 'c'"]),
        (b"a,b\x00\n", {}, ["csv:1: a cell holds a zero byte"]),
        (b"a," + b"x" * 10_001 + b"\n", {}, ["csv:1: a cell has 10001 characters; expected at most 10000"]),
    ],
)
async def test_what_is_wrong_is_said_by_line_and_nothing_changes(
    tmp_path: Path, data: bytes, form: dict[str, Any], said: list[str]
) -> None:
    async with opened(tmp_path) as service:
        await service.lookups.set("t", "old", "entry")
        with pytest.raises(FlowInvalid) as caught:
            await service.lookups.import_("t", chunks(data), form=Form(**form))

        problems = [str(problem) for problem in caught.value.problems]
        assert len(problems) == len(said)
        assert all(problem.startswith(start) for problem, start in zip(problems, said, strict=True)), problems
        assert [one.to for one in (await service.lookups.entries("t")).items] == ["entry"]


async def test_a_lookup_wants_two_columns(tmp_path: Path) -> None:
    async with opened(tmp_path) as service:
        for columns in (("a",), ("a", "b", "c")):
            with pytest.raises(UsageError) as caught:
                await service.lookups.import_("t", chunks(b"a,b,c\n1,2,3\n"), form=Form(columns=columns))
            assert caught.value.code == "csv.columns"
        assert (await service.lookups.list()).items == []


@pytest.mark.parametrize(("duplicates", "gives"), [("first", ["1", "2", "4"]), ("last", ["2", "3", "4"])])
async def test_duplicates_can_be_left_out(tmp_path: Path, duplicates: Any, gives: list[str]) -> None:
    async with opened(tmp_path) as service:
        done = await service.lookups.import_("t", chunks(b"a,1\nb,2\na,3\nA,4\n"), duplicates=duplicates)

        assert [one.to for one in (await service.lookups.entries("t")).items] == gives
        assert (done.entries, done.duplicates) == (3, 1)


@pytest.mark.parametrize(
    ("value", "direction", "match", "gives"),
    [
        ("GB", "forward", "exact", "Britain"),
        ("gb", "forward", "exact", "small"),
        ("Gb", "forward", "exact", None),
        ("Gb", "forward", "case_insensitive", "Britain"),
        (" GB ", "forward", "trimmed", "Britain"),
        (" GB ", "forward", "exact", None),
        (" strasse", "forward", "loose", "street"),
        ("GB-LND-1", "forward", "prefix", "London"),
        ("GB-1", "forward", "prefix", "Britain"),
        ("London", "backward", "exact", "GB-LND"),
        ("nowhere", "backward", "loose", None),
    ],
)
async def test_kinds_of_matching(
    tmp_path: Path, value: str, direction: Any, match: Any, gives: str | None
) -> None:
    rows = "GB,Britain\ngb,small\nGB-LND,London\nStraße,street\n"
    async with opened(tmp_path) as service:
        await service.lookups.import_("t", chunks(rows.encode()))

        assert (await service.lookups.find("t", value, direction=direction, match=match)).to == gives


async def test_entries_are_set_searched_and_taken_away(tmp_path: Path) -> None:
    async with opened(tmp_path) as service:
        for source, target in (("a", "one"), ("b", "two"), ("a", "ONE")):
            view = await service.lookups.set("t", source, target)
        assert view.entries == 2
        assert [one.from_ for one in (await service.lookups.entries("t", text="O")).items] == ["b", "a"]
        assert (await service.lookups.remove("t", "a")).removed == 1
        with pytest.raises(NotFound, match="has no such entry"):
            await service.lookups.remove("t", "a")
        assert (await service.lookups.clear("t")).removed == 1
        assert (await service.lookups.get("t")).entries == 0
        await service.lookups.delete("t")
        with pytest.raises(NotFound, match="there is no lookup 't'"):
            await service.lookups.get("t")


async def test_pages_of_entries_are_walked(tmp_path: Path) -> None:
    async with opened(tmp_path) as service:
        await service.pools.import_("p", chunks(b"key\n" + b"".join(b"%d\n" % n for n in range(25))))
        found: list[str] = []
        cursor = None
        while True:
            page = await service.pools.entries("p", limit=10, cursor=cursor)
            found += [one.key for one in page.items]
            cursor = page.next
            if cursor is None:
                break
        assert sorted(found, key=int) == [str(n) for n in range(25)]
        assert len(found) == 25


async def test_a_pool_is_filled_searched_exported_and_cleared(tmp_path: Path) -> None:
    async with opened(tmp_path) as service:
        await service.pools.add("p", ["a1", "b2"])
        await service.pools.add("p", ["own"], flow="f")
        done = await service.pools.import_("p", chunks(b"x;key\n1;a1\n2;c3\n"), form=Form(columns=("key",)))
        assert done.entries == 2
        assert [one.key for one in (await service.pools.entries("p", text="a")).items] == ["a1"]
        assert await whole(service.pools.export("p")) == b"key\r\na1\r\nb2\r\nc3\r\n"
        assert [(one.name, one.flow, one.entries) for one in (await service.pools.list()).items] == [
            ("p", None, 3),
            ("p", "f", 1),
        ]
        assert (await service.pools.remove("p", ["a1", "zz"])).removed == 1
        past = (await service.pools.get("p")).created_at
        assert (await service.pools.clear("p", before=past)).removed == 0
        assert (await service.pools.clear("p")).removed == 2
        await service.pools.delete("p", flow="f")
        with pytest.raises(NotFound, match="no data pool 'p' of flow 'f'"):
            await service.pools.get("p", flow="f")


async def test_a_pool_takes_all_keys_or_none(tmp_path: Path) -> None:
    async with opened(tmp_path) as service:
        with pytest.raises(FlowInvalid) as caught:
            await service.pools.import_("p", chunks(b"a\n" + b"x" * 2_001 + b"\nb\n"))
        assert str(caught.value.problems[0]).startswith("csv:2: the key has 2001 bytes")
        assert (await service.pools.list()).items == []


async def taken(service: Service, **form: Any) -> None:
    await service.lookups.import_("t", chunks(b""), form=Form(**form))


def wrong() -> Iterator[Any]:
    yield lambda service: service.lookups.set("a/b", "x", "y"), "name.invalid"
    yield lambda service: service.lookups.set("t", "x\x00", "y"), "text.invalid"
    yield (
        lambda service: service.lookups.import_("t", chunks(b""), form=Form(encoding="utf-9")),
        "encoding.unknown",
    )
    yield (
        lambda service: service.lookups.import_("t", chunks(b""), form=Form(delimiter="x")),
        "delimiter.invalid",
    )
    yield lambda service: service.pools.add("p", [""]), "key.invalid"
    yield lambda service: service.pools.add("", ["a"]), "name.invalid"


@pytest.mark.parametrize(("call", "code"), [*wrong()])
async def test_wrong_use_is_told_by_its_code(tmp_path: Path, call: Any, code: str) -> None:
    async with opened(tmp_path) as service:
        with pytest.raises(UsageError) as caught:
            await call(service)
        assert caught.value.code == code
        assert isinstance(caught.value, RedriveError)
