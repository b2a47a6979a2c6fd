"""The page of the command line, from the verbs' own signatures and docstrings."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import get_args, get_origin

from cyclopts import App
from cyclopts.argument import Argument

from redrive.cli.app import build
from redrive.cli.main import GLOBALS, INTERRUPTED, VERBS
from tools.pages.markdown import Pages, page, table

_REFUSED = "an unknown id, an expired payload, forbidden, a confirmation that was not given"
_EXIT_CODES = (
    (0, "done and successful"),
    (1, "the run failed, or ended in partial success or stopped; a finding of `doctor` is not in order"),
    (2, f"wrong use, an invalid document, {_REFUSED}"),
    (3, "server or store out of reach, port in use, home not writable, locked, or of a newer release"),
    (INTERRUPTED, "interrupted by Ctrl-C"),
)


def pages() -> Pages:
    app = build()
    groups = dict.fromkeys(verb.group for verb in VERBS.values())
    parts = []
    for group in groups:
        parts.append(f"## {group}")
        for name, verb in VERBS.items():
            if verb.group == group:
                parts += _verb(app[name], f"redrive {name}")
    return {
        "cli.md": page(
            "# Command line",
            "Data goes to stdout, talk to stderr. With `--json` every verb prints one JSON document: a run "
            'object for `run`, `retry`, `redrive` and `show`, `{"items": [...], "next": null}` for lists; '
            "errors are JSON on stderr.",
            "## Global options",
            "They stand before or after the verb. Without any, `REDRIVE_URL`, then `REDRIVE_HOME`, then the "
            "user's data folder is used; a home whose `up` lives is worked on through it.",
            table(
                ("option", "meaning"),
                [(f"`{f'{name} {value}'.strip()}`", text) for name, (value, text) in GLOBALS.items()],
            ),
            "## Exit codes",
            table(("code", "meaning"), _EXIT_CODES),
            *parts,
        )
    }


def _verb(app: App, words: str) -> Iterator[str]:
    own = app.default_command
    if own is not None:
        arguments = [one for one in app.assemble_argument_collection() if one.parse and one.show]
        yield f"### {words}"
        usage = " ".join([words, *(_usage(one) for one in arguments)])
        yield f"`{usage}`"
        yield inspect.getdoc(own) or ""
        yield (
            table(
                ("option", "meaning", "choices"),
                [
                    (
                        f"`{_name(one)}`" + (", required" if one.required else ""),
                        one.parameter.help,
                        ", ".join(f"`{choice}`" for choice in sorted(one.get_choices() or ())),
                    )
                    for one in arguments
                ],
            )
            if arguments
            else ""
        )
    for name in app.resolved_commands():
        if not name.startswith("-") and app[name].default_command is not own:
            yield from _verb(app[name], f"{words} {name}")


def _is_flag(one: Argument) -> bool:
    return one.hint is bool or one.hint == bool | None


def _name(one: Argument) -> str:
    kinds = (one.hint, *get_args(one.hint))
    several = "…" if any(get_origin(kind) is list for kind in kinds) else ""
    if one.field_info.is_positional_only:
        return one.field_info.names[0].strip("_").upper() + several
    name = one.names[0]
    if _is_flag(one):
        return name
    return f"{name} {name.strip('-').replace('-', '_').upper()}{several}"


def _usage(one: Argument) -> str:
    name = _name(one)
    return name if one.required else f"[{name}]"
