"""A connection as a shape gets it: the connector's document, its settings, and its secrets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Protocol

import msgspec
from pydantic import BaseModel

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from redrive.sdk.allowance import Allowance
    from redrive.sdk.context import StepContext
    from redrive.sdk.delivery import Entry
    from redrive.sdk.payload import Payload
    from redrive.sdk.playback import Playback
    from redrive.sdk.shape import Out
    from redrive.sdk.tokens import TokenStore


class ConnectionInfo(msgspec.Struct, frozen=True):
    """`document` is the connector's parsed document; `secrets` are plain here and nowhere else."""

    name: str
    connector: str
    document: Mapping[str, Any]
    settings: Mapping[str, Any]
    secrets: Mapping[str, str]
    playback: Playback | None = None
    """Where answers come from in tests and replays: nothing may leave the machine then."""
    tokens: TokenStore | None = None
    """Where tokens are kept; None: only as long as the connection is open."""
    allowance: Allowance | None = None
    """Where its limits are shared with other processes; None: they are its own."""
    allowed_hosts: tuple[str, ...] = ()
    """Hosts that may be reached; none: all. `*.example.com` stands for all below it."""


class Connection(Protocol):
    """One open connection; lives as long as the worker and is shared by its runs.

    One whose class says `reports = True` awaits `ctx.go_ahead` before each request, and tells `ctx.heard` of
    each; of any other, how an attempt ends says whether its target is down.
    """

    info: ConnectionInfo

    def endpoint(self, name: str) -> Endpoint:
        """Errors: `endpoint.unknown`, which names the nearest one."""

    async def close(self) -> None: ...


class Endpoint(Protocol):
    name: str
    direction: str
    """`receive` or `send`."""
    key: str | None
    """Default delivery key of the steps that use it."""

    def receive(
        self, payload: Payload, parameters: Mapping[str, Any], ctx: StepContext
    ) -> AsyncIterator[Out]:
        """Pulls: one `Out` per page, each with a checkpoint; goes on from `ctx.state`."""

    def send(
        self,
        payload: Payload,
        entries: Sequence[Entry],
        parameters: Mapping[str, Any],
        ctx: StepContext,
    ) -> AsyncIterator[Out]:
        """Sends by the protocol of `redrive.sdk.delivery`: one `Out` per answer body.

        `entries` names every item of the payload, in order; it is empty where the step has no key.
        """


class DocumentProblem(NamedTuple):
    """A fault of a connector document: a JSON Pointer, what is wrong, what was expected, the nearest name."""

    at: str
    title: str
    expected: str | None = None
    nearest: str | None = None


class ConnectorProtocol(Protocol):
    """A family of connectors (HTTP, SFTP, SQL, …), found by the `protocol` of the document.

    `model` describes the document: its JSON Schema and the reference page come from there.
    """

    name: ClassVar[str]
    model: ClassVar[type[BaseModel]]
    plays_back: ClassVar[bool] = False
    """Whether its connections answer from `ConnectionInfo.playback` where there is one. Tests and
    replays of flows open no connection of a protocol that does not."""

    def check(self, document: Mapping[str, Any]) -> list[DocumentProblem]:
        """Everything that is wrong with a connector document."""

    def open(self, info: ConnectionInfo) -> Connection:
        """A connection whose document has passed `check`; nothing is sent yet."""
