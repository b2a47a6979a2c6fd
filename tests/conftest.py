"""For all tests: property tests try the same examples in each run, and new ones in the full matrix."""

from __future__ import annotations

import os

from hypothesis import settings

settings.register_profile("same", derandomize=True, deadline=None)
if not os.environ.get("REDRIVE_TEST_ALL"):
    settings.load_profile("same")
