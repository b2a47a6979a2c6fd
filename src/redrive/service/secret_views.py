"""Records of the keys of stored secrets. None of them holds a key or a secret."""

from __future__ import annotations

from redrive.service.views import View


class KeyView(View):
    """A key that is at hand. `sealed`: what it opens; `seals`: new secrets are sealed with it."""

    id: str
    place: str
    sealed: int
    seals: bool


class SecretsStatus(View):
    """Which key seals, which are at hand, and what none of them opens."""

    source: str
    managed: bool
    seals: str | None
    sealed: int
    keys: list[KeyView]
    unreadable: list[str]


class RotateRequest(View):
    """`lost`: go on though some secrets open with no key. `hook_tokens`: new made tokens for hooks too."""

    lost: bool = False
    hook_tokens: bool = False


class Rotated(View):
    """`key` seals now. `unreadable` have to be given again."""

    key: str
    sealed: int
    dropped: list[str]
    unreadable: list[str]
