"""A script as the sandbox takes it: its source, the function that is called, and its bounds."""

from __future__ import annotations

import ast
from functools import lru_cache
from typing import Final

import msgspec

MAX_SOURCE_BYTES: Final = 256 << 10
MAX_TIME_S: Final = 300.0
MAX_MEMORY_MIB: Final = 1024


class Limits(msgspec.Struct, frozen=True):
    """What one session may use.

    time_s: computing time of one call. memory_mib: of all that the script holds at a time.
    printed_lines, printed_bytes: of what it prints, how much is kept.
    """

    time_s: float = 10.0
    memory_mib: int = 128
    printed_lines: int = 200
    printed_bytes: int = 32 << 10


class Script(msgspec.Struct, frozen=True):
    """`full`: real CPython, where the kernel can lock a process down; refused where it cannot.

    `lines_before`: lines of the source that its author did not write, before the first that he did.
    """

    source: str
    function: str = "handle"
    full: bool = False
    limits: Limits = Limits()
    lines_before: int = 0


@lru_cache(maxsize=256)
def parsed(source: str) -> ast.Module | None:
    """The script's tree as this Python reads it; None where it cannot (the sandbox may know better)."""
    try:
        return ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def function_of(source: str, name: str) -> ast.FunctionDef | None:
    """The function of that name at the top of a script."""
    tree = parsed(source)
    found = [
        one for one in (tree.body if tree else ()) if isinstance(one, ast.FunctionDef) and one.name == name
    ]
    return found[-1] if found else None


def arity(source: str, name: str, most: int) -> int:
    """How many arguments the function takes by position, at most `most`; `most` where nobody knows."""
    function = function_of(source, name)
    if function is None or function.args.vararg is not None:
        return most
    return min(most, len(function.args.posonlyargs) + len(function.args.args))
