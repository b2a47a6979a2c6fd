"""Families of connectors: how Redrive speaks to other systems."""
