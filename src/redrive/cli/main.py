"""The command `redrive`: reads the global options, loads the verb's module, turns errors into exit codes."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

from redrive import __version__

if TYPE_CHECKING:
    from redrive.errors import RedriveError

INTERRUPTED: Final = 130


class Verb(NamedTuple):
    """One command: where its function (or app of further verbs) is, and its line of help."""

    place: str
    help: str
    group: str


_RUN, _REDRIVE, _BUILD, _HOME = "Run", "Find and redrive", "Build", "Home"

VERBS: Final[dict[str, Verb]] = {
    "demo": Verb("demo:demo", "Tell the story of a failed run and its redrive.", _RUN),
    "up": Verb("serve:up", "Serve API and run flows until it is told to end.", _RUN),
    "run": Verb("runs:run", "Start a run of a flow, with data or without, and wait for its end.", _RUN),
    "runs": Verb("runs:runs", "List runs, newest first.", _RUN),
    "insights": Verb("insights:insights", "Show how runs ended and how long they took, over time.", _RUN),
    "overview": Verb("overview:overview", "Tell what failed, runs and waits, and of the last day.", _RUN),
    "queue": Verb("queue:app", "List what waits and why; move a run in the queue.", _RUN),
    "pause": Verb("queue:pause", "Let nothing start of a flow, a connection, or at all.", _RUN),
    "resume": Verb("queue:resume", "Let what was paused go on.", _RUN),
    "circuits": Verb("queue:circuits", "List targets that are down; close a circuit.", _RUN),
    "show": Verb("show:show", "Show one run: its steps, payloads, log lines, exchanges.", _RUN),
    "wait": Verb("runs:wait", "Wait for the end of a run.", _RUN),
    "stop": Verb("runs:stop", "Stop a run at the next payload boundary.", _RUN),
    "find": Verb("find:find", "Find the runs, steps, payloads and items that hold a value.", _REDRIVE),
    "payload": Verb("payloads:payload", "Print a payload: the exact bytes, or a range of items.", _REDRIVE),
    "compare": Verb("looking:compare", "Compare two payloads item by item.", _REDRIVE),
    "way": Verb("looking:way", "Follow an item back to where it came from, and on.", _REDRIVE),
    "retry": Verb("redrives:retry", "Run a failed run again, from its failed steps or its start.", _REDRIVE),
    "redrive": Verb("redrives:redrive", "Start a new run at or after a step of an old one.", _REDRIVE),
    "bulk": Verb("bulks:app", "Retry or redrive many runs as one job; pause and cancel it.", _REDRIVE),
    "deliveries": Verb("deliveries:deliveries", "List what was sent under which key.", _REDRIVE),
    "resolve": Verb("deliveries:resolve", "Say whether an unknown delivery arrived.", _REDRIVE),
    "pin": Verb("retention:pin", "Keep a run with its payloads, whatever the rules say.", _REDRIVE),
    "unpin": Verb("retention:unpin", "Let the rules hold for a run again.", _REDRIVE),
    "delete": Verb("retention:delete", "Delete runs for good; what was delivered stays known.", _REDRIVE),
    "check": Verb("documents:check", "Validate documents; nothing is stored.", _BUILD),
    "test": Verb("flowtests:run_tests", "Run the tests of flows against recorded exchanges.", _BUILD),
    "replay": Verb("flowtests:replay", "Try a version against past runs; nothing is sent.", _BUILD),
    "import": Verb("documents:import_", "Take flows, connectors and connections in.", _BUILD),
    "export": Verb("documents:export", "Print a flow's document as it was imported.", _BUILD),
    "deploy": Verb("documents:deploy", "Make the draft, or an older version, the deployed one.", _BUILD),
    "versions": Verb("versions:versions", "List the versions of a flow.", _BUILD),
    "diff": Verb("versions:diff", "Show what differs between two versions of a flow.", _BUILD),
    "shapes": Verb("shapes:app", "List and show shapes, and try one on a payload.", _BUILD),
    "flows": Verb("flows:app", "List, enable, disable, restore and delete flows.", _BUILD),
    "triggers": Verb("triggers:triggers", "List triggers: next times, addresses, what they need.", _BUILD),
    "connectors": Verb("connectors:app", "Import, list and show connectors; try their endpoints.", _BUILD),
    "connections": Verb("connections:app", "Agree in a browser that a connection may be used.", _BUILD),
    "lookups": Verb("lookups:app", "List, import, export and change cross-reference tables.", _BUILD),
    "pools": Verb("pools:app", "List, import, export and clear data pools.", _BUILD),
    "caches": Verb("caches:app", "List, show and clear caches.", _BUILD),
    "groups": Verb("groups:app", "List, set, test and delete notification groups.", _BUILD),
    "schema": Verb("documents:schema", "Print the JSON Schema of a document.", _BUILD),
    "settings": Verb("home:settings", "List settings, their values, and where each came from.", _HOME),
    "search": Verb("find:app", "Show the search index, or build it anew.", _HOME),
    "user": Verb("users:app", "Add, list, change and delete people, and end their sessions.", _HOME),
    "mask": Verb("masks:app", "List, set and delete masking rules.", _HOME),
    "audit": Verb("audit:audit", "List who did what.", _HOME),
    "token": Verb("tokens:app", "Create, list and revoke API tokens.", _HOME),
    "secrets": Verb("secrets:app", "Show which key seals stored secrets, and rotate it.", _HOME),
    "move": Verb("moving:move", "Copy records and objects to other stores, and compare them.", _HOME),
    "backup": Verb("backups:backup", "Write everything to one file, while runs go on.", _HOME),
    "restore": Verb("backups:restore", "Make a new home from a backup.", _HOME),
    "erase": Verb("erasing:erase", "Erase every item that holds a value, everywhere.", _HOME),
    "retention": Verb("retention:retention", "Take away what is no longer to be kept, or show it.", _HOME),
    "doctor": Verb("home:doctor", "Look the home and its machine over.", _HOME),
}

GLOBALS: Final = {
    "--home": ("DIR", "Home folder to work on (REDRIVE_HOME)."),
    "--url": ("URL", "Server to work through (REDRIVE_URL)."),
    "--token": ("TOKEN", "Token for the server (REDRIVE_TOKEN)."),
    "--json": ("", "Print JSON; errors are JSON too, on stderr."),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and give its exit code: 0 done, 1 the run failed, 2 wrong use, 3 out of reach."""
    words = list(sys.argv[1:] if argv is None else argv)
    if words in ([], ["--help"], ["-h"], ["help"]):
        # The table is enough for this page: no library is loaded for it.
        sys.stdout.write(front_help())
        return 0
    if words == ["--version"]:
        sys.stdout.write(f"redrive {__version__}\n")
        return 0
    from redrive.errors import Fault, RedriveError

    as_json = "--json" in (words[: words.index("--")] if "--" in words else words)
    try:
        return _run(words)
    except RedriveError as error:
        return _fail(error, as_json=as_json)
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # The reader has enough (`redrive runs | head`). Python would complain when it flushes at exit.
        _close_stdout()
        return 0
    except OSError as error:
        named = Fault(
            f"{error.strerror or error}",
            code="machine.io",
            at=str(error.filename) if error.filename else None,
        )
        return _fail(named, as_json=as_json)
    except Exception as error:  # noqa: BLE001  # a script gets the one form of an error, whatever failed
        return _fail(_unforeseen(error), as_json=as_json)


def _unforeseen(error: Exception) -> RedriveError:
    import os
    import traceback

    from redrive.errors import Fault

    if os.environ.get("REDRIVE_LOG_LEVEL") == "debug":
        traceback.print_exception(error)
    return Fault(
        f"A fault that the command does not foresee: {type(error).__name__}",
        code="fault.unforeseen",
        hint="REDRIVE_LOG_LEVEL=debug shows where; please report it.",
    )


def _run(words: list[str]) -> int:
    from cyclopts import CycloptsError, UnusedCliTokensError

    from redrive.cli.app import build
    from redrive.errors import UsageError

    try:
        result = build().meta(words)
    except CycloptsError as error:
        verb = next((word for word in words if word in VERBS), None)
        surplus = error.unused_tokens if isinstance(error, UnusedCliTokensError) else None
        raise UsageError(
            f"nothing is expected where {surplus[0]!r} stands" if surplus else " ".join(str(error).split()),
            hint=f"`redrive {verb} --help` lists its options."
            if verb
            else "`redrive --help` lists the verbs.",
        ) from None
    return result if isinstance(result, int) else 0


def front_help() -> str:
    lines = [
        "Usage: redrive VERB [OPTIONS]",
        "",
        "Integration flows that keep every payload, and a safe redrive of any of them.",
    ]
    for group in dict.fromkeys(verb.group for verb in VERBS.values()):
        lines += ["", f"{group}:"]
        lines += [f"  {name:<12}{verb.help}" for name, verb in VERBS.items() if verb.group == group]
    lines += ["", "Global options, before or after the verb:"]
    for name, (value, text) in GLOBALS.items():
        lines.append(f"  {name + ' ' + value:<16}{text}")
    lines += [
        "  --version       Print the version.",
        "  --install-completion",
        "                  Install completion for this shell.",
        "",
        "`redrive VERB --help` lists the options of a verb.",
        "",
    ]
    return "\n".join(lines)


def _fail(error: RedriveError, *, as_json: bool) -> int:
    from redrive.cli.output import write_error

    write_error(error, as_json=as_json)
    return error.exit_code


def _close_stdout() -> None:
    import os

    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
