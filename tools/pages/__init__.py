"""The generators of the reference pages, as one table."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec

from tools.pages import errors, settings
from tools.pages.markdown import NOTE, Pages


@dataclass(frozen=True)
class Generator:
    """`title` and `about` head its part of the index; `source` is the module that it reads."""

    title: str
    about: str
    source: str
    make: Callable[[], Pages]


def _shapes() -> Pages:
    from tools.pages import shapes

    return shapes.pages()


def _connectors() -> Pages:
    from tools.pages import connectors

    return connectors.pages()


def _cli() -> Pages:
    from tools.pages import cli

    return cli.pages()


def _api() -> Pages:
    from tools.pages import api

    return api.pages()


GENERATORS = (
    Generator("Command line", "verbs, options, exit codes", "redrive.cli.app", _cli),
    Generator("HTTP API", "routes, bodies, answers", "redrive.server.app", _api),
    Generator("Shapes", "the building blocks, with examples", "redrive.shapes.filter", _shapes),
    Generator(
        "Connectors", "documents that describe a system", "redrive.connectors.rest.manifest", _connectors
    ),
    Generator("Settings", "variables, file, defaults", "redrive.settings", settings.pages),
    Generator("Errors", "codes, and what each means for a caller", "redrive.errors", errors.pages),
)


def generate() -> Pages:
    """Every reference page: its path below `docs/reference/`, and its text."""
    pages: Pages = {}
    lines = []
    for generator in GENERATORS:
        if not _there(generator.source):
            continue
        made = generator.make()
        pages |= made
        lines.append(f"- [{generator.title}]({next(iter(made))}): {generator.about}")
    index = "# Reference\n\nGenerated from the code, and checked against it by the tests.\n\n" + "\n".join(
        lines
    )
    return {"index.md": f"{NOTE}\n{index}\n", **pages}


def _there(module: str) -> bool:
    package, _, _ = module.rpartition(".")
    return find_spec(package) is not None and find_spec(module) is not None
