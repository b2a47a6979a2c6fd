"""Runs what a page of the documentation shows: its `console` blocks in one shell, its `python` blocks."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src"
TIMEOUT_S = 400
_BLOCK = re.compile(r"^( *)```(\w+)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
_END = "\x1e"

# What differs from run to run, in the order in which it is looked for.
_VARYING = (
    (re.compile(r"\b([a-z])0[0-9a-z]{12}\b"), r"\1…"),
    (re.compile(r"\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z"), "INSTANT"),
    (re.compile(r"\b\d+(\.\d+)? m?s\b"), "TIME"),
    (re.compile(r"127\.0\.0\.1:\d+"), "ADDRESS"),
    (re.compile(r"[ \t]+"), " "),
)


@dataclass
class Shown:
    """One command of a page, what the page says it prints, and where it stands."""

    command: str
    expected: list[str] = field(default_factory=list)
    place: str = ""


def blocks(page: Path, language: str, *, under: str | None = None) -> list[str]:
    """The fenced blocks of a language, of the whole page or of the part under one heading."""
    text = page.read_text(encoding="utf-8")
    if under is not None:
        level = under.partition(" ")[0]
        _, _, text = text.partition(f"\n{under}\n")
        assert text, f"{page.name} has no heading {under!r}"
        text = re.split(rf"^#{{1,{len(level)}}} ", text, maxsplit=1, flags=re.MULTILINE)[0]
    return [
        re.sub(rf"^{indent}", "", code, flags=re.MULTILINE)
        for indent, found, code in _BLOCK.findall(text)
        if found == language
    ]


def commands(page: Path, *, under: str | None = None) -> list[Shown]:
    """The commands of the `console` blocks: `$` begins one, `>` goes on with it, the rest is its output."""
    shown: list[Shown] = []
    for block in blocks(page, "console", under=under):
        for line in block.splitlines():
            if line.startswith("$ "):
                shown.append(Shown(line[2:], place=f"{page.name}: {line}"))
            elif line.startswith("> ") and not shown[-1].expected:
                shown[-1].command += "\n" + line[2:]
            else:
                shown[-1].expected.append(line)
    assert shown, f"{page.name} shows no command"
    return shown


def run(shown: list[Shown], folder: Path, environment: Mapping[str, str], replace: Mapping[str, str]) -> None:
    """Run the commands one after the other in one shell and hold what they print against the page.

    A line `…` of the page stands for any lines, one that ends in `…` for all that begin so.
    """
    bash = shutil.which("bash")
    assert bash is not None
    script = ["exec 2>&1"]
    for one in shown:
        command = one.command
        for old, new in replace.items():
            command = command.replace(old, new)
        script += [command, f"printf '%s' '{_END}'"]
    names = folder / "bin"
    names.mkdir(exist_ok=True)
    for name, module in (("redrive", " -m redrive"), ("python", "")):
        (names / name).write_text(f'#!/bin/sh\nexec "{sys.executable}"{module} "$@"\n')
        (names / name).chmod(0o755)
    done = subprocess.run(
        [bash, "-c", "\n".join(script)],
        cwd=folder,
        env={
            **os.environ,
            **environment,
            "PATH": f"{names}:{os.environ['PATH']}",
            "PYTHONPATH": str(SOURCE),
            "PYTHONIOENCODING": "utf-8",
        },
        stdout=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        timeout=TIMEOUT_S,
        check=False,
    )
    printed = done.stdout.decode().split(_END)
    assert len(printed) == len(shown) + 1, f"the shell ended at: {printed[-1]}"
    for one, text in zip(shown, printed, strict=False):
        expected = [_plain(line) for line in one.expected if line.strip()]
        found = [_plain(line) for line in text.splitlines() if line.strip()]
        assert fits(expected, found), f"{one.place}\n--- printed\n{text}\n--- the page says\n" + "\n".join(
            one.expected
        )


def fits(expected: list[str], found: list[str]) -> bool:
    """Whether lines are those that are expected, where `…` stands for what is left out."""
    if not expected:
        return not found
    first, rest = expected[0], expected[1:]
    if first == "…":
        return any(fits(rest, found[skip:]) for skip in range(len(found) + 1))
    if not found:
        return False
    same = found[0].startswith(first[:-1].rstrip()) if first.endswith("…") else found[0] == first
    return same and fits(rest, found[1:])


def _plain(line: str) -> str:
    for pattern, word in _VARYING:
        line = pattern.sub(word, line)
    return line.strip()
