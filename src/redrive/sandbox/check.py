"""What is wrong with a script, found without running any of it.

The sandbox's own parser names what Python it does not have; its type checker (which ships with it)
names that are defined nowhere and modules that are not there. Other findings of the checker are left
aside: what a payload holds is not known to it.
"""

from __future__ import annotations

import ast
import json
import re
from functools import lru_cache
from typing import Any, Final

import msgspec

from redrive.sandbox.monty import Workers
from redrive.sandbox.script import MAX_SOURCE_BYTES, function_of

# Before the script, so that nothing of it runs once it has been read and checked.
_STOP: Final = "raise SystemExit\n"
_READ_ERRORS: Final = {"unresolved-import", "unresolved-reference"}
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
    found = list(_cpython(source) if full else _monty(source))
    if not any(fault.title.startswith("not Python") for fault in found):
        found += _function(source, function, arguments)
    return sorted(found, key=lambda fault: fault.line)


def _function(source: str, name: str, arguments: tuple[str, ...]) -> list[Fault]:
    form = f"def {name}({', '.join(arguments)}):"
    function = function_of(source, name)
    if function is None:
        if _readable(source):
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


def _readable(source: str) -> bool:
    try:
        ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True


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
    found: list[Fault] = []
    with Workers(1, request_timeout_s=20) as pool:
        library = pool.library
        limits: Any = {"max_feed_duration_secs": 5.0, "max_memory": 256 << 20}
        with pool.checkout(limits=limits) as session:
            try:
                session.feed_run(_STOP + source)
            except library.MontyError as error:
                if (fault := _unreadable(error)) is not None:
                    return (fault,)
        with pool.checkout(limits=limits, type_check=True, type_check_format="json") as session:
            try:
                # After a `raise` the checker sees nothing; a call may return, for all it knows.
                session.feed_run('int("")\n' + source)
            except library.MontyTypingError as error:
                found = _unresolved(error.display())
            except library.MontyError:
                pass
    return tuple(found)


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
            "the Python that reference/scripts.md lists, or full: true",
        )
    return Fault(line, f"not Python: {message[:1].lower()}{message[1:]}")


def _unresolved(report: str) -> list[Fault]:
    try:
        entries = json.loads(report)
    except ValueError:
        return []
    found = []
    for entry in entries:
        rule = entry.get("name")
        if rule not in _READ_ERRORS:
            continue
        names = re.findall(r"`([^`]*)`", entry.get("message", ""))
        name = names[0] if names else "?"
        line = max(int(entry["location"]["row"]) - 1, 1)
        if rule == "unresolved-import":
            found.append(
                Fault(
                    line,
                    f"the sandbox has no module {name}",
                    "a module that reference/scripts.md lists, or full: true",
                )
            )
        else:
            found.append(
                Fault(line, f"the name {name} is defined nowhere", "a name of the script, or a builtin")
            )
    return found
