"""Public API descriptions, fetched from their packages: pinned, checked, and kept outside of the project."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import subprocess
import tarfile
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from platformdirs import user_cache_path

from hatch_build import npm_command

PACKAGES: dict[str, str] = json.loads((Path(__file__).parent / "packages.json").read_text())
FETCH_S = 120


def _cache() -> Path:
    named = os.environ.get("REDRIVE_TEST_CACHE")
    folder = Path(named) if named else user_cache_path("redrive-tests", appauthor=False)
    folder = folder / "descriptions"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _place(package: str) -> Path:
    return _cache() / f"{hashlib.sha256((package + PACKAGES[package]).encode()).hexdigest()[:24]}.tgz"


def _checked(file: Path, package: str) -> bool:
    digest = base64.b64encode(hashlib.sha512(file.read_bytes()).digest()).decode()
    return PACKAGES[package] == f"sha512-{digest}"


def _fetch(package: str) -> Path:
    place = _place(package)
    if place.exists() and _checked(place, package):
        return place
    npm, env = npm_command()
    with tempfile.TemporaryDirectory(dir=_cache()) as folder:
        subprocess.run(
            [*npm, "pack", "--silent", "--pack-destination", folder, package],
            check=True,
            capture_output=True,
            timeout=FETCH_S,
            cwd=folder,
            env=env,
        )
        (file,) = Path(folder).glob("*.tgz")
        assert _checked(file, package), f"{package} is not the package that these figures are of"
        file.replace(place)
    return place


@pytest.fixture(scope="session")
def description() -> Callable[[str, str], bytes]:
    """The bytes of one file of a package."""

    def read(package: str, path: str) -> bytes:
        with tarfile.open(_fetch(package)) as archive:
            for member in archive:
                if member.name == f"package/{path}":
                    file = archive.extractfile(member)
                    assert file is not None
                    return file.read()
        raise AssertionError(f"{package} holds no {path}")

    return read
