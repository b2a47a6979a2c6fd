"""What can be done by the API can be done by the command line."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from redrive.cli.app import build
from redrive.server.app import openapi_document

ROOT = Path(__file__).parents[2] / "src" / "redrive"

VERBS = {
    # flows and their documents
    "import_documents": "import", "check_documents": "check", "list_flows": "flows list",
    "get_flow": "deploy",
    "list_versions": "versions", "export_flow": "export", "export_bundle": "export", "diff_flow": "diff",
    "restore_flow": "flows restore", "deploy": "deploy", "change_flow": "flows enable",
    "start_form": "flows form",
    "delete_flow": "flows delete", "schema": "schema", "list_shapes": "shapes list",
    "get_shape": "shapes show",
    "try_shape": "shapes run", "list_triggers": "triggers", "run_tests": "test", "run_flow_tests": "test",
    "make_test": "test", "replay_run": "replay",
    # connectors
    "list_connectors": "connectors list", "show_connector": "connectors show",
    "export_connector": "export", "import_description": "connectors import", "try_endpoint": "connectors try",
    "delete_connector": "connectors delete", "list_connections": "connectors connections",
    "export_connection": "export", "uses": "connectors uses", "delete_connection": "connectors delete",
    "authorize_connection": "connections authorize", "complete_authorization": "connections authorize",
    # runs
    "start": "run", "start_document": "run", "list_runs": "runs", "follow_all": "runs", "get_run": "show",
    "wait": "wait", "logs": "show", "exchanges": "show", "exchange_body": "show", "payloads": "show",
    "run_answer": "show", "stop": "stop", "overview": "overview", "insights": "insights",
    "plan_retry": "retry", "retry": "retry", "plan": "redrive", "redrive": "redrive",
    "plan_start": "run", "plan_document": "run", "plan_bulk": "bulk redrive", "start_bulk": "bulk retry",
    "list_bulks": "bulk list", "get_bulk": "bulk show", "bulk_runs": "bulk show", "pause_bulk": "bulk pause",
    "resume_bulk": "bulk resume", "cancel_bulk": "bulk cancel",
    "pin_run": "pin", "unpin_run": "unpin", "delete_runs": "delete",
    "queue": "queue", "move": "queue move", "pauses": "queue", "pause": "pause", "resume": "resume",
    "circuits": "circuits", "reset": "circuits",
    # payloads, and what was sent
    "get_payload": "payload", "items": "payload", "content": "payload", "search": "payload",
    "selection": "payload", "compare": "compare", "way": "way", "upload": "run", "find": "find",
    "list_deliveries": "deliveries", "get_delivery": "deliveries", "resolve": "resolve",
    # tables
    "list_lookups": "lookups list", "lookup_entries": "lookups search", "find_in_lookup": "lookups find",
    "export_lookup": "lookups export",
    "set_lookup_entry": "lookups set", "delete_lookup_entry": "lookups delete",
    "clear_lookup": "lookups clear", "import_lookup": "lookups import", "delete_lookup": "lookups delete",
    "list_pools": "pools list", "pool_entries": "pools show", "add_to_pool": "pools add",
    "remove_from_pool": "pools delete", "clear_pool": "pools clear", "import_pool": "pools import",
    "export_pool": "pools export", "delete_pool": "pools delete", "list_caches": "caches list",
    "cache_entries": "caches show", "cache_pages": "caches pages", "cache_content": "caches content",
    "delete_cache_entry": "caches delete", "clear_cache": "caches clear", "delete_cache": "caches delete",
    "list_groups": "groups list", "get_group": "groups show", "set_group": "groups set",
    "delete_group": "groups delete", "test_group": "groups test", "list_notices": "groups sent",
    "send_notice": "groups resend",
    # the home and its people
    "search_status": "search status", "rebuild_search": "search rebuild", "retention_plan": "retention",
    "run_retention": "retention", "list_backups": "backup", "make_backup": "backup", "list_erasures": "erase",
    "plan_erasure": "erase", "erase": "erase", "doctor": "doctor", "check_contents": "doctor",
    "settings": "settings", "secrets_status": "secrets status", "rotate_secrets": "secrets rotate",
    "list_accounts": "user list", "create_account": "user add", "change_account": "user set",
    "delete_account": "user delete", "list_sessions": "user sessions", "end_session": "user end",
    "list_tokens": "token list", "create_token": "token create", "revoke_token": "token revoke",
    "list_masks": "mask list", "set_mask": "mask set", "delete_mask": "mask delete", "list_audit": "audit",
    "health": "doctor", "new_link": "token link",
}  # fmt: skip
"""Operation -> the command that does the same."""

NO_VERB = {
    "a list of the command line shows the same record": {
        "get_account", "get_cache", "get_lookup", "get_mask", "get_pool",
    },
    "sign-in of browsers: a command works on the home, or by a token": {
        "me", "sign_in", "sign_out", "oidc_start", "oidc_callback", "change_password",
    },
    "a view's window of long items: `payload --items` prints them whole": {"window"},
    "a command waits by `wait`": {"follow"},
    "whether the process lives, for what watches it": {"healthz", "readyz"},
}  # fmt: skip

OTHER_CALLS = {
    "new_link": {"sign_ins.new_code"},  # by Client.login_link, of a running server
    "wait": {"runs.wait", "runs.get"},  # by Client.finish, which also executes where no server does
    "follow_all": set(),
    "settings": set(),  # read where the command runs
}
"""Operations whose command calls something else of the client."""


@cache
def operations() -> frozenset[str]:
    paths = openapi_document()["paths"]
    return frozenset(one["operationId"] for path in paths.values() for one in path.values())


@cache
def calls() -> dict[str, set[str]]:
    """What each route calls of the service, as noun.method."""
    found: dict[str, set[str]] = {}
    for file in (ROOT / "server" / "routes").glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.AsyncFunctionDef) and any(
                "router" in ast.unparse(d) for d in node.decorator_list
            ):
                found[node.name] = set(re.findall(r"service\.(\w+\.\w+)\(", ast.unparse(node)))
    return found


@cache
def commands() -> str:
    return re.sub(r"\s+", "", "\n".join(file.read_text() for file in sorted((ROOT / "cli").glob("*.py"))))


def test_every_operation_has_a_command_or_a_reason():
    excused = set().union(*NO_VERB.values())
    assert operations() - VERBS.keys() - excused == set(), "give these a command, or a reason in NO_VERB"
    assert (VERBS.keys() | excused) - operations() == set()
    assert VERBS.keys() & excused == set()


@pytest.mark.parametrize("words", sorted(set(VERBS.values())))
def test_the_command_is_there(words):
    names, _, left = build().parse_commands(words.split())
    assert (list(names), left) == (words.split(), [])


@pytest.mark.parametrize("operation", sorted(VERBS))
def test_a_command_calls_what_the_route_calls(operation):
    wanted = calls().get(operation, set()) - OTHER_CALLS.get(operation, set())
    missing = {call for call in wanted if f".{call}(" not in commands() and f".{call}," not in commands()}
    assert missing == set(), "no command calls this of the client"
