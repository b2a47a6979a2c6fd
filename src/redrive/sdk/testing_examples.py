"""Comparing what a shape put out with what its example says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from redrive.core.jsonvalue import decode, encode
from redrive.sdk.fields import Example

if TYPE_CHECKING:
    from redrive.sdk.testing import OutPayload, Result


def compare(where: str, example: Example, result: Result) -> None:
    code = result.error.code if result.error else None
    detail = f" ({result.error.detail})" if result.error else ""
    _same(f"{where}: error code{detail}", example.fails, code)
    if isinstance(example.gives, Mapping):
        by_path: dict[str, list[OutPayload]] = {path: [] for path in example.gives}
        for payload in result.payloads:
            by_path.setdefault(payload.path or "", []).append(payload)
        for path, payloads in by_path.items():
            _compare_payloads(f"{where}, path {path!r}", example.gives.get(path, ()), payloads)
    elif example.gives is not None:
        _compare_payloads(where, example.gives, result.payloads)
    if example.gives_variables is not None:
        _same(f"{where}: variables", decode(encode(example.gives_variables)), result.variables)
    if example.gives_meta is not None:
        metas = [dict(payload.meta) for payload in result.payloads]
        _same(f"{where}: meta", [dict(one) for one in example.gives_meta], metas)


def _compare_payloads(where: str, expected: Sequence[Any], payloads: Sequence[OutPayload]) -> None:
    gives = [one if isinstance(one, bytes) else decode(encode(one)) for one in expected]
    outcome = [
        payload.data if isinstance(want, bytes) else payload.value
        for payload, want in zip(payloads, gives, strict=False)
    ]
    _same(f"{where}: number of payloads", len(gives), len(payloads))
    _same(f"{where}: payloads", gives, outcome)


def _same(what: str, expected: Any, found: Any) -> None:
    if expected != found:
        raise AssertionError(f"{what}: expected {expected!r}, found {found!r}")
