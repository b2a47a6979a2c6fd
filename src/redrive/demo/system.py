"""What a demo system is: a thing that answers calls, knows nothing of sockets, and can be reset."""

from __future__ import annotations

import json
import os
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar


@dataclass
class Call:
    """A request as a demo system sees it. `base_url` is the address that it came in by."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes
    base_url: str

    @cached_property
    def document(self) -> Any:
        """The body as a JSON value. Raises `ValueError` if it is none."""
        return json.loads(self.body)

    def order_ids(self) -> set[str]:
        """The ids of all orders in the body; none where there are no orders."""
        try:
            return {str(order.get("id")) for order in orders_in(self.document)}
        except ValueError:
            return set()


@dataclass
class Reply:
    """An answer. A list or map is sent as JSON; an iterator of bytes in chunks."""

    status: int
    body: Any = b""
    headers: dict[str, str] = field(default_factory=dict)
    media_type: str = "application/json"

    def encoded(self) -> bytes | Iterator[bytes]:
        if isinstance(self.body, (bytes, Iterator)):
            return self.body
        return json.dumps(self.body, ensure_ascii=False, separators=(",", ":")).encode()


class WrongRequest(Exception):
    """Raised by a system to answer 400 with this sentence."""


def orders_in(document: Any) -> list[dict[str, Any]]:
    """The orders of a body: an array, or an object with the array `orders`, or one order.

    Raises `ValueError` on anything else.
    """
    if isinstance(document, dict):
        document = document.get("orders", [document])
    if not isinstance(document, list) or not all(isinstance(order, dict) for order in document):
        raise ValueError("expected an array of orders, or an object with the array orders")
    return document


class System(ABC):
    """What a demo system does with a request. Called by many threads at once."""

    name: ClassVar[str]
    token_variable: ClassVar[str]
    """The environment variable that holds the bearer token it asks for."""

    def __init__(self) -> None:
        self.token = os.environ.get(self.token_variable) or "demo"

    @abstractmethod
    def answer(self, call: Call) -> Reply | None:
        """The answer to a request that has the token; None where there is no such place."""

    def look(self, call: Call) -> Reply | None:
        """The answer to a request from outside the story, which needs no token (counts, say)."""
        return None

    def tell(self, settings: dict[str, Any]) -> None:
        """Change its settings. Raises `ValueError` on an unknown one."""
        raise ValueError(f"{self.name} has no settings {', '.join(settings)}")

    @abstractmethod
    def reset(self) -> None:
        """Forget everything and go back to the settings of the start."""
