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
    field_validator,
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


class Tls(Model):
    """Certificates, each a PEM text. The other side's certificate is always checked."""

    ca: ConnectorTemplatedValue | None = Field(
        None, help="Authorities that are trusted for this system, instead of those of the machine."
    )
    certificate: ConnectorTemplatedValue | None = Field(
        None, help="Our certificate, with those between it and the authority."
    )
    key: ConnectorTemplatedValue | None = Field(
        None, help="Its private key; usually `{{ connection.key }}`, a secret from a file."
    )


class GraphQL(Model):
    """A GraphQL operation. An answer with `errors`, with a field of an error type (`__typename` ends in
    `Error`) or with `userErrors` is an error.
    """

    query: str = Field(help="The operation, as GraphQL text; it holds no templates.", min_length=1)
    variables: dict[str, Annotated[Any, AfterValidator(_templates_parse)]] = Field(
        default_factory=dict,
        help="Its variables; `{{ payload }}` and `{{ item }}` stand for their own bytes.",
    )
    operation: str | None = Field(None, help="Which operation, where the text holds several.")


class JsonRpc(Model):
    """A JSON-RPC 2.0 call. An answer with an `error` object is an error."""

    method: str = Field(help="The method that is called.", min_length=1)
    params: Annotated[Any, AfterValidator(_templates_parse)] = Field(
        None, help="Its parameters, as an object or a list."
    )


class Soap(Model):
    """A SOAP call: Redrive makes the envelope. An answer with a fault is an error."""

    body: str = Field(
        help="XML of the body, with templates; what they put in is escaped, but a payload or item that is "
        "XML goes in as it stands.",
        min_length=1,
    )
    header: str = Field("", help="XML of the header, with templates.")
    action: str = Field("", help="The SOAP action.")
    version: Literal["1.1", "1.2"] = Field("1.1", help="The version of SOAP.")

    @field_validator("body", "header")
    @classmethod
    def _parses(cls, value: str) -> str:
        compile_value(value, CONNECTOR_ROOTS)
        return value


class Part(Model):
    """One part of a multipart form."""

    value: Annotated[Any, AfterValidator(_templates_parse)] = Field(
        help="What it holds; `{{ payload }}` and `{{ item }}` stand for their own bytes, of any size."
    )
    filename: ConnectorTemplatedValue | None = Field(
        None, help="Name of the file, which makes the part an upload."
    )
    media_type: str | None = Field(
        None, help="Its media type. Default: of an upload that of the payload.", min_length=3
    )


class Call(Model):
    """One request, with templates."""

    method: Method = Field("GET", help="The HTTP method. Default of `graphql`, `json_rpc` and `soap`: POST.")
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

    multipart: dict[str, Part] | None = Field(
        None, help="Parts of a form with uploads, sent as multipart/form-data, instead of a body."
    )
    graphql: GraphQL | None = Field(None, help="A GraphQL operation, instead of a body.")
    json_rpc: JsonRpc | None = Field(None, help="A JSON-RPC call, instead of a body.")
    soap: Soap | None = Field(None, help="A SOAP call, instead of a body.")
    compress: Literal["gzip", "deflate", "br", "zstd"] | None = Field(
        None, help="How the body is compressed on its way. Exchanges show it as it was before."
    )

    @model_validator(mode="after")
    def _one_body(self) -> Self:
        kinds = ("body", "form", "multipart", "graphql", "json_rpc", "soap")
        given = [name for name in kinds if getattr(self, name) is not None]
        if given == ["body", "form"]:
            raise ValueError("a request has a body or a form, not both")
        if len(given) > 1:
            raise ValueError(f"a request has one of {', '.join(given)}, not several")
        return self

    @property
    def sends_by(self) -> Method:
        """The method, also where the document does not say."""
        calls = self.graphql is not None or self.json_rpc is not None or self.soap is not None
        return "POST" if calls and "method" not in self.model_fields_set else self.method
