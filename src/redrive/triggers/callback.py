"""A callback: a hook whose caller waits for what a `callback` step of the run answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from redrive.triggers.webhook import Hook


class CallbackHook(Hook):
    """`timeout_s`: how long the caller waits; `gives_link`: what it gets then (else 504)."""

    kind = "callback"

    def __init__(self, settings: Mapping[str, Any]) -> None:
        super().__init__(settings)
        self.timeout_s: float = settings["timeout"]
        self.gives_link: bool = settings["late"] == "link"
