"""Filling in the templates of a step's settings, by the step's rule for what finds nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from redrive.core.conditions import Condition
from redrive.core.functions import Functions
from redrive.core.items import Item
from redrive.core.jsonvalue import MISSING, decode
from redrive.core.template import Lenient, Templated, TemplateMissing
from redrive.errors import PayloadError
from redrive.sdk.reading import unreadable

Missing = Literal["error", "empty", "skip_item"]


def missing_error(where: str, setting: str, error: TemplateMissing) -> PayloadError:
    """The error of a template that finds nothing where that is not allowed."""
    return PayloadError(
        f"{where}: the template of {setting} finds nothing at {error.path}",
        code="template.missing",
        at=setting,
        hint="Give it a default, as in {{ item.name | default('') }}, or set missing to empty or skip_item.",
    )


def render(templated: Templated, scope: Mapping[str, Any], missing: Missing, *, where: str, at: str) -> Any:
    """The value with its templates filled in; MISSING where one finds nothing and `missing` is
    `skip_item`: the caller then leaves out what the value was for.

    With `empty` a template that finds nothing gives null, and nothing at all within a longer text.
    `where` names payload and item in messages, `at` the setting.
    Errors: `template.missing` where `missing` is `error`; `template.failed` (a date out of bounds).
    """
    try:
        return templated.render(Lenient(scope) if missing == "empty" else scope)
    except TemplateMissing as error:
        if missing == "skip_item":
            return MISSING
        raise missing_error(where, at, error) from None
    except ValueError as error:
        raise PayloadError(
            f"{where}: the template of {at} fails: {error}", code="template.failed", at=at
        ) from None


def apply(
    functions: Functions, value: Any, scope: Mapping[str, Any], missing: Missing, *, where: str, at: str
) -> Any:
    """`value` after transforms, whose arguments may be templates: as `render` in all else.

    Errors: `template.missing`; `transform.failed` where a transform cannot work on the value.
    """
    try:
        return functions.apply(value, Lenient(scope) if missing == "empty" else scope)
    except TemplateMissing as error:
        if missing == "skip_item":
            return MISSING
        raise missing_error(where, at, error) from None
    except (ValueError, ArithmeticError) as error:
        raise PayloadError(
            f"{where}, {at}: {error}",
            code="transform.failed",
            at=at,
            hint="Edit the value, or put a default or cast before the transform.",
        ) from None


class ItemTest:
    """A condition of a step, tested on items by the step's rule for templates that find nothing.

    With `skip_item` the answer is None where one does: the item is to be left out.
    """

    def __init__(
        self, condition: Condition, scope: Mapping[str, Any], missing: Missing, *, setting: str
    ) -> None:
        self._condition = condition
        self._roots: dict[str, Any] = dict(scope)
        self._scope: Mapping[str, Any] = Lenient(self._roots) if missing == "empty" else self._roots
        self._missing = missing
        self._setting = setting
        self._reads_item = "item" in condition.roots

    def of(self, item: Item) -> bool | None:
        """Errors: `template.missing`, `payload.invalid` (the item is not JSON)."""
        try:
            if self._reads_item:
                self._roots["item"] = decode(item.raw)
            return self._condition.test(item.raw, self._scope)
        except TemplateMissing as error:
            if self._missing == "skip_item":
                return None
            raise missing_error(f"payload {item.payload}, item {item.number}", self._setting, error) from None
        except ValueError as error:
            raise unreadable(item, error) from None

    def matching(self, items: Sequence[Item], wanted: bool) -> list[Item]:
        """The items for which the answer is `wanted`. Errors: as `of`."""
        if not self._reads_item:
            test, scope = self._condition.test, self._scope
            try:
                return [item for item in items if test(item.raw, scope) is wanted]
            except (TemplateMissing, ValueError):
                pass  # once more, item by item: which one it was decides what follows
        return [item for item in items if self.of(item) is wanted]

    def explain(self, item: Item) -> str:
        """Which comparisons do not hold for an item, values trimmed; for a person."""
        compared = self._condition.explain(item.raw, self._scope)
        failing = [one for one in compared if not one.held] or compared
        return ", ".join(
            f"{one.field} {one.operator} {one.expected} (found {one.actual or one.kind})"
            for one in failing[:3]
        )
