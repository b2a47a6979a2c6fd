"""A home of one test, the processes that work on it, and what they left in its store."""

from __future__ import annotations

import json
import os
import select
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from psycopg.rows import dict_row

from redrive.service.app import Service, open_service
from redrive.settings import load
from tests.crash.site import Case

ROOT = Path(__file__).parents[2]
LATEST_S = 60
KILLED = -signal.SIGKILL
QUICK = {"REDRIVE_RETRY_BASE_S": "0.01", "REDRIVE_LOG_LEVEL": "error"}

DOCUMENTS = """
connector: site
base_url: "{{{{ connection.base_url }}}}"
endpoints:
  list-orders:
    direction: receive
    request: {{method: GET, path: "/{{{{ with.case }}}}/orders"}}
    items: orders
    paginate: {{by: page_number, parameter: page}}
  bare:
    direction: send
    request: {{method: POST, path: "/{{{{ with.case }}}}/book", body: "{{{{ payload }}}}"}}
  idempotent:
    direction: send
    request: {{method: POST, path: "/{{{{ with.case }}}}/book", body: "{{{{ payload }}}}"}}
    idempotency: {{header: Idempotency-Key}}
  lookup:
    direction: send
    request: {{method: POST, path: "/{{{{ with.case }}}}/book", body: "{{{{ payload }}}}"}}
    lookup: {{request: {{method: GET, path: "/{{{{ with.case }}}}/booked/{{{{ with.key }}}}"}}}}
  each:
    direction: send
    per: item
    request: {{method: POST, path: "/{{{{ with.case }}}}/book", body: "{{{{ item }}}}"}}
---
connection: site
connector: site
settings: {{base_url: "{url}"}}
"""
FLOW = """
flow: {mode}
variables:
  case: {{type: string, required: true}}
steps:
  - id: pull
    shape: connector
    connection: site
    endpoint: list-orders
    with: {{case: "{{{{ vars.case }}}}"}}
  - {{id: paid, shape: filter, keep: {{field: status, is: paid}}}}
  - id: form
    shape: map
    automatic: false
    fields: [{{to: id, from: id}}, {{to: total, from: total}}, {{to: note, from: note}}]
  - {{id: batch, shape: flow_control, size: 3}}
  - id: send
    shape: connector
    connection: site
    endpoint: {mode}
    key: id
    with: {{case: "{{{{ vars.case }}}}"}}
"""
TREE = """
flow: tree
variables:
  case: {type: string, required: true}
steps:
  - id: pull
    shape: connector
    connection: site
    endpoint: list-orders
    with: {case: "{{ vars.case }}"}
  - id: both
    shape: branch
    paths:
      - id: out
        steps:
          - id: one-each
            shape: flow_control
            size: 1
          - id: careful
            shape: try
            steps:
              - id: by-kind
                shape: route
                send_to: first
                paths:
                  - id: settled
                    when: {field: status, is: paid}
                    steps:
                      - {id: batch, shape: flow_control, size: 3}
                      - id: send
                        shape: connector
                        connection: site
                        endpoint: idempotent
                        key: id
                        with: {case: "{{ vars.case }}"}
                otherwise:
                  steps:
                    - {id: refused, shape: assert, conditions: {field: status, is: paid}}
            catch:
              - id: mark
                shape: map
                automatic: false
                fields: [{to: refused, from: id}, {to: why, value: "{{ meta.error_step }}"}]
      - id: count
        steps:
          - {id: ids, shape: map, automatic: false, fields: [{to: counted, from: id}]}
  - {id: all, shape: flow_control, size: 1000}
"""
CALLS = """
flow: calls
variables:
  case: {type: string, required: true}
steps:
  - {id: a-moment, shape: wait, for: 0.05}
  - id: pull
    shape: connector
    connection: site
    endpoint: list-orders
    with: {case: "{{ vars.case }}"}
  - {id: paid, shape: filter, keep: {field: status, is: paid}}
  - {id: halves, shape: flow_control, size: 7}
  - {id: each, shape: run_flow, flow: one, per: payload}
  - {id: all, shape: run_flow, flow: whole, variables: {case: "{{ vars.case }}"}}
  - {id: tell, shape: notify, message: done, groups: [ops]}
---
flow: one
steps:
  - {id: same, shape: filter, keep: {field: id, exists: true}}
---
flow: whole
variables:
  case: {type: string, required: true}
steps:
  - id: send
    shape: connector
    connection: site
    endpoint: idempotent
    key: id
    with: {case: "{{ vars.case }}"}
"""
SHARED = """
flow: shared
variables:
  case: {type: string, required: true}
steps:
  - id: pull
    shape: connector
    connection: site
    endpoint: list-orders
    with: {case: "{{ vars.case }}"}
  - {id: new, shape: dedupe, on: id, pool: seen}
  - {id: one-each, shape: flow_control, size: 1}
  - id: form
    shape: map
    automatic: true
    fields: [{to: terms, value: "as agreed in the frame contract of this year, without any deduction"}]
  - {id: keep, shape: add_to_cache, cache: orders, entry: all, append: true}
  - {id: one, shape: flow_control, size: 1000}
  - {id: kept, shape: load_from_cache, cache: orders, entry: all}
  - {id: batch, shape: flow_control, size: 25}
  - id: send
    shape: connector
    connection: site
    endpoint: idempotent
    key: id
    with: {case: "{{ vars.case }}"}
"""
MODES = ("bare", "idempotent", "lookup")
STEPS = ("pull", "paid", "form", "batch", "send")


def documents(url: str) -> list[tuple[str, bytes]]:
    text = DOCUMENTS.format(url=url)
    flows = [(f"{mode}.yaml", FLOW.format(mode=mode).encode()) for mode in (*MODES, "each")]
    return [
        ("site.yaml", text.encode()),
        *flows,
        ("tree.yaml", TREE.encode()),
        ("shared.yaml", SHARED.encode()),
        ("calls.yaml", CALLS.encode()),
    ]


class Zygote:
    """Starts processes that have everything imported."""

    def __init__(self) -> None:
        path = os.pathsep.join([str(ROOT / "src"), str(ROOT)])
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.crash.zygote"],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": path},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )

    def fork(self, program: str, words: tuple[str, ...], environment: dict[str, str], output: Path) -> int:
        return self._ask(
            {
                "program": program,
                "words": words,
                "environment": {**QUICK, **environment},
                "output": str(output),
                "errors": str(output.with_suffix(".errors")),
            }
        )

    def wait(self, pid: int) -> int:
        return self._ask({"wait": pid}, pid)

    def _ask(self, order: dict[str, Any], pid: int | None = None) -> int:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(order).encode() + b"\n")
        self._process.stdin.flush()
        if not select.select([self._process.stdout], [], [], LATEST_S)[0]:
            if pid is not None:
                os.kill(pid, signal.SIGKILL)
                self._process.stdout.readline()
            raise AssertionError(f"nothing came of {order} in {LATEST_S} s")
        return int(self._process.stdout.readline())

    def close(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(LATEST_S)
        self._process.stdout.close()


@dataclass(frozen=True)
class Left:
    """What the store holds at one moment, read beside everybody else."""

    runs: list[dict[str, Any]]
    steps: dict[str, dict[str, Any]]
    payloads: dict[int, list[int]]
    deliveries: dict[str, str]

    @property
    def unknown(self) -> set[int]:
        return {int(key) for key, status in self.deliveries.items() if status == "unknown"}

    @property
    def delivered(self) -> set[int]:
        return {int(key) for key, status in self.deliveries.items() if status == "delivered"}

    def finished(self) -> dict[str, dict[str, Any]]:
        return {name: step for name, step in self.steps.items() if step["status"] == "success"}

    def pages_recorded(self) -> int:
        """Pages of the pull that are durable with the place to go on from."""
        step = self.steps.get("pull")
        return 0 if step is None else step["out"]


@dataclass
class House:
    path: Path
    case: Case
    zygote: Zygote
    store: str | None = None
    """Address of its PostgreSQL database; None: the file in the home."""
    processes: int = 0

    @property
    def environment(self) -> dict[str, str]:
        return QUICK if self.store is None else {**QUICK, "REDRIVE_STORE": self.store}

    def begin(self, program: str, *words: str, **environment: str) -> int:
        """Start a process on this home and go on; its process id."""
        self.processes += 1
        self.output = self.path.with_name(f"{self.path.name}-{self.processes}.out")
        if self.store is not None:
            environment["REDRIVE_STORE"] = self.store
        environment["OPS_URL"] = f"{self.case.url.replace('http', 'json', 1)}/{self.case.name}/tell"
        return self.zygote.fork(program, words, environment, self.output)

    def run(self, program: str, *words: str, **environment: str) -> int:
        """Start a process on this home and wait for its end: its exit code, or minus the signal."""
        return self.zygote.wait(self.begin(program, *words, **environment))

    def work(self, flow: str, **environment: str) -> int:
        return self.run("work", str(self.path), flow, self.case.name, **environment)

    def until(self, holds: Callable[[Left], bool]) -> Left:
        """Read the store until something that is on its way has been committed."""
        latest = time.monotonic() + LATEST_S
        while not holds(left := self.left()):
            assert time.monotonic() < latest, left
        return left

    def printed(self) -> list[Any]:
        """The whole lines of JSON that the latest process has printed."""
        return [
            json.loads(line) for line in self.output.read_text().splitlines(keepends=True) if line[-1] == "\n"
        ]

    def says(self, word: str) -> None:
        """Wait until the latest process has printed that."""
        latest = time.monotonic() + LATEST_S
        while not any(word in line for line in self.printed()):
            assert time.monotonic() < latest, self.errors()

    def errors(self) -> str:
        return self.output.with_suffix(".errors").read_text()

    @asynccontextmanager
    async def service(self) -> Any:
        async with open_service(self.path, load(environment=self.environment)) as service:
            assert isinstance(service, Service)
            yield service

    def left(self, run: int = 0) -> Left:
        """What the store holds; `run` chooses among its runs, in the order of their start."""
        with self.rows() as rows:
            runs = rows("SELECT * FROM runs ORDER BY id")
            chosen = runs[run]["id"] if runs else 0
            steps = rows("SELECT * FROM step_runs WHERE run_id = ? ORDER BY position", chosen)
            payloads: dict[int, list[int]] = {}
            for step in steps:
                if step["bucket"] is not None:
                    found = rows("SELECT id FROM payloads WHERE bucket = ? ORDER BY position", step["bucket"])
                    payloads[step["bucket"]] = [row["id"] for row in found]
            deliveries = rows("SELECT key, status FROM deliveries")
            return Left(
                runs,
                {step["step"]: step for step in steps},
                payloads,
                {row["key"]: row["status"] for row in deliveries},
            )

    @contextmanager
    def rows(self) -> Iterator[Any]:
        if self.store is not None:
            with psycopg.connect(self.store, row_factory=dict_row) as connection:
                yield lambda text, *values: connection.execute(text.replace("?", "%s"), values).fetchall()
            return
        connection = sqlite3.connect(self.path / "redrive.db")
        connection.row_factory = sqlite3.Row
        try:
            yield lambda text, *values: [dict(row) for row in connection.execute(text, values)]
        finally:
            connection.close()

    def sound(self) -> bool:
        """Whether the database is whole and every content that a payload names is there."""
        with self.rows() as rows:
            whole = bool(self.store) or rows("PRAGMA integrity_check") == [{"integrity_check": "ok"}]
            lost = rows(
                "SELECT p.id FROM payloads p LEFT JOIN contents c ON c.digest = p.digest"
                " WHERE c.digest IS NULL"
            )
            kept = {row["digest"] for row in rows("SELECT digest FROM contents WHERE form = 2")}
        objects = {bytes.fromhex(p.parent.name + p.name) for p in (self.path / "objects").glob("*/*")}
        return whole and not lost and kept <= objects


def copied(template: Path, path: Path, case: Case, zygote: Zygote, store: str | None = None) -> House:
    shutil.copytree(template, path, ignore=shutil.ignore_patterns("redrive.db*") if store else None)
    return House(path, case, zygote, store)
