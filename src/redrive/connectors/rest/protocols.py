"""What answers of GraphQL, JSON-RPC and SOAP mean, where the status says little."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Literal

import msgspec

from redrive.connectors.rest.manifest import Direction, Then
from redrive.connectors.rest.parts import Call
from redrive.sdk import decode

Meaning = Then | Literal["unknown"]

_RPC_INTERNAL = -32603
_AUTH_CODES = frozenset({"UNAUTHENTICATED"})
_BUSY_CODES = frozenset({"THROTTLED", "RATE_LIMITED", "TOO_MANY_REQUESTS"})


class Found(msgspec.Struct, frozen=True):
    """What the body says. `why` goes on after `answered 200 OK`."""

    then: Meaning
    why: str


def protocol_of(call: Call) -> Literal["graphql", "json_rpc", "soap"] | None:
    if call.graphql is not None:
        return "graphql"
    if call.json_rpc is not None:
        return "json_rpc"
    return "soap" if call.soap is not None else None


def judged(protocol: str, status: int, body: bytes | None, direction: Direction) -> Found | None:
    """What a body means by its protocol; None: nothing but what its status says."""
    doubtful: Meaning = "unknown" if direction == "send" else "retry"
    successful = 200 <= status < 300
    if body is None:
        return Found(doubtful, f"with a body that is not {_LANGUAGE[protocol]}") if successful else None
    value = decode(body)
    if protocol == "graphql":
        return _graphql(value, doubtful, direction) if isinstance(value, Mapping) or successful else None
    if protocol == "json_rpc":
        return _json_rpc(value, doubtful) if isinstance(value, Mapping) or successful else None
    return _soap(value, status, doubtful)


_LANGUAGE = {"graphql": "JSON", "json_rpc": "JSON", "soap": "XML"}


def _graphql(value: Any, doubtful: Meaning, direction: Direction) -> Found | None:
    if not isinstance(value, Mapping) or not ("data" in value or "errors" in value):
        return Found(doubtful, "with a body that is no answer of GraphQL")
    data = value.get("data")
    fields = data if isinstance(data, Mapping) else {}
    if errors := value.get("errors"):
        codes = {_code(error) for error in errors} if isinstance(errors, list) else set()
        if codes & _AUTH_CODES:
            return Found("reauthenticate", "with GraphQL errors that refuse the credentials")
        if codes & _BUSY_CODES:
            return Found("retry", "with GraphQL errors that ask to slow down")
        if direction == "send" and any(member is not None for member in fields.values()):
            return Found("unknown", "with GraphQL errors beside data: a part of it was carried out")
        return Found("fail", "with GraphQL errors")
    for name, member in fields.items():
        if not isinstance(member, Mapping):
            continue
        if str(member.get("__typename", "")).endswith("Error"):
            return Found("fail", f"and the field {name!r} is of an error type")
        if member.get("userErrors"):
            return Found("fail", f"and the field {name!r} holds userErrors")
    return None


def _code(error: Any) -> str:
    extensions = error.get("extensions") if isinstance(error, Mapping) else None
    return str(extensions.get("code", "")) if isinstance(extensions, Mapping) else ""


def _json_rpc(value: Any, doubtful: Meaning) -> Found | None:
    if not isinstance(value, Mapping) or not ("result" in value or "error" in value):
        return Found(doubtful, "with a body that is no answer of JSON-RPC")
    error = value.get("error")
    if error is None:
        return None
    code = error.get("code") if isinstance(error, Mapping) else None
    shown = f" {code}" if isinstance(code, int) else ""
    return Found(doubtful if code == _RPC_INTERNAL else "fail", f"with the JSON-RPC error{shown}")


def _soap(value: Any, status: int, doubtful: Meaning) -> Found | None:
    envelope = value.get("Envelope") if isinstance(value, Mapping) else None
    if not isinstance(envelope, Mapping):
        return Found(doubtful, "with a body that is no SOAP envelope") if 200 <= status < 300 else None
    body = envelope.get("Body")
    fault = body.get("Fault") if isinstance(body, Mapping) else None
    if fault is None:
        return None
    code = _fault_code(fault)
    if code in {"Server", "Receiver", ""} and status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return Found(doubtful, f"with the SOAP fault {code}".rstrip())
    return Found("fail", f"with the SOAP fault {code}".rstrip())


def _fault_code(fault: Any) -> str:
    if not isinstance(fault, Mapping):
        return ""
    found = fault.get("faultcode")
    if found is None and isinstance(fault.get("Code"), Mapping):
        found = fault["Code"].get("Value")
    if isinstance(found, Mapping):
        found = found.get("#text")
    text = str(found or "").rpartition(":")[2]
    return text if text.replace(".", "").isalnum() and len(text) <= 60 else ""
