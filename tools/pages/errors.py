"""The page of errors, from the tree in `redrive.errors`."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from pathlib import Path

from redrive import errors
from redrive.errors import RedriveError, StepError
from tools.pages.markdown import Pages, code, page, table


def pages() -> Pages:
    intro, tree, rules = _docstring()
    return {
        "errors.md": page(
            "# Errors",
            intro,
            code(tree),
            rules,
            "Each error says `code`, `title`, `detail` (one sentence), `at` (where) and `hint` (the way "
            "out). A class stands for several codes where nobody needs to tell them apart.",
            table(
                ("class", "code", "title", "HTTP status", "exit code", "tried again", "remarks"),
                [
                    (
                        f"`{kind.__name__}`",
                        f"`{kind.code}`",
                        kind.title,
                        kind.status,
                        kind.exit_code,
                        _retry(kind),
                        _remarks(kind),
                    )
                    for kind in classes()
                ],
            ),
            _codes_section(),
        )
    }


def classes(root: type[RedriveError] = RedriveError) -> Iterator[type[RedriveError]]:
    """The tree of `redrive.errors`, a parent before its children, in the order of the file."""
    yield root
    for child in root.__subclasses__():
        if child.__module__ == errors.__name__:
            yield from classes(child)


def codes() -> dict[str, set[str]]:
    """Each code that is given where an error is raised, with the classes that it is given to."""
    known = {kind.__name__ for kind in classes()}
    found: dict[str, set[str]] = {}
    for path in Path(errors.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in known:
                for word in node.keywords:
                    if word.arg == "code" and isinstance(word.value, ast.Constant):
                        found.setdefault(str(word.value.value), set()).add(node.func.id)
    return found


def _codes_section() -> str:
    rows = [
        (f"`{code}`", " or ".join(f"`{name}`" for name in sorted(names)))
        for code, names in sorted(codes().items())
    ]
    return "## Further codes\n\n" + table(("code", "class"), rows) if rows else ""


def _retry(kind: type[RedriveError]) -> str:
    if not issubclass(kind, StepError) and kind.retry == "never":
        return ""
    return "with back-off" if kind.retry == "backoff" else "no"


def _remarks(kind: type[RedriveError]) -> str:
    text = inspect.cleandoc(kind.__dict__.get("__doc__") or "")
    return text.split("\n\n")[0] if kind is not RedriveError else ""


def _docstring() -> tuple[str, str, str]:
    before, _, rest = inspect.cleandoc(errors.__doc__ or "").partition("\n\n")
    tree, _, after = rest.partition("\n\n")
    return before, inspect.cleandoc(tree), after
