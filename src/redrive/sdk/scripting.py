"""Scripts as plug-ins see them: a setting that is checked, and a session that runs it.

    async with ctx.script(Script(self.code), payload) as session:
        value = await session.run([payload_value])

Nothing of an earlier session is left in a new one; the clock in it is the run's. What the script
prints, and the text of an exception, go to the step's log.
"""

from __future__ import annotations

from collections.abc import Callable

from redrive.core.invalid import Invalid
from redrive.sandbox import KEPT, Limits, Script, Session, Whole, check
from redrive.sandbox.script import MAX_MEMORY_MIB, MAX_TIME_S

__all__ = [
    "KEPT",
    "MAX_MEMORY_MIB",
    "MAX_TIME_S",
    "Invalid",
    "Limits",
    "Script",
    "Session",
    "Whole",
    "check_script",
]


def check_script(
    source: str,
    function: str = "handle",
    *,
    arguments: tuple[str, ...] = ("payload", "meta", "vars"),
    full: bool = False,
    setting: str = "",
    invalid: type[Invalid] = Invalid,
    expression: Callable[[str], tuple[str, int]] = lambda source: (source, 0),
) -> None:
    """Raise an `Invalid` with every fault that can be found without running the script.

    `expression` makes a script of the setting's text, and says how many lines it put before it.
    """
    source, before = expression(source)
    faults = []
    for found in check(source, function, arguments=arguments, full=full):
        fault = invalid(found.title, setting=setting, expected=found.expected)
        fault.line = max(found.line - before, 1)
        faults.append(fault)
    if faults:
        faults[0].also = tuple(faults[1:])
        raise faults[0]
