"""`python -m redrive` is the command `redrive`, with its exit codes."""

import sys

from redrive.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
