"""The examples of every built-in shape are its first tests."""

from __future__ import annotations

import pytest

from redrive.sdk.testing import check_examples
from redrive.shapes.assert_ import Assert
from redrive.shapes.branch import Branch
from redrive.shapes.convert import Convert
from redrive.shapes.filter import Filter
from redrive.shapes.flow_control import FlowControl
from redrive.shapes.manual_payload import ManualPayload
from redrive.shapes.map import Map
from redrive.shapes.merge import Merge
from redrive.shapes.route import Route
from redrive.shapes.set_variables import SetVariables
from redrive.shapes.split import Split
from redrive.shapes.track import Track
from redrive.shapes.try_ import Try

SHAPES = [Assert, Convert, Filter, FlowControl, ManualPayload, Map, Merge, Route, SetVariables, Split, Track]


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.kind)
async def test_the_examples_hold(shape: type) -> None:
    assert len(shape.examples) >= 3  # type: ignore[attr-defined]
    await check_examples(shape)


@pytest.mark.parametrize("shape", [*SHAPES, Branch, Try], ids=lambda shape: shape.kind)
def test_a_shape_describes_itself(shape: type) -> None:
    text = shape.help()  # type: ignore[attr-defined]
    for part in ("In:", "Out:", "Errors:"):
        assert part in text
    fields = shape.model_fields.values()  # type: ignore[attr-defined]
    assert all(field.description for field in fields)
    assert shape.model_json_schema()["additionalProperties"] is False  # type: ignore[attr-defined]
