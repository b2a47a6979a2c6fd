"""Functions: their own examples, what passes by them, and what is said of wrong ones."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, ClassVar

import jsonschema_rs
import pytest

from redrive.core.functions import (
    FUNCTIONS,
    Example,
    Function,
    FunctionInvalid,
    Functions,
    as_script,
    functions_schema,
)
from redrive.core.jsonvalue import MISSING
from redrive.core.matching import number_of, pick
from redrive.core.template import TemplateMissing
from redrive.sandbox import Sandbox, Script


class Rows:
    """What the examples look up."""

    ROWS: ClassVar = [("GB", "United Kingdom"), ("FR", "France"), ("FRX", "elsewhere in France")]

    def lookup(self, table: str, direction: str, match: str, value: str) -> str | None:
        assert table == "countries"
        pairs = self.ROWS if direction == "forward" else [(target, source) for source, target in self.ROWS]
        rows: dict[int, list[tuple[str, str]]] = {}
        for compared, given in pairs:
            rows.setdefault(number_of(compared), []).append((compared, given))
        return pick(value, match, rows)

    def cached(self, cache: str, scope: str, entry: str, at: str) -> Any:
        assert (cache, scope) == ("stock", "flow")
        document = {"sku": entry, "free": 12}
        if entry != "MUG-BLU-350":
            return MISSING
        return document[at] if at else document

    def scripted(self, code: str, value: Any) -> Any:
        async def run() -> Any:
            async with (
                Sandbox(processes=1) as sandbox,
                sandbox.open(Script(as_script(code)[0]), now=SCOPE["now"]) as session,
            ):
                return await session.run([value])

        return asyncio.run(run())


SCOPE: dict[str, Any] = {
    "now": datetime(2026, 5, 4, 10, tzinfo=UTC),
    "references": Rows(),
    "vars": {"prefix": "X-", "length": 4, "n": None},
}
EXAMPLES = [(function, example) for function in FUNCTIONS.values() for example in function.examples]


@pytest.mark.parametrize(
    ("function", "example"), EXAMPLES, ids=lambda one: str(getattr(one, "name", "")) or str(one.do)
)
def test_the_examples_are_true(function: Function, example: Example) -> None:
    functions = Functions.parse([example.do])

    if example.fails is not None:
        with pytest.raises(ValueError) as caught:  # noqa: PT011 - the text is compared below
            functions.apply(example.given, SCOPE)
        assert example.fails in str(caught.value)
        assert str(caught.value).startswith(f"{function.name}: ")
        return
    given = functions.apply(example.given, SCOPE)
    assert (given, type(given), str(given)) == (example.gives, type(example.gives), str(example.gives))


def test_every_function_is_described() -> None:
    for name, function in FUNCTIONS.items():
        assert name == function.name
        assert function.help.endswith(".")
        assert function.examples
        assert function.group
        assert all(argument.help.endswith(".") for argument in function.arguments)


@pytest.mark.parametrize("name", [name for name, function in FUNCTIONS.items() if not function.nulls])
def test_null_and_missing_pass_by(name: str) -> None:
    entry = next(example.do for example in FUNCTIONS[name].examples)

    assert Functions.parse([entry]).apply(None, SCOPE) is None
    assert Functions.parse([entry]).apply(MISSING, SCOPE) is MISSING


@pytest.mark.parametrize(
    ("do", "given", "gives"),
    [
        ([], 5, 5),
        (["trim", {"case": "upper"}, {"prefix": "SO-"}], " a ", "SO-A"),
        ([{"prefix": "{{ vars.prefix }}"}, {"pad": {"to": "{{ vars.length }}"}}], 1, " X-1"),
        (["first", {"default": "none"}], [], "none"),
        ([{"default": None}], MISSING, None),
        ([{"default": {"value": {"a": 1}}}], None, {"a": 1}),
        ([{"trim": None}], " a ", "a"),
        ([{"each": [{"multiply": 2}]}, {"join": "+"}], [1, Decimal("1.10")], "2+2.20"),
        ([{"each": ["first"]}], [[1], [], [2]], [1, 2]),
        ([{"add": 1}], 10**40, 10**40 + 1),
        (
            [{"multiply": Decimal("0.01")}],
            123456789012345678901234567890,
            Decimal("1234567890123456789012345678.90"),
        ),
        ([{"divide": 3}], 1, Decimal("0.3333333333333333333333333333")),
        ([{"round": {"decimals": 2, "half": "even"}}], Decimal("2.665"), Decimal("2.66")),
        ([{"round": 2}], 5, Decimal("5.00")),
        ([{"case": "title"}], "ÉLAN vital", "Élan Vital"),
        ([{"cast": "number"}], "0042", 42),
        ([{"cast": "string"}], [1, {"a": None}], '[1,{"a":null}]'),
        ([{"cast": "boolean"}], Decimal("1.0"), True),
        ([{"unique": None}], [{"a": 1}, {"a": Decimal("1.0")}], [{"a": 1}]),
    ],
)
def test_functions_are_applied_in_order(do: Any, given: Any, gives: Any) -> None:
    result = Functions.parse(do).apply(given, SCOPE)

    assert result == gives
    assert type(result) is type(gives)


@pytest.mark.parametrize(
    ("do", "setting", "message", "nearest"),
    [
        ("trim", "", "text is not a list of functions", None),
        ([5], "[0]", "a number is not a function", None),
        ([{"trim": {}, "case": "upper"}], "[0]", "an object of 2 names is not a function", None),
        (["trm"], "[0]", "unknown function 'trm'", "trim"),
        (["upper"], "[0]", "unknown function 'upper'", "case"),
        (["trim", "case"], "[1].case", "case needs to", None),
        ([{"case": "uper"}], "[0].case.to", "to is 'uper'", "upper"),
        ([{"round": {"decimal": 1}}], "[0].round.decimal", "round has no argument 'decimal'", "decimals"),
        ([{"round": "x"}], "[0].round.decimals", "decimals is not a whole number", None),
        ([{"round": Decimal("1E+99999999")}], "[0].round.decimals", "not a whole number", None),
        ([{"round": 1000}], "[0].round.decimals", "decimals is too large", None),
        ([{"pad": {"to": -1}}], "[0].pad.to", "to is too small", None),
        ([{"floor": 1}], "[0].floor", "floor takes no argument", None),
        ([{"floor": {"to": 1}}], "[0].floor.to", "floor has no argument 'to'", None),
        ([{"split": {"by": ",", "trim": "maybe"}}], "[0].split.trim", "trim is text", None),
        ([{"prefix": [1]}], "[0].prefix.text", "text is a list", None),
        ([{"add": "x"}], "[0].add.number", "number is not a number", None),
        ([{"replace_pattern": "(a+)+"}], "[0].replace_pattern.pattern", "may take for ever", None),
        ([{"date_format": "foo"}], "[0].date_format.to", "holds no part of a date", None),
        (
            [{"date_round": {"to": "day", "timezone": "Mars"}}],
            "[0].date_round.timezone",
            "no time zone 'Mars'",
            None,
        ),
        ([{"date_shift": {"dayz": 1}}], "[0].date_shift", "unknown unit 'dayz'", None),
        ([{"date_relative": {"days": 1}}], "[0].date_relative", "names no relative date", None),
        ([{"prefix": "{{ nope }}"}], "[0].prefix", "no known root", None),
        ([{"each": [{"each": ["trm"]}]}], "[0].each[0].each[0]", "unknown function", "trim"),
        ([{"each": "trim"}], "[0].each", "text is not a list of functions", None),
    ],
)
def test_what_is_no_function_is_refused(do: Any, setting: str, message: str, nearest: str | None) -> None:
    with pytest.raises(FunctionInvalid) as caught:
        Functions.parse(do)

    assert message in str(caught.value)
    assert (caught.value.setting, caught.value.nearest) == (setting, nearest)


@pytest.mark.parametrize(
    ("do", "given", "message"),
    [
        ([{"multiply": Decimal("1E+900")}], Decimal("1E+900"), "more than 1000 digits"),
        ([{"add": 1}], Decimal("1E+999999"), "more than 1000 digits"),
        (["floor"], Decimal("1E+999999999"), "more than 1000 digits"),
        ([{"cast": "integer"}], Decimal("1E+999999999"), "beyond all bounds"),
        ([{"divide": Decimal("1E-900")}], Decimal("1E+900"), "beyond all bounds"),
        ([{"modulo": 7}], Decimal("1E+999999"), "digits"),
        ([{"replace_pattern": {"pattern": "a", "put": "\\3"}}], "a", "names a group"),
        ([{"replace": ""}], "a", "the text to find is empty"),
        ([{"pad": {"to": 3, "fill": "ab"}}], "a", "fill is not one character"),
        ([{"date_shift": {"weeks": 100000}}], "9000-01-01", "outside the years"),
        ([{"pad": "{{ vars.prefix }}"}], "a", "to is not a whole number"),
        (["trim"], {"secret": "x"}, "the value is an object; a text is needed"),
    ],
)
def test_what_a_function_cannot_take_is_an_error(do: Any, given: Any, message: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the text is compared below
        Functions.parse(do).apply(given, SCOPE)

    assert message in str(caught.value)


def test_an_argument_whose_template_finds_nothing_is_missing() -> None:
    with pytest.raises(TemplateMissing):
        Functions.parse([{"prefix": "{{ vars.nothing }}"}]).apply("a", SCOPE)


def test_roots_are_told() -> None:
    functions = Functions.parse(
        [{"prefix": "{{ vars.p }}"}, {"each": [{"date_relative": {"ago": {"days": 1}}}]}]
    )

    assert functions.roots == {"vars", "now"}


def test_the_schema_takes_what_is_taken() -> None:
    validator = jsonschema_rs.validator_for(functions_schema())

    for function, example in EXAMPLES:
        document = [float(one) if isinstance(one, Decimal) else one for one in [example.do]]
        if isinstance(example.do, dict):
            document = [
                {name: float(one) if isinstance(one, Decimal) else one for name, one in example.do.items()}
            ]
        assert validator.is_valid(document), function.name
    for wrong in (
        ["nope"],
        ["case"],
        [{"case": {"too": 1}}],
        [{"case": "uper"}],
        [{"a": 1, "b": 2}],
        {"case": "upper"},
    ):
        assert not validator.is_valid(wrong)
