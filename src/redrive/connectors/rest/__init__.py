"""Connectors over HTTP(S): REST systems described by a document."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import BaseModel

from redrive.connectors.rest.check import problems
from redrive.connectors.rest.manifest import ConnectorModel
from redrive.sdk import ConnectionInfo, DocumentProblem

if TYPE_CHECKING:
    from redrive.connectors.rest.connection import RestConnection


class Rest:
    """Documents with `protocol: http`, or without a protocol."""

    name: ClassVar[str] = "http"
    model: ClassVar[type[BaseModel]] = ConnectorModel
    plays_back: ClassVar[bool] = True

    def check(self, document: Mapping[str, Any]) -> list[DocumentProblem]:
        """Everything that is wrong with a connector document."""
        return problems(document)

    def open(self, info: ConnectionInfo) -> RestConnection:
        """A connection whose document has passed `check`."""
        # With the HTTP library: time and memory for those that reach out.
        from redrive.connectors.rest.connection import RestConnection  # noqa: PLC0415

        return RestConnection(info, ConnectorModel.model_validate(info.document))
