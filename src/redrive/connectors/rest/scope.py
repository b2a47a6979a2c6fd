"""What the templates of a connector document see, and how their values become text."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Mapping
from typing import Any, cast

from blake3 import blake3

from redrive.errors import PayloadError, StepError
from redrive.sdk import ConnectionInfo, StepContext, Templated, TemplateMissing, as_text, encode


class SkipItem(Exception):
    """A template found nothing, and the step says `missing: skip_item`."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.path = path


class Scopes:
    """Makes the scopes of one connection: those of a flow plus `with connection response`."""

    def __init__(self, info: ConnectionInfo) -> None:
        self._name = info.name
        self._connection = {**info.settings, **info.secrets}
        self._digest: str | None = None

    def digest(self) -> str:
        """Of all that the connection holds: what was got with other credentials is not used."""
        if self._digest is None:
            self._digest = blake3(encode(self._connection)).hexdigest(16)
        return self._digest

    def alone(self) -> Mapping[str, Any]:
        """What credentials and the base URL see: the connection, and no data."""
        return {"connection": self._connection}

    def within(
        self, flow: Mapping[str, Any], parameters: Mapping[str, Any], **more: Any
    ) -> Mapping[str, Any]:
        """The scope of a request. `flow` comes from `ctx.scope`; `more` are further roots."""
        own: dict[str, Any] = {"with": parameters, "connection": self._connection, **more}
        return cast("Mapping[str, Any]", ChainMap(own, cast("dict[str, Any]", flow)))

    def incomplete(self, missing: TemplateMissing) -> StepError:
        """The error for a setting or secret that the connector wants and the connection lacks."""
        name = missing_path(missing).removeprefix("connection.")
        return StepError(
            f"connection {self._name!r} has no setting or secret {name!r}, which its connector uses",
            code="connection.incomplete",
            hint=f"Add {name!r} to the settings or secrets of the connection.",
            stops_step=True,
        )

    def missed(self, missing: TemplateMissing, where: str, ctx: StepContext) -> None:
        """A template of a request found nothing: raise what the step wants, or return for null."""
        path = missing_path(missing)
        root = path.partition(".")[0]
        if root == "connection":
            raise self.incomplete(missing) from None
        if ctx.missing == "skip_item":
            raise SkipItem(path) from None
        if ctx.missing == "error":
            raise PayloadError(
                f"the {where} of the request needs {path!r}, which finds nothing",
                code="template.missing",
                at=where,
                hint=f"Give {path!r} a value, use `| default(…)`, or set `missing: empty` on the step.",
            ) from None


def missing_path(missing: TemplateMissing) -> str:
    """The path that found nothing, as written."""
    return str(missing.path)


def text_of(value: Templated | str | None, scope: Mapping[str, Any]) -> str:
    """A setting as text; its default stands uncompiled. Errors: `TemplateMissing`."""
    if value is None or isinstance(value, str):
        return value or ""
    return as_text(value.render(scope))
