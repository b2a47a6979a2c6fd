from __future__ import annotations

import io
from datetime import UTC, datetime

import pytest

from redrive.cli.options import pairs, since
from redrive.cli.output import Output, seconds, size, visible
from redrive.errors import UsageError

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain ü 漢", "plain ü 漢"),
        ("\x1b[31mred\x07", "␛[31mred␇"),
        ("a\nb\tc\r", "a␊b␉c␍"),
        ("\x7f\x9b31m", "␡\\u009b31m"),
        ("abc\u202edcb", "abc\\u202edcb"),
        ("\ud800", "\\ud800"),
        ("\u2028", "\\u2028"),
        ("[bold]x[/bold] :smile:", "[bold]x[/bold] :smile:"),
    ],
)
def test_text_that_a_terminal_would_obey_is_shown(text, shown):
    assert visible(text) == shown


def test_lines_and_tabs_of_a_payload_stay():
    assert visible("a\n\tb\x1b", lines=True) == "a\n\tb␛"


def test_a_stream_with_an_old_encoding_takes_everything():
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii", newline="")
    output = Output(json=False, out=stream, err=stream)
    output.text("␛ ü")
    stream.flush()
    assert raw.getvalue() == b"\\u241b \\xfc\n"


def test_durations_and_sizes():
    assert [seconds(x) for x in (None, 0.0024, 1.5, 59.994, 61, 7260)] == [
        "-",
        "2 ms",
        "1.50 s",
        "59.99 s",
        "1 min 01 s",
        "2 h 01 min",
    ]
    assert [size(x) for x in (0, 1023, 1536, 5 << 30)] == ["0 B", "1023 B", "1.5 KiB", "5.0 GiB"]


def test_times_of_since():
    assert since("90m", NOW) == datetime(2026, 11, 20, 10, 30, tzinfo=UTC)
    assert since("7d", NOW) == datetime(2026, 11, 13, 12, tzinfo=UTC)
    assert since("2026-11-20T09:15:00Z", NOW) == datetime(2026, 11, 20, 9, 15, tzinfo=UTC)
    assert since("2026-11-20T10:15+01:00", NOW) == datetime(2026, 11, 20, 9, 15, tzinfo=UTC)
    assert since("2026-11-20", NOW).tzinfo is not None
    assert since("999999999w", NOW).year == 1
    assert since(None, NOW) is None


def test_pairs_keep_what_follows_the_first_sign():
    assert pairs("--var", ["a=b=c", "d="]) == {"a": "b=c", "d": ""}
    with pytest.raises(UsageError):
        pairs("--var", ["=x"])
