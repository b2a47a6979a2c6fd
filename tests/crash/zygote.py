"""A process that has imported Redrive and forks a fresh one for each order that it reads.

The start of an interpreter and the imports cost more than what a crash test does; a forked process
has nothing of another test, as no thread and no loop has begun here.
"""

from __future__ import annotations

import json
import os
import sys
import traceback

from tests.crash import programs


def become(order: dict[str, object]) -> None:
    output = os.open(str(order["output"]), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    errors = os.open(str(order["errors"]), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(output, 1)
    os.dup2(errors, 2)
    os.environ.update(order["environment"])  # type: ignore[call-overload]
    code = 99
    try:
        code = programs.run(order["program"], order["words"])  # type: ignore[arg-type]
    except BaseException:  # noqa: BLE001 - the end of a process, whatever it is
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def main() -> None:
    for line in sys.stdin:
        order = json.loads(line)
        if "wait" in order:
            _, status = os.waitpid(order["wait"], 0)
            answer = os.waitstatus_to_exitcode(status)
        else:
            answer = os.fork()
            if answer == 0:
                become(order)
        sys.stdout.write(f"{answer}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
