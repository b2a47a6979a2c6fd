"""What the story claims, each held against what the other systems say."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.markup import escape


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
            self._console.print(f"  [green]✓[/] {escape(claim)}")
            return True
        self.false.append(claim)
        self._console.print(f"  [red]✗ {escape(claim)}[/]")
        self._console.print(f"    expected {escape(_short(expected))}", style="red")
        self._console.print(f"    found    {escape(_short(found))}", style="red")
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
            self._console.print(f"[bold green]All {self._true} claims were checked and are true.[/]")
        else:
            self._console.print(
                f"[bold red]{len(self.false)} claims are not true:[/] {escape('; '.join(self.false))}"
            )


def _short(value: Any, most: int = 200) -> str:
    text = repr(value)
    return text if len(text) <= most else text[:most] + "…"
