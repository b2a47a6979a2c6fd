"""Redrive: integration flows that keep every payload, and a safe redrive of any of them."""

__version__ = "0.1.0"

__all__ = ["__version__"]
