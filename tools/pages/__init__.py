"""The generators of the reference pages, as one table."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import NamedTuple

from tools.pages import api, cli, connectors, errors, flows, language, rights, scripts, settings, shapes
from tools.pages.markdown import Pages, page


class Generator(NamedTuple):
    """`make` gives pages by their path below `docs/reference/`; `listed` are those that the index names."""

    make: Callable[[], Pages]
    listed: dict[str, tuple[str, str]]


GENERATORS = (
    Generator(
        flows.pages,
        {
            "flow-document.md": ("Flow documents", "names, variables, steps, triggers, settings"),
            "connection-document.md": ("Connection documents", "settings and secrets"),
        },
    ),
    Generator(
        connectors.pages, {"connector-document.md": ("Connector documents", "a system that speaks HTTP")}
    ),
    Generator(shapes.pages, {"shapes/index.md": ("Shapes", "the building blocks, with examples")}),
    Generator(
        language.pages,
        {
            "paths.md": ("Paths", "where a value stands"),
            "templates.md": ("Templates", "`{{ … }}` in settings"),
            "conditions.md": ("Conditions", "which items, and the operators"),
            "transforms.md": ("Transforms", "what `map` does to a value"),
        },
    ),
    Generator(scripts.pages, {"scripts.md": ("The Python of scripts", "what it has, its bounds")}),
    Generator(cli.pages, {"cli.md": ("Command line", "verbs, options, exit codes, JSON")}),
    Generator(
        api.pages,
        {
            "api.md": ("HTTP API", "routes, and the objects that they take and give"),
            "openapi.json": ("OpenAPI document", "the same for programs"),
        },
    ),
    Generator(rights.pages, {"rights.md": ("Who may do what", "roles, rights, routes")}),
    Generator(settings.pages, {"settings.md": ("Settings", "variables, file, defaults")}),
    Generator(errors.pages, {"errors.md": ("Errors", "codes, and what each means for a caller")}),
)


@cache
def generate() -> Pages:
    """Every reference page: its path below `docs/reference/`, and its text. Made once in a process."""
    pages: Pages = {}
    lines = []
    for generator in GENERATORS:
        pages |= generator.make()
        lines += [f"- [{title}]({name}): {about}" for name, (title, about) in generator.listed.items()]
    index = page(
        "# Reference", "Generated from the code, and checked against it by the tests.", "\n".join(lines)
    )
    return {"index.md": index, **pages}
