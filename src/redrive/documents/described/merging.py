"""A newly made document over the one that is there: what was edited by hand stays, what is gone goes."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from redrive.core.jsonvalue import encode
from redrive.documents.described.model import Described, Draft
from redrive.documents.described.writing import MARK, endpoint_lines, head_lines, heading, member
from redrive.documents.load import Document

_HEAD_MARKED: Final[tuple[str, ...]] = ("base_url", "authentication", "headers", "tls")
"""What an import writes beside the endpoints; everything else there is a person's."""


class Change(NamedTuple):
    """What became of one endpoint, or of `head` (all beside the endpoints).

    `kept`: it was edited by hand, and stays as it is; `differs` says that the description has changed too.
    """

    endpoint: str
    change: str
    settings: tuple[str, ...] = ()


class Merged(NamedTuple):
    text: str
    changes: list[Change]


def mark_of(document: Mapping[str, Any]) -> str:
    """The same for an endpoint that nobody edited since it was written."""
    own = {name: value for name, value in document.items() if name != MARK}
    return hashlib.sha256(encode(_sorted(own))).hexdigest()[:16]


def merge(made: Described, there: Document | None, *, partial: bool, replace: Sequence[str] = ()) -> Merged:
    """`partial`: only a part of the description was wanted, so what else is there stays.
    `replace`: endpoints that are taken anew even where they were edited; `*` stands for all.
    """
    old = there.data if there is not None else {}
    before = {name: one for name, one in (old.get("endpoints") or {}).items() if isinstance(one, Mapping)}
    changes: list[Change] = []
    lines = _head(made, old, changes, everything="*" in replace)
    lines.append("endpoints:")
    taken: set[str] = set()
    for draft in made.endpoints:
        taken.add(draft.name)
        lines += _endpoint(draft, before.get(draft.name), there, changes, replace)
    for name, one in before.items():
        if name in taken:
            continue
        if partial or _edited(one):
            lines += _as_it_was(there, name, one)
            if not partial:
                changes.append(Change(name, "kept"))
        else:
            changes.append(Change(name, "removed"))
    return Merged("\n".join(lines) + "\n", changes)


def _endpoint(
    draft: Draft,
    old: Mapping[str, Any] | None,
    there: Document | None,
    changes: list[Change],
    replace: Sequence[str],
) -> list[str]:
    mark = mark_of(draft.document)
    new = endpoint_lines(draft, mark)
    if old is None:
        changes.append(Change(draft.name, "added"))
        return new
    if _edited(old) and draft.name not in replace and "*" not in replace:
        same = old.get(MARK) == mark
        changes.append(
            Change(draft.name, "kept" if same else "kept_differs", _differing(old, draft.document))
        )
        return _as_it_was(there, draft.name, old)
    if mark_of(old) != mark:
        changes.append(Change(draft.name, "changed", _differing(old, draft.document)))
    return new


def _head(made: Described, old: Mapping[str, Any], changes: list[Change], *, everything: bool) -> list[str]:
    fresh = {name: made.head[name] for name in _HEAD_MARKED if name in made.head}
    mark = mark_of(fresh)
    head: dict[str, Any] = {"connector": made.name}
    comments = made.comments
    if old:
        current = {name: old[name] for name in _HEAD_MARKED if name in old}
        edited = old.get(MARK) != mark_of(current)
        if edited and not everything:
            comments = {}
            if mark != old.get(MARK):
                changes.append(Change("", "kept_differs", _differing(current, fresh)))
            fresh, mark = current, str(old.get(MARK) or mark)
        elif mark_of(current) != mark:
            changes.append(Change("", "changed", _differing(current, fresh)))
    description = old.get("description") or made.head.get("description")
    if description:
        head["description"] = description
    own = {
        name: value
        for name, value in old.items()
        if name not in {"connector", "description", "endpoints", MARK, *_HEAD_MARKED}
    }
    head |= {**fresh, **own, MARK: mark}
    return [*heading(made), *head_lines(head, comments)]


def _edited(endpoint: Mapping[str, Any]) -> bool:
    """Whether a person wrote or changed it: no mark, or one that does not fit any more."""
    return endpoint.get(MARK) != mark_of(endpoint)


def _as_it_was(there: Document | None, name: str, value: Mapping[str, Any]) -> list[str]:
    """The lines of an endpoint with their comments, where they stand as we write them."""
    if there is not None:
        all_lines = there.text.split("\n")
        start = re.compile(rf"  {re.escape(name)}:\s*(#.*)?")
        begins = [number for number, line in enumerate(all_lines) if start.fullmatch(line)]
        if len(begins) == 1:
            end = begins[0] + 1
            while end < len(all_lines) and (not all_lines[end].strip() or all_lines[end].startswith("    ")):
                end += 1
            kept = all_lines[begins[0] : end]
            while kept and not kept[-1].strip():
                kept.pop()
            return [line.rstrip("\r") for line in kept]
    return member(name, value, 1)


def _differing(before: Mapping[str, Any], after: Mapping[str, Any], prefix: str = "") -> tuple[str, ...]:
    """The settings in which they differ, dotted, two levels deep."""
    found: list[str] = []
    for name in dict.fromkeys((*before, *after)):
        if name == MARK:
            continue
        one, other = before.get(name), after.get(name)
        if encode(_sorted(one)) == encode(_sorted(other)):
            continue
        if isinstance(one, Mapping) and isinstance(other, Mapping) and not prefix:
            found += _differing(one, other, f"{name}.")
        else:
            found.append(f"{prefix}{name}")
    return tuple(found)


def _sorted(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(name): _sorted(value[name]) for name in sorted(value, key=str)}
    if isinstance(value, (list, tuple)):
        return [_sorted(one) for one in value]
    return value
