"""What becomes of each table: where an erasing looks in it, and why it does not grow for ever.

Moves and backups copy every table, whatever stands here. A test goes through all tables: one that is not
decided on here fails it.
"""

from __future__ import annotations

from enum import Enum
from typing import Final, NamedTuple

from redrive.store import tables


class Bound(Enum):
    """Why a table does not grow without end."""

    RUNS = "goes with its runs, or with what these hold"
    AGE = "goes by age, or with what it belongs to"
    MADE = "as many as people have made, and as documents name"
    LEDGER = "stays: what was delivered is not sent again, however old"


class Kept(NamedTuple):
    """`scrubbed`: columns with texts from outside, in which an erased value is replaced; `COLUMN.NAME`
    is a member of a JSON object (`*`: each), of which the rest is ours. `removed`: columns of which a hit
    takes the row away. What is in neither is a name of ours, a number, a hash, or as `elsewhere` says.
    """

    bound: Bound
    scrubbed: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    elsewhere: str = ""
    why: str = ""


_RUNS, _AGE, _MADE, _LEDGER = Bound.RUNS, Bound.AGE, Bound.MADE, Bound.LEDGER
_DOCUMENT: Final = "what people have written is theirs to change"
_PEOPLE: Final = "accounts are managed, not erased by key"
_NAMES: Final = "only names, numbers and hashes of ours"
_SEALED: Final = "sealed: nobody can look for a value in it, and no item goes into it"

KEPT: Final[dict[str, Kept]] = {
    # ---- documents
    "flows": Kept(_MADE, elsewhere=_DOCUMENT),
    "flow_versions": Kept(_MADE, elsewhere=_DOCUMENT, why="runs name them"),
    "version_events": Kept(_MADE, scrubbed=("actor", "note")),
    "connectors": Kept(_MADE, elsewhere=_DOCUMENT),
    "connector_versions": Kept(_MADE, elsewhere=_DOCUMENT, why="runs name them"),
    "connections": Kept(_MADE, elsewhere=_DOCUMENT),
    "notification_groups": Kept(_MADE, elsewhere=_DOCUMENT),
    "masks": Kept(_MADE, elsewhere=_DOCUMENT),
    "lookups": Kept(_MADE, elsewhere=_DOCUMENT),
    "lookup_generations": Kept(_AGE, elsewhere=_NAMES, why="one that was replaced goes with the next import"),
    "lookup_entries": Kept(_MADE, removed=("source", "target"), why="with their generation"),
    "pools": Kept(_MADE, elsewhere=_DOCUMENT),
    "pool_entries": Kept(
        _MADE,
        removed=("key",),
        why="forgotten keys pass again: by `redrive pools`, `forget_after`",
    ),
    "caches": Kept(_MADE, elsewhere=_DOCUMENT, why="those of a run go with it"),
    "cache_pages": Kept(_MADE, scrubbed=("meta",), removed=("entry",), why="by their `ttl`, or with the run"),
    # ---- runs
    "runs": Kept(_RUNS, scrubbed=("summary", "variables", "plan.reason", "plan.asked", "overlap", "lane")),
    "step_runs": Kept(_RUNS, scrubbed=("checkpoint", "variables", "error.*")),
    "buckets": Kept(_RUNS, elsewhere=_NAMES),
    "payloads": Kept(_RUNS, scrubbed=("meta",)),
    "failed_payloads": Kept(_RUNS, scrubbed=("error.*", "checkpoint")),
    "exchanges": Kept(_RUNS, scrubbed=("request.*", "response.*")),
    "log_lines": Kept(_RUNS, scrubbed=("message", "data")),
    "edits": Kept(_RUNS, scrubbed=("patch", "reason", "actor")),
    "tracked": Kept(_RUNS, removed=("value",)),
    "pool_claims": Kept(_RUNS, removed=("key",)),
    "answers": Kept(_RUNS, scrubbed=("headers",)),
    "contents": Kept(_RUNS, elsewhere="written anew without the items", why="what nothing names is swept"),
    "dictionaries": Kept(
        _RUNS, elsewhere="those that may have learnt from it are given up", why="one in use for each step"
    ),
    "start_keys": Kept(_AGE, removed=("key",), why="`keep_start_keys_days`"),
    "delivery_events": Kept(_RUNS, scrubbed=("reason",)),
    "targets": Kept(_MADE, elsewhere=_NAMES),
    "deliveries": Kept(_LEDGER, elsewhere="the keys of the items become keyed hashes"),
    # ---- what starts runs and holds them back
    "hook_keys": Kept(_AGE, elsewhere=_NAMES, why="when their time is over"),
    "schedule_marks": Kept(_MADE, elsewhere=_NAMES),
    "schedule_starts": Kept(_AGE, elsewhere=_NAMES, why="40 days"),
    "pauses": Kept(_MADE, scrubbed=("reason", "actor")),
    "circuits": Kept(_MADE, scrubbed=("error",), why="until a request succeeds; with their connection"),
    "connection_slots": Kept(_MADE, elsewhere=_NAMES, why="with their connection"),
    "connection_tokens": Kept(_MADE, elsewhere=_SEALED, why="with their connection"),
    # ---- what tells of it
    "notices": Kept(_AGE, scrubbed=("title", "message", "error"), why="30 days after their end"),
    "insights": Kept(_AGE, elsewhere=_NAMES, why="`keep_insights_days`"),
    "audit": Kept(_AGE, scrubbed=("actor", "subject", "data", "address"), why="`keep_audit_days`"),
    "search_queue": Kept(_RUNS, elsewhere=_NAMES),
    "search_state": Kept(_MADE, elsewhere=_NAMES, why="one row"),
    # ---- people, and the home itself
    "accounts": Kept(_MADE, elsewhere=_PEOPLE),
    "sessions": Kept(_AGE, elsewhere=_PEOPLE, why="`session_days`, `session_idle_hours`"),
    "tokens": Kept(_MADE, elsewhere=_PEOPLE),
    "facts": Kept(_MADE, elsewhere=_NAMES, why="one row for each name"),
    "erasures": Kept(
        _MADE,
        scrubbed=("actor", "reason"),
        elsewhere="the value, until it is done",
        why="the proof that it was done",
    ),
    "erased_items": Kept(_MADE, elsewhere=_NAMES, why="until the erasing is done"),
    "backups": Kept(
        _MADE,
        scrubbed=("actor",),
        elsewhere="the place of a file, which has to be found",
        why="an erasing asks which hold it",
    ),
}


def columns_of(table: str) -> dict[str, frozenset[str]]:
    """The columns in which an erasing looks; of a JSON column the members, none where it is all of it."""
    kept = KEPT[table]
    found: dict[str, set[str]] = {}
    for named in (*kept.removed, *kept.scrubbed):
        column, _, member = named.partition(".")
        found.setdefault(column, set()).update({member} if member else ())
    return {
        column.name: frozenset(found[column.name])
        for column in tables.metadata.tables[table].columns
        if column.name in found
    }
