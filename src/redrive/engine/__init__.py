"""Executes plans: the one mechanism behind first runs, resumes, retries and redrives."""
