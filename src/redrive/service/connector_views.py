"""What is shown of connectors: their endpoints, an import of a description, a try of an endpoint."""

from __future__ import annotations

from typing import Any, Literal, Self

from pydantic import ConfigDict, Field, model_validator

from redrive.service.views import ErrorView, View


class EndpointParameterView(View):
    """One parameter of an endpoint: a name under `with`."""

    name: str
    type: str | None = None
    required: bool = False
    default: Any = None
    one_of: list[Any] | None = None
    description: str = ""
    example: Any = None


class FieldView(View):
    """A field of a body, as paths in templates and conditions name it, from the item or root down."""

    path: str
    type: str = ""


class BodyView(View):
    """What a body looks like."""

    schema_: dict[str, Any] | None = Field(None, alias="schema")
    sample: Any = None
    fields: list[FieldView] = []

    model_config = ConfigDict(frozen=True, populate_by_name=True)


class EndpointView(View):
    """`payload` is what a send takes, `answer` what the system answers; null where it is not known."""

    name: str
    direction: str
    description: str = ""
    method: str = ""
    path: str = ""
    items: str | None = None
    paginate: str | None = None
    declares: bool = False
    """Whether parameters are declared: others are then refused."""
    parameters: list[EndpointParameterView] = []
    payload: BodyView | None = None
    answer: BodyView | None = None


class ConnectorDetail(View):
    name: str
    digest: str
    protocol: str
    description: str = ""
    settings: list[str] = []
    """What its templates read of a connection."""
    connections: list[str] = []
    endpoints: list[EndpointView] = []


class ConnectionUse(View):
    """Steps of a flow that use a connection; `version` null: of its draft."""

    flow: str
    version: int | None
    steps: list[str]


class DescriptionRequest(View):
    """A description to make a connector of: its `text`, or `payload`, the id of an upload.

    `only`: tags, paths, operation ids or names; `server`, `authentication`: one of those that it names;
    `replace`: endpoints that are taken anew even where they were edited (`*`: all); `current`: the document
    that it goes over, instead of the connector of the home; `store`: take the result into the home.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    filename: str = Field("description", min_length=1, max_length=1000)
    text: str | None = None
    payload: str | None = Field(None, max_length=100)
    url: str | None = Field(None, max_length=2000)
    name: str | None = Field(None, min_length=1, max_length=100, pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    only: list[str] = Field([], max_length=200)
    server: str | None = Field(None, max_length=2000)
    authentication: str | None = Field(None, max_length=200)
    replace: list[str] = Field([], max_length=5000)
    current: str | None = None
    store: bool = False

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if (self.text is None) == (self.payload is None):
            raise ValueError("one of `text` and `payload` is needed")
        return self


class RefusedOperation(View):
    """An operation that is not in the document, why, and the way out."""

    operation: str
    reason: str
    why: str
    way_out: str


class DescriptionNote(View):
    operation: str | None
    text: str


class EndpointChange(View):
    """What became of an endpoint; `endpoint` null: of what stands beside the endpoints.

    `kept`: edited by hand, so it stays as it is; `kept_differs`: and the description has changed there.
    """

    endpoint: str | None
    change: Literal["added", "changed", "removed", "kept", "kept_differs"]
    settings: list[str] = []


class SettingWanted(View):
    """What a connection of the connector says."""

    name: str
    description: str
    secret: bool = False
    default: str | None = None
    one_of: list[str] = []


class DescriptionImported(View):
    """`result` is null where nothing was stored."""

    connector: str
    kind: str
    title: str
    result: Literal["created", "changed", "unchanged"] | None = None
    operations: int
    imported: int
    refused: list[RefusedOperation] = []
    notes: list[DescriptionNote] = []
    changes: list[EndpointChange] = []
    settings: list[SettingWanted] = []
    document: str


class TryRequest(View):
    """Call one endpoint once. A send needs `confirm`: it really sends, and keeps no delivery.

    `with`: its parameters; what is sent: `payload` (an id), `text`, or `sample` (that of the connector).
    """

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    endpoint: str = Field(min_length=1, max_length=300)
    parameters: dict[str, Any] = Field({}, alias="with")
    payload: str | None = Field(None, max_length=100)
    text: str | None = Field(None, max_length=8 << 20)
    media_type: str | None = Field(None, max_length=200)
    sample: bool = False
    page: int = Field(1, ge=1, le=100)
    confirm: bool = False

    @model_validator(mode="after")
    def _one_payload(self) -> Self:
        if sum((self.payload is not None, self.text is not None, self.sample)) > 1:
            raise ValueError("one of `payload`, `text` and `sample`, not several")
        return self


class TriedBody(View):
    """The beginning of a body; `text` null: it is not text."""

    size_bytes: int
    text: str | None = None
    trimmed: bool = False


class TriedExchange(View):
    """One request and its answer, secrets masked."""

    method: str
    url: str
    headers: list[tuple[str, str]] = []
    body: TriedBody | None = None
    status: int | None = None
    answer_headers: list[tuple[str, str]] = []
    answer: TriedBody | None = None
    error: str | None = None
    duration_ms: float = 0.0


class TriedPayload(View):
    """What the endpoint puts out: the first items of the page as their own text."""

    media_type: str
    items: int | None
    size_bytes: int
    preview: list[str] = []
    more: int = 0


class TryView(View):
    """`pages` counts those that were asked for; `payload` is the last of them, or the last answer."""

    connection: str
    endpoint: str
    direction: str
    success: bool
    pages: int = 0
    payload: TriedPayload | None = None
    exchanges: list[TriedExchange] = []
    exchanges_left_out: int = 0
    logs: list[str] = []
    error: ErrorView | None = None
