"""The story is proper text in a pipe and has colours on a terminal; nothing of it is taken for markup."""

import io
import os
import pty

import pytest

from redrive.demo.claims import Claims
from redrive.demo.terminal import PIPE_WIDTH, sign, story_console


def piped(encoding: str = "utf-8") -> io.TextIOWrapper:
    return io.TextIOWrapper(io.BytesIO(), encoding=encoding)


def written(stream: io.TextIOWrapper) -> str:
    stream.flush()
    return stream.buffer.getvalue().decode(stream.encoding)


def tell(stream: io.TextIOWrapper) -> None:
    claims = Claims(story_console(stream))
    claims.check("What is shown ends in [trimmed]", 1, 1)
    claims.check("It is [red]red[/]", 1, 2)
    claims.sum_up()


def test_a_pipe_gets_the_text_and_nothing_else() -> None:
    stream = piped()
    tell(stream)
    assert written(stream).splitlines() == [
        "  ✓ What is shown ends in [trimmed]",
        "  ✗ It is [red]red[/]",
        "    expected 1",
        "    found    2",
        "1 claim is not true: It is [red]red[/]",
    ]


def test_a_terminal_gets_colours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    reader, writer = pty.openpty()
    with os.fdopen(writer, "w", encoding="utf-8") as terminal:
        Claims(story_console(terminal)).check("one is one", 1, 1)
        terminal.flush()
        assert "\x1b[32m✓\x1b[0m one is one" in os.read(reader, 4096).decode()
    os.close(reader)


def test_an_old_code_page_gets_words_and_no_error() -> None:
    stream = piped("ascii")
    console = story_console(stream)
    console.print("5 °C")
    assert sign(console, true=True) == "ok"
    assert sign(console, true=False) == "WRONG"
    assert written(stream) == "5 ?C\n"


def test_a_pipe_is_wide_enough_for_the_tables() -> None:
    assert story_console(piped()).width == PIPE_WIDTH
