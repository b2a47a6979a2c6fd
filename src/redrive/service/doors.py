"""The hooks of flows, ready to be called: found by address, with their secrets."""

from __future__ import annotations

import os
import time
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from redrive.core.flow import Flow, TriggerSpec
from redrive.engine.flows import build
from redrive.errors import ConfigInvalid, RedriveError
from redrive.service.kernel import Kernel
from redrive.store import connections as connection_store
from redrive.store import flows as flow_store
from redrive.store import hooks as store
from redrive.store.sealed import secret_of
from redrive.triggers.callback import CallbackHook
from redrive.triggers.signature import refused
from redrive.triggers.webhook import Hook

SECRETS_KEPT_S = 5.0
OWNERS_KEPT_S = 0.1
"""Of use to many callers at once only: a look-up lets go of the interpreter, and each may wait for its turn."""
FLOWS_KEPT = 256
KINDS: Mapping[str, type[Hook]] = {"webhook": Hook, "callback": CallbackHook}


class Door(msgspec.Struct, frozen=True):
    """One hook of one flow version."""

    owner: store.Owner
    flow: Flow
    hook: Hook
    token: str | None
    """That stood in the address."""

    @property
    def key(self) -> str:
        """What it is called where keys and tokens are made from it."""
        return f"{self.owner.flow_id}/{self.hook.kind}/{self.hook.name or ''}"

    @property
    def spec(self) -> TriggerSpec | None:
        """As the document has it."""
        wanted = (self.hook.kind, self.hook.name)
        return next((s for s in self.flow.triggers if (s.kind, s.settings.get("name")) == wanted), None)


class Doors:
    """Finds hooks. Versions never change, so what was built once stays true; a draft is known by its text."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel
        self._built: OrderedDict[tuple[int, int | bytes], tuple[Flow, list[Hook]]] = OrderedDict()
        self._owners: dict[str, tuple[float, store.Owner]] = {}
        self._made: dict[str, tuple[float, list[str]]] = {}
        self._secrets: dict[tuple[tuple[str, str], ...], tuple[float, str]] = {}

    def find(self, parts: Sequence[str], *, pressed: bool = False) -> Door:
        """`pressed`: whose flow it is may be as it was a moment ago.

        Errors: `hook.refused`, which tells a stranger nothing.
        """
        owner = self._owner(parts[0], pressed) if parts else None
        if owner is None:
            raise refused()
        flow, hooks = self._hooks(parts[0], owner)
        for hook in hooks:
            fits, token = hook.takes_path(parts[1:])
            if fits:
                return Door(owner, flow, hook, token)
        raise refused()

    def _owner(self, name: str, pressed: bool) -> store.Owner | None:
        now = time.monotonic()
        if pressed and (known := self._owners.get(name)) is not None and known[0] > now:
            return known[1]
        owner = store.owner(self._kernel.deps.reader.rows(), name)
        if owner is not None and pressed:
            self._owners[name] = now + OWNERS_KEPT_S, owner
            if len(self._owners) > FLOWS_KEPT:
                del self._owners[next(iter(self._owners))]
        return owner

    def _hooks(self, name: str, owner: store.Owner) -> tuple[Flow, list[Hook]]:
        """Of the deployed version, else of the draft: whoever may call is told that it is not deployed."""
        which: int | bytes | None = owner.deployed
        text: bytes | None = None
        if which is None:
            row = flow_store.get_flow(self._kernel.deps.reader.rows(), name)
            which = text = bytes(row.draft) if row is not None and row.draft is not None else b""
        known = self._built.get((owner.flow_id, which))
        if known is None:
            try:
                flow = (
                    self._kernel.deps.flows.get(owner.flow_id, which).flow
                    if isinstance(which, int)
                    else build(which.decode(), None, self._kernel.registry).flow
                )
            except RedriveError:
                if text is None:
                    raise
                raise refused() from None
            known = flow, hooks_of(flow)
            self._built[owner.flow_id, which] = known
            if len(self._built) > FLOWS_KEPT:
                self._built.popitem(last=False)
        return known

    # ---- secrets

    def made_tokens(self, key: str) -> list[str]:
        """The tokens of a hook that Redrive makes them for, the one to show first. True for some seconds.

        Errors: `secret.key_missing`, `secret.key_unreachable`, `secret.sealed`.
        """
        now = time.monotonic()
        known = self._made.get(key)
        if known is None or known[0] <= now:
            made = self._kernel.secrets.tokens_for(self._kernel.deps.reader.rows(), f"hook/{key}")
            known = self._made[key] = (now + SECRETS_KEPT_S, made)
            if len(self._made) > FLOWS_KEPT:
                del self._made[next(iter(self._made))]
        return known[1]

    def secret(self, source: Mapping[str, Any]) -> str:
        """The plain text of a secret. What was found stays true for some seconds.

        Errors: `secret.missing`; the text is never in a message.
        """
        place = tuple(sorted((name, str(value)) for name, value in source.items() if value is not None))
        now = time.monotonic()
        known = self._secrets.get(place)
        if known is not None and known[0] > now:
            return known[1]
        text = self._read_secret(source)
        self._secrets[place] = (now + SECRETS_KEPT_S, text)
        return text

    def _read_secret(self, source: Mapping[str, Any]) -> str:
        if source.get("env"):
            found = os.environ.get(source["env"])
            if not found:
                raise _missing(f"the environment variable {source['env']} is not set")
            return found
        if source.get("file"):
            try:
                return Path(source["file"]).read_text().strip()
            except (OSError, ValueError) as error:
                reason = error.strerror if isinstance(error, OSError) else "it is no text"
                raise _missing(f"the file {source['file']} cannot be read: {reason}") from None
        connection, name = str(source["connection"]), str(source["name"])
        stored = connection_store.get_connection(self._kernel.deps.reader.rows(), connection)
        if stored is None:
            raise _missing(f"there is no connection {connection!r}")
        where = stored.secrets.get(name)
        if where is None:
            raise _missing(f"the connection {connection!r} has no secret {name!r}")
        if "sealed" in where:
            return self._kernel.secrets.open(where["sealed"], secret_of(name, connection))
        return self._read_secret(where)


def hooks_of(flow: Flow) -> list[Hook]:
    """The webhooks and callbacks of a flow, in document order."""
    return [KINDS[spec.kind](spec.settings) for spec in flow.triggers if spec.kind in KINDS]


def _missing(why: str) -> ConfigInvalid:
    return ConfigInvalid(
        f"a secret of the trigger is missing: {why}",
        code="secret.missing",
        hint="`redrive triggers` tells which secrets are missing.",
    )
