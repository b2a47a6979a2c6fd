"""The page of the command line, from the verbs' own signatures and docstrings."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from typing import get_args, get_origin

from cyclopts import App
from cyclopts.argument import Argument

from redrive.cli.app import build
from redrive.cli.main import GLOBALS, INTERRUPTED, VERBS
from redrive.service import (
    bulk_views,
    connector_views,
    flow_views,
    flowtest_views,
    group_views,
    insight_views,
    kept_views,
    people_views,
    queue_views,
    reading_views,
    reference_views,
    secret_views,
    trigger_views,
    views,
)
from tools.pages.markdown import Pages, page, table

# What the values of options are called where the option's own name says too little.
PLACEHOLDERS = {
    "--var": "NAME=VALUE",
    "--payload": "ID|FILE|-",
    "--edit": "ID=FILE",
    "--map": "NAME=OTHER",
    "--items": "EXPR",
    "--skip": "STEP",
    "--at": "STEP",
    "--after": "STEP",
    "--delivery": "POLICY",
    "--reason": "TEXT",
    "--out": "FILE",
    "--from": "PLACE",
    "--only": "TEST",
    "--note": "TEXT",
    "--run": "RUN",
    "--settings": "JSON|@FILE",
    "--step": "STEP",
}
# And where one name means different things.
OF_VERB = {
    ("payload", "--items"): "A:B",
    ("check", "PATHS"): "PATH",
    ("import", "PATHS"): "PATH",
    ("test", "--from"): "RUN",
}

# What each verb prints with `--json`: the name of an object of the HTTP API, `list of` it, or words.
JSON = {
    "demo": "no JSON: the story is for people",
    "up": "`{url, link, home}` when it is ready",
    "run": "RunView; PlanView with `--plan`",
    "runs": "list of RunRow; with `--follow` a RunRow in each line",
    "overview": "Overview",
    "queue": "list of QueueItem",
    "queue move": "QueueItem",
    "pause": "PauseView",
    "resume": "Removed",
    "circuits": "list of CircuitView",
    "circuits reset": "Removed",
    "triggers": "list of TriggerView",
    "show": "RunView; with `--logs` also `logs`, with `--exchanges` also `exchanges`; "
    "`{run, status, media_type, headers, text, base64}` with `--answer`",
    "wait": "RunView",
    "stop": "RunRow",
    "find": "list of FindItem; with `note` where the answer does not show all",
    "connections authorize": "ConnectionView",
    "search": "SearchStatus",
    "search rebuild": "SearchStatus",
    "payload": "PayloadDetail; ItemRange with `--items`, list of Hit with `--search`, Picked with `--choose`",
    "compare": "PayloadDiff",
    "way": "ItemWay",
    "retry": "RunView; PlanView with `--plan`",
    "redrive": "RunView; PlanView with `--plan`",
    "deliveries": "list of DeliveryView; of one the DeliveryView",
    "resolve": "DeliveryView",
    "pin": "RunRow",
    "unpin": "RunRow",
    "bulk": "list of BulkView",
    "bulk retry": "BulkView; BulkPlan with `--plan`",
    "bulk redrive": "BulkView; BulkPlan with `--plan`",
    "bulk show": "BulkView, with a list of BulkRun",
    "bulk pause": "BulkView",
    "bulk resume": "BulkView",
    "bulk cancel": "BulkView",
    "delete": "Deleted",
    "check": "CheckResult",
    "test": "FlowTestReport; MadeTest with `--from`",
    "replay": "`{replayed, different, items}`, items as ReplayView",
    "import": "list of Imported",
    "export": "`{flow, document}`; Bundle with `--all`",
    "deploy": "FlowVersionView",
    "versions": "list of FlowVersionView",
    "diff": "FlowDiff",
    "shapes": "list of ShapeView",
    "shapes show": "ShapeView",
    "shapes run": "TrialView",
    "flows": "list of FlowView",
    "flows versions": "list of FlowVersionView",
    "flows restore": "Restored",
    "flows enable": "FlowView",
    "flows disable": "FlowView",
    "flows form": "StartOptions",
    "flows delete": "`{flow, deleted}`",
    "connectors": "list of ConnectorView",
    "connectors connections": "list of ConnectionView",
    "connectors uses": "list of ConnectionUse",
    "connectors delete": "Removed",
    "connectors show": "`{name, document}`; with `--endpoint` EndpointView",
    "connectors import": "DescriptionImported",
    "connectors try": "TryView",
    "insights": "InsightsView",
    "lookups": "list of LookupView",
    "lookups show": "list of LookupEntry",
    "lookups search": "list of LookupEntry",
    "lookups find": "LookupAnswer",
    "lookups import": "TableImported",
    "lookups export": "the rows as text, with and without `--json`",
    "lookups set": "LookupView",
    "lookups delete": "Removed",
    "lookups clear": "Removed",
    "pools": "list of PoolView",
    "pools show": "list of PoolEntryView",
    "pools search": "list of PoolEntryView",
    "pools add": "PoolView",
    "pools import": "TableImported",
    "pools export": "the rows as text, with and without `--json`",
    "pools delete": "Removed",
    "pools clear": "Removed",
    "caches": "list of CacheView",
    "caches show": "list of CacheEntryView",
    "caches pages": "list of CachePageView",
    "caches content": "the exact bytes, with and without `--json`",
    "caches delete": "Removed",
    "caches clear": "Removed",
    "groups": "list of GroupView",
    "groups show": "GroupView",
    "groups set": "GroupView",
    "groups delete": "`{group, deleted}`",
    "groups test": "TestSent",
    "groups sent": "list of NoticeView",
    "groups resend": "NoticeView",
    "schema": "the schema itself, with and without `--json`",
    "settings": "list of SettingView",
    "user": "list of AccountView",
    "user add": "AccountView",
    "user set": "AccountView",
    "user password": "AccountView",
    "user delete": "`{account, deleted}`",
    "user sessions": "list of SessionView",
    "user end": "`{session, ended}`",
    "mask": "list of MaskView",
    "mask set": "MaskView",
    "mask delete": "`{mask, deleted}`",
    "audit": "list of AuditLine",
    "secrets": "SecretsStatus",
    "secrets rotate": "Rotated",
    "secrets key": "`{key}`",
    "token create": "NewToken",
    "token": "list of TokenView",
    "token revoke": "`{token, revoked}`",
    "token link": "`{link}`",
    "move": "`{source, target, moved: [{name, count, digest}]}`",
    "backup": "`{file, size_bytes, secrets}`; list of BackupView with `--list`",
    "restore": "`{home, store, left_out, made_at, rows, objects, stopped, unknown, secrets}`",
    "erase": "ErasureView; ErasePlan with `--plan`; list of ErasureView with `--list`",
    "retention": "RetentionResult; RetentionPlan with `--dry-run`",
    "doctor": "list of Finding",
}

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
                parts += _verb(app[name], name)
    return {
        "cli.md": page(
            "# Command line",
            "Data goes to stdout, talk to stderr. Tables are drawn on a terminal and plain columns in a "
            "pipe. With "
            "`--json` a verb prints one JSON document: a run object for `run`, `retry`, `redrive` and "
            "`show`, "
            '`{"items": [...], "next": null}` for lists. The objects are those of the [HTTP '
            "API](api.md#objects).",
            "## Global options",
            "They stand before or after the verb. Without any, `REDRIVE_URL`, then `REDRIVE_HOME`, then the "
            "user's data folder is used; a home whose `up` lives is worked on through it.",
            table(
                ("option", "meaning"),
                [(f"`{f'{name} {value}'.strip()}`", text) for name, (value, text) in GLOBALS.items()],
            ),
            "## Exit codes",
            table(("code", "meaning"), _EXIT_CODES),
            "## Errors as JSON",
            "With `--json` an error is one object on stderr, `{code, title, detail, at, hint}`; that of an "
            "invalid "
            "document has `problems` besides, a list of [ProblemView](api.md#problemview). The codes are "
            "listed "
            "under [Errors](errors.md).",
            *parts,
        )
    }


def is_object(name: str) -> bool:
    """Whether the API has an object of that name."""
    modules = (
        views,
        connector_views,
        trigger_views,
        flow_views,
        flowtest_views,
        group_views,
        bulk_views,
        insight_views,
        kept_views,
        people_views,
        reference_views,
        secret_views,
        queue_views,
        reading_views,
    )
    return any(hasattr(module, name) for module in modules)


def verbs() -> Iterator[str]:
    """The words of every command that does something: `runs`, `token create`."""
    app = build()
    for name in VERBS:
        yield from (words for words, _ in _commands(app[name], name))


def _commands(app: App, words: str) -> Iterator[tuple[str, App]]:
    own = app.default_command
    if own is not None:
        yield words, app
    for name in app.resolved_commands():
        if not name.startswith("-") and app[name].default_command is not own:
            yield from _commands(app[name], f"{words} {name}")


def _verb(app: App, verb: str) -> Iterator[str]:
    for words, command in _commands(app, verb):
        arguments = [one for one in command.assemble_argument_collection() if one.parse and one.show]
        names = [(one, _name(one, verb)) for one in arguments]
        yield f"### redrive {words}"
        usage = " ".join(name if one.required else f"[{name}]" for one, name in names)
        yield f"`redrive {words} {usage}".strip() + "`"
        yield inspect.getdoc(command.default_command) or ""
        yield (
            table(
                ("option", "meaning", "choices"),
                [
                    (
                        f"`{name}`" + (", required" if one.required else ""),
                        one.parameter.help,
                        ", ".join(f"`{choice}`" for choice in sorted(one.get_choices() or ())),
                    )
                    for one, name in names
                ],
            )
            if arguments
            else ""
        )
        yield f"With `--json`: {_linked(JSON[words])}."


def _linked(form: str) -> str:
    """The names of objects as links to the page of the API."""
    return re.sub(r"\b([A-Z][a-z]+(?:[A-Z][a-z]+)*)\b", _link, form)


def _link(match: re.Match[str]) -> str:
    name = match[1]
    return f"[{name}](api.md#{name.lower()})" if is_object(name) else name


def _is_flag(one: Argument) -> bool:
    return one.hint is bool or one.hint == bool | None


def _name(one: Argument, verb: str) -> str:
    kinds = (one.hint, *get_args(one.hint))
    several = "…" if any(get_origin(kind) is list for kind in kinds) else ""
    if one.field_info.is_positional_only:
        name = one.field_info.names[0].strip("_").upper()
        return OF_VERB.get((verb, name), name) + several
    name = one.names[0]
    if _is_flag(one):
        return name
    value = OF_VERB.get((verb, name)) or PLACEHOLDERS.get(name) or name.strip("-").replace("-", "_").upper()
    return f"{name} {value}{several}"
