"""Connectors that speak HTTP, described by a document."""
