"""Templates: what they may hold, what they give, and what is said of wrong ones."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from redrive.core.template import (
    CONNECTOR_ROOTS,
    Template,
    TemplateInvalid,
    TemplateMissing,
    compile_value,
)

NOW = datetime(2026, 5, 4, 10, tzinfo=UTC)
SCOPE: dict[str, Any] = {
    "now": NOW,
    "vars": {
        "one": 1,
        "price": Decimal("1.10"),
        "none": None,
        "yes": True,
        "order-id": "A 1",
        "list": [1, {"a": "b"}],
    },
    "payload": {"orders": [{"id": 1}, {"id": 2}], "first name": "Ann"},
    "last_success": None,
}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("plain", "plain"),
        ("", ""),
        ("{{ vars.one }}", 1),
        ("{{vars.price}}", Decimal("1.10")),
        ("{{ vars.none }}", None),
        ("{{ vars.list }}", [1, {"a": "b"}]),
        ("{{ vars.order-id }}", "A 1"),
        ("{{ payload.orders[1].id }}", 2),
        ("{{ payload.orders.*.id }}", [1, 2]),
        ('{{ payload["first name"] }}', "Ann"),
        ("{{ now }}", NOW),
        ("{{ now - 2 days }}", datetime(2026, 5, 2, 10, tzinfo=UTC)),
        ("{{now+90 minutes}}", datetime(2026, 5, 4, 11, 30, tzinfo=UTC)),
        ("{{ now - 1 week }}", datetime(2026, 4, 27, 10, tzinfo=UTC)),
        ("{{ vars.x | default(5) }}", 5),
        ("{{ vars.x | default('a }} b') }}", "a }} b"),
        ('{{ vars.x|default("q\\"") }}', 'q"'),
        ('{{ vars.x | default([1, {"a": "]"}]) }}', [1, {"a": "]"}]),
        ("{{ vars.x | default(null) }}", None),
        ("{{ vars.x | default(-1.50) }}", Decimal("-1.50")),
        ("{{ vars.x | default(vars.one) }}", 1),
        ("{{ vars.none | default(2) }}", 2),
        ("{{ vars.one | default(2) }}", 1),
        ("{{ last_success | default(now - 7 days) }}", datetime(2026, 4, 27, 10, tzinfo=UTC)),
        ("n={{ vars.one }}, p={{ vars.price }}", "n=1, p=1.10"),
        (" {{ vars.one }}", " 1"),
        ("[{{ vars.none }}]", "[]"),
        ("{{ vars.yes }}!", "true!"),
        ("l={{ vars.list }}", 'l=[1,{"a":"b"}]'),
        ("since {{ now - 2 days }}", "since 2026-05-02T10:00:00Z"),
        ('{"a":{{ vars.one }}}', '{"a":1}'),
        (r"\{{ vars.one }}", "{{ vars.one }}"),
        (r"\\{{ vars.one }}", r"\1"),
        (r"a\b }} {", r"a\b }} {"),
    ],
)
def test_a_template_gives_its_value(text: str, value: Any) -> None:
    given = Template.parse(text).render(SCOPE)

    assert given == value
    assert type(given) is type(value)
    assert str(given) == str(value)


@pytest.mark.parametrize(
    ("text", "message", "nearest"),
    [
        ("{{ vasr.x }}", "reads 'vasr.x', which begins with no known root", "vars"),
        ("{{ with.x }}", "with exists in connector documents only", None),
        ("{{ connection.token }}", "connection exists in connector documents only", None),
        ("a {{ vars.x", "is not closed", None),
        ("{{ vars.x }", "'}' where it should end", None),
        ("{{}}", "is empty", None),
        ("{{ vars.x | upper }}", "uses 'upper' after |", None),
        ("{{ vars.x | default }}", "default without a value", None),
        ("{{ vars.x | default() }}", "does not hold a path", None),
        ("{{ vars.x | default(1) | default(2) }}", "default without a value, or two", None),
        ("{{ vars.x | default([1) }}", "has the default '[1) }'", None),
        ("{{ vars.x | default(1.2.3) }}", "has the default '1.2.3'", None),
        ("{{ vars.x | default(oops) }}", "begins with no known root", None),
        ("{{ vars.x + 1 }}", "has '+' where it should end", None),
        ("{{ now - 2 dayz }}", "uses the unit 'dayz'", "day"),
        ("{{ now + 999999999 weeks }}", "counts too far", None),
        ("{{ now.year }}", "now has no fields", None),
        ("{{ 'text' }}", "does not hold a path", None),
        ("{{ $.a }}", "begins with no known root", None),
    ],
)
def test_what_is_no_template_is_refused(text: str, message: str, nearest: str | None) -> None:
    with pytest.raises(TemplateInvalid) as caught:
        Template.parse(text)

    assert message in str(caught.value)
    assert caught.value.nearest == nearest
    assert caught.value.expected


def test_connector_documents_have_more_roots() -> None:
    template = Template.parse("{{ connection.base_url }}/{{ with.id }}", CONNECTOR_ROOTS)

    assert template.roots == {"connection", "with"}
    assert template.render({"connection": {"base_url": "http://x"}, "with": {"id": 5}}) == "http://x/5"


@pytest.mark.parametrize(
    "text", ["{{ vars.x }}", "a {{ vars.x }}", "{{ vars.one.x }}", "{{ payload.x.* }}", "{{ meta.x }}"]
)
def test_a_path_that_finds_nothing_is_named(text: str) -> None:
    with pytest.raises(TemplateMissing) as caught:
        Template.parse(text).render(SCOPE)

    assert caught.value.path in text


def test_a_whole_value_is_handed_on_untouched() -> None:
    raw = msgspec.Raw(b'{"total": 1.10}')
    scope = {"payload": raw}

    assert Template.parse("{{ payload }}").render(scope) is raw
    assert Template.parse("{{ payload }}\n").render(scope) == '{"total": 1.10}\n'
    assert Template.parse("{{ payload.total }}").render(scope) == Decimal("1.10")
    assert Template.parse("{{ payload | default(1) }}").render({"payload": msgspec.Raw(b"null")}) == 1


def test_a_root_is_computed_only_when_it_is_read() -> None:
    asked: list[str] = []

    class Lazy(Mapping[str, Any]):
        def __getitem__(self, name: str) -> Any:
            asked.append(name)
            return {"id": 5}

        def __iter__(self) -> Iterator[str]:
            return iter(("payload", "item"))

        def __len__(self) -> int:
            return 2

    assert Template.parse("{{ item.id }}").render(Lazy()) == 5
    assert asked == ["item"]


def test_any_value_is_compiled() -> None:
    source = {"query": {"id": "{{ vars.one }}", "page": 1}, "tags": ["a", "{{ vars.order-id }}"]}

    compiled = compile_value(source)

    assert compiled.render(SCOPE) == {"query": {"id": 1, "page": 1}, "tags": ["a", "A 1"]}
    assert (compiled.roots, compiled.constant, compiled.source) == ({"vars"}, False, source)


def test_a_value_without_templates_is_constant() -> None:
    source = {"a": [1, None, "text"], "b": {}}

    compiled = compile_value(source)

    assert compiled.constant
    assert compiled.render({}) is source
    assert compile_value([r"\{{"]).render({}) == ["{{"]


def test_the_place_of_a_wrong_template_is_named() -> None:
    with pytest.raises(TemplateInvalid) as caught:
        compile_value({"query": {"ids": [1, "{{ nope }}"]}})

    assert caught.value.setting == "query.ids[1]"
