"""How a connector document says where the next page is: one model per way of pagination."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import field_validator

from redrive.connectors.rest.parts import Model
from redrive.sdk import ConnectorTemplatedValue, Field, PathText, check_script


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
    parameter: str = Field(
        "cursor",
        help="Query parameter that carries the token. A request that reads `{{ page.token }}` by itself, in "
        "its body say, has no such parameter.",
    )
    more: PathText | None = Field(
        None, help="Path of a flag in the body: where it is false or missing, the page is the last."
    )


class GraphQLCursor(Paged):
    """Relay connections: `hasNextPage` and `endCursor` of each answer's `pageInfo`."""

    by: Literal["graphql_cursor"] = Field(help="Passes on `endCursor` as a variable of the operation.")
    at: PathText = Field(help="Path of the `pageInfo` object in the answer, such as `data.orders.pageInfo`.")
    variable: str = Field("after", help="The variable that takes the cursor; null for the first page.")


class UriTemplate(Paged):
    """The next address is made from a template; the end is the first empty page, or no address."""

    by: Literal["uri_template"] = Field(help="Makes the next address from a template.")
    template: ConnectorTemplatedValue = Field(
        help="The next address, relative to the present one. It reads `page.number` (of the next page) and "
        "`response` (`status`, `headers`, `body`) of the page before."
    )


class PageScript(Paged):
    """A script says what comes next: `handle(response, page)`, `response` with `status`, `headers`, `body`,
    `items` and `url`, `page` with `number`.

    It gives None at the end, a text (the next address), or an object of query parameters.
    """

    by: Literal["script"] = Field(help="Asks a script what comes next.")
    script: str = Field(help="The script, with a function `handle(response, page)`.", min_length=1)

    @field_validator("script")
    @classmethod
    def _checks(cls, value: str) -> str:
        check_script(value, arguments=("response", "page"))
        return value


Paginate = Annotated[
    PageNumber | Offset | NextUrl | LinkHeader | Cursor | GraphQLCursor | UriTemplate | PageScript,
    Field(help="How further pages are asked for.", discriminator="by"),
]
