"""A shape of another package: installed as a person installs it, then seen everywhere."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.integration.cli.conftest import SOURCE, Command

TEMPLATE = Path(__file__).parents[3] / "examples" / "shape-package"
FLOW = """
flow: sampled
steps:
  - {id: every-third, shape: sample, every: 3}
tests:
  - test: every third stays
    given: [{json: [1, 2, 3, 4]}]
    expect: {steps: {every-third: {out: [{equals: [1, 4]}]}}}
"""

pytestmark = pytest.mark.slow


def _install(folder: Path) -> Path:
    """Build and install the template offline, without its dependencies, into a folder of its own."""
    source = folder / "shape-package"
    shutil.copytree(TEMPLATE, source)
    options = ["install", "--no-index", "--no-build-isolation", "--no-deps", "--target", str(folder / "site")]
    uv = shutil.which("uv", path=os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]))
    installer = [uv, "pip"] if uv else [sys.executable, "-m", "pip"]
    extra = ["--python", sys.executable] if uv else []
    done = subprocess.run(
        [*installer, *options, *extra, str(source)],
        capture_output=True,
        text=True,
        env={**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1"},
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return folder / "site"


# One process that runs many commands: what each prints, and its exit code.
MANY = """
import io, json, sys
from contextlib import redirect_stdout
from redrive.cli.main import main
done = []
for words in json.load(sys.stdin):
    out = io.TextIOWrapper(io.BytesIO())
    with redirect_stdout(out):
        code = main(words)
    out.flush()
    done.append([code, out.buffer.getvalue().decode()])
json.dump(done, sys.stdout)
"""


def test_a_shape_of_an_installed_package_appears_everywhere(tmp_path):
    site = _install(tmp_path)
    command = Command(tmp_path, {})
    (tmp_path / "flow.yaml").write_text(FLOW)
    (tmp_path / "in.json").write_text("[1, 2, 3, 4]")
    command.environment["PYTHONPATH"] = os.pathsep.join([SOURCE, str(site)])
    words = [
        ["check", "flow.yaml"],
        ["shapes", "--json"],
        ["schema", "flow"],
        ["test", "./flow.yaml"],
        ["run", "./flow.yaml", "--payload", "./in.json", "--json"],
    ]
    done = subprocess.run(
        [sys.executable, "-c", MANY],
        input=json.dumps(words),
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=command.environment,
        timeout=120,
        check=True,
    )
    check, shapes, schema, tested, ran = json.loads(done.stdout)
    assert [code for code, _ in (check, shapes, schema, tested, ran)] == [0] * 5, done.stderr
    listed = {one["shape"]: one["package"] for one in json.loads(shapes[1])["items"]}
    assert (listed["sample"], listed["filter"]) == ("acme-shapes", "redrive")
    assert "sample" in json.loads(schema[1])["$defs"]["step"]["properties"]["shape"]["enum"]
    assert "1 passed" in tested[1]
    (step,) = json.loads(ran[1])["steps"]
    assert (step["status"], step["payloads_out"][0]["items"]) == ("success", 2)
    command.environment["PYTHONPATH"] = SOURCE
    assert command("check", "flow.yaml").code == 2, "it is known where it is not installed"


def test_the_template_passes_its_own_tests(tmp_path):
    shutil.copytree(TEMPLATE, tmp_path / "package")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "."],
        cwd=tmp_path / "package",
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([SOURCE, str(tmp_path / "package" / "src")])},
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert "5 passed" in done.stdout
