"""The connector document of an HTTP system, as typed models: validation, schema and reference come from here.

Templates stand wherever a value may vary; their roots are `payload item meta vars run now
last_success with connection response page`. Paths and conditions are relative to the answer's body.
"""

from __future__ import annotations

from typing import Literal, Self

from pydantic import ConfigDict, field_validator, model_validator

from redrive.connectors.rest.authentication import Authentication, NoAuthentication
from redrive.connectors.rest.described import About, Parameter, names_of_parameters
from redrive.connectors.rest.paging import Paginate
from redrive.connectors.rest.parts import (
    Call,
    ItemsPath,
    Model,
    RateLimit,
    Statuses,
    Timeouts,
    Tls,
)
from redrive.sdk import (
    ConnectorConditionField,
    ConnectorTemplatedValue,
    Field,
    Invalid,
    PathText,
    check_script,
    nearest,
)

Direction = Literal["receive", "send"]
Then = Literal["success", "retry", "fail", "fail_run", "reauthenticate"]

SAFE_METHODS = frozenset({"PUT", "DELETE"})
"""A repeat of these is harmless by the meaning of HTTP, unless the endpoint says `repeat: unsafe`."""


class Success(Model):
    """Which answers count as success."""

    status: Statuses | None = Field(None, help="Statuses of success, as numbers or `2xx`. Default: 2xx.")
    unless: ConnectorConditionField | None = Field(
        None, help="An answer with such a status and for which this holds is an error all the same."
    )


class Rule(Model):
    """What an answer means. The first rule that matches wins; none: the ordinary meaning of the status."""

    status: Statuses | None = Field(None, help="Statuses that match. Default: any.")
    headers: ConnectorConditionField | None = Field(
        None, help="Condition on the headers; a field is the name of one, in small letters."
    )
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
        if self.status is None and self.when is None and self.headers is None:
            raise ValueError("a rule needs a status, a condition `when` or `headers`, or several of them")
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


class FollowUp(Model):
    """A further request of a send, made when the one before it succeeded (create, then confirm).

    Its templates also read `response` (`status`, `headers`, `body`) of the request before it.
    """

    request: Call = Field(help="The request.")
    success: Success = Field(default_factory=Success, help="Which answers count as success.")
    rules: list[Rule] = Field(default_factory=list, help="What answers mean, as of the endpoint.")
    repeat: Literal["safe", "unsafe"] | None = Field(
        None,
        help="`safe` where the same request may be repeated without harm. Default: safe for PUT and DELETE.",
    )

    @property
    def repeat_is_safe(self) -> bool:
        """Whether the same request bytes may be sent a second time."""
        if self.repeat is not None:
            return self.repeat == "safe"
        return self.request.method in SAFE_METHODS


_RECEIVE_ONLY = ("items", "paginate")
_SEND_ONLY = ("per", "key", "results", "idempotency", "lookup", "repeat", "followed_by", "payload")


class EndpointModel(Model):
    """One operation of the connector."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", arbitrary_types_allowed=True, populate_by_name=True
    )

    direction: Direction = Field(help="`receive` pulls from the system, `send` hands something to it.")
    description: str = Field("", help="What it does, for those who build flows.")
    request: Call = Field(help="The request.")
    parameters: dict[str, Parameter] = Field(
        default_factory=dict,
        alias="with",
        help="What steps may give under `with`. An endpoint that declares nothing takes any parameter; one "
        "that does refuses others, and reads null where a step gives none.",
    )
    payload: About | None = Field(None, help="Send: what is handed over, a payload or an item of one.")
    answer: About | None = Field(None, help="What the system answers.")
    imported: str | None = Field(
        None,
        help="Mark of `redrive connectors import`: tells at the next import whether the endpoint was edited.",
    )
    timeouts: Timeouts | None = Field(None, help="Other time-outs than those of the connector.")
    success: Success = Field(default_factory=Success, help="Which answers count as success.")
    rules: list[Rule] = Field(
        default_factory=list,
        help="What answers mean. Without rules: 2xx is success; 429, 503 and errors before the request "
        "left are retried; a receive also retries 408, other 5xx, time-outs and cuts; 401 "
        "re-authenticates once, then, like 403, is fail_run; any other 4xx is fail. In a send any "
        "other 5xx, a time-out or a cut leaves its items unknown.",
    )
    script: str | None = Field(
        None,
        help="A script that judges answers before the rules: `handle(response)`, with `status`, `headers` "
        "and `body`. It gives None (go on with the rules), what a rule's `then` says, or an object with "
        "`then` and `why`.",
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
    followed_by: list[FollowUp] = Field(
        default_factory=list,
        help="Send: further requests, each made when the one before it succeeded. Items count as delivered "
        "when the last one did; what stopped on the way goes on where it stopped (the step needs a `key` "
        "for that). A `lookup` must then find only what is wholly done.",
    )
    repeat: Literal["safe", "unsafe"] | None = Field(
        None,
        help="Send: `safe` where the same request may be repeated without harm. Default: safe for PUT "
        "and DELETE, else unsafe.",
    )

    @field_validator("parameters")
    @classmethod
    def _spelt(cls, value: dict[str, Parameter]) -> dict[str, Parameter]:
        return names_of_parameters(value)

    @field_validator("script")
    @classmethod
    def _script_checks(cls, value: str | None) -> str | None:
        if value is not None:
            check_script(value, arguments=("response",))
        return value

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
        if self.followed_by and self.results is not None:
            raise Invalid(
                "an endpoint has `results` or `followed_by`, not both",
                setting="followed_by",
                expected="outcomes of single items, or several requests in sequence",
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
    proxy: ConnectorTemplatedValue | None = Field(
        None, help="Address of a proxy, with user name and password where it wants them. Default: none."
    )
    tls: Tls | None = Field(None, help="Certificates, where those of the machine are not enough.")
    max_answer_bytes: int = Field(
        4 << 30, help="Largest answer, decompressed. A larger one is an error.", ge=1, unit="bytes"
    )
    imported: str | None = Field(
        None,
        help="Mark of `redrive connectors import`: tells at the next import whether what stands beside the "
        "endpoints was edited.",
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
