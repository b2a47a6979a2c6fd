"""What the guides say of convert and map is what these shapes do: a step, a payload in, a payload out."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from redrive.core.jsonvalue import decode, encode
from redrive.documents.load import load_text
from redrive.registry import Registry
from redrive.sdk.testing import run_shape

GUIDES = Path(__file__).parents[3] / "docs" / "howto"
MEDIA_TYPES = {"json": "application/json", "csv": "text/csv", "xml": "application/xml", "text": "text/plain"}
_FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def recipes() -> list[object]:
    found: list[object] = []
    for page in ("convert-csv-and-xml", "map-records"):
        blocks = _FENCE.findall((GUIDES / f"{page}.md").read_text(encoding="utf-8"))
        assert [kind == "yaml" for kind, _ in blocks] == [True, False, False] * (len(blocks) // 3)
        found += [
            pytest.param(*blocks[at : at + 3], id=f"{page} {at // 3}") for at in range(0, len(blocks), 3)
        ]
    return found


@pytest.mark.parametrize(("step", "given", "gives"), recipes())
async def test_a_recipe_does_what_it_shows(
    step: tuple[str, str], given: tuple[str, str], gives: tuple[str, str]
) -> None:
    flow = "flow: f\nsteps:\n  - id: step\n" + "".join(f"    {line}\n" for line in step[1].splitlines())
    settings = dict(load_text(flow)[0].data["steps"][0])
    shape = Registry.discover().shapes[settings.pop("shape")]
    settings.pop("id")
    result = await run_shape(
        shape.model_validate(settings), [given[1].encode()], media_type=MEDIA_TYPES[given[0]]
    )
    assert result.error is None
    (out,) = result.payloads
    assert out.media_type == MEDIA_TYPES[gives[0]]
    if gives[0] == "json":
        assert encode(decode(out.data)) == encode(decode(gives[1]))
    else:
        assert out.data.decode() == gives[1]
