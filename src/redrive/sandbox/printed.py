"""What a script prints, cut into lines and bounded."""

from __future__ import annotations

from redrive.sandbox.script import Limits

MAX_LINE = 2_000


class Printed:
    """Takes text as it comes, from any thread; `lines` gives what is complete, once."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._open = ""
        self._lines: list[str] = []
        self._count = 0
        self._bytes = 0
        self._full = False

    def write(self, text: str) -> None:
        if self._full:
            return
        room = self._limits.printed_bytes - self._bytes
        self._bytes += len(text)
        *complete, self._open = (self._open + text[: max(room, 0)]).split("\n")
        for line in complete:
            self._add(line)
        if self._bytes >= self._limits.printed_bytes:
            self._end()

    def _add(self, line: str) -> None:
        if self._full:
            return
        if self._count >= self._limits.printed_lines:
            self._open = ""
            self._end()
            return
        self._count += 1
        self._lines.append(line if len(line) <= MAX_LINE else line[: MAX_LINE - 1] + "…")

    def _end(self) -> None:
        self._full = True
        if self._open:
            self._lines.append(self._open[:MAX_LINE])
            self._open = ""
        self._lines.append("(the script printed more; that is not kept)")

    def lines(self, *, ended: bool = False) -> list[str]:
        """The lines since the last call; with `ended` also one without its line end."""
        if ended and self._open:
            self._add(self._open)
            self._open = ""
        lines, self._lines = self._lines, []
        return lines
