"""Asking a system whether an item has arrived, after the answer to its request was lost."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from redrive.connectors.rest.answer import Reply
from redrive.connectors.rest.client import Client
from redrive.connectors.rest.described import Parameter
from redrive.connectors.rest.manifest import Lookup
from redrive.connectors.rest.pull import Pull
from redrive.errors import RemoteUnavailable
from redrive.sdk import Condition, Lenient, Payload, StepContext, TemplateMissing


class Finder:
    """The look-up of one send endpoint."""

    def __init__(
        self,
        label: str,
        settings: Lookup,
        pull: Pull,
        client: Client,
        declared: Mapping[str, Parameter] | None = None,
    ) -> None:
        """`declared`: the parameters of the endpoint that is asked."""
        self._label = label
        self._declared = declared or {}
        self._parameters = settings.parameters
        self._found: Condition | None = settings.found
        self._pull = pull
        self._client = client

    async def has(
        self,
        key: str,
        item: Any,
        payload: Payload,
        parameters: Mapping[str, Any],
        ctx: StepContext,
    ) -> bool:
        """Whether the system has the item with this key. `item` is None where it is not at hand.

        Errors: those of a receive; `template.missing` if the look-up needs the item.
        """
        flow = dict(ctx.scope(payload, None, item))
        if item is None:
            flow.pop("item", None)
        scope = self._client.scopes.within(flow, {**parameters, "key": key})
        given = {name: value.render(Lenient(scope)) for name, value in self._parameters.items()}
        asked = {**parameters, "key": key, **given}
        for name, about in self._declared.items():
            asked.setdefault(name, about.default)
        scope = self._client.scopes.within(flow, asked)
        reply = await self._pull.page(scope, ctx, payload, absent=True)
        return reply is not None and await self._shows(reply, scope)

    async def _shows(self, reply: Reply, scope: Mapping[str, Any]) -> bool:
        if self._found is None:
            if reply.reader is None:
                return True
            if reply.items_error is not None:
                raise self._unreadable()
            return reply.items > 0
        seen = await reply.seen()
        if seen is None:
            raise self._unreadable()
        try:
            return self._found.test(seen, scope)
        except (ValueError, TemplateMissing):
            raise self._unreadable() from None

    def _unreadable(self) -> RemoteUnavailable:
        return RemoteUnavailable(
            f"the look-up of {self._label} got an answer that cannot be read as it expects",
            code="answer.invalid",
            hint="Mend `lookup` of the endpoint; the exchange shows the answer.",
        )
