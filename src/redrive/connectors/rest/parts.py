"""Parts that models of a connector document share: one request, its statuses, time-outs and pace."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    WithJsonSchema,
    model_validator,
)

from redrive.sdk import (
    CONNECTOR_ROOTS,
    ConnectorTemplatedValue,
    Field,
    Invalid,
    compile_value,
    item_reader,
)

Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"]
Status = int | str
"""A number, or `2xx` for a hundred of them."""


def _items_path(value: str) -> str:
    item_reader("application/json", value)
    return value


def _statuses(value: Any) -> list[Status]:
    many = value if isinstance(value, list) else [value]
    for number, one in enumerate(many):
        known = isinstance(one, int) and not isinstance(one, bool) and 100 <= one <= 599
        if not (known or (isinstance(one, str) and _STATUS_CLASS.match(one))):
            raise Invalid(
                "this is not an HTTP status",
                setting=f"[{number}]" if many is value else "",
                expected="a number from 100 to 599, or one of 1xx, 2xx, 3xx, 4xx, 5xx",
            )
    return many


def _templates_parse(value: Any) -> Any:
    compile_value(value, CONNECTOR_ROOTS)
    return value


_STATUS_CLASS = re.compile(r"[1-5]xx\Z")
_ONE_STATUS = {
    "anyOf": [{"type": "integer", "minimum": 100, "maximum": 599}, {"pattern": "^[1-5]xx$", "type": "string"}]
}

Statuses = Annotated[
    list[Status],
    BeforeValidator(_statuses),
    WithJsonSchema(
        {"anyOf": [*_ONE_STATUS["anyOf"], {"type": "array", "items": _ONE_STATUS, "minItems": 1}]}
    ),
]
"""One status or a list of them."""

ItemsPath = Annotated[str, AfterValidator(_items_path)]


class Model(BaseModel):
    """What all parts of the document share: unknown names are refused."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", arbitrary_types_allowed=True, populate_by_name=True
    )


class RateLimit(Model):
    """At most so many requests in any such span, over all runs that use the connection."""

    requests: int = Field(help="Most requests in the span.", ge=1, unit="requests")
    per_s: float = Field(1.0, help="Length of the span.", gt=0, unit="seconds")


class Timeouts(Model):
    """How long to wait for the other system."""

    connect_s: float = Field(
        10.0, help="For a connection, name look-up and TLS included.", gt=0, unit="seconds"
    )
    read_s: float = Field(60.0, help="For the next bytes of an answer.", gt=0, unit="seconds")
    total_s: float = Field(
        600.0, help="For one whole request, its answer read to the end.", gt=0, unit="seconds"
    )


class Call(Model):
    """One request, with templates."""

    method: Method = Field("GET", help="The HTTP method.")
    path: Annotated[str, AfterValidator(_templates_parse)] = Field(
        "",
        help="Path below the base URL. What a template puts in is percent-encoded, so it stays in its "
        "segment; one that gives nothing is an error.",
    )
    query: dict[str, ConnectorTemplatedValue] = Field(
        default_factory=dict,
        help="Query parameters. One whose template gives null or empty text is left out; a list gives "
        "the parameter once for each of its values.",
    )
    headers: dict[str, ConnectorTemplatedValue] = Field(
        default_factory=dict,
        help="Request headers. One whose template gives null or empty text is left out.",
    )
    body: Annotated[Any, AfterValidator(_templates_parse)] = Field(
        None,
        help='What is sent: `"{{ payload }}"` sends the payload byte for byte (with `per: item` the '
        "item); an object or list is sent as JSON, in which `{{ payload }}` and `{{ item }}` stand "
        "for their own bytes; other text is sent as it is.",
    )
    form: dict[str, ConnectorTemplatedValue] | None = Field(
        None, help="Fields of a form, sent as application/x-www-form-urlencoded, instead of a body."
    )

    @model_validator(mode="after")
    def _one_body(self) -> Self:
        if self.body is not None and self.form is not None:
            raise ValueError("a request has a body or a form, not both")
        return self
