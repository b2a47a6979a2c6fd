"""What requests and queued runs have to wait for: pauses, and circuits of targets that are down.

The store holds both, so they outlive the process and hold for every other one. Each process knows them in
memory, and reads them again when something was committed. Failures in a row are counted in memory alone:
a restart begins to count anew.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Final

import msgspec

from redrive.core.admission import Circuit, Rules
from redrive.core.circuit import CircuitRules, Streak, next_wait_s
from redrive.core.dates import spell_instant
from redrive.engine.allowances import process_name
from redrive.engine.clock import Clock, instant
from redrive.engine.failpoints import failpoints
from redrive.engine.pauses import Pauses
from redrive.errors import Fault
from redrive.log import get_logger
from redrive.settings import Settings
from redrive.store import queue as store
from redrive.store.committer import Committer, Transaction
from redrive.store.database import Reader

PROBE_LEASE_US: Final = 300_000_000
LOOK_AGAIN_S: Final = 5.0
MOST_ERROR: Final = 300

_log = get_logger(__name__)


class Gates:
    """One per process. `enabled` false: nothing is counted or held (answers are played back)."""

    def __init__(
        self,
        reader: Reader,
        committer: Committer,
        clock: Clock,
        settings: Settings,
        *,
        enabled: bool = True,
    ) -> None:
        self._reader = reader
        self._committer = committer
        self._clock = clock
        self._enabled = enabled
        self._worker = process_name()
        self._default = CircuitRules(
            failures=settings.circuit_failures,
            within_s=settings.circuit_within_s,
            wait_s=settings.circuit_wait_s,
            longest_s=settings.circuit_longest_wait_s,
        )
        self._rules = Rules()
        self._circuit_rules: dict[str, CircuitRules] = {}
        self._open: dict[str, store.OpenCircuit] = {}
        self._streaks: dict[str, Streak] = {}
        self._probing: set[str] = set()
        self._unwritten: dict[str, int] = {}
        self._waiters: dict[str, set[asyncio.Event]] = {}
        self.moved: Callable[[], None] = lambda: None
        """Told when something may go on, or no longer."""

    # ---- what there is

    def look(self) -> None:
        """Read the store again."""
        pauses, circuits, limits = self._reader.here(
            lambda rows: (store.pauses(rows), store.circuits(rows), store.connection_limits(rows))
        )
        before = (self._rules, self._open)
        self._rules = Rules(
            all_paused=next((one.reason for one in pauses if one.kind == "all"), None),
            flows={one.name: one.reason for one in pauses if one.kind == "flow"},
            connections={one.name: one.reason for one in pauses if one.kind == "connection"},
            limits={name: said["max_running"] for name, said in limits.items() if said.get("max_running")},
        )
        self._circuit_rules = {
            name: rules_of(said["circuit"], self._default)
            for name, said in limits.items()
            if "circuit" in said
        }
        known = {one.connection: one for one in circuits if one.connection not in self._unwritten}
        known |= {name: self._open[name] for name in self._unwritten if name in self._open}
        self._open = known
        if before != (self._rules, self._open):
            self._tell()

    def take_over(self) -> None:
        """This process executes now: what others were trying, nobody tries any more. Before the first run."""
        self.look()
        if self._open:
            self._write(None, store.forget_probes)
            self._open = {
                name: msgspec.structs.replace(one, probe=None, probe_at=None)
                for name, one in self._open.items()
            }

    def rules(self, scouts: Mapping[str, bool]) -> Rules:
        """What holds queued runs back. `scouts`: connections that a run is on its way to try."""
        if not self._open:
            return self._rules
        circuits = {
            name: Circuit(
                until=one.until,
                error=one.error,
                scouted=scouts.get(name, False) or name in self._probing or name in self._waiters,
            )
            for name, one in self._open.items()
        }
        return msgspec.structs.replace(self._rules, circuits=circuits)

    def next_due(self) -> int | None:
        """When the next circuit may be tried again."""
        return min((one.until for one in self._open.values()), default=None)

    def is_open(self, connection: str) -> bool:
        return connection in self._open

    # ---- going through

    async def go_ahead(self, connection: str, pauses: Pauses) -> bool:
        """Wait while the connection is paused or its circuit is open. True: this request is the one that
        tries a target that was down; `heard` or `let_go` has to follow. Errors: `Stopped`.
        """
        if connection not in self._open and connection not in self._rules.connections:
            return False
        while (what := self._what(connection)) is not None:
            if await self._may_try(connection):
                return True
            async with pauses.waiting(what):
                with self._waiting(connection) as event:
                    while self._what(connection) == what and not self._is_due(connection):
                        event.clear()
                        timer = asyncio.get_running_loop().call_later(self._left_s(connection), event.set)
                        try:
                            await pauses.control.wait(event)
                        finally:
                            timer.cancel()
        return False

    def _what(self, connection: str) -> dict[str, str] | None:
        if connection in self._rules.connections:
            return {"paused": f"connection {connection}"}
        circuit = self._open.get(connection)
        if circuit is None:
            return None
        return {"circuit": connection, "until": spell_instant(instant(circuit.until))}

    def _is_due(self, connection: str) -> bool:
        circuit = self._open.get(connection)
        return (
            circuit is not None
            and connection not in self._rules.connections
            and connection not in self._probing
            and circuit.until <= self._clock.micros()
        )

    def _left_s(self, connection: str) -> float:
        circuit = self._open.get(connection)
        if circuit is None or connection in self._rules.connections:
            return LOOK_AGAIN_S
        left = (circuit.until - self._clock.micros()) / 1_000_000
        # In pieces: the wall clock may be set. Where somebody else tries it, the outcome is told.
        return min(max(self._clock.waits(left), 0.001), LOOK_AGAIN_S) if left > 0 else LOOK_AGAIN_S

    async def _may_try(self, connection: str) -> bool:
        if not self._is_due(connection):
            return False
        self._probing.add(connection)
        now = self._clock.micros()
        taken = False
        try:
            taken = await self._committer.submit(
                lambda tx: store.take_probe(tx, connection, self._worker, now, now - PROBE_LEASE_US)
            )
        finally:
            if not taken:
                self._probing.discard(connection)
        if taken:
            failpoints.hit("circuit.probing")
            _log.info("circuit.probing", connection=connection)
            return True
        # Another process tries it, or it was closed meanwhile.
        self.look()
        if (circuit := self._open.get(connection)) is not None and circuit.until <= now:
            self._open[connection] = msgspec.structs.replace(circuit, until=now + 1_000_000)
        return False

    @contextmanager
    def _waiting(self, connection: str) -> Iterator[asyncio.Event]:
        event = asyncio.Event()
        held = self._waiters.setdefault(connection, set())
        held.add(event)
        try:
            yield event
        finally:
            held.discard(event)
            if not held and self._waiters.get(connection) is held:
                del self._waiters[connection]

    # ---- what became of it

    def heard(self, connection: str, down: str | None) -> None:
        """An answer came; or why the target is `down` (it certainly took nothing)."""
        if not self._enabled:
            return
        if down is None:
            if connection in self._streaks:
                del self._streaks[connection]
            if connection in self._open:
                self._close(connection)
            return
        circuit = self._open.get(connection)
        if circuit is not None:
            if connection in self._probing:
                self._try_failed(circuit, down)
            return
        rules = self._circuit_rules.get(connection, self._default)
        now = self._clock.micros()
        streak = self._streaks.get(connection, Streak()).failed(now, rules)
        self._streaks[connection] = streak
        if streak.opens(rules):
            del self._streaks[connection]
            self._put(
                store.OpenCircuit(
                    connection, now, now + int(rules.wait_s * 1e6), int(rules.wait_s * 1e6),
                    len(streak.at), down[:MOST_ERROR],
                )
            )  # fmt: skip
            _log.warning(
                "circuit.opened", connection=connection, wait_s=rules.wait_s, error=down[:MOST_ERROR]
            )
            failpoints.hit("circuit.opened")

    def let_go(self, connection: str) -> None:
        """Whoever was to try the target cannot say whether it is back: another try follows."""
        circuit = self._open.get(connection)
        if connection in self._probing and circuit is not None:
            until = self._clock.micros() + circuit.wait_us
            self._put(msgspec.structs.replace(circuit, until=until, probe=None, probe_at=None))
        self._probing.discard(connection)

    def _try_failed(self, circuit: store.OpenCircuit, error: str) -> None:
        rules = self._circuit_rules.get(circuit.connection, self._default)
        wait_us = int(next_wait_s(circuit.wait_us / 1e6, rules) * 1e6)
        self._probing.discard(circuit.connection)
        self._put(
            store.OpenCircuit(
                circuit.connection, circuit.opened_at, self._clock.micros() + wait_us, wait_us,
                circuit.failures + 1, error[:MOST_ERROR],
            )
        )  # fmt: skip

    def _put(self, circuit: store.OpenCircuit) -> None:
        self._open[circuit.connection] = circuit
        self._write(circuit.connection, lambda tx: store.put_circuit(tx, circuit))
        self._tell()

    def _close(self, connection: str) -> None:
        del self._open[connection]
        self._probing.discard(connection)
        self._write(connection, lambda tx: store.drop_circuit(tx, connection))
        _log.info("circuit.closed", connection=connection)
        failpoints.hit("circuit.closed")
        self._tell()

    def _write(self, connection: str | None, work: Callable[[Transaction], object]) -> None:
        """In the background: what it says holds in this process at once."""
        future = self._committer.submit(work)
        if connection is None:
            return
        self._unwritten[connection] = self._unwritten.get(connection, 0) + 1

        def written(done: asyncio.Future[object]) -> None:
            left = self._unwritten[connection] - 1
            if left:
                self._unwritten[connection] = left
            else:
                del self._unwritten[connection]
            with suppress(Fault, asyncio.CancelledError):
                done.result()

        future.add_done_callback(written)

    def _tell(self) -> None:
        for held in self._waiters.values():
            for event in held:
                event.set()
        self.moved()


def rules_of(said: object, default: CircuitRules) -> CircuitRules:
    """What a connection document says about its circuit, over the home's settings."""
    if not isinstance(said, Mapping):
        return msgspec.structs.replace(default, failures=0)
    names = {"failures": "failures", "within": "within_s", "wait": "wait_s", "longest": "longest_s"}
    rules = msgspec.structs.replace(
        default, **{names[name]: value for name, value in said.items() if name in names}
    )
    return msgspec.structs.replace(rules, longest_s=max(rules.longest_s, rules.wait_s))
