"""Runs npm in `web/` with the machine's Node.js, or with the one that is a package."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from hatch_build import NODE_WHEEL, build, npm_command  # noqa: E402

LOCK_NODE = ["pip", "compile", "--quiet", "--universal", "--generate-hashes"]
LOCK_NODE += ["--no-emit-index-url", "--no-header", "--no-annotate", "-", "-o", "requirements-node.lock"]


def main(words: list[str]) -> int:
    if words == ["build"]:
        print("The web page was built" if build(ROOT) else "The web page is up to date")
        return 0
    if words == ["lock"]:
        uv = Path(sys.executable).parent / "uv"
        asked = subprocess.run([uv, *LOCK_NODE], input=NODE_WHEEL, text=True, cwd=ROOT, check=False)
        if asked.returncode:
            return asked.returncode
        words = ["install", "--package-lock-only"]
    npm, env = npm_command()
    quiet = ["--silent"] if words[0] == "run" else ["--loglevel=error"]
    return subprocess.run(
        [*npm, *quiet, *words], cwd=ROOT / "web", env=dict(os.environ, **env), check=False
    ).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
