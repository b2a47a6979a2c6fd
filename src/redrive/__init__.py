"""Redrive: integration flows that keep every payload, and a safe redrive of any of them.

`redrive.connect` opens a client on a home folder or a server, for programs and notebooks;
`redrive.check_flow_tests` runs the tests of flow documents inside a test suite.
"""

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

__all__ = [
    "RedriveRequest",
    "RetryRequest",
    "StartRequest",
    "__version__",
    "check_flow_tests",
    "connect",
    "run_flow_tests",
]

# Loaded when they are asked for: the command wants the version at once and most of the rest never.
_PLACES = {
    "check_flow_tests": "redrive.client.kit",
    "connect": "redrive.client",
    "run_flow_tests": "redrive.client.kit",
    "RedriveRequest": "redrive.client.records",
    "RetryRequest": "redrive.client.records",
    "StartRequest": "redrive.client.records",
}


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_PLACES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
