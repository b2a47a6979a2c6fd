"""How the process that serves a home is set up: threads take turns, and what stays is not looked through."""

from __future__ import annotations

import gc
import sys
from typing import Final

SWITCH_S: Final = 0.001
YOUNG: Final = 5_000
"""New objects between two looks for cycles. Most of a run's are gone by then without one."""


def settle() -> None:
    """For a process that has opened its home and is about to serve it."""
    # What waits for a thread that computes (the search index, a commit) waits so long for each step.
    sys.setswitchinterval(SWITCH_S)
    # Some hundred thousand objects of modules and schemas live as long as the process: to look through
    # them again and again for cycles held all calls up for more than a tenth of a second.
    gc.freeze()
    gc.enable()  # it is off while the process starts
    gc.set_threshold(YOUNG, *gc.get_threshold()[1:])
