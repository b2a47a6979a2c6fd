"""The files of the project, as the tests of this folder look at them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
SOURCE = ROOT / "src" / "redrive"
BUILT_PAGE = SOURCE / "server" / "static"

# Made on the machine, never kept in git.
_MADE = {
    ".git", ".venv", ".mypy_cache", ".ruff_cache", ".pytest_cache", ".hypothesis", ".import_linter_cache",
    "__pycache__", "build", "dist", "node_modules",
}  # fmt: skip


def files(folder: Path = ROOT, *endings: str) -> Iterator[Path]:
    """All files below `folder` that git would keep, those with one of the `endings` where given."""
    for here, folders, names in os.walk(folder):
        folders[:] = sorted(
            name
            for name in folders
            if name not in _MADE and not name.endswith(".egg-info") and Path(here, name) != BUILT_PAGE
        )
        for name in sorted(names):
            # `.git` is a file where this is a further work tree.
            if name not in _MADE and name.endswith(endings or ("",)):
                yield Path(here, name)


def modules() -> list[Path]:
    return list(files(SOURCE, ".py"))


def short(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def read(path: Path) -> str:
    return path.read_text(encoding="utf-8")
