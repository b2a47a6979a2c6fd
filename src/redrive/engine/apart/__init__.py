"""Helper processes: the loop over the items of a large payload, away from the process that answers."""

from redrive.engine.apart.pool import Apart

__all__ = ["Apart"]
