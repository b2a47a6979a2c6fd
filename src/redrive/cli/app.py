"""The app of all verbs: global options before or after the verb, a verb's module loaded when it is used."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from pathlib import Path
from typing import Annotated, Any

from cyclopts import App, Group, Parameter

from redrive import __version__
from redrive.cli.main import GLOBALS, VERBS
from redrive.cli.session import Session

_GROUP = Group("Global options", sort_key=1)


def _option(name: str) -> Parameter:
    return Parameter(name=name, help=GLOBALS[name][1], group=_GROUP)


def build() -> App:
    """The app with every verb registered by name; a verb's module is loaded when it is used."""
    app = App(
        name="redrive",
        help="Integration flows that keep every payload, and a safe redrive of any of them.",
        version=__version__,
        help_format="plaintext",
        help_formatter="plain",
        default_parameter=Parameter(negative=(), show_default=False),
        exit_on_error=False,
        print_error=False,
        result_action="return_value",
    )
    for name, verb in VERBS.items():
        app.command(f"redrive.cli.{verb.place}", name=name, help=verb.help)
    app.register_install_completion_command(help="Install completion for this shell.")

    @app.meta.default
    def with_globals(
        *words: Annotated[str, Parameter(show=False, allow_leading_hyphen=True)],
        home: Annotated[Path | None, _option("--home")] = None,
        url: Annotated[str | None, _option("--url")] = None,
        token: Annotated[str | None, _option("--token")] = None,
        json: Annotated[bool, _option("--json")] = False,
    ) -> Any:
        command, bound, injected = app.parse_args(words, exit_on_error=False, print_error=False)
        session = Session(home=home, url=url, token=token, json=json)
        result = command(*bound.args, **bound.kwargs, **dict.fromkeys(injected, session))
        if isinstance(result, Coroutine):
            return asyncio.run(result)
        return result

    return app
