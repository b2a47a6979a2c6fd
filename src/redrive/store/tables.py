"""The schema: one declaration for every database. Migrations must add up to this (tests check).

Instants are BIGINT microseconds since 1970 UTC, ids BIGINT made by `core.ids`, documents and
JSON are bytes, texts sort by code points. Order of columns is the order of the fields of the
records in `core.run`.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    UniqueConstraint,
    text,
)
from sqlalchemy import Text as _Text

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

CONTENT = {"content": True}
"""`info` of a column that names a content: retention keeps what such a column names."""
# By code points, as SQLite does it: the same order, the same "equal", whatever locale the server has.
Text = _Text().with_variant(_Text(collation="C"), "postgresql")


def _id(name: str = "id") -> Column[int]:
    # INTEGER PRIMARY KEY is SQLite's row id: no index of its own.
    return Column(name, BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=False)


flows = Table(
    "flows",
    metadata,
    _id(),
    Column("name", Text, nullable=False, unique=True),
    Column("enabled", Boolean, nullable=False),
    Column("draft", LargeBinary),
    Column("draft_file", Text),
    Column("created_at", BigInteger, nullable=False),
    Column("last_success", BigInteger),
)

flow_versions = Table(
    "flow_versions",
    metadata,
    Column("flow_id", BigInteger, nullable=False),
    Column("number", Integer, nullable=False),
    Column("state", Text, nullable=False),
    Column("document", LargeBinary, nullable=False),
    Column("file", Text, nullable=False),
    Column("digest", LargeBinary, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    PrimaryKeyConstraint("flow_id", "number"),
)

version_events = Table(
    "version_events",
    metadata,
    _id(),
    Column("flow_id", BigInteger, nullable=False),
    Column("number", Integer, nullable=False),
    Column("kind", Text, nullable=False),  # created, deployed or restored
    Column("at", BigInteger, nullable=False),
    Column("actor", Text, nullable=False),
    Column("note", Text),
    Index(None, "flow_id", "number"),
)

connectors = Table(
    "connectors",
    metadata,
    Column("name", Text, primary_key=True),
    Column("digest", LargeBinary, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
)

connector_versions = Table(
    "connector_versions",
    metadata,
    Column("digest", LargeBinary, primary_key=True),
    Column("name", Text, nullable=False),
    Column("document", LargeBinary, nullable=False),
    Column("file", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
)

connections = Table(
    "connections",
    metadata,
    Column("name", Text, primary_key=True),
    Column("connector", Text, nullable=False),
    Column("settings", LargeBinary, nullable=False),
    Column("secrets", LargeBinary, nullable=False),  # JSON: name -> {env|file|sealed: text}
    Column("updated_at", BigInteger, nullable=False),
    Column("limits", LargeBinary),  # JSON: max_running, circuit; null: as the home's settings say
)

# What a person has paused: everything, a flow, a connection.
pauses = Table(
    "pauses",
    metadata,
    Column("kind", Text, nullable=False),  # all, flow, connection
    Column("name", Text, nullable=False),  # "" of all
    Column("reason", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    PrimaryKeyConstraint("kind", "name"),
    sqlite_with_rowid=False,
)

# Turns and places of requests, where several processes share the limits of a connection.
connection_slots = Table(
    "connection_slots",
    metadata,
    Column("connection", Text, nullable=False),
    Column("kind", Text, nullable=False),  # rate: free again `until`; place: held `until`; pause
    Column("slot", Integer, nullable=False),
    Column("holder", Text),
    Column("until", BigInteger, nullable=False),
    PrimaryKeyConstraint("connection", "kind", "slot"),
    sqlite_with_rowid=False,
)

# Connections whose target is down, until a request succeeds.
circuits = Table(
    "circuits",
    metadata,
    Column("connection", Text, primary_key=True),
    Column("opened_at", BigInteger, nullable=False),
    Column("until", BigInteger, nullable=False),
    Column("wait_us", BigInteger, nullable=False),
    Column("failures", Integer, nullable=False),
    Column("error", Text, nullable=False),
    Column("probe", Text),  # the process that tries it just now, and since when
    Column("probe_at", BigInteger),
)

connection_tokens = Table(
    "connection_tokens",
    metadata,
    Column("connection", Text, primary_key=True),
    Column("serial", BigInteger, nullable=False),
    Column("token", Text),  # sealed: values, of, expires_at
    Column("holder", Text),  # who asks for a new one just now, and since when
    Column("held_at", BigInteger),
    Column("pending", Text),  # sealed: what is awaited from the page where a person agrees
)

runs = Table(
    "runs",
    metadata,
    _id(),
    Column("flow_id", BigInteger, nullable=False),
    Column("flow", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("status", Text, nullable=False),
    Column("trigger", Text, nullable=False),
    Column("priority", SmallInteger, nullable=False),
    Column("epoch", Integer, nullable=False),
    Column("losses", Integer, nullable=False),
    Column("queued_at", BigInteger, nullable=False),
    Column("started_at", BigInteger),
    Column("finished_at", BigInteger),
    Column("clock", BigInteger, nullable=False),
    Column("source_run", BigInteger),
    Column("root_run", BigInteger),
    Column("root_queued_at", BigInteger),
    Column("start_step", Text),
    Column("warnings", Integer, nullable=False),
    Column("summary", Text, nullable=False),
    Column("stop", SmallInteger, nullable=False),
    Column("overridden", Boolean, nullable=False),
    Column("variables", LargeBinary),
    Column("plan", LargeBinary),
    Column("connectors", LargeBinary),
    Column("pinned", Boolean, nullable=False),
    # 0 whole, 1 its payloads are being taken away, 2 they are gone, 3 it is being deleted
    Column("retention", SmallInteger, nullable=False),
    Column("parent_run", BigInteger),
    Column("parent_step", Text),
    Column("depth", SmallInteger, nullable=False),
    Column("family", BigInteger),
    # Its place in the queue: `core.admission`.
    Column("turn", BigInteger, nullable=False),
    Column("overlap", Text),
    Column("lane", Text),
    Index(None, "flow_id", "id"),
    Index(None, "status", "id"),
    Index(None, "trigger", "id"),
)
Index(
    "ix_runs_queue",
    runs.c.turn,
    runs.c.id,
    # So that runs which cannot start are passed by without being read.
    runs.c.flow_id,
    runs.c.source_run,
    runs.c.parent_run,
    runs.c.overlap,
    runs.c.lane,
    # Not plain `status = 'queued'`: SQLite would then go by the index of the status, and sort.
    sqlite_where=text("status || '' = 'queued'"),
    postgresql_where=text("status || '' = 'queued'"),
)
Index(
    "ix_runs_lane",
    runs.c.lane,
    runs.c.status,
    sqlite_where=runs.c.lane.is_not(None),
    postgresql_where=runs.c.lane.is_not(None),
)
Index(
    "ix_runs_warned",
    runs.c.id,
    sqlite_where=text("warnings > 0"),
    postgresql_where=text("warnings > 0"),
)
Index(
    "ix_runs_source_run",
    runs.c.source_run,
    sqlite_where=runs.c.source_run.is_not(None),
    postgresql_where=runs.c.source_run.is_not(None),
)

Index(
    "ix_runs_root_run",
    runs.c.root_run,
    sqlite_where=runs.c.root_run.is_not(None),
    postgresql_where=runs.c.root_run.is_not(None),
)
Index(
    "ix_runs_parent_run",
    runs.c.parent_run,
    sqlite_where=runs.c.parent_run.is_not(None),
    postgresql_where=runs.c.parent_run.is_not(None),
)
Index(
    "ix_runs_family",
    runs.c.family,
    sqlite_where=runs.c.family.is_not(None),
    postgresql_where=runs.c.family.is_not(None),
)
# What a retention that was cut off has left.
Index(
    "ix_runs_retention",
    runs.c.retention,
    sqlite_where=runs.c.retention.in_([1, 3]),
    postgresql_where=runs.c.retention.in_([1, 3]),
)

step_runs = Table(
    "step_runs",
    metadata,
    Column("run_id", BigInteger, nullable=False),
    Column("position", Integer, nullable=False),
    Column("step", Text, nullable=False),
    Column("shape", Text, nullable=False),
    Column("name", Text),
    Column("status", Text, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("started_at", BigInteger),
    Column("finished_at", BigInteger),
    Column("inputs", Text, nullable=False),
    Column("outputs", Text, nullable=False),
    Column("bucket", BigInteger),
    Column("done", Integer, nullable=False),
    Column("out", Integer, nullable=False),
    Column("checkpoint", LargeBinary),
    Column("payloads_in", Integer, nullable=False),
    Column("items_in", BigInteger, nullable=False),
    Column("bytes_in", BigInteger, nullable=False),
    Column("payloads_out", Integer, nullable=False),
    Column("items_out", BigInteger, nullable=False),
    Column("bytes_out", BigInteger, nullable=False),
    Column("failed", Integer, nullable=False),
    Column("delivered", BigInteger, nullable=False),
    Column("skipped", BigInteger, nullable=False),
    Column("rejected", BigInteger, nullable=False),
    Column("unknown", BigInteger, nullable=False),
    Column("warnings", Integer, nullable=False),
    Column("variables", LargeBinary),
    Column("paths", Text, nullable=False),
    Column("joined", Text, nullable=False),
    Column("error", LargeBinary),
    Column("next_attempt_at", BigInteger),
    Column("taken", Text, nullable=False),
    Column("waits", Text),
    PrimaryKeyConstraint("run_id", "position"),
    sqlite_with_rowid=False,
)

notification_groups = Table(
    "notification_groups",
    metadata,
    Column("name", Text, primary_key=True),
    Column("settings", LargeBinary, nullable=False),
    Column("urls", LargeBinary, nullable=False),  # JSON: [{env|file|sealed: text}]
    Column("updated_at", BigInteger, nullable=False),
)

# The outbox of messages to notification groups.
notices = Table(
    "notices",
    metadata,
    _id(),
    Column("group_name", Text, nullable=False),
    Column("signature", Text, nullable=False),
    Column("level", Text, nullable=False),
    Column("title", Text, nullable=False),
    Column("message", Text, nullable=False),
    Column("flow", Text, nullable=False),
    Column("run_id", BigInteger),
    Column("step", Text),
    Column("at", BigInteger, nullable=False),
    Column("count", Integer, nullable=False),
    Column("status", Text, nullable=False),
    Column("due_at", BigInteger, nullable=False),
    Column("first_due_at", BigInteger, nullable=False),
    Column("tries", Integer, nullable=False),
    Column("left", LargeBinary),  # JSON: the places of the URLs that are still to be reached
    Column("error", Text),
    Column("sent_at", BigInteger),
    Index(None, "group_name", "signature", "id"),
    Index(None, "status", "due_at"),
)

contents = Table(
    "contents",
    metadata,
    Column("digest", LargeBinary, primary_key=True),
    Column("size_bytes", BigInteger, nullable=False),
    # One of the forms in `store.contents`, which say what the other columns hold.
    Column("form", SmallInteger, nullable=False),
    Column("data", LargeBinary),
    Column("base", LargeBinary),
    Column("base_offset", BigInteger),
    Column("dictionary", Integer),
    # 1: a reference to it was taken away, 2: a sweep looks whether that was the last; it goes unless a
    # commit that shares it sets this back to 0
    Column("condemned", SmallInteger, nullable=False, server_default=text("0")),
)
Index(
    "ix_contents_condemned",
    contents.c.digest,
    sqlite_where=contents.c.condemned > text("0"),
    postgresql_where=contents.c.condemned > text("0"),
)
# Who is made from a content, and from which recipe; who needs a dictionary.
Index(
    "ix_contents_base",
    contents.c.base,
    sqlite_where=contents.c.base.is_not(None),
    postgresql_where=contents.c.base.is_not(None),
)
Index(
    "ix_contents_recipe",
    contents.c.data,
    sqlite_where=contents.c.form == text("5"),
    postgresql_where=contents.c.form == text("5"),
)
Index(
    "ix_contents_dictionary",
    contents.c.dictionary,
    sqlite_where=contents.c.dictionary.is_not(None),
    postgresql_where=contents.c.dictionary.is_not(None),
)

dictionaries = Table(
    "dictionaries",
    metadata,
    # Small numbers: each content that is packed with one holds its number.
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("family", Text, nullable=False, index=True),
    Column("data", LargeBinary, nullable=False),
    Column("digest", LargeBinary, nullable=False),
    # Plain bytes of the samples over their packed bytes, in hundredths: what it was worth when it was made.
    Column("ratio", Integer, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("retired_at", BigInteger),
)

payloads = Table(
    "payloads",
    metadata,
    _id(),
    Column("bucket", BigInteger, nullable=False),
    Column("position", Integer, nullable=False),
    # Empty where the payload has expired or was erased with its content.
    Column("digest", LargeBinary, nullable=False, info=CONTENT),
    Column("size_bytes", BigInteger, nullable=False),
    Column("items", BigInteger),
    Column("media_type", Text, nullable=False),
    Column("items_path", Text, nullable=False),
    Column("meta", LargeBinary),
    Column("lineage", LargeBinary),
    Column("edited_from", BigInteger),
    UniqueConstraint("bucket", "position"),
)

buckets = Table(
    "buckets",
    metadata,
    _id(),
    # Which step of which run wrote it; position -1 for data handed to a run,
    # -2 for the body of an answer; run 0 for an upload.
    Column("run_id", BigInteger, nullable=False),
    Column("position", Integer, nullable=False),
)

failed_payloads = Table(
    "failed_payloads",
    metadata,
    Column("run_id", BigInteger, nullable=False),
    Column("position", Integer, nullable=False),
    Column("number", Integer, nullable=False),  # place in the step's input
    Column("payload_id", BigInteger, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("error", LargeBinary, nullable=False),
    Column("checkpoint", LargeBinary),  # JSON: where a retry goes on inside this payload
    PrimaryKeyConstraint("run_id", "position", "number"),
    sqlite_with_rowid=False,
)

exchanges = Table(
    "exchanges",
    metadata,
    _id(),
    Column("run_id", BigInteger, nullable=False),
    Column("position", Integer, nullable=False),
    Column("payload_id", BigInteger),
    Column("attempt", Integer, nullable=False),
    Column("request", LargeBinary, nullable=False),  # JSON: method, url, headers, idempotency_key
    Column("request_body", LargeBinary, info=CONTENT),
    Column("request_bytes", BigInteger, nullable=False),
    Column("status", Integer),
    Column("response", LargeBinary),  # JSON: headers, error, reason
    Column("response_body", LargeBinary, info=CONTENT),
    Column("response_bytes", BigInteger, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("duration_us", BigInteger),
    Index(None, "run_id", "position"),
)

targets = Table(
    "targets",
    metadata,
    _id(),
    Column("ledger", Text, nullable=False),
    Column("connection", Text, nullable=False),
    Column("endpoint", Text, nullable=False),
    Column("key_field", Text),  # path of the key in an item, to tell in which field a value was found
    UniqueConstraint("ledger", "connection", "endpoint"),
)

deliveries = Table(
    "deliveries",
    metadata,
    _id(),
    Column("target_id", BigInteger, nullable=False),
    Column("key", Text, nullable=False),
    Column("status", Text, nullable=False),
    # Of the latest attempt: who claimed it, with which request, on which item.
    Column("run_id", BigInteger, nullable=False),
    Column("epoch", Integer, nullable=False),
    Column("position", Integer, nullable=False),
    Column("exchange_id", BigInteger),
    Column("payload_id", BigInteger),
    Column("item", BigInteger),
    Column("digest", LargeBinary),
    Column("at", BigInteger, nullable=False),
    # Of the last delivery that succeeded.
    Column("delivered_digest", LargeBinary),
    Column("delivered_at", BigInteger),
    Column("delivered_run", BigInteger),
    UniqueConstraint("key", "target_id"),
)
Index(
    "ix_deliveries_open",
    deliveries.c.status,
    sqlite_where=deliveries.c.status.in_(["begun", "unknown"]),
    postgresql_where=deliveries.c.status.in_(["begun", "unknown"]),
)

delivery_events = Table(
    "delivery_events",
    metadata,
    Column("delivery_id", BigInteger, nullable=False),
    Column("run_id", BigInteger, nullable=False),
    Column("position", Integer, nullable=False),
    Column("payload_id", BigInteger, nullable=False),
    Column("item", BigInteger, nullable=False),
    Column("sequence", BigInteger, nullable=False),
    Column("status", Text, nullable=False),  # as of a delivery, or `skipped`
    Column("reason", Text),
    Column("at", BigInteger, nullable=False),
    PrimaryKeyConstraint("delivery_id", "run_id", "sequence"),
    Index(None, "run_id", "position"),
    sqlite_with_rowid=False,
)

tracked = Table(
    "tracked",
    metadata,
    Column("value", Text, nullable=False),
    Column("field", Text, nullable=False),
    Column("run_id", BigInteger, nullable=False),
    Column("position", Integer, nullable=False),
    Column("payload_id", BigInteger, nullable=False),
    Column("item", BigInteger, nullable=False),
    PrimaryKeyConstraint("value", "field", "run_id", "position", "payload_id", "item"),
    sqlite_with_rowid=False,
)

log_lines = Table(
    "log_lines",
    metadata,
    Column("run_id", BigInteger, nullable=False),
    Column("sequence", BigInteger, nullable=False),
    Column("position", Integer, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("level", Text, nullable=False),
    Column("message", Text, nullable=False),
    Column("data", LargeBinary),
    PrimaryKeyConstraint("run_id", "sequence"),
    sqlite_with_rowid=False,
)

edits = Table(
    "edits",
    metadata,
    Column("payload_id", BigInteger, primary_key=True, autoincrement=False),
    Column("original_id", BigInteger, nullable=False),
    Column("patch", LargeBinary),  # JSON Patch; null where one of the two is not JSON or too large
    Column("reason", Text),
    Column("actor", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
)

audit = Table(
    "audit",
    metadata,
    _id(),
    Column("at", BigInteger, nullable=False),
    Column("actor", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("data", LargeBinary),
    Column("via", Text),  # session, token NAME, local token, process
    Column("address", Text),
    Column("result", Text, nullable=False),  # ok, or the code of what went wrong
)

accounts = Table(
    "accounts",
    metadata,
    _id(),
    Column("name", Text, nullable=False),
    Column("folded", Text, nullable=False, unique=True),  # the name as it is looked up
    Column("role", Text, nullable=False),
    Column("reveal", Boolean, nullable=False),
    Column("enabled", Boolean, nullable=False),
    Column("password", Text),  # its hash, with salt and costs
    Column("issuer", Text),
    Column("subject", Text),
    Column("created_at", BigInteger, nullable=False),
    Column("signed_in_at", BigInteger),
    UniqueConstraint("issuer", "subject"),
)

# A session of no account is the local administrator's, made by a one-time link.
sessions = Table(
    "sessions",
    metadata,
    _id(),
    Column("digest", LargeBinary, nullable=False, unique=True),
    Column("account_id", BigInteger, index=True),
    Column("way", Text, nullable=False),  # password, link, oidc
    Column("address", Text),
    Column("agent", Text),
    Column("created_at", BigInteger, nullable=False),
    Column("seen_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
)

tokens = Table(
    "tokens",
    metadata,
    _id(),
    Column("name", Text, nullable=False),
    Column("digest", LargeBinary, nullable=False, unique=True),
    Column("created_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger),
    Column("account_id", BigInteger),  # whose it is; none: made in the home itself
    Column("scopes", LargeBinary, nullable=False),
    Column("last_used_at", BigInteger),
)

masks = Table(
    "masks",
    metadata,
    _id(),
    Column("name", Text, nullable=False, unique=True),
    Column("flow", Text),
    Column("fields", LargeBinary, nullable=False),
    Column("pattern", Text),
    Column("note", Text),
    Column("created_at", BigInteger, nullable=False),
)

start_keys = Table(
    "start_keys",
    metadata,
    Column("key", Text, primary_key=True),
    Column("digest", LargeBinary, nullable=False),
    Column("run_id", BigInteger, nullable=False),
    Column("at", BigInteger, nullable=False),
)

# Retries and redrives of many runs, and what became of each.
bulks = Table(
    "bulks",
    metadata,
    _id(),
    Column("at", BigInteger, nullable=False),
    Column("ended_at", BigInteger),
    Column("actor", Text, nullable=False),
    Column("kind", Text, nullable=False),  # retry or redrive
    Column("state", Text, nullable=False),
    Column("per_minute", Integer),
    Column("runs", Integer, nullable=False),
    # JSON: how each is started, and with which rights. Only until it has ended.
    Column("request", LargeBinary),
    Column("problem", LargeBinary),  # JSON: why it paused by itself
    Column("start_key", Text, unique=True),
    Column("digest", LargeBinary),
)

bulk_runs = Table(
    "bulk_runs",
    metadata,
    Column("bulk_id", BigInteger, nullable=False),
    Column("position", Integer, nullable=False),
    Column("source_run", BigInteger, nullable=False),
    # The new run, or JSON that says why there is none; neither: it is still to come.
    Column("run_id", BigInteger),
    Column("problem", LargeBinary),
    PrimaryKeyConstraint("bulk_id", "position"),
    sqlite_with_rowid=False,
)

# What makes a call of a hook count once: its idempotency key, or its signature.
hook_keys = Table(
    "hook_keys",
    metadata,
    Column("digest", LargeBinary, primary_key=True),  # of flow, hook, kind and key
    Column("run_id", BigInteger, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False, index=True),
)

# What a callback step answered: the payload that is the body of it.
answers = Table(
    "answers",
    metadata,
    Column("run_id", BigInteger, primary_key=True, autoincrement=False),
    Column("step", Text, nullable=False),
    Column("status", Integer, nullable=False),
    Column("headers", LargeBinary, nullable=False),  # JSON: a list of pairs
    Column("payload_id", BigInteger, nullable=False),
    Column("at", BigInteger, nullable=False),
)

# Up to which instant the times of a schedule have been decided.
schedule_marks = Table(
    "schedule_marks",
    metadata,
    Column("flow_id", BigInteger, nullable=False),
    Column("schedule", Text, nullable=False),  # its rule, as text
    Column("at", BigInteger, nullable=False),
    PrimaryKeyConstraint("flow_id", "schedule"),
    sqlite_with_rowid=False,
)

# Each time that started a run.
schedule_starts = Table(
    "schedule_starts",
    metadata,
    Column("flow_id", BigInteger, nullable=False),
    Column("schedule", Text, nullable=False),
    Column("due", BigInteger, nullable=False),
    Column("run_id", BigInteger, nullable=False),
    PrimaryKeyConstraint("flow_id", "schedule", "due"),
    sqlite_with_rowid=False,
)

facts = Table(
    "facts",
    metadata,
    # Single values of the home: how far background work has come, keys of its own.
    Column("name", Text, primary_key=True),
    Column("value", LargeBinary, nullable=False),
)

backups = Table(
    "backups",
    metadata,
    _id(),
    Column("name", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("state", Text, nullable=False),  # running, done, broken
    Column("started_at", BigInteger, nullable=False),
    Column("beat_at", BigInteger, nullable=False),  # while it runs no object is removed
    Column("finished_at", BigInteger),
    Column("rows", BigInteger, nullable=False),
    Column("objects", BigInteger, nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    Column("secrets", Boolean, nullable=False),
)

erasures = Table(
    "erasures",
    metadata,
    _id(),
    Column("at", BigInteger, nullable=False),
    Column("finished_at", BigInteger),
    Column("actor", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("field", Text),
    # What is erased: only until it is done. The hash stays.
    Column("value", LargeBinary),
    Column("value_hash", LargeBinary, nullable=False),
    Column("counts", LargeBinary),  # JSON: how much was touched, by what it is
)

erased_items = Table(
    "erased_items",
    metadata,
    # Of the erasures under way: the places of their items, until everything that names them is mended.
    Column("payload_id", BigInteger, nullable=False),
    Column("item", BigInteger, nullable=False),
    Column("erasure_id", BigInteger, nullable=False),
    PrimaryKeyConstraint("payload_id", "item"),
    sqlite_with_rowid=False,
)
lookups = Table(
    "lookups",
    metadata,
    _id(),
    Column("name", Text, nullable=False, unique=True),
    Column("source_name", Text, nullable=False),
    Column("target_name", Text, nullable=False),
    Column("generation", BigInteger, nullable=False),
    # Rises with each change of a single entry; an import makes a new generation instead.
    Column("revision", BigInteger, nullable=False),
    Column("entries", BigInteger, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
)

lookup_generations = Table(
    "lookup_generations",
    metadata,
    _id(),
    Column("lookup_id", BigInteger, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("replaced_at", BigInteger),
    Index(None, "lookup_id"),
)

lookup_entries = Table(
    "lookup_entries",
    metadata,
    Column("generation", BigInteger, nullable=False),
    Column("number", BigInteger, nullable=False),  # the order; of an import the line
    Column("source", Text, nullable=False),
    Column("target", Text, nullable=False),
    # A hash of the text without outer blanks and case: one index serves all kinds of matching.
    Column("source_key", BigInteger, nullable=False),
    Column("target_key", BigInteger, nullable=False),
    # The revisions that see it.
    Column("since", BigInteger, nullable=False),
    Column("until", BigInteger),
    PrimaryKeyConstraint("generation", "number"),
    Index("ix_lookup_entries_source", "generation", "source_key"),
    Index("ix_lookup_entries_target", "generation", "target_key"),
    sqlite_with_rowid=False,
)
Index(
    "ix_lookup_entries_until",
    lookup_entries.c.generation,
    lookup_entries.c.until,
    sqlite_where=lookup_entries.c.until.is_not(None),
    postgresql_where=lookup_entries.c.until.is_not(None),
)

pools = Table(
    "pools",
    metadata,
    _id(),
    Column("name", Text, nullable=False),
    Column("flow", Text, nullable=False),  # "" where all flows share it
    Column("turn", BigInteger, nullable=False),  # raised by who claims: one at a time
    Column("created_at", BigInteger, nullable=False),
    UniqueConstraint("name", "flow"),
)

pool_entries = Table(
    "pool_entries",
    metadata,
    Column("pool_id", BigInteger, nullable=False),
    Column("key", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("run_id", BigInteger),  # null: imported or added by a person
    Column("root_run", BigInteger),
    PrimaryKeyConstraint("pool_id", "key"),
    Index(None, "pool_id", "at"),
    sqlite_with_rowid=False,
)

# Provisional entries: what a run that has not ended has tracked.
pool_claims = Table(
    "pool_claims",
    metadata,
    Column("pool_id", BigInteger, nullable=False),
    Column("key", Text, nullable=False),
    Column("run_id", BigInteger, nullable=False),
    Column("position", Integer, nullable=False),
    Column("payload", Integer, nullable=False),  # number in the input of the step
    Column("item", BigInteger, nullable=False),
    Column("at", BigInteger, nullable=False),
    PrimaryKeyConstraint("pool_id", "key", "run_id"),
    Index(None, "run_id", "position"),
    sqlite_with_rowid=False,
)

caches = Table(
    "caches",
    metadata,
    _id(),
    Column("name", Text, nullable=False),
    Column("scope", Text, nullable=False),  # run, flow or company
    Column("flow", Text, nullable=False),  # "" in company
    Column("run_id", BigInteger, nullable=False),  # 0 but in run
    Column("created_at", BigInteger, nullable=False),
    UniqueConstraint("name", "scope", "flow", "run_id"),
    Index(None, "run_id"),
)

cache_pages = Table(
    "cache_pages",
    metadata,
    _id(),
    Column("cache_id", BigInteger, nullable=False),
    Column("entry", Text, nullable=False),
    Column("run_id", BigInteger, nullable=False),
    Column("step", Text, nullable=False),
    Column("payload", Integer, nullable=False),  # number in the input of the step
    Column("item", BigInteger, nullable=False),  # -1: the whole payload
    Column("digest", LargeBinary, nullable=False, info=CONTENT),
    Column("size_bytes", BigInteger, nullable=False),
    Column("items", BigInteger),
    Column("media_type", Text, nullable=False),
    Column("items_path", Text, nullable=False),
    Column("meta", LargeBinary),
    Column("appended", Boolean, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("expires_at", BigInteger),
    Index(None, "cache_id", "entry", "id"),
    Index(None, "digest"),
)

# Runs whose payloads are not all in the search index yet, or not as they are now.
# How many runs ended how, and took how long (`core.insights`), by the hour in which they were queued.
# Derived from the runs, and kept when these go.
insights = Table(
    "insights",
    metadata,
    Column("hour", BigInteger, nullable=False),
    Column("flow", Text, nullable=False),
    *(Column(name, Integer, nullable=False) for name in ("success", "partial_success", "failure", "stopped")),
    *(Column(f"d{slot}", Integer, nullable=False) for slot in range(48)),
    PrimaryKeyConstraint("hour", "flow"),
    sqlite_with_rowid=False,
)

search_queue = Table(
    "search_queue",
    metadata,
    _id("run_id"),
    # 0: new; 1: look again, something of it went away; 2: so that nothing is left in the index either
    Column("again", SmallInteger, nullable=False),
)

search_state = Table(
    "search_state",
    metadata,
    _id(),
    # Which index the queue was emptied into, and how far: another or an older one is built anew.
    Column("generation", BigInteger, nullable=False),
    Column("mark", BigInteger, nullable=False),
)
