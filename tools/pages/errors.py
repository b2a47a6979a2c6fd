"""The page of errors, from the tree in `redrive.errors`."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator
from functools import cache
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
            _problems_section(),
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
    return {code: {name for name, _ in uses} for code, uses in _raised().items()}


@cache
def problem_codes() -> dict[str, str]:
    """The codes of problems and warnings in documents, with what each says, its values as `…`."""
    found: dict[str, str] = {}
    for call, _ in _calls("documents"):
        texts = [_text(one) for one in call.args]
        for at, name in enumerate(texts):
            if _CODE.fullmatch(name):
                # The sentence stands behind the code, or before it.
                said = [text for text in (*texts[at + 1 : at + 2], *texts[:at]) if text.strip("… ")]
                found[name] = found.get(name) or next(iter(said), "")
    return dict(sorted(found.items()))


@cache
def _raised() -> dict[str, list[tuple[str, str]]]:
    """Each code with the classes that it is given to and what they say there."""
    known = {kind.__name__ for kind in classes()}
    found: dict[str, list[tuple[str, str]]] = {}
    for call, name in _calls():
        if name not in known:
            continue
        for word in call.keywords:
            if word.arg == "code":
                for code in _choices(word.value):
                    found.setdefault(code, []).append((name, _text(call.args[0]) if call.args else ""))
    return found


def _calls(package: str = "") -> Iterator[tuple[ast.Call, str]]:
    for path in sorted((Path(errors.__file__).parent / package).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name | ast.Attribute):
                yield node, node.func.id if isinstance(node.func, ast.Name) else node.func.attr


def _choices(node: ast.expr) -> Iterator[str]:
    """The texts that an expression can be: a constant, or either side of an `if`."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.IfExp):
        yield from _choices(node.body)
        yield from _choices(node.orelse)


def _text(node: ast.expr) -> str:
    """A text with `…` for what is filled in; nothing where it is made elsewhere."""
    match node:
        case ast.Constant(value=str(value)):
            return value
        case ast.JoinedStr(values=values):
            return "".join(_text(value) or "…" for value in values)
        case ast.IfExp(body=body):
            return _text(body)
    return ""


_CODE = re.compile(r"[a-z_]+(\.[a-z_]+)+")


def _codes_section() -> str:
    rows = [
        (
            f"`{code}`",
            " or ".join(f"`{name}`" for name in sorted({name for name, _ in uses})),
            next((said for _, said in uses if said.strip("… ")), ""),
        )
        for code, uses in sorted(_raised().items())
    ]
    return "## Further codes\n\n" + table(("code", "class", "says, for example"), rows)


def _problems_section() -> str:
    rows = [(f"`{code}`", said) for code, said in problem_codes().items()]
    return (
        "## Problems in documents\n\n"
        "`FlowInvalid` carries a list of problems, each with a code of its own, file, line, step, setting, "
        "what was "
        "expected, and the nearest known name. Warnings have the same form.\n\n"
        + table(("code", "says, for example"), rows)
    )


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
