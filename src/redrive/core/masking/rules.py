"""Masking rules: fields by their names, values by patterns.

A field is named from its end: `email` is that field wherever it stands, `customer.email` only directly in a
`customer`. Lists do not count, `*` stands for any part of a name, case does not matter. So a rule holds for
a page, its items, the request and the answer alike, whatever is wrapped around them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Final

import msgspec

from redrive.core.patterns import Pattern, compile_pattern

HIDDEN: Final = "********"
MOST_FIELDS: Final = 200
_NAME: Final = re.compile(r"[^.\s\[\]$][^.\[\]]{0,199}")


class RuleInvalid(ValueError):
    """`setting` names the part of the rule, `expected` what it should be."""

    def __init__(self, setting: str, expected: str) -> None:
        super().__init__(f"{setting}: expected {expected}")
        self.setting = setting
        self.expected = expected


class Unreadable(Exception):
    """From here on nobody knows which field anything belongs to: the rest is withheld."""


class MaskRule(msgspec.Struct, frozen=True):
    """Fields and a pattern of values; each of them hides."""

    fields: tuple[str, ...] = ()
    pattern: str | None = None

    def check(self) -> None:
        """Errors: `RuleInvalid`."""
        if not self.fields and self.pattern is None:
            raise RuleInvalid("fields", "fields, a pattern, or both")
        if len(self.fields) > MOST_FIELDS:
            raise RuleInvalid("fields", f"at most {MOST_FIELDS} fields")
        for field in self.fields:
            if not all(_NAME.fullmatch(name) for name in field.split(".")):
                raise RuleInvalid("fields", f"a name or dotted names such as customer.email, not {field!r}")
        if self.pattern is not None:
            try:
                compiled = compile_pattern(self.pattern)
            except ValueError as error:
                raise RuleInvalid("pattern", f"a regular expression; {error}") from None
            if compiled.search(""):
                raise RuleInvalid("pattern", "a regular expression that does not match nothing")


class Mask:
    """Several rules together."""

    def __init__(self, rules: Sequence[MaskRule]) -> None:
        named = [tuple(field.split(".")) for rule in rules for field in rule.fields]
        self._fields = [tuple(_glob(name) for name in names) for names in named]
        self._patterns: list[Pattern] = [compile_pattern(rule.pattern) for rule in rules if rule.pattern]
        self.last_names = tuple(sorted({names[-1] for names in named}))
        plain = [name for name in self.last_names if "*" not in name]
        self._told = _told(plain) if plain else None
        self._candidates = lru_cache(maxsize=4096)(self._fitting)

    @property
    def by_field(self) -> bool:
        return bool(self._fields)

    @property
    def by_pattern(self) -> bool:
        return bool(self._patterns)

    def _fitting(self, name: str) -> tuple[tuple[re.Pattern[str], ...], ...]:
        return tuple(names[:-1] for names in self._fields if names[-1].fullmatch(name))

    def hides(self, path: Sequence[str]) -> bool:
        """Whether the field at the end of the names `path` is hidden."""
        if not path:
            return False
        for before in self._candidates(path[-1]):
            at = len(path) - 1 - len(before)
            if at >= 0 and all(one.fullmatch(name) for one, name in zip(before, path[at:], strict=False)):
                return True
        return False

    def text(self, text: str) -> str:
        """A value or message with what patterns find in it hidden."""
        for pattern in self._patterns:
            try:
                text = pattern.replace(HIDDEN, text)
            except ValueError:  # too long, or it takes too long: nobody knows what is in it
                return HIDDEN
        return text

    def prose(self, text: str) -> str:
        """As `text`, and hidden besides what a text tells as `email: ann@example.com` or `"email":"…"`."""
        if self._told is not None:
            text = self._told.sub(lambda found: found[1] + HIDDEN, text)
        return self.text(text)

    def value(self, value: Any, path: tuple[str, ...] = ()) -> Any:
        """A JSON value with everything hidden that the rules hide."""
        if self.hides(path):
            return HIDDEN
        if isinstance(value, dict):
            return {self.text(key): self.value(one, (*path, key)) for key, one in value.items()}
        if isinstance(value, list):
            return [self.value(one, path) for one in value]
        if isinstance(value, str):
            return self.text(value)
        if self._patterns and value is not None and not isinstance(value, bool):
            spelt = str(value)
            return value if self.text(spelt) == spelt else HIDDEN
        return value


def _glob(name: str) -> re.Pattern[str]:
    return re.compile(".*".join(re.escape(part) for part in name.split("*")), re.IGNORECASE | re.DOTALL)


def _told(names: Sequence[str]) -> re.Pattern[str]:
    either = "|".join(re.escape(name) for name in names)
    return re.compile(
        rf"""((?<![\w-])(?:{either})(?![\w-])["']?\s*[:=]\s*)("[^"\n]*"?|'[^'\n]*'?|[^\s,;&]+)""",
        re.IGNORECASE,
    )
