"""Finds the plug-ins: shapes and connector protocols, the built-in ones and those of other packages."""

from __future__ import annotations

import importlib
import logging
import pkgutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from types import MappingProxyType, ModuleType
from typing import TYPE_CHECKING, Any

from redrive.core.nearest import nearest
from redrive.errors import NotFound

if TYPE_CHECKING:
    from redrive.sdk.connection import ConnectorProtocol
    from redrive.sdk.shape import ShapeBase

SHAPES = "redrive.shapes"
CONNECTORS = "redrive.connectors"

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class BrokenPlugin:
    """A plug-in of another package that could not be taken in, and why. The rest works without it."""

    group: str
    name: str
    package: str
    reason: str

    def __str__(self) -> str:
        return f"plug-in {self.name} ({self.group}, package {self.package}) is not available: {self.reason}"


class Registry:
    """The shapes and protocols that documents may name.

    Made by hand it holds exactly what it is given; `Registry.discover()` gives what is installed.
    """

    def __init__(
        self,
        shapes: Iterable[type[ShapeBase]] = (),
        protocols: Iterable[Any] = (),
        broken: Iterable[BrokenPlugin] = (),
    ) -> None:
        """`protocols`: classes (made without arguments) or instances.

        Errors: `ValueError` for two of one name.
        """
        found: dict[str, type[ShapeBase]] = {}
        for shape in shapes:
            if shape.kind in found:
                raise ValueError(f"two shapes are called {shape.kind!r}")
            found[shape.kind] = shape
        made: dict[str, ConnectorProtocol] = {}
        for protocol in protocols:
            if protocol.name in made:
                raise ValueError(f"two protocols are called {protocol.name!r}")
            made[protocol.name] = protocol() if isinstance(protocol, type) else protocol
        self.shapes: Mapping[str, type[ShapeBase]] = MappingProxyType(dict(sorted(found.items())))
        self.protocols: Mapping[str, ConnectorProtocol] = MappingProxyType(dict(sorted(made.items())))
        self.broken = tuple(broken)

    def shape(self, kind: str) -> type[ShapeBase]:
        """Errors: `shape.unknown`, which names the nearest one."""
        try:
            return self.shapes[kind]
        except KeyError:
            raise self._unknown("shape", kind, self.shapes, SHAPES) from None

    def protocol(self, name: str) -> ConnectorProtocol:
        """Errors: `protocol.unknown`, which names the nearest one."""
        try:
            return self.protocols[name]
        except KeyError:
            raise self._unknown("protocol", name, self.protocols, CONNECTORS) from None

    def _unknown(self, what: str, name: str, known: Mapping[str, Any], group: str) -> NotFound:
        near = nearest(name, known)
        hint = f"Did you mean {near!r}?" if near else f"Known are {', '.join(known) or 'none'}."
        for plugin in self.broken:
            if plugin.group == group and plugin.name == name:
                hint = f"The package {plugin.package} is installed but broken: {plugin.reason}."
        return NotFound(f"there is no {what} {name!r}", code=f"{what}.unknown", at=name, hint=hint)

    @staticmethod
    def discover() -> Registry:
        """Everything that is installed. The first call imports all plug-ins; later ones are free.

        A plug-in of another package that fails to load is left out, logged, and in `broken`.
        """
        return _discover()


@cache
def _discover() -> Registry:
    from redrive.sdk.shape import ShapeBase  # noqa: PLC0415 - keeps the import of this module cheap

    def shapes_in(module: ModuleType) -> Iterator[Any]:
        for value in vars(module).values():
            if (
                isinstance(value, type)
                and issubclass(value, ShapeBase)
                and _is_from(value, module)
                and value.kind
            ):
                yield value

    def as_shape(value: Any) -> Any:
        if not (isinstance(value, type) and issubclass(value, ShapeBase) and value.kind):
            raise TypeError("it is not a subclass of Shape or GatherShape with a kind")
        return value

    broken: list[BrokenPlugin] = []
    shapes = _gather(SHAPES, shapes_in, as_shape, "kind", broken)
    protocols = _gather(CONNECTORS, _protocols_in, _as_protocol, "name", broken)
    for plugin in broken:
        _log.warning("plugin.broken %s", plugin)
    return Registry(shapes, protocols, broken)


def _gather(
    group: str,
    find: Callable[[ModuleType], Iterator[Any]],
    accept: Callable[[Any], Any],
    key: str,
    broken: list[BrokenPlugin],
) -> list[Any]:
    """All plug-ins of a group by name: built-in ones first, which no other package can replace."""
    found: dict[str, Any] = {}
    for module in _built_in(group):
        for value in find(module):
            found.setdefault(getattr(value, key), value)
    for entry in sorted(metadata.entry_points(group=group), key=lambda entry: (entry.name, entry.value)):
        package = entry.dist.name if entry.dist else "unknown"
        try:
            loaded = entry.load()
            values = list(find(loaded)) if isinstance(loaded, ModuleType) else [accept(loaded)]
            if not values:
                raise TypeError("it holds no plug-in")
            if clash := [getattr(value, key) for value in values if getattr(value, key) in found]:
                raise ValueError(f"the name {clash[0]!r} is taken by another plug-in")
            if group == CONNECTORS:
                values = [value() if isinstance(value, type) else value for value in values]
        except Exception as error:  # noqa: BLE001 - whatever another package does, the start goes on
            broken.append(BrokenPlugin(group, entry.name, package, f"{type(error).__name__}: {error}"))
        else:
            found.update({getattr(value, key): value for value in values})
    return list(found.values())


def _built_in(group: str) -> Iterator[ModuleType]:
    package = importlib.import_module(group)
    for info in pkgutil.iter_modules(package.__path__):
        if not info.name.startswith("_"):
            yield importlib.import_module(f"{group}.{info.name}")


def _is_from(value: type, module: ModuleType) -> bool:
    """Whether a class is made in the module or below it, not only imported there."""
    home: str = value.__module__
    return home == module.__name__ or home.startswith(f"{module.__name__}.")


def _protocols_in(module: ModuleType) -> Iterator[Any]:
    for value in vars(module).values():
        if isinstance(value, type) and _is_from(value, module) and _is_protocol(value):
            yield value


def _as_protocol(value: Any) -> Any:
    if not _is_protocol(value):
        raise TypeError("it has no name, check and open as a protocol has")
    return value


def _is_protocol(value: Any) -> bool:
    return isinstance(getattr(value, "name", None), str) and all(
        callable(getattr(value, method, None)) for method in ("check", "open")
    )
