"""What the story claims, each held against what the other systems say."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.text import Text

from redrive.demo.terminal import sign


class StoryEnds(Exception):
    """A claim is false without which there is nothing more to tell."""


class Claims:
    """Says each claim with a tick or a cross; `all_true` after at least one was made and none was false."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._true = 0
        self.false: list[str] = []

    def check(self, claim: str, expected: Any, found: Any) -> bool:
        """Hold that the two are equal."""
        if expected == found:
            self._true += 1
            self._say("  ", (sign(self._console, true=True), "green"), " ", claim)
            return True
        self.false.append(claim)
        self._say((f"  {sign(self._console, true=False)} {claim}", "red"))
        self._say((f"    expected {_short(expected)}", "red"))
        self._say((f"    found    {_short(found)}", "red"))
        return False

    def need(self, claim: str, expected: Any, found: Any) -> None:
        """The same, for what the rest of the story stands on. Raises `StoryEnds` if it is false."""
        if not self.check(claim, expected, found):
            raise StoryEnds

    @property
    def all_true(self) -> bool:
        return bool(self._true) and not self.false

    def sum_up(self) -> None:
        if self.all_true:
            self._say((f"All {self._true} claims were checked and are true.", "bold green"))
        else:
            count = len(self.false)
            said = "1 claim is not true" if count == 1 else f"{count} claims are not true"
            self._say((f"{said}:", "bold red"), f" {'; '.join(self.false)}")

    def _say(self, *parts: str | tuple[str, str]) -> None:
        # A text is never read as markup: a claim may speak of `[trimmed]`.
        self._console.print(Text.assemble(*parts))


def _short(value: Any, most: int = 200) -> str:
    text = repr(value)
    return text if len(text) <= most else text[:most] + "…"
