"""What a step that starts another flow knows of the run that it started."""

from __future__ import annotations

from typing import Literal

import msgspec

Level = Literal["info", "warning", "error"]
"""Of a notice: how much it matters."""


class Called(msgspec.Struct):
    """A run started by `ctx.call`. Where it was waited for, `status` is how it ended."""

    run: str
    flow: str
    status: str
    summary: str = ""
