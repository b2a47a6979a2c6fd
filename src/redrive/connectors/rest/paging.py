"""How a connector document says where the next page is: one model per way of pagination."""

from __future__ import annotations

from typing import Annotated, Literal

from redrive.connectors.rest.parts import Model
from redrive.sdk import Field, PathText


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
