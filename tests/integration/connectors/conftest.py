"""What the servers of these tests need."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def oauth_without_tls(monkeypatch):
    """oauthlib's server asks for TLS; these servers are on loopback."""
    monkeypatch.setenv("OAUTHLIB_INSECURE_TRANSPORT", "1")
