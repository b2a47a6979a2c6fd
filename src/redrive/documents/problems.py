"""Collects the faults of one document, each placed by pointer, and raises them all at once."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from redrive.core.nearest import nearest
from redrive.documents.load import Document
from redrive.documents.nodes import pointer_to, tokens
from redrive.errors import FlowInvalid, Notice, Problem

_PLAIN = re.compile(r"[A-Za-z_$][\w$-]*", re.ASCII)


class Findings:
    """The problems and the notices found in a document so far."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.problems: list[Problem] = []
        self.notices: list[Notice] = []

    def add(
        self,
        code: str,
        title: str,
        pointer: str,
        *,
        step: str | None = None,
        setting: str | None = None,
        expected: str | None = None,
        nearest: str | None = None,
        line: int | None = None,
    ) -> None:
        """One problem; its line is that of the JSON Pointer, or `line` of the text that stands there."""
        self.problems.append(
            Problem(
                code=code,
                title=title,
                file=self.document.file,
                line=self.document.line_of(pointer)
                if line is None
                else self.document.line_inside(pointer, line),
                step=step,
                setting=setting,
                expected=expected,
                nearest=nearest,
            )
        )

    def unknown_name(
        self, name: str, known: Iterable[str], pointer: str, *, step: str | None, setting: str, what: str
    ) -> None:
        """A name that is none of `known`; `pointer` is that of the name itself."""
        names = sorted(known)
        self.add(
            f"{what}.unknown",
            f"unknown {what} {shown(name)}",
            pointer,
            step=step,
            setting=setting,
            expected=one_of(names),
            nearest=nearest(name, names),
        )

    def raise_if_any(self) -> None:
        """Errors: `document.invalid` with every problem, in file order."""
        if self.problems:
            raise FlowInvalid(sorted(dict.fromkeys(self.problems), key=lambda problem: problem.line or 0))


def setting_name(pointer: str, base: str = "") -> str:
    """How messages write the place of a setting: `fields[0].to`."""
    text = ""
    for token in tokens(pointer.removeprefix(base)):
        if token.isdecimal():
            text += f"[{token}]"
        elif _PLAIN.fullmatch(token):
            text += f".{token}" if text else token
        else:
            text += f"[{shown(token)}]"
    return text


def one_of(names: Iterable[str]) -> str:
    """`a, b or c`; long lists are cut."""
    known = list(names)
    if not known:
        return "none"
    if len(known) > 16:
        return ", ".join(known[:16]) + ", …"
    return known[0] if len(known) == 1 else ", ".join(known[:-1]) + " or " + known[-1]


def shown(name: Any) -> str:
    """A name as messages quote it, cut where it is long."""
    text = str(name)
    return repr(text if len(text) <= 60 else text[:59] + "…")


def at_dotted(data: Any, pointer: str, dotted: str) -> str:
    """The pointer of a dotted place (`all.0.field`) below `pointer`, as deep as it exists."""
    for part in filter(None, re.split(r"[.\[\]]+", dotted)):
        if (isinstance(data, Mapping) and part in data) or (
            isinstance(data, list) and part.isdecimal() and int(part) < len(data)
        ):
            data = data[int(part)] if isinstance(data, list) else data[part]
            pointer = pointer_to(pointer, part)
        else:
            break
    return pointer
