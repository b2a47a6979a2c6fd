"""What a shape raised that it should not have, as an error of its step."""

from __future__ import annotations

import traceback

from redrive.errors import ShapeCrashed


def crashed(error: Exception) -> ShapeCrashed:
    """Its text may hold payload content: left out."""
    frames = traceback.extract_tb(error.__traceback__)
    where = f"{frames[-1].filename.rpartition('/')[2]}:{frames[-1].lineno}" if frames else "?"
    made = ShapeCrashed(
        f"the shape failed with {type(error).__name__} at {where}",
        hint="This is a fault of the shape. The process log of the worker has more.",
    )
    made.__cause__ = error
    return made
