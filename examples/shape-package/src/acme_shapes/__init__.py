"""Shapes of our own."""
