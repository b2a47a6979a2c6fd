"""What is wrong with a script, found without running any of it.

The sandbox's own parser names what Python it does not have; its type checker (which ships with it)
names that are defined nowhere. Other findings of the checker are left aside: what a payload holds is not
known to it. Imports are tried, each alone.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any, Final

import msgspec

from redrive.sandbox.monty import Workers
from redrive.sandbox.script import MAX_SOURCE_BYTES, function_of, parsed

# Before the script, so that nothing of it runs once it has been read and checked.
_STOP: Final = "raise SystemExit\n"
_PAGE: Final = "the reference page scripts.md"
_NO_MODULE: Final = re.compile(r"No module named '([^']*)'")
_NO_NAME: Final = re.compile(r"cannot import name '([^']*)' from '([^']*)'")
_UNSUPPORTED = re.compile(r"does not (?:yet )?support (?:the )?(.*)$")


class Fault(msgspec.Struct, frozen=True):
    """`line` counts from 1 in the script."""

    line: int
    title: str
    expected: str | None = None


def check(
    source: str, function: str = "handle", *, arguments: tuple[str, ...], full: bool = False
) -> list[Fault]:
    """All faults of a script that can be known beforehand, in order of their lines.

    `arguments`: names of what the function is called with; it may take fewer.
    """
    if len(source.encode("utf-8", "replace")) > MAX_SOURCE_BYTES:
        return [Fault(1, "the script is too long", f"at most {MAX_SOURCE_BYTES} bytes")]
    try:
        found = list(_cpython(source) if full else _monty(source))
    except (OSError, RuntimeError) as error:
        return [Fault(1, f"the sandbox of scripts does not start on this machine ({error})")]
    if not any(fault.title.startswith("not Python") for fault in found):
        found += _function(source, function, arguments)
    return sorted(found, key=lambda fault: fault.line)


def _function(source: str, name: str, arguments: tuple[str, ...]) -> list[Fault]:
    form = f"def {name}({', '.join(arguments)}):"
    function = function_of(source, name)
    if function is None:
        if parsed(source) is not None:
            return [Fault(1, f"the script defines no function {name}", form)]
        return []
    takes = function.args
    positional = len(takes.posonlyargs) + len(takes.args)
    needed = positional - len(takes.defaults)
    obliged = [
        one.arg for one, default in zip(takes.kwonlyargs, takes.kw_defaults, strict=True) if default is None
    ]
    if needed > len(arguments) or obliged or (not positional and takes.vararg is None):
        return [Fault(function.lineno, f"{name} does not take the arguments that it is called with", form)]
    if not any(isinstance(node, ast.Return) and node.value is not None for node in ast.walk(function)):
        return [
            Fault(function.lineno, f"{name} never returns anything", "return, with what is to be put out")
        ]
    return []


def _cpython(source: str) -> list[Fault]:
    try:
        compile(source, "script", "exec", dont_inherit=True)
    except SyntaxError as error:
        return [Fault(error.lineno or 1, f"not Python: {error.msg}")]
    except (ValueError, RecursionError, MemoryError) as error:
        return [Fault(1, f"not Python: {error}")]
    return []


@lru_cache(maxsize=512)
def _monty(source: str) -> tuple[Fault, ...]:
    with Workers(1, request_timeout_s=20) as workers:
        library = workers.library
        limits: Any = {"max_feed_duration_secs": 5.0, "max_memory": 256 << 20}
        with workers.checkout(limits=limits) as session:
            try:
                session.feed_run(_STOP + source)
            except library.MontyError as error:
                if (fault := _unreadable(error)) is not None:
                    return (fault,)
        unresolved: list[tuple[int, str]] = []
        with workers.checkout(limits=limits, type_check=True, type_check_format="json") as session:
            try:
                # After a `raise` the checker sees nothing; a call may return, for all it knows.
                session.feed_run('int("")\n' + source)
            except library.MontyTypingError as error:
                unresolved = _unresolved(error.display())
            except library.MontyError:
                pass
        with workers.checkout(limits=limits) as session:
            return (*_imports(source, session, library), *_names(unresolved, session, library))


def _imports(source: str, session: Any, library: Any) -> Iterator[Fault]:
    """Each import of the script is tried alone: that is all that is known of what a module holds."""
    tree = parsed(source)
    for node in ast.walk(tree) if tree else ():
        if not isinstance(node, ast.Import | ast.ImportFrom):
            continue
        try:
            session.feed_run(ast.unparse(node))
        except library.MontyError as error:
            missing = _NO_NAME.search(str(error))
            module = _NO_MODULE.search(str(error))
            title = f"the sandbox has no module {module[1]}" if module else "this import does nothing here"
            if missing:
                title = f"the sandbox's module {missing[2]} has no {missing[1]}"
            yield Fault(node.lineno, title, f"what {_PAGE} lists, or full: true")


def _names(unresolved: list[tuple[int, str]], session: Any, library: Any) -> Iterator[Fault]:
    """What the checker does not know may be a builtin that it was not told of: that is tried, too."""
    for line, name in unresolved:
        try:
            if name.isidentifier():
                session.feed_run(name)
                continue
        except library.MontyError:
            pass
        yield Fault(line, f"the name {name} is defined nowhere", "a name of the script, or a builtin")


def _unreadable(error: Any) -> Fault | None:
    """What the parser says; None where it read the script to its end."""
    if not hasattr(error, "traceback"):
        return Fault(1, "not Python: it cannot be read")
    kind, _, message = error.display("type-msg").partition(": ")
    if kind == "SystemExit":
        return None
    frames = error.traceback()
    line = max((frames[-1].line if frames else 2) - 1, 1)
    if kind == "NotImplementedError":
        what = _UNSUPPORTED.search(message)
        return Fault(
            line,
            f"not Python of the sandbox: {what[1] if what else message}",
            f"the Python that {_PAGE} lists, or full: true",
        )
    return Fault(line, f"not Python: {message[:1].lower()}{message[1:]}")


def _unresolved(report: str) -> list[tuple[int, str]]:
    """Line and name of what the type checker finds defined nowhere."""
    try:
        entries = json.loads(report)
    except ValueError:
        return []
    return [
        (max(int(entry["location"]["row"]) - 1, 1), names[0])
        for entry in entries
        if entry.get("name") == "unresolved-reference"
        and (names := re.findall(r"`([^`]*)`", entry.get("message", "")))
    ]
