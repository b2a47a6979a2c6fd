"""`import redrive` offers what a program needs, and loads it only when it is asked for."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import redrive
from redrive.client import connect
from redrive.client.records import RedriveRequest, RetryRequest, StartRequest


def test_the_public_names_are_those_of_the_client():
    assert redrive.connect is connect
    assert (redrive.StartRequest, redrive.RetryRequest, redrive.RedriveRequest) == (
        StartRequest,
        RetryRequest,
        RedriveRequest,
    )
    assert set(redrive.__all__) <= set(dir(redrive))


def test_another_name_is_an_error_that_says_so():
    with pytest.raises(AttributeError, match="'redrive' has no attribute 'conect'"):
        redrive.conect  # noqa: B018


def test_nothing_else_is_loaded_by_the_import():
    code = "import sys, redrive; sys.exit(any(n.startswith('redrive.') for n in sys.modules))"
    source = str(Path(redrive.__file__).parent.parent)
    environment = {**os.environ, "PYTHONPATH": source}
    assert subprocess.run([sys.executable, "-c", code], check=False, env=environment).returncode == 0
