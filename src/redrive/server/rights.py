"""Which right each route needs: the one place where it is declared, and the check of every call."""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

from fastapi import Request

from redrive.service.actors import Actor

OPEN: Final = "open"
"""For anybody: what such a route gives away is nothing of the home's."""
UNDECLARED: Final = "administer"
"""What a route needs that nobody has declared (a test finds it)."""

_BY_RIGHT: Final[dict[str, tuple[str, ...]]] = {
    OPEN: ("healthz", "readyz", "login", "me", "sign_in", "oidc_start", "oidc_callback"),
    "self": (
        "health", "sign_out", "list_sessions", "end_session", "change_password", "list_tokens",
        "create_token", "revoke_token", "reference", "document",
    ),
    "read": (
        "list_flows", "get_flow", "list_versions", "export_flow", "export_bundle", "diff_flow", "list_shapes",
        "get_shape", "schema", "list_connectors", "show_connector", "export_connector", "list_connections",
        "export_connection", "list_triggers", "list_runs", "follow_all", "get_run", "follow", "wait", "logs",
        "exchanges", "exchange_body", "payloads", "run_answer", "queue", "pauses", "circuits", "overview",
        "start_form", "window", "search", "selection", "compare", "way",
        "get_payload", "items", "content", "find", "search_status",
        "list_bulks", "get_bulk", "bulk_runs",
        "list_deliveries", "get_delivery", "list_lookups", "get_lookup",
        "lookup_entries", "find_in_lookup", "export_lookup", "list_pools", "get_pool", "pool_entries",
        "export_pool", "list_caches", "get_cache", "cache_entries", "cache_pages", "cache_content",
        "list_groups", "get_group", "list_notices", "list_masks", "get_mask", "uses", "insights",
    ),
    "run": (
        "start", "start_document", "plan_start", "plan_document", "upload", "pin_run", "unpin_run",
        "send_notice",
    ),
    "redrive": (
        "plan_retry", "retry", "plan", "redrive", "plan_bulk", "start_bulk", "pause_bulk", "resume_bulk",
        "cancel_bulk",
    ),
    "stop": ("stop", "move", "pause", "resume", "reset"),
    "resolve": ("resolve",),
    "build": (
        "import_documents", "check_documents", "delete_flow", "authorize_connection",
        "complete_authorization", "run_tests", "run_flow_tests", "make_test", "replay_run", "try_shape",
        "set_lookup_entry",
        "delete_lookup_entry", "clear_lookup", "import_lookup", "delete_lookup", "add_to_pool",
        "remove_from_pool", "clear_pool", "import_pool", "delete_pool", "delete_cache_entry", "clear_cache",
        "delete_connector", "delete_connection",
        "import_description", "try_endpoint", "delete_cache", "set_group", "delete_group", "test_group",
    ),
    "deploy": ("deploy", "restore_flow", "change_flow"),
    "administer": (
        "settings", "doctor", "check_contents", "retention_plan", "run_retention", "delete_runs",
        "list_backups", "make_backup", "list_erasures", "plan_erasure", "erase", "rebuild_search",
        "secrets_status", "rotate_secrets",
    ),
    "people": (
        "new_link", "list_accounts", "get_account", "create_account", "change_account", "delete_account",
    ),
    "audit": ("list_audit",),
    "mask": ("set_mask", "delete_mask"),
}  # fmt: skip

RIGHT_OF: Final = MappingProxyType({name: right for right, names in _BY_RIGHT.items() for name in names})
"""Name of a route -> the right it needs, or `open`."""


async def check_right(request: Request) -> None:
    """A dependency of every route. Errors: `auth.forbidden`, naming the right and the role that has it."""
    right = RIGHT_OF.get(request.scope["route"].name, UNDECLARED)
    if right != OPEN:
        actor: Actor = request.scope["redrive_actor"]
        actor.require(right)
