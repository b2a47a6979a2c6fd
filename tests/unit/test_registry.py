from __future__ import annotations

import importlib
import logging
import subprocess
import sys
import types

import pytest

from redrive import registry as registry_module
from redrive.errors import NotFound
from redrive.registry import BrokenPlugin, Registry
from redrive.sdk.shape import Shape
from tests.unit.documents.document_shapes import Filter, Http, Map, Quiet


def test_shapes_and_protocols_by_name():
    registry = Registry(shapes=[Map, Filter], protocols=[Http])
    assert dict(registry.shapes) == {"filter": Filter, "map": Map}
    assert registry.shape("map") is Map
    assert registry.protocol("http").name == "http"
    with pytest.raises(TypeError):
        registry.shapes["x"] = Map


def test_an_unknown_shape_names_the_nearest():
    with pytest.raises(NotFound) as caught:
        Registry(shapes=[Map, Filter]).shape("flter")
    assert (caught.value.code, caught.value.detail) == ("shape.unknown", "there is no shape 'flter'")
    assert caught.value.hint == "Did you mean 'filter'?"


def test_an_unknown_protocol_names_the_known():
    with pytest.raises(NotFound) as caught:
        Registry(protocols=[Http()]).protocol("sftp")
    assert (caught.value.code, caught.value.hint) == ("protocol.unknown", "Known are http.")


def test_an_unknown_shape_of_a_broken_package_says_so():
    broken = BrokenPlugin("redrive.shapes", "acme", "acme-shapes", "ImportError: no libacme")
    with pytest.raises(NotFound) as caught:
        Registry(broken=[broken]).shape("acme")
    assert caught.value.hint == "The package acme-shapes is installed but broken: ImportError: no libacme."


def test_two_of_one_name_are_an_error():
    with pytest.raises(ValueError, match="two shapes are called 'map'"):
        Registry(shapes=[Map, Map])
    with pytest.raises(ValueError, match="two protocols are called 'http'"):
        Registry(protocols=[Http, Http])


class Distribution:
    name = "acme-shapes"


@pytest.fixture
def installed(monkeypatch):
    """Gives `discover` packages of its own: built-in modules, and entry points."""

    def install(built_in=(), **groups):
        def entry_points(*, group):
            return [Entry(name, found) for name, found in groups.get(group.rpartition(".")[2], {}).items()]

        modules = {"redrive.shapes": list(built_in), "redrive.connectors": []}
        monkeypatch.setattr(registry_module, "_built_in", lambda group: iter(modules[group]))
        monkeypatch.setattr(registry_module.metadata, "entry_points", entry_points)
        registry_module._discover.cache_clear()
        return Registry.discover()

    yield install
    registry_module._discover.cache_clear()


class Entry:
    def __init__(self, name, found):
        self.name, self.value, self.dist, self._found = name, name, Distribution(), found

    def load(self):
        if isinstance(self._found, Exception):
            raise self._found
        return self._found


def module_with(name, *kinds):
    module = types.ModuleType(name)
    for kind in kinds:

        class Made(Quiet, kind=kind):
            __module__ = name

        setattr(module, f"Made{kind}", Made)
    return module


def test_built_in_modules_are_scanned_for_the_shapes_made_in_them(installed):
    module = module_with("redrive.shapes.one", "a", "b")
    module.Filter = Filter  # imported there, not made there
    assert list(installed([module]).shapes) == ["a", "b"]


def test_entry_points_give_classes_and_modules(installed):
    registry = installed(
        shapes={"filter": Filter, "more": module_with("acme", "x", "y")}, connectors={"http": Http}
    )
    assert list(registry.shapes) == ["filter", "x", "y"]
    assert isinstance(registry.protocol("http"), Http)
    assert registry.broken == ()


def test_it_is_found_once(installed):
    assert installed(shapes={"filter": Filter}) is Registry.discover()


class Unmakeable(Http):
    name = "unmakeable"

    def __init__(self):
        raise OSError("no licence")


def test_a_broken_package_is_told_and_the_rest_works(installed, caplog, monkeypatch):
    # The process log, once configured, keeps its lines to itself.
    monkeypatch.setattr(logging.getLogger("redrive"), "propagate", True)
    with caplog.at_level(logging.WARNING, logger="redrive"):
        registry = installed(
            [module_with("redrive.shapes.one", "taken")],
            shapes={
                "a": ImportError("no libacme"),
                "b": 5,
                "c": module_with("acme.empty"),
                "d": module_with("acme.thief", "taken"),
                "e": Filter,
            },
            connectors={"f": Unmakeable, "g": Shape},
        )
    assert list(registry.shapes) == ["filter", "taken"]
    assert registry.shape("taken").__module__ == "redrive.shapes.one"
    assert [str(plugin) for plugin in registry.broken] == [
        f"plug-in {name} ({group}, package acme-shapes) is not available: {reason}"
        for name, group, reason in [
            ("a", "redrive.shapes", "ImportError: no libacme"),
            ("b", "redrive.shapes", "TypeError: it is not a subclass of Shape or GatherShape with a kind"),
            ("c", "redrive.shapes", "TypeError: it holds no plug-in"),
            ("d", "redrive.shapes", "ValueError: the name 'taken' is taken by another plug-in"),
            ("f", "redrive.connectors", "OSError: no licence"),
            ("g", "redrive.connectors", "TypeError: it has no name, check and open as a protocol has"),
        ]
    ]
    assert len(caplog.records) == len(registry.broken)


def test_what_a_package_holds_of_a_protocol_is_found():
    module = importlib.import_module("tests.unit.documents.document_shapes")
    assert list(registry_module._protocols_in(module)) == [Http]


def test_importing_it_imports_no_plug_in_and_no_pydantic():
    heavy = "{'pydantic', 'redrive.sdk', 'redrive.shapes'}"
    code = f"import sys, redrive.registry; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        check=True,
        text=True,
        env={"PYTHONPATH": str(registry_module.__file__).rpartition("/redrive/")[0]},
    )
    assert done.stdout.strip() == "[]"
