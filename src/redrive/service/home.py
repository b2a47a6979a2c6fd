"""What lies in a home folder, by name."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Final

DATABASE: Final = "redrive.db"
OBJECTS: Final = "objects"
LOCK: Final = "lock"
"""Held by the one process that executes."""
SERVER_FILE: Final = "server.json"
"""Left by `redrive up`: where it listens, the local token, and its process."""


def is_alive(pid: int) -> bool:
    """Whether a process with this number lives."""
    if os.name != "posix":
        return True  # a signal 0 would end the process there; asking its address decides
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True


def is_served(home: Path) -> bool:
    """Whether an `up` that lives left its address in a home: that of a dead one says nothing."""
    try:
        pid = int(json.loads((home / SERVER_FILE).read_text(encoding="utf-8"))["pid"])
    except (OSError, ValueError, KeyError, TypeError):
        return False
    return is_alive(pid)
