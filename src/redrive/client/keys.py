"""New keys of stored secrets, for callers above the client."""

from redrive.store.secret_keys import new_key

__all__ = ["new_key"]
