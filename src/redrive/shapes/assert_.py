"""Fail unless a payload is what it should be."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from itertools import zip_longest
from typing import Annotated, Any, Literal, NoReturn, Self

import jsonschema_rs
from pydantic import AfterValidator, ConfigDict, model_validator

from redrive.errors import PayloadError
from redrive.sdk import (
    ConditionField,
    Example,
    Field,
    Item,
    ItemTest,
    Out,
    Payload,
    Shape,
    StepContext,
    decode,
    encode,
    unreadable,
)

MAX_DIFFERENCES = 10
MAX_VALUE_CHARACTERS = 80
MAX_MESSAGE_CHARACTERS = 160
MAX_POINTER_CHARACTERS = 200

Difference = tuple[str, str]
"""JSON Pointer and what is wrong there."""


def _valid_schema(schema: Any) -> Any:
    outside: list[str] = []
    try:
        _validator(schema, outside)
    except (jsonschema_rs.ValidationError, jsonschema_rs.ReferencingError, ValueError) as error:
        if outside:
            raise ValueError(f"the schema refers to {outside[0]}; put that under its $defs") from None
        raise ValueError(f"not a JSON Schema: {_trimmed(str(error), MAX_MESSAGE_CHARACTERS)}") from None
    return schema


def _validator(schema: Any, outside: list[str]) -> Any:
    """A validator that fetches nothing; what it would have fetched is put into `outside`."""

    def refuse(uri: str) -> NoReturn:
        outside.append(uri)
        raise ValueError(f"{uri} is not in the schema")

    return jsonschema_rs.validator_for(schema, mask="value", retriever=refuse)


class Assert(Shape, kind="assert", version=1, group="checks"):
    """Fail a payload unless it equals, contains or matches what is expected; else pass it on.

    Several expectations must all hold. Numbers compare by value (19.9 equals 19.90); `contains`
    looks for the expected members of objects and elements of lists at any place of a list, and
    for a part of a text. A payload of another format (CSV, XML, text) can be compared with a text.

    In: a JSON payload, at most 64 MiB where it is looked at as a whole; a payload of JSON items (JSON
    or NDJSON) where each item is; text of any format for equals and contains with a text.
    Out: the same payload.
    Errors: `assert.failed` with the first ten differences, each with its JSON Pointer and both
    values (at most 80 characters; of a text its first line that differs); `payload.invalid` if it is
    not JSON, or nested too deeply to compare; never retried.
    """

    model_config = ConfigDict(protected_namespaces=())

    equals: Any = Field(None, help="The value that is expected, compared as a whole.")
    contains: Any = Field(None, help="A part that must be there.")
    schema_: Annotated[dict[str, Any] | bool, AfterValidator(_valid_schema)] | None = Field(
        None, alias="schema", help="A JSON Schema; it may only refer to itself."
    )
    conditions: ConditionField | None = Field(None, help="A condition, as in filter, that must hold.")
    on: Literal["payload", "item"] | None = Field(
        None,
        help="What is looked at: the whole payload or each item. Unless set: the payload by equals, "
        "contains and schema, each item by conditions.",
    )

    examples = (
        Example("equals", {"equals": [{"id": 1}]}, given=[[{"id": 1}]], gives=[[{"id": 1}]]),
        Example("differs", {"equals": {"id": 1}}, given=[{"id": 2}], fails="assert.failed"),
        Example(
            "contains",
            {"contains": [{"id": 2}]},
            given=[[{"id": 1}, {"id": 2, "total": 5}]],
            gives=[[{"id": 1}, {"id": 2, "total": 5}]],
        ),
        Example(
            "a schema for each item",
            {"schema": {"type": "object", "required": ["id"]}, "on": "item"},
            given=[[{"id": 1}, {"name": "x"}]],
            fails="assert.failed",
        ),
        Example(
            "a text that is not JSON",
            {"contains": "<status>ok</status>"},
            given=[b"<answer><status>failed</status></answer>"],
            media_type="application/xml",
            fails="assert.failed",
        ),
        Example(
            "conditions on each item",
            {"conditions": {"field": "total", "gt": 0}},
            given=[[{"total": 1}, {"total": 2}]],
            gives=[[{"total": 1}, {"total": 2}]],
        ),
    )

    @model_validator(mode="after")
    def _something_to_check(self) -> Self:
        if not self.model_fields_set & {"equals", "contains", "schema_", "conditions"}:
            raise ValueError("nothing to check; expected equals, contains, schema or conditions")
        return self

    @property
    def separable(self) -> bool:
        return True

    async def run(self, payload: Payload, ctx: StepContext) -> AsyncIterator[Out]:
        try:
            await self._check(payload, ctx)
        except RecursionError:
            raise PayloadError(f"payload {payload.position} is nested too deeply to compare") from None
        yield Out(content=payload.content, like=payload)

    async def _check(self, payload: Payload, ctx: StepContext) -> None:
        checks = self._value_checks()
        on_payload = checks if self.on != "item" else []
        on_item = checks if self.on == "item" else []
        found = _Differences()
        test = await self._item_test(payload, ctx)
        if on_payload or (test is not None and self.on == "payload"):
            value = await self._whole(payload)
            found.add("", (one for check in on_payload for one in check(value)))
            if test is not None and self.on == "payload":
                whole = Item(await payload.content.read() or b"null", payload.position, 0)
                found.add("", _condition_fails(test, whole))
        if on_item or (test is not None and self.on != "payload"):
            async for items in payload.json_chunks():
                for item in items:
                    where = f"item {item.number} "
                    if test is not None:
                        found.add(where, _condition_fails(test, item))
                    if on_item:
                        value = _decoded(item)
                        found.add(where, (one for check in on_item for one in check(value)))
                if found.full:
                    break
        found.fail(payload)

    async def _item_test(self, payload: Payload, ctx: StepContext) -> ItemTest | None:
        if self.conditions is None:
            return None
        whole = await payload.value() if "payload" in self.conditions.roots else None
        return ItemTest(self.conditions, ctx.scope(payload, whole), ctx.missing, setting="conditions")

    async def _whole(self, payload: Payload) -> Any:
        if payload.size_bytes and not payload.is_json and not self._compares_text:
            raise PayloadError(
                f"payload {payload.position} is {payload.media_type}; as a whole, assert looks at JSON only, "
                "or compares with a text",
                hint="Put a convert step to json before this one, or set on: item.",
            )
        return await payload.value()

    @property
    def _compares_text(self) -> bool:
        given = [getattr(self, name) for name in ("equals", "contains") if name in self.model_fields_set]
        return self.schema_ is None and self.conditions is None and all(isinstance(one, str) for one in given)

    def _value_checks(self) -> list[Callable[[Any], Iterator[Difference]]]:
        checks: list[Callable[[Any], Iterator[Difference]]] = []
        if "equals" in self.model_fields_set:
            expected = _plain(self.equals)
            checks.append(lambda found: differences(expected, found))
        if "contains" in self.model_fields_set:
            part = _plain(self.contains)
            checks.append(lambda found: lacks(part, found))
        if self.schema_ is not None:
            validator = _validator(self.schema_, [])
            checks.append(lambda found: _schema_errors(validator, found))
        return checks


class _Differences:
    """The first differences, counted no further than one more than are shown."""

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._at: str | None = None
        self.full = False

    def add(self, where: str, differences: Iterable[Difference]) -> None:
        for pointer, text in differences:
            if len(self._lines) == MAX_DIFFERENCES:
                self.full = True
                return
            if not self._lines:
                self._at = pointer
            place = f"{where}{_ending(pointer)}".strip() or "the payload"
            self._lines.append(f"{place}: {text}")

    def fail(self, payload: Payload) -> None:
        if self._lines:
            more = "; and more" if self.full else ""
            raise PayloadError(
                f"payload {payload.position} is not as expected: {'; '.join(self._lines)}{more}",
                code="assert.failed",
                at=self._at if self._at and len(self._at) <= MAX_POINTER_CHARACTERS else None,
                hint="Mend what comes in, or the expectation in the flow.",
            )


def differences(expected: Any, found: Any, pointer: str = "") -> Iterator[Difference]:
    """Where two JSON values differ."""
    if isinstance(expected, dict) and isinstance(found, dict):
        for name, value in expected.items():
            below = f"{pointer}/{_escaped(name)}"
            if name in found:
                yield from differences(value, found[name], below)
            else:
                yield below, f"expected {_shown(value)}, found nothing"
        for name in found:
            if name not in expected:
                yield f"{pointer}/{_escaped(name)}", f"expected nothing, found {_shown(found[name])}"
    elif isinstance(expected, list) and isinstance(found, list):
        for number, (one, other) in enumerate(zip(expected, found, strict=False)):
            yield from differences(one, other, f"{pointer}/{number}")
        if len(expected) != len(found):
            yield pointer, f"expected {len(expected)} elements, found {len(found)}"
    elif not _same_scalar(expected, found):
        yield pointer, _line_that_differs(expected, found)


def _line_that_differs(expected: Any, found: Any) -> str:
    """Two values, or of two texts of several lines the first that is another."""
    if not (isinstance(expected, str) and isinstance(found, str) and "\n" in expected + found):
        return f"expected {_shown(expected)}, found {_shown(found)}"
    lines = zip_longest(expected.split("\n"), found.split("\n"))
    for number, (one, other) in enumerate(lines, 1):
        if one != other:
            shown = ["no such line" if line is None else _shown(line) for line in (one, other)]
            return f"line {number}: expected {shown[0]}, found {shown[1]}"
    raise AssertionError("the texts are equal")


def lacks(expected: Any, found: Any, pointer: str = "") -> Iterator[Difference]:
    """What of `expected` is not contained in `found`."""
    if isinstance(expected, dict) and isinstance(found, dict):
        for name, value in expected.items():
            below = f"{pointer}/{_escaped(name)}"
            if name in found:
                yield from lacks(value, found[name], below)
            else:
                yield below, f"expected {_shown(value)}, found nothing"
    elif isinstance(found, list):
        for value in expected if isinstance(expected, list) else [expected]:
            if not any(next(lacks(value, one), None) is None for one in found):
                yield pointer, f"no element contains {_shown(value)}"
    elif isinstance(expected, str) and isinstance(found, str):
        if expected not in found:
            yield pointer, f"expected a text with {_shown(expected)}, found {_shown(found)}"
    elif not _same_scalar(expected, found):
        yield pointer, f"expected {_shown(expected)}, found {_shown(found)}"


def _condition_fails(test: ItemTest, item: Item) -> Iterator[Difference]:
    """An item that `missing: skip_item` leaves out is not tested."""
    if test.of(item) is False:
        yield "", f"the conditions do not hold: {test.explain(item)}"


def _decoded(item: Item) -> Any:
    try:
        return decode(item.raw)
    except ValueError as error:
        raise unreadable(item, error) from None


def _schema_errors(validator: Any, found: Any) -> Iterator[Difference]:
    for error in validator.iter_errors(found):
        pointer = "".join(f"/{_escaped(str(part))}" for part in error.instance_path)
        message = _trimmed(error.message, MAX_MESSAGE_CHARACTERS)
        yield pointer, f"{message} (found {_shown(error.instance)})"


def _same_scalar(one: Any, other: Any) -> bool:
    if isinstance(one, bool) or isinstance(other, bool):  # in Python, True == 1
        return one is other
    return bool(one == other)


def _plain(value: Any) -> Any:
    """As it would come out of a payload: a float of the document becomes a Decimal."""
    return decode(encode(value))


def _shown(value: Any) -> str:
    return _trimmed(encode(value).decode(), MAX_VALUE_CHARACTERS)


def _ending(pointer: str) -> str:
    """The last part of a long pointer, which tells more than the first."""
    most = MAX_POINTER_CHARACTERS
    return pointer if len(pointer) <= most else "…" + pointer[1 - most :]


def _trimmed(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"


def _escaped(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")
