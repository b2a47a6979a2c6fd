"""What lies in a home folder, by name."""

from __future__ import annotations

from typing import Final

DATABASE: Final = "redrive.db"
OBJECTS: Final = "objects"
LOCK: Final = "lock"
"""Held by the one process that executes."""
