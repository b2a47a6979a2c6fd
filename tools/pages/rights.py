"""The page of rights: what each role may do, and which right each route needs."""

from __future__ import annotations

from typing import Any

from redrive.server.app import openapi_document
from redrive.server.rights import OPEN, RIGHT_OF
from redrive.service.rights import RIGHTS, ROLES, rights_of
from tools.pages.markdown import Pages, page, table


def pages() -> Pages:
    paths = openapi_document()["paths"]
    return {
        "rights.md": page(
            "# Who may do what",
            "A role has the rights of those before it. The right `reveal` may be given to a person of any "
            "role. The scopes of a token are roles and rights side by side; it never has more than its "
            "maker. Whoever works on the home folder itself may do everything.",
            table(
                ("right", *ROLES, "lets its owner"),
                [
                    (f"`{right}`", *("yes" if right in rights_of(role) else "" for role in ROLES), text)
                    for right, text in RIGHTS.items()
                ],
            ),
            "## Routes by right",
            "A call without the right is answered 403 `auth.forbidden`, which names the right and the least "
            "role that has it; a call of nobody 401 `auth.required`.",
            *(part for right in (OPEN, *RIGHTS) for part in _routes(paths, right)),
        )
    }


def _routes(paths: dict[str, Any], right: str) -> list[str]:
    rows = [
        (f"`{method.upper()} {path}`", operation["summary"])
        for path, methods in paths.items()
        for method, operation in methods.items()
        if RIGHT_OF[operation["operationId"]] == right
    ]
    if not rows:
        return []
    about = "### For anybody" if right == OPEN else f"### `{right}`"
    return [about, table(("route", "does"), rows)]
