"""Templates hand values on untouched and spell them as JSON does."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from redrive.core.jsonvalue import encode
from redrive.core.template import Template, TemplateInvalid, compile_value, spell

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.decimals(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8"), max_size=8)
)
VALUES = st.recursive(
    SCALARS,
    lambda below: (
        st.lists(below, max_size=3)
        | st.dictionaries(st.text(st.characters(codec="utf-8"), max_size=3), below, max_size=3)
    ),
    max_leaves=8,
)
PLAIN = st.text(st.characters(codec="utf-8", exclude_characters="{\\"), max_size=10)


@given(VALUES)
def test_a_whole_template_gives_the_identical_value(value: Any) -> None:
    assert Template.parse("{{ vars.x }}").render({"vars": {"x": value}}) is value
    assert Template.parse("{{ payload }}").render({"payload": value}) is value


@given(PLAIN, VALUES, PLAIN)
def test_within_a_text_a_value_is_spelt(before: str, value: Any, after: str) -> None:
    text = before + "{{ vars.x }}" + after

    given_ = Template.parse(text).render({"vars": {"x": value}})

    if before or after:
        assert given_ == before + spell(value) + after
        if isinstance(value, dict | list | int | bool) and value is not None:
            assert spell(value) == encode(value).decode()


@given(VALUES)
def test_what_holds_no_braces_is_constant(value: Any) -> None:
    if "{{" in repr(value):
        return
    compiled = compile_value(value)

    assert compiled.constant
    assert compiled.render({}) is value


@given(st.text(st.characters(codec="utf-8"), max_size=20))
def test_any_text_can_be_written_literally(text: str) -> None:
    escaped = ""
    at = 0
    while (found := text.find("{{", at)) >= 0:
        head = text[at:found]
        slashes = len(head) - len(head.rstrip("\\"))
        escaped += head + "\\" * slashes + r"\{{"
        at = found + 2
    escaped += text[at:]

    assert Template.parse(escaped).render({}) == text


@given(st.text(alphabet="{} varspylod.x|()'\"[]0\\now-+days,", max_size=30))
def test_any_text_parses_or_is_refused_in_words(text: str) -> None:
    try:
        Template.parse("{{" + text)
    except TemplateInvalid as error:
        problem = str(error)
    else:
        return
    assert problem.startswith("the template {{")
