"""A page for each shape, from its class: docstring, settings, examples."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import redrive.shapes
from redrive.sdk import Example, GatherShape, Shape, TreeShape
from redrive.sdk.shape import ShapeBase
from tools.pages.markdown import (
    Pages,
    as_json,
    as_yaml,
    code,
    definitions,
    links,
    page,
    properties,
    prose,
    table,
)


def pages() -> Pages:
    shapes = sorted(classes(), key=lambda shape: (shape.group, shape.kind))
    index = page(
        "# Shapes",
        "A step of a flow is a shape with settings. Every step also has the "
        "[attributes that all steps share](../flow-document.md).",
        table(
            ("shape", "group", "does"),
            [
                (f"[`{shape.kind}`]({shape.kind}.md)", shape.group, shape.help().partition("\n\n")[0])
                for shape in shapes
            ],
        ),
    )
    return {"shapes/index.md": index} | {f"shapes/{shape.kind}.md": _shape(shape) for shape in shapes}


def classes() -> Iterator[type[ShapeBase]]:
    """Every built-in shape. Shapes of other packages have pages of their own."""
    for info in pkgutil.iter_modules(redrive.shapes.__path__):
        importlib.import_module(f"redrive.shapes.{info.name}")
    seen = (
        list(Shape.__subclasses__()) + list(GatherShape.__subclasses__()) + list(TreeShape.__subclasses__())
    )
    while seen:
        shape = seen.pop()
        seen += shape.__subclasses__()
        if shape.kind and shape.__module__.startswith("redrive.shapes."):
            yield shape


def _shape(shape: type[ShapeBase]) -> str:
    schema = shape.model_json_schema()
    summary, _, rest = shape.help().partition("\n\n")
    facts = [f"Group: {shape.group}.", f"Version {shape.version}."]
    if shape.effects:
        facts.append("Has effects outside the run.")
    return page(
        f"# `{shape.kind}`",
        summary,
        prose(rest),
        " ".join(facts),
        "## Settings",
        properties(schema, links(schema, up="../")) or "None of its own.",
        definitions(schema, up="../"),
        "## Examples" if shape.examples else "",
        *(_example(shape.kind, example) for example in shape.examples),
    )


def _example(kind: str, example: Example) -> str:
    parts = [
        f"### {example.title[:1].upper()}{example.title[1:]}",
        as_yaml({"id": kind.replace("_", "-"), "shape": kind, **example.settings}),
    ]
    if example.meta:
        parts.append(f"Meta: `{as_json(dict(example.meta))}`")
    if example.variables:
        parts.append(f"Variables: `{as_json(dict(example.variables))}`")
    if example.items_path:
        parts.append(f"Items path: `{example.items_path}`")
    parts.append(f"In{_count(example.given)}:\n\n{_payloads(example.given)}")
    if isinstance(example.gives, Mapping):
        for path, payloads in example.gives.items():
            where = f"Down `{path}`" if path else "Down no path"
            parts.append(f"{where}{_count(payloads)}:\n\n{_payloads(payloads)}")
    elif example.gives is not None:
        gives = _payloads(example.gives) if example.gives else "nothing."
        parts.append(f"Out{_count(example.gives)}:\n\n{gives}")
    if example.gives_variables:
        parts.append(f"Variables afterwards: `{as_json(dict(example.gives_variables))}`")
    if example.gives_meta:
        parts.append(
            "Meta afterwards: " + ", ".join(f"`{as_json(dict(meta))}`" for meta in example.gives_meta)
        )
    if example.fails:
        parts.append(f"Fails with `{example.fails}`.")
    return "\n\n".join(parts)


def _count(payloads: Sequence[Any]) -> str:
    return f", {len(payloads)} payloads" if len(payloads) > 1 else ""


def _payloads(payloads: Any) -> str:
    texts = [one.decode(errors="replace") if isinstance(one, bytes) else as_json(one) for one in payloads]
    return code("\n".join(texts), "json" if not any(isinstance(one, bytes) for one in payloads) else "")
