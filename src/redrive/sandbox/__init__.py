"""Users' Python, away from everything: what runs a script, bounds it, and says what went wrong in it.

    sandbox = Sandbox()                                   # no process yet
    async with sandbox.open(script, now=now) as session:  # nothing of an earlier session is left
        value = await session.run([{"total": Decimal("1.10")}])

Scripts run in Monty, a Python interpreter without any way out, in processes of its own; those with
`full` in a CPython process that the kernel has locked down.
"""

from redrive.sandbox.check import Fault, check
from redrive.sandbox.pool import Sandbox
from redrive.sandbox.script import Limits, Script
from redrive.sandbox.session import KEPT, Session, Whole

__all__ = ["KEPT", "Fault", "Limits", "Sandbox", "Script", "Session", "Whole", "check"]
