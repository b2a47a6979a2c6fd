"""Records of a map whose fields are only renamed, set or transformed: written from one decode of the item.

Most maps, and most items of theirs, are of this kind. Whatever is not goes the way of `map_record`, which
gives the same bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Self

from redrive.sdk import Each, Path, RawRows
from redrive.shapes.map_target import Leaf, Series

if TYPE_CHECKING:
    from redrive.shapes.map_record import Compiled, MapField

Transform = Callable[["MapField", bytes], bytes]


class RowForm:
    """The record as a format, and what is put into it: values, lists, and values that are transformed."""

    def __init__(self, compiled: Compiled) -> None:
        """Errors: `ValueError` where the map is of another kind."""
        fields = compiled.fields
        if compiled.queries or compiled.strict or compiled.templates or compiled.looks_up:
            raise ValueError("it asks for more than what stands in an item")
        form, slots = compiled.form.form()
        paths: list[tuple[tuple[str, ...], Sequence[tuple[str, ...]] | None]] = []
        constants: list[bytes | None] = []
        self._lists: list[tuple[int, bytes]] = []
        self._transforms: list[tuple[int, MapField]] = []
        for slot in slots:
            field = fields[slot.field] if isinstance(slot, Leaf) else None
            if field is not None and field.from_ is None:
                if field.do is not None:
                    raise ValueError("a constant is transformed")
                constants.append(compiled.start[slot.fields[0]][0])
                continue
            constants.append(None)
            if isinstance(slot, Series):
                inner, leaves = slot.row()
                self._lists.append((len(paths), inner))
                paths.append(_columns([fields[leaf.field] for leaf in leaves]))
                continue
            assert field is not None
            if field.do is not None:
                self._transforms.append((len(paths), field))
            paths.append((_names(_source(field)), None))
        if not paths:
            raise ValueError("nothing is read")
        self._rows = RawRows(paths)
        # A percent sign of a name stays doubled, as does one of a constant: what is left is a format again.
        self._form = form.replace(b"%%", b"%%%%") % tuple(
            b"%b" if constant is None else constant.replace(b"%", b"%%") for constant in constants
        )

    @classmethod
    def of(cls, compiled: Compiled) -> Self | None:
        try:
            return cls(compiled)
        except ValueError:
            return None

    def record(self, raw: bytes, transform: Transform) -> bytes | None:
        """None: the item is of another form. Errors: those of `transform`."""
        found = self._rows.read(raw)
        if found is None:
            return None
        if not self._lists and not self._transforms:
            return self._form % tuple(found)
        values = list(found)
        for at, form in self._lists:
            get: Any = self._rows.cells[at]
            try:
                values[at] = b"[" + b",".join([form % get(one) for one in values[at] or ()]) + b"]"
            except AttributeError:
                return None
        for at, field in self._transforms:
            values[at] = transform(field, bytes(values[at]))
        return self._form % tuple(values)


def _source(field: MapField) -> Path:
    if field.from_ is None or len(field.from_) != 1 or field.missing not in (None, "empty"):
        raise ValueError("it has not one source")
    return field.from_[0]


def _names(path: Path) -> tuple[str, ...]:
    names = path.names
    if path.segments is None or len(names) != len(path.segments):
        raise ValueError("the path does not only go by names")
    return names


def _columns(fields: Sequence[MapField]) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Where their list stands, and the paths below it."""
    above: set[tuple[str, ...]] = set()
    below: list[tuple[str, ...]] = []
    for field in fields:
        segments = _source(field).segments or ()
        at = next((at for at, one in enumerate(segments) if isinstance(one, Each)), None)
        if at is None or field.do is not None:
            raise ValueError("a column is of another kind")
        above.add(_names(Path.of(segments[:at])))
        below.append(_names(Path.of(segments[at + 1 :])))
    if len(above) != 1:
        raise ValueError("the columns come from several lists")
    return above.pop(), below
