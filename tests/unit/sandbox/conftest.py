from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from redrive.sandbox import Limits, Sandbox, Script
from redrive.sdk.testing import NOW

HANDLE = "def handle(payload, meta, vars):\n    "


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    async with Sandbox(processes=2) as sandbox:
        yield sandbox


class Bench:
    """Runs scripts; keeps what they print and how they fail."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.printed: list[str] = []
        self.failures: list[str] = []

    def open(self, source: str, *, full: bool = False, **settings: Any) -> Any:
        known = {name: settings.pop(name) for name in ("meta", "variables") if name in settings}
        script = Script(source, full=full, limits=Limits(**settings))
        return self.sandbox.open(
            script, now=NOW, printed=self.printed.append, failed=self.failures.append, **known
        )

    async def each(self, source: str, *raws: bytes, **settings: Any) -> list[Any]:
        async with self.open(source, **settings) as session:
            return await session.each(raws, where="payload 0")

    async def value(self, expression: str, **settings: Any) -> Any:
        """What an expression gives inside the sandbox."""
        async with self.open(f"def handle():\n    return {expression}", **settings) as session:
            return await session.run([])


@pytest.fixture
def bench(sandbox: Sandbox) -> Bench:
    return Bench(sandbox)


@pytest.fixture
def returns() -> Callable[[str], str]:
    """A script that returns an expression of its payload."""
    return lambda expression: f"{HANDLE}return {expression}\n"
