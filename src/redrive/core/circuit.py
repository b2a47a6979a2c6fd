"""When a target counts as down: so many failures in a row within a span open the circuit of its connection.

Nothing goes through an open one until its time is over; then one request may try. If that fails, the
circuit stays open for twice as long as before, up to a bound; whatever succeeds closes it.
"""

from __future__ import annotations

import msgspec


class CircuitRules(msgspec.Struct, frozen=True, kw_only=True):
    """`failures` 0: the circuit never opens."""

    failures: int = 10
    within_s: float = 60.0
    wait_s: float = 10.0
    longest_s: float = 300.0


class Streak(msgspec.Struct, frozen=True):
    """Failures in a row: when each of the last ones was."""

    at: tuple[int, ...] = ()

    def failed(self, now: int, rules: CircuitRules) -> Streak:
        """With one more. What is longer ago than the span, or of the future, does not count."""
        since = now - int(rules.within_s * 1_000_000)
        return Streak((*[at for at in self.at if since < at <= now], now))

    def opens(self, rules: CircuitRules) -> bool:
        return 0 < rules.failures <= len(self.at)


def next_wait_s(before_s: float, rules: CircuitRules) -> float:
    """How long it stays open after a try that failed."""
    return max(rules.wait_s, min(before_s * 2, rules.longest_s))
