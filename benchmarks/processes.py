"""Child processes of a benchmark: they run the same code as their parent, and end with it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import IO

import redrive

ROOT = Path(__file__).resolve().parent.parent
END_S = 60


class Child:
    """A module of the benchmarks in a process of its own: lines in, lines out, ends when stdin does."""

    def __init__(self, module: str, *arguments: str) -> None:
        self.module = module
        source = str(Path(redrive.__file__).parents[1])
        path = os.pathsep.join(filter(None, (source, os.environ.get("PYTHONPATH"))))
        self._process = subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": path},
        )

    @property
    def pid(self) -> int:
        return self._process.pid

    def tell(self, line: bytes) -> None:
        pipe = self._pipe(self._process.stdin)
        pipe.write(line + b"\n")
        pipe.flush()

    def hear(self) -> bytes:
        """Its next line. Errors: `RuntimeError` when it has ended instead."""
        line = self._pipe(self._process.stdout).readline()
        if not line:
            raise RuntimeError(f"{self.module} ended with {self._process.wait()}; it says why above")
        return line

    def end(self) -> int:
        """Wait for its end; the exit code."""
        for pipe in (self._process.stdin, self._process.stdout):
            self._pipe(pipe).close()
        try:
            return self._process.wait(timeout=END_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self._process.wait()

    @staticmethod
    def _pipe(pipe: IO[bytes] | None) -> IO[bytes]:
        assert pipe is not None
        return pipe
