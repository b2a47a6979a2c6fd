"""What a step left behind in the test kit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from redrive.core import formats
from redrive.core.jsonvalue import decode
from redrive.errors import StepError
from redrive.sdk.content import Content
from redrive.sdk.exchange import Answer, Request
from redrive.sdk.testing_calls import Call, Notice
from redrive.sdk.testing_log import LogLine


@dataclass(frozen=True)
class OutPayload:
    """One payload that was put out.

    `lineage` has one entry for each of its items: the input items it was made from, each as
    (position of the payload in the input bucket, item number).
    """

    content: Content
    data: bytes
    media_type: str
    items_path: str
    meta: Mapping[str, str]
    lineage: list[list[tuple[int, int]]]
    count: int | None
    path: str | None = None
    checkpoint: Any = None

    @property
    def value(self) -> Any:
        """The document: a Python value for JSON, else its text."""
        return decode(self.data) if formats.is_json(self.media_type) else self.data.decode()

    def items(self) -> list[bytes]:
        """The raw bytes of its items."""
        reader = formats.item_reader(self.media_type, self.items_path)
        return [*reader.feed(self.data), *reader.close()] if self.data else []


@dataclass(frozen=True)
class Failed:
    """An input payload that failed for good: its position, or None for the whole bucket."""

    position: int | None
    error: StepError


@dataclass(frozen=True)
class Tracked:
    field: str
    value: str
    item: tuple[int, int]


@dataclass
class Result:
    """What a step left behind. `variables` are those that it set."""

    payloads: list[OutPayload] = field(default_factory=list)
    failed: list[Failed] = field(default_factory=list)
    logs: list[LogLine] = field(default_factory=list)
    tracked: list[Tracked] = field(default_factory=list)
    variables: dict[str, Any] = field(default_factory=dict)
    exchanges: list[tuple[Request, Answer]] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    notices: list[Notice] = field(default_factory=list)

    @property
    def values(self) -> list[Any]:
        """The documents that came out, in order."""
        return [payload.value for payload in self.payloads]

    @property
    def error(self) -> StepError | None:
        """The first failure, if there is one."""
        return self.failed[0].error if self.failed else None
