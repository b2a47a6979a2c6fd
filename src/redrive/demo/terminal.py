"""The console that the story is told on: colours on a terminal, plain text in a pipe, no markup anywhere."""

from __future__ import annotations

from typing import TextIO

from rich.console import Console

PIPE_WIDTH = 100


def story_console(stream: TextIO) -> Console:
    """A console for `stream`. What an old code page lacks is shown as a question mark, never an error."""
    reconfigure = getattr(stream, "reconfigure", None)
    if reconfigure is not None:
        reconfigure(errors="replace")
    console = Console(file=stream, markup=False, emoji=False, highlight=False)
    if not console.is_terminal:
        console.width = PIPE_WIDTH
    return console


def sign(console: Console, *, true: bool) -> str:
    """A tick or a cross, or a word where the stream has neither."""
    if console.options.ascii_only:
        return "ok" if true else "WRONG"
    return "✓" if true else "✗"
