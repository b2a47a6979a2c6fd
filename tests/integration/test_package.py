"""The wheel and the sdist: they hold the built page, and what is installed of them needs no Node.js."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import tarfile
import urllib.request
import zipfile
from pathlib import Path

import pytest

from tests.conftest import EVERYTHING

ROOT = Path(__file__).parents[2]
MOST_BYTES = 15 << 20
STATIC = "redrive/server/static/"

pytestmark = pytest.mark.slow


def build(root: Path, kind: str, folder: Path, **environment: str) -> Path:
    """As `python -m build` does, without an environment of its own."""
    command = [sys.executable, "-m", "hatchling", "build", "-t", kind, "-d", str(folder)]
    done = subprocess.run(
        command,
        cwd=root,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    (made,) = folder.iterdir()
    return made


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    return build(ROOT, "wheel", tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def sdist(tmp_path_factory):
    return build(ROOT, "sdist", tmp_path_factory.mktemp("sdist"))


def test_the_wheel_holds_the_package_with_its_page_and_nothing_else(wheel):
    assert wheel.stat().st_size < MOST_BYTES
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        page = archive.read(f"{STATIC}index.html").decode()
    assert {name.split("/")[0].split("-")[0] for name in names} == {"redrive"}
    linked = re.findall(r'(?:src|href)="/static/(assets/[^"]+)"', page)
    assert [name for name in linked if name.endswith(".js")]
    assert {f"{STATIC}{name}" for name in linked} <= set(names)
    for inside in ("demo/", "connectors/", "store/migrations/versions/"):
        assert any(name.startswith(f"redrive/{inside}") for name in names), inside
    assert not [name for name in names if re.search(r"node_modules|__pycache__|\.(map|tsx?|pyc)$", name)]


def test_a_wheel_is_made_of_the_sdist_without_node(sdist, wheel, tmp_path):
    assert sdist.stat().st_size < MOST_BYTES
    with tarfile.open(sdist) as archive:
        archive.extractall(tmp_path / "source", filter="data")
    (source,) = (tmp_path / "source").iterdir()
    assert {one.name for one in source.iterdir()} == {
        "src", "docs", "examples", "hatch_build.py", "pyproject.toml", "PKG-INFO", ".gitignore",
        "CHANGELOG.md", "README.md", "LICENSE",
    }  # fmt: skip
    (tmp_path / "bin").mkdir()
    again = build(source, "wheel", tmp_path / "wheel", PATH=str(tmp_path / "bin"))
    with zipfile.ZipFile(wheel) as one, zipfile.ZipFile(again) as other:
        assert {n for n in one.namelist() if n.startswith(STATIC)} == {
            n for n in other.namelist() if n.startswith(STATIC)
        }


def test_the_installed_wheel_serves_the_page_without_node(wheel, tmp_path):
    """With what is installed here; in the full matrix, in an environment of its own."""
    uv = Path(sys.executable).with_name("uv")
    if EVERYTHING:
        subprocess.run([uv, "venv", "-q", "-p", sys.executable, tmp_path / "venv"], check=True, timeout=300)
        python = tmp_path / "venv" / "bin" / "python"
        subprocess.run([uv, "pip", "install", "-q", "-p", python, wheel], check=True, timeout=300)
        serve(python, tmp_path)
        return
    into = tmp_path / "installed"
    subprocess.run(
        [uv, "pip", "install", "-q", "--no-deps", "--target", into, wheel], check=True, timeout=120
    )
    serve(Path(sys.executable), tmp_path, PYTHONPATH=str(into))


def serve(python: Path, folder: Path, **more: str) -> None:
    (folder / "empty").mkdir()
    kept = {
        name: text for name, text in os.environ.items() if not name.startswith(("REDRIVE_", "PYTHONPATH"))
    }
    environment = kept | {"PATH": str(folder / "empty"), "REDRIVE_HOME": str(folder / "home")} | more
    process = subprocess.Popen(
        [python, "-m", "redrive", "up", "--port", "0", "--json"],
        cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    try:
        told = json.loads(process.stdout.readline() or b"{}")
        assert told, process.communicate()[1].decode()
        with urllib.request.urlopen(told["url"] + "/", timeout=30) as answer:
            page = answer.read().decode()
        assert "<div id=" in page
        script = re.search(r'src="(/static/assets/[^"]+\.js)"', page)
        assert script is not None
        with urllib.request.urlopen(told["url"] + script[1], timeout=30) as answer:
            assert "javascript" in answer.headers["content-type"]
            assert len(answer.read()) > 10_000
        where = [python, "-c", "import redrive; print(redrive.__file__)"]
        said = subprocess.run(where, cwd=folder, env=environment, capture_output=True, text=True, check=True)
        assert str(folder) in said.stdout
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=30)
