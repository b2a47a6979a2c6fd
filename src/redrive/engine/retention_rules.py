"""How long a home keeps what by its settings, and what a pass of retention took away."""

from __future__ import annotations

import msgspec

from redrive.core.retention import FOREVER, ByState, Keep, Limit
from redrive.settings import Settings


class Counts(msgspec.Struct, kw_only=True):
    """What a pass took away, or would take away."""

    expired: int = 0
    """Runs whose payloads went."""
    deleted: int = 0
    """Runs that went with their logs."""
    weight: int = 0
    """Bytes that the steps of these runs had put out, before sharing and compression."""
    uploads: int = 0
    start_keys: int = 0
    contents: int = 0
    size_bytes: int = 0
    """Plain bytes of the contents that went."""
    objects: int = 0
    waiting: int = 0
    """Runs that stay although they are due: a delivery of theirs is still to be settled."""


class FlowCounts(msgspec.Struct, kw_only=True):
    flow: str
    keep: Keep
    counts: Counts


def keep_of(settings: Settings) -> Keep:
    """The home's own rules."""

    def limit(days: float, count: int | None, size: int | None = None) -> Limit:
        return Limit(age_s=days * 86_400 if days else FOREVER, count=count, size_bytes=size)

    return Keep(
        payloads=ByState(
            success=limit(
                settings.keep_payloads_success_days,
                settings.keep_payloads_success_count,
                settings.keep_payloads_success_bytes,
            ),
            failure=limit(
                settings.keep_payloads_failure_days,
                settings.keep_payloads_failure_count,
                settings.keep_payloads_failure_bytes,
            ),
        ),
        runs=ByState(
            success=limit(settings.keep_runs_success_days, settings.keep_runs_success_count),
            failure=limit(settings.keep_runs_failure_days, settings.keep_runs_failure_count),
        ),
    )
