"""The pages of paths, templates, conditions and transforms, from their own descriptions.

What the examples give is computed when the pages are made: an example that is wrong cannot be written.
"""

from __future__ import annotations

import inspect
import re
from datetime import UTC, datetime
from types import ModuleType
from typing import Any

from redrive.core import conditions, paths, template
from redrive.core.conditions import Condition
from redrive.core.functions import FUNCTIONS, Function, Functions
from redrive.core.jsonvalue import MISSING, decode, encode
from redrive.core.operators import OPERATORS
from redrive.core.paths import Path
from redrive.core.template import FLOW_ROOTS, compile_value, spell
from redrive.sdk.context import RunInfo
from tools.pages.markdown import Pages, code, literal, page, table

_ORDER = decode(
    '{"id": 1042, "total": 19.90, "customer": {"email": "a@example.com", "phone": null},'
    ' "tags": ["vip", "web"], "created_at": "2026-11-01T08:30:00Z",'
    ' "line_items": [{"sku": "PAN-1", "quantity": 2}, {"sku": "POT-3", "quantity": 1}]}'
)
_NOW = datetime(2026, 11, 2, 12, tzinfo=UTC)
_SCOPE = {
    "payload": [_ORDER],
    "item": _ORDER,
    "meta": {"shop": "uk"},
    "vars": {"order_id": "", "limit": 100},
    "run": {"id": "r0cn9ppwb70g0c", "flow": "orders-to-erp", "version": 3},
    "now": _NOW,
}

_PATHS = (
    "customer.email",
    "line_items[0].sku",
    "line_items[-1].sku",
    "line_items.*.sku",
    "tags[]",
    '["total"]',
    "customer.fax",
    "$.line_items[?@.quantity > 1].sku",
)
_TEMPLATES: tuple[Any, ...] = (
    "{{ item.id }}",
    "order {{ item.id }} of {{ meta.shop }}",
    "{{ item.total }}",
    "{{ payload.*.id }}",
    "{{ item.customer.fax | default('none') }}",
    "{{ vars.since | default(now - 2 days) }}",
    "{{ now }}",
    {"limit": "{{ vars.limit }}", "ids": ["{{ item.id }}"]},
    "{{ vars.order_id }}",
    r"\{{ not a template }}",
)
_CONDITIONS: tuple[Any, ...] = (
    {"field": "id", "is": "1042"},
    {"field": "total", "gte": 19.9, "lt": 20},
    {"field": "tags", "contains": "vip"},
    {"field": "line_items.*.sku", "starts": "POT"},
    {"field": "customer.phone", "exists": True},
    {"field": "customer.fax", "is_not": "1"},
    {"not": {"field": "customer.fax", "is": "1"}},
    {"all": [{"field": "id", "in": "1041, 1042"}, {"field": "customer.email", "ends": "@example.com"}]},
    {"field": "created_at", "after": {"ago": {"days": 2}}},
    {"field": "created_at", "within": {"from": "2026-10-01", "to": "2026-10-31"}},
)


def pages() -> Pages:
    return {
        "paths.md": _paths(),
        "templates.md": _templates(),
        "conditions.md": _conditions(),
        "transforms.md": _transforms(),
    }


def _paths() -> str:
    return page(
        "# Paths",
        "A path names values inside a JSON document.",
        _described(paths),
        "In conditions, `map` and `key` they are relative to the item; in [templates](templates.md) they "
        "begin "
        "with a root.",
        "## Examples",
        _order(),
        table(
            ("path", "finds"),
            [
                (f"`{text}`", ", ".join(map(_value, Path.parse(text).find(_ORDER))) or "nothing")
                for text in _PATHS
            ],
        ),
    )


def _templates() -> str:
    return page(
        "# Templates",
        "A template is a text with `{{ … }}` in it, in the settings of steps and in connector documents.",
        _described(template),
        "What a path that finds nothing does: an error, unless the step says `missing: empty` (null) or "
        "`missing: skip_item`. A query parameter or header whose template gives null or the empty text is "
        "left out.",
        "## Roots",
        table(
            ("root", "is", "where"),
            [
                (f"`{name}`", _ROOTS[name], "flows, connectors" if name in FLOW_ROOTS else "connectors only")
                for name in template.CONNECTOR_ROOTS
            ],
        ),
        "## Examples",
        _order("With the order below as item, `meta.shop` `uk`, `vars.limit` 100, `vars.order_id` empty:"),
        table(
            ("written", "gives"),
            [(_value(written), _rendered(compile_value(written).render(_SCOPE))) for written in _TEMPLATES],
        ),
    )


_ROOTS = {
    "payload": "the payload's content, decoded",
    "item": "the item, where a step works item by item",
    "meta": "the meta of the payload",
    "vars": "the flow's variables",
    "run": f"the run: {', '.join(f'`{name}`' for name in RunInfo.__struct_fields__)}",
    "now": "the run's clock",
    "last_success": "the clock of the flow's latest successful ordinary run",
    "with": "what the step hands to the endpoint",
    "connection": "settings and secrets of the connection",
    "response": "the answer, where one is read",
    "page": "the page that is asked for: `number`, `offset`, `token`",
}


def _conditions() -> str:
    return page(
        "# Conditions",
        "A condition says of an item whether it holds. `filter`, `assert` and the response rules of "
        "connectors "
        "decide by conditions.",
        _described(conditions),
        "## Operators",
        table(
            ("operator", "value", "holds for"),
            [(f"`{one.name}`", one.expects, one.help) for one in OPERATORS.values()],
        ),
        "## Examples",
        _order(f"For this item, in a run whose clock stands at {spell(_NOW)}:"),
        table(
            ("condition", "holds"),
            [
                (_value(one), "yes" if Condition.parse(one).test(encode(_ORDER), _SCOPE) else "no")
                for one in _CONDITIONS
            ],
        ),
    )


def _transforms() -> str:
    groups: dict[str, list[Function]] = {}
    for function in FUNCTIONS.values():
        groups.setdefault(function.group, []).append(function)
    parts = []
    for group, functions in groups.items():
        parts.append(f"## {group.capitalize()}")
        parts += [_function(function) for function in functions]
    return page(
        "# Transforms",
        "What `do` of a field of [`map`](shapes/map.md) applies to its value, one after the other:",
        code("do: [trim, {case: upper}, {round: {decimals: 2, half: even}}]", "yaml"),
        "A function alone is its name; with one argument, a mapping from its name to that; with several, "
        "to a mapping "
        "of arguments. Arguments may be [templates](templates.md). Null and missing values pass by "
        "unchanged, "
        "unless the function says otherwise. A value that a function cannot take fails the payload with "
        "`transform.failed`.",
        *parts,
    )


def _function(function: Function) -> str:
    parts = [f"### {function.name}", function.help]
    if function.nulls:
        parts.append("It is applied to null and missing values too.")
    if function.arguments:
        parts.append(
            table(
                ("argument", "type", "default", "meaning"),
                [
                    (
                        f"`{one.name}`",
                        " or ".join(f"`{choice}`" for choice in one.choices)
                        or _KINDS.get(one.kind, one.kind),
                        "required"
                        if one.default is MISSING
                        else ""
                        if one.default is None
                        else literal(one.default),
                        one.help,
                    )
                    for one in function.arguments
                ],
            )
        )
    if function.examples:
        parts.append(
            table(
                ("do", "value", "gives"),
                [(_value(one.do), _value(one.given), _gives(one.do, one.given)) for one in function.examples],
            )
        )
    return "\n\n".join(parts)


_KINDS = {
    "integer": "whole number",
    "boolean": "true or false",
    "any": "any value",
    "pattern": "regular expression",
    "timezone": "time zone",
    "form": "date format",
    "offset": "map such as `{days: 2}`",
    "relative": "`{ago: {days: 2}}` or `{in: {hours: 3}}`",
}


def _gives(do: Any, given: Any) -> str:
    try:
        return _value(Functions.parse([do] if not isinstance(do, list) else do).apply(given, _SCOPE))
    except ValueError as error:
        return f"fails: {error}"


def _described(module: ModuleType) -> str:
    """The module's docstring without its first sentence (the page has its own) and names of our modules."""
    _, _, text = inspect.cleandoc(module.__doc__ or "").partition("\n\n")
    return re.sub(r"\s*\(see `core\.\w+`\)", "", _blocks_apart(text))


def _blocks_apart(text: str) -> str:
    """An empty line before each list, which Markdown needs to see one."""
    lines: list[str] = []
    for line in text.splitlines():
        starts = line.startswith("- ") and lines and lines[-1] and not lines[-1].startswith(("- ", "  "))
        lines += ["", line] if starts else [line]
    return "\n".join(lines)


def _order(intro: str = "In this document:") -> str:
    return f"{intro}\n\n{code(_indented(_ORDER), 'json')}"


def _indented(value: Any) -> str:
    import msgspec

    return msgspec.json.format(encode(value), indent=2).decode()


def _value(value: Any) -> str:
    if value is MISSING:
        return "nothing"
    return f"`{encode(value).decode()}`"


def _rendered(value: Any) -> str:
    return f"`{spell(value)}`" if isinstance(value, datetime) else _value(value)
