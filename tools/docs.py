"""Write the reference pages and the web page's API types from the code: `make docs`."""

from __future__ import annotations

import sys
from pathlib import Path

from tools import web_types
from tools.pages import generate

REFERENCE = Path(__file__).resolve().parent.parent / "docs" / "reference"


def stale(folder: Path = REFERENCE) -> list[str]:
    """Names of pages that are missing, differ from what the code says, or are no longer generated."""
    pages = generate()
    kept = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    return sorted(
        [name for name, text in pages.items() if name not in kept or _read(folder / name) != text]
        + list(kept - pages.keys())
    )


def write(folder: Path = REFERENCE) -> list[str]:
    """Bring the folder up to date; gives the names of the pages that changed."""
    changed = stale(folder)
    pages = generate()
    for name in changed:
        path = folder / name
        if name in pages:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(pages[name], encoding="utf-8")
        else:
            path.unlink()
    return changed


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8")


if __name__ == "__main__":
    for name in write():
        print(f"docs/reference/{name}", file=sys.stderr)
    if web_types.write():
        print("web/src/api/types.ts", file=sys.stderr)
