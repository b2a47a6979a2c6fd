"""An open connection to an HTTP system and its endpoints."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from redrive.connectors.rest.attempt import Stage
from redrive.connectors.rest.client import Client
from redrive.connectors.rest.described import Parameter, filled
from redrive.connectors.rest.lookup import Finder
from redrive.connectors.rest.manifest import ConnectorModel, EndpointModel, FollowUp, Lookup
from redrive.connectors.rest.paging import GraphQLCursor
from redrive.connectors.rest.parts import Call
from redrive.connectors.rest.pull import Pull
from redrive.connectors.rest.receive import Receiver
from redrive.connectors.rest.render import Renderer
from redrive.connectors.rest.rules import Judge
from redrive.connectors.rest.send import Sender
from redrive.errors import StepError
from redrive.sdk import (
    Answer,
    ConnectionInfo,
    Content,
    Entry,
    MemoryContent,
    Out,
    Payload,
    Request,
    StepContext,
    nearest,
)


class Unrecorded:
    """The world of a token request that belongs to no run."""

    def wall_now(self) -> datetime:
        return datetime.now(UTC)

    async def store(self, data: bytes) -> Content:
        return MemoryContent(data)

    def exchange(self, request: Request, answer: Answer, *, payload: Payload | None = None) -> str:
        return ""

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class RestEndpoint:
    """One operation of a connector, bound to a connection."""

    def __init__(
        self, name: str, model: EndpointModel, receiver: Receiver | None, sender: Sender | None
    ) -> None:
        self.name = name
        self.direction = model.direction
        self.key = str(model.key) if model.key is not None else None
        self._label = f"endpoint {name!r}"
        self._declared = model.parameters
        self._receiver = receiver
        self._sender = sender

    def receive(
        self, payload: Payload, parameters: Mapping[str, Any], ctx: StepContext
    ) -> AsyncIterator[Out]:
        """Errors: `remote.*`, `auth.failed`, `answer.*`, `pagination.*`, `template.missing`,
        `parameter.*`.
        """
        assert self._receiver is not None
        return self._receiver.run(payload, filled(self._label, self._declared, parameters), ctx)

    def send(
        self,
        payload: Payload,
        entries: Sequence[Entry],
        parameters: Mapping[str, Any],
        ctx: StepContext,
    ) -> AsyncIterator[Out]:
        """Errors: `remote.*`, `auth.failed`, `delivery.unknown`, `template.missing`, `request.*`,
        `parameter.*`.
        """
        assert self._sender is not None
        return self._sender.run(payload, entries, filled(self._label, self._declared, parameters), ctx)


class RestConnection:
    """Shared by all runs of the process: its session, pace and concurrency are one."""

    reports = True

    def __init__(self, info: ConnectionInfo, model: ConnectorModel) -> None:
        self.info = info
        self._model = model
        self._client = Client(info, model)
        self._endpoints: dict[str, RestEndpoint] = {}
        self._receivers: dict[str, Receiver] = {}

    def endpoint(self, name: str) -> RestEndpoint:
        """Errors: `endpoint.unknown`, which names the nearest one."""
        known = self._endpoints.get(name)
        if known is not None:
            return known
        model = self._model.endpoints.get(name)
        if model is None:
            near = nearest(name, self._model.endpoints)
            raise StepError(
                f"connector {self.info.connector!r} has no endpoint {name!r}",
                code="endpoint.unknown",
                hint=f"Did you mean {near!r}?" if near else f"It has {', '.join(self._model.endpoints)}.",
                stops_step=True,
            )
        if model.direction == "receive":
            made = RestEndpoint(name, model, self._receiver(name), None)
        else:
            made = RestEndpoint(name, model, None, self._sender(name, model))
        self._endpoints[name] = made
        return made

    async def authorization_url(self, redirect_uri: str) -> str:
        """The page on which a person agrees that this connection is used. Errors: `auth.not_needed`."""
        return await self._client.authorizing.url(redirect_uri, time.time())

    async def authorized(self, parameters: Mapping[str, str]) -> None:
        """Take what that page sent back, and get the first token with it.

        Errors: `auth.state`, `auth.failed`, `remote.*`.
        """
        await self._client.authorizing.first(parameters, Unrecorded(), secrets.token_hex(8))

    async def close(self) -> None:
        await self._client.close()

    def _label(self, name: str) -> str:
        return f"endpoint {name!r} of connection {self.info.name!r}"

    def _renderer(self, call: Call, cursor: str | None = None) -> Renderer:
        return Renderer(call, self._model.headers, self._client.scopes, self._client.masker, cursor=cursor)

    def _receiver(self, name: str) -> Receiver:
        if name not in self._receivers:
            model = self._model.endpoints[name]
            paginate = model.paginate
            cursor = paginate.variable if isinstance(paginate, GraphQLCursor) else None
            renderer = self._renderer(model.request, cursor)
            self._receivers[name] = Receiver(self._label(name), model, self._client, renderer)
        return self._receivers[name]

    def _sender(self, name: str, model: EndpointModel) -> Sender:
        finder = self._finder(name, model.lookup) if model.lookup is not None else None
        parts = [self._stage(one) for one in model.followed_by]
        return Sender(self._label(name), model, self._client, self._renderer(model.request), finder, parts)

    def _stage(self, further: FollowUp) -> Stage:
        asked = EndpointModel(
            direction="send", request=further.request, success=further.success, rules=further.rules
        )
        return Stage(self._renderer(further.request), Judge(asked), further.repeat_is_safe)

    def _finder(self, name: str, lookup: Lookup) -> Finder:
        label = self._label(name)
        declared: Mapping[str, Parameter] = {}
        if lookup.endpoint is not None:
            pull = self._receiver(lookup.endpoint).pull
            declared = self._model.endpoints[lookup.endpoint].parameters
        else:
            assert lookup.request is not None
            asked = EndpointModel(direction="receive", request=lookup.request)
            pull = Pull(
                f"the look-up of {label}", asked, self._client, self._renderer(lookup.request), lookup.items
            )
        return Finder(label, lookup, pull, self._client, declared)
