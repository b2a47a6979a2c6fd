"""What lies in a home folder, by name."""

from __future__ import annotations

from typing import Final

OBJECTS: Final = "objects"
