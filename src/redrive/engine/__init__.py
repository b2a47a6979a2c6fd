"""Carries out what `core` decides: runs plans, keeps the journal, holds the lock of the home."""
