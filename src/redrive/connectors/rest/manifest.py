"""The connector document of an HTTP system, as typed models: validation, schema and reference come from here.

Templates stand wherever a value may vary; their roots are `payload item meta vars run now
last_success with connection response`. Paths and conditions are relative to the answer's body.
"""

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
    ConnectorConditionField,
    ConnectorTemplatedValue,
    Field,
    Invalid,
    PathText,
    compile_value,
    item_reader,
    nearest,
)

Direction = Literal["receive", "send"]
Then = Literal["success", "retry", "fail", "fail_run", "reauthenticate"]
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

SAFE_METHODS = frozenset({"PUT", "DELETE"})
"""A repeat of these is harmless by the meaning of HTTP, unless the endpoint says `repeat: unsafe`."""


class Model(BaseModel):
    """What all parts of the document share: unknown names are refused."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", arbitrary_types_allowed=True, populate_by_name=True
    )


class NoAuthentication(Model):
    """Sends no credentials."""

    method: Literal["none"] = Field("none", help="No credentials are sent.")


class Basic(Model):
    """HTTP Basic: `Authorization: Basic …`."""

    method: Literal["basic"] = Field(help="User name and password in the Authorization header.")
    username: ConnectorTemplatedValue = Field(help="The user name; usually `{{ connection.username }}`.")
    password: ConnectorTemplatedValue = Field("", help="The password; usually `{{ connection.password }}`.")


class Bearer(Model):
    """A token that was issued by the other system: `Authorization: Bearer …`."""

    method: Literal["bearer"] = Field(help="A token in the Authorization header.")
    token: ConnectorTemplatedValue = Field(help="The token; usually `{{ connection.token }}`.")


class ApiKey(Model):
    """A key in a header or in a query parameter."""

    method: Literal["api_key"] = Field(help="A key in a header or in a query parameter.")
    value: ConnectorTemplatedValue = Field(help="The key; usually `{{ connection.api_key }}`.")
    header: str | None = Field(None, help="Name of the header that carries it.", min_length=1)
    query: str | None = Field(None, help="Name of the query parameter that carries it.", min_length=1)

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if (self.header is None) == (self.query is None):
            raise ValueError("an api_key stands in a header or in the query: name one of the two")
        return self


Authentication = Annotated[
    NoAuthentication | Basic | Bearer | ApiKey,
    Field(help="How requests prove who sends them.", discriminator="method"),
]


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


class Paged(Model):
    """What all ways of pagination share."""

    max_pages: int | None = Field(
        None,
        help="Stop after so many pages, with a warning. Unless set, a pull of more than 10,000 pages "
        "is taken for endless and fails.",
        ge=1,
        unit="pages",
    )


class PageNumber(Paged):
    """Pages are numbered; the first empty page is the end (a short page ends nothing)."""

    by: Literal["page_number"] = Field(help="Counts pages up to the first empty one.")
    parameter: str = Field("page", help="Query parameter of the page number.")
    start: int = Field(1, help="Number of the first page.", ge=0)
    size: int | None = Field(None, help="Items asked for in one page.", ge=1, unit="items")
    size_parameter: str = Field("per_page", help="Query parameter of the size, sent where `size` is set.")


class Offset(Paged):
    """Pages begin at an offset, which grows by the items received; the first empty page is the end."""

    by: Literal["offset"] = Field(help="Counts items up to the first empty page.")
    parameter: str = Field("offset", help="Query parameter of the offset.")
    start: int = Field(0, help="The first offset.", ge=0)
    size: int | None = Field(None, help="Items asked for in one page.", ge=1, unit="items")
    size_parameter: str = Field("limit", help="Query parameter of the size, sent where `size` is set.")


class NextUrl(Paged):
    """Each answer holds the URL of the next page; an answer without one is the last."""

    by: Literal["next_url"] = Field(help="Follows a URL in the body.")
    at: PathText = Field(help="Path of the URL in the body. A relative one counts from the present page.")


class LinkHeader(Paged):
    """Each answer names the next page in its Link header (RFC 8288)."""

    by: Literal["link_header"] = Field(help="Follows the Link header.")
    rel: str = Field("next", help="The relation to follow.")


class Cursor(Paged):
    """Each answer holds a token that the next request carries; an answer without one is the last."""

    by: Literal["cursor"] = Field(help="Passes on a token from the body.")
    at: PathText = Field(help="Path of the token in the body.")
    parameter: str = Field("cursor", help="Query parameter that carries the token.")
    more: PathText | None = Field(
        None, help="Path of a flag in the body: where it is false or missing, the page is the last."
    )


Paginate = Annotated[
    PageNumber | Offset | NextUrl | LinkHeader | Cursor,
    Field(help="How further pages are asked for.", discriminator="by"),
]


class Success(Model):
    """Which answers count as success."""

    status: Statuses | None = Field(None, help="Statuses of success, as numbers or `2xx`. Default: 2xx.")
    unless: ConnectorConditionField | None = Field(
        None, help="An answer with such a status and for which this holds is an error all the same."
    )


class Rule(Model):
    """What an answer means. The first rule that matches wins; none: the ordinary meaning of the status."""

    status: Statuses | None = Field(None, help="Statuses that match. Default: any.")
    when: ConnectorConditionField | None = Field(
        None,
        help="Condition on the body. Status and headers: `{{ response.status }}`, "
        "`{{ response.headers.retry-after }}` (names in small letters).",
    )
    then: Then = Field(
        help="success, retry (it was certainly not carried out), fail (this payload; its items were "
        "rejected), fail_run (no other payload is worth trying), or reauthenticate."
    )

    @model_validator(mode="after")
    def _matches_something(self) -> Self:
        if self.status is None and self.when is None:
            raise ValueError("a rule needs a status, a condition `when`, or both")
        return self


class Results(Model):
    """Outcomes of single items inside one answer (a 200 or 207 with rejected items)."""

    at: PathText = Field(help="Path of the list of outcomes in the body.")
    key: PathText = Field(help="Path of the delivery key in one outcome.")
    ok: ConnectorConditionField = Field(help="Holds for the outcome of an item that was accepted.")


class Idempotency(Model):
    """The system carries out a request once however often it gets the same idempotency key."""

    header: str = Field("Idempotency-Key", help="Header that carries the key.", min_length=1)


class Lookup(Model):
    """How to ask whether an item with a key has arrived, after an answer was lost.

    Either names a receive endpoint of the connector, or holds a request of its own. Its templates
    see `with.key` (the delivery key) and, where the item is at hand, `item`.
    """

    model_config = ConfigDict(
        frozen=True, extra="forbid", arbitrary_types_allowed=True, populate_by_name=True
    )

    endpoint: str | None = Field(None, help="A receive endpoint of this connector.")
    parameters: dict[str, ConnectorTemplatedValue] = Field(
        default_factory=dict,
        alias="with",
        help="Parameters of that endpoint (`{{ with.key }}` is the delivery key).",
    )
    request: Call | None = Field(None, help="A request of its own, instead of an endpoint.")
    items: ItemsPath | None = Field(None, help="Path of the records in the answer to `request`.")
    found: ConnectorConditionField | None = Field(
        None,
        help="Holds for the answer's body where the item has arrived. Default: the answer has a "
        "record (or, where no `items` is named, is a success). A 404 or 410 always means: not found.",
    )

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.endpoint is None) == (self.request is None):
            raise ValueError("a lookup names an endpoint or holds a request: one of the two")
        if self.endpoint is not None and self.items is not None:
            raise ValueError("`items` of a lookup goes with `request`; an endpoint has its own")
        return self


_RECEIVE_ONLY = ("items", "paginate")
_SEND_ONLY = ("per", "key", "results", "idempotency", "lookup", "repeat")


class EndpointModel(Model):
    """One operation of the connector."""

    direction: Direction = Field(help="`receive` pulls from the system, `send` hands something to it.")
    description: str = Field("", help="What it does, for those who build flows.")
    request: Call = Field(help="The request.")
    timeouts: Timeouts | None = Field(None, help="Other time-outs than those of the connector.")
    success: Success = Field(default_factory=Success, help="Which answers count as success.")
    rules: list[Rule] = Field(
        default_factory=list,
        help="What answers mean. Without rules: 2xx is success; 429, 503 and errors before the request "
        "left are retried; a receive also retries 408, other 5xx, time-outs and cuts; 401 "
        "re-authenticates once, then, like 403, is fail_run; any other 4xx is fail. In a send any "
        "other 5xx, a time-out or a cut leaves its items unknown.",
    )
    items: ItemsPath | None = Field(
        None,
        help="Receive: path of the records in the answer. The payload is the array that stands there; "
        "without it the whole body.",
    )
    paginate: Paginate | None = Field(
        None, help="Receive: how further pages are asked for. Default: one request."
    )
    per: Literal["payload", "item"] = Field(
        "payload", help="Send: one request for the whole payload, or one for each item."
    )
    key: PathText | None = Field(
        None, help="Send: path of the delivery key in an item, for steps that name none."
    )
    results: Results | None = Field(
        None, help="Send: where the answer tells the outcome of each item. Default: it holds for all."
    )
    idempotency: Idempotency | None = Field(
        None, help="Send: the system takes an idempotency key, so the same request may be repeated."
    )
    lookup: Lookup | None = Field(
        None, help="Send: how to find out whether an item has arrived, after an answer was lost."
    )
    repeat: Literal["safe", "unsafe"] | None = Field(
        None,
        help="Send: `safe` where the same request may be repeated without harm. Default: safe for PUT "
        "and DELETE, else unsafe.",
    )

    @model_validator(mode="after")
    def _fits_direction(self) -> Self:
        foreign = _SEND_ONLY if self.direction == "receive" else _RECEIVE_ONLY
        if wrong := [name for name in foreign if name in self.model_fields_set]:
            other = "send" if self.direction == "receive" else "receive"
            raise Invalid(
                f"`{wrong[0]}` is for endpoints that {other}",
                setting=wrong[0],
                expected=f"`direction: {other}`, or no `{wrong[0]}`",
            )
        return self

    @property
    def repeat_is_safe(self) -> bool:
        """Whether the same request bytes may be sent a second time."""
        if self.idempotency is not None:
            return True
        if self.repeat is not None:
            return self.repeat == "safe"
        return self.request.method in SAFE_METHODS

    @property
    def repeat_is_harmless(self) -> bool:
        """Whether an unknown outcome can be settled without a person."""
        return self.lookup is not None or self.repeat_is_safe


class ConnectorModel(Model):
    """An HTTP(S) system: where it is, how to prove who asks, and what can be asked of it."""

    connector: str = Field(help="Name of the connector.", min_length=1)
    protocol: Literal["http"] = Field("http", help="The family: HTTP(S).")
    description: str = Field("", help="What the system is.")
    base_url: ConnectorTemplatedValue = Field(
        help="Where the system is; usually `{{ connection.base_url }}`."
    )
    authentication: Authentication = Field(
        default_factory=NoAuthentication, help="How requests prove who sends them."
    )
    headers: dict[str, ConnectorTemplatedValue] = Field(
        default_factory=dict, help="Headers of every request; those of an endpoint win."
    )
    rate_limit: RateLimit | None = Field(None, help="Most requests in a span of time. Default: no limit.")
    concurrency: int = Field(8, help="Most requests at the same time.", ge=1, le=1000, unit="requests")
    timeouts: Timeouts = Field(default_factory=Timeouts, help="How long to wait.")
    max_answer_bytes: int = Field(
        4 << 30, help="Largest answer, decompressed. A larger one is an error.", ge=1, unit="bytes"
    )
    endpoints: dict[str, EndpointModel] = Field(
        help="What can be asked of the system, by name.", min_length=1
    )

    @model_validator(mode="after")
    def _lookups_exist(self) -> Self:
        for name, endpoint in self.endpoints.items():
            other = endpoint.lookup.endpoint if endpoint.lookup else None
            if other is not None:
                known = [one for one, model in self.endpoints.items() if model.direction == "receive"]
                if other not in known:
                    raise Invalid(
                        f"there is no receive endpoint {other!r}",
                        setting=f"endpoints.{name}.lookup.endpoint",
                        expected=f"one of {', '.join(known)}"
                        if known
                        else "a receive endpoint of this connector",
                        nearest=nearest(other, known),
                    )
        return self
