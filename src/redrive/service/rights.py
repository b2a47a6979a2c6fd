"""Who may do what: the rights there are, and the roles that bundle them."""

from __future__ import annotations

from collections.abc import Iterable
from types import MappingProxyType
from typing import Final, Literal, TypeAlias, get_args

Role: TypeAlias = Literal["viewer", "operator", "builder", "admin"]
ROLES: Final[tuple[Role, ...]] = get_args(Role)
"""From the least to the most: each has the rights of those before it."""

RIGHTS: Final = MappingProxyType(
    {
        "self": "See and end one's own sessions, change one's own password, make tokens of one's own.",
        "read": "See flows, runs, steps, payloads, deliveries, the queue; download and find.",
        "run": "Start runs, upload payloads for them, pin runs, send a notice again.",
        "redrive": "Plan and start retries and redrives, with edited payloads too.",
        "stop": "Stop runs; move them in the queue; pause and resume; try a target that is down at once.",
        "resolve": "Say whether an unknown delivery arrived.",
        "build": "Change flows, connectors, connections, lookups, data pools, caches, notification groups; "
        "run tests. Secrets are never shown.",
        "deploy": "Deploy, restore, enable and disable flows.",
        "administer": "Settings, retention, deleting and erasing, backups, the search index, the doctor.",
        "people": "Accounts, and the sessions and tokens of others.",
        "audit": "Read the audit log.",
        "mask": "Change masking rules.",
        "reveal": "See what masking rules hide. Each look is in the audit log.",
    }
)
"""Every right, and what it lets its owner do."""

_ADDED: Final = MappingProxyType(
    {
        "viewer": ("self", "read"),
        "operator": ("run", "redrive", "stop", "resolve"),
        "builder": ("build", "deploy"),
        "admin": ("administer", "people", "audit", "mask", "reveal"),
    }
)

EVERY_RIGHT: Final = frozenset(RIGHTS)


def rights_of(role: Role, *, reveal: bool = False) -> frozenset[str]:
    """The rights of a role; `reveal` may be given to any of them."""
    upto = ROLES[: ROLES.index(role) + 1]
    rights = {right for one in upto for right in _ADDED[one]}
    return frozenset(rights | {"reveal"} if reveal else rights)


def role_for(right: str) -> Role:
    """The least role that has a right."""
    return next(role for role in ROLES if right in _ADDED[role])


def rights_of_scopes(scopes: Iterable[str]) -> frozenset[str]:
    """What roles and rights, named side by side, allow together. A name that is neither allows nothing."""
    rights: set[str] = set()
    for scope in scopes:
        if scope in _ADDED:
            rights |= rights_of(next(role for role in ROLES if role == scope))
        elif scope in RIGHTS:
            rights.add(scope)
    return frozenset(rights)
