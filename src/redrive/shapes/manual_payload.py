"""Put out a payload that is written in the flow."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, Self

from pydantic import model_validator

from redrive.sdk import (
    Bucket,
    Example,
    Field,
    GatherShape,
    Out,
    StepContext,
    decode,
    encode,
    is_json,
)


class ManualPayload(GatherShape, kind="manual_payload", version=1, group="payload"):
    """Put out one fixed payload instead of whatever comes in.

    `payload` without `media_type` is a JSON value. With `media_type` it is text and goes out as
    the very bytes that are written, so number spelling and white space stay. Nothing in it is a
    template.

    In: the whole bucket, which is not read; the step puts its payload out once, however many
    payloads come in.
    Out: one payload with empty meta; its items come from no input item.
    Errors: none at run time.
    """

    payload: Any = Field(help="The payload: any JSON value, or text where a media type is named.")
    media_type: str | None = Field(
        None,
        pattern=r"^[\w.+-]+/[\w.+-]+(\s*;.*)?$",
        help="Media type of a payload given as text; unset: application/json.",
    )
    items_path: str = Field("", help="Dotted path of the list that holds the items.")

    examples = (
        Example("a list", {"payload": [{"id": 1}, {"id": 2}]}, given=[[]], gives=[[{"id": 1}, {"id": 2}]]),
        Example("once for the whole bucket", {"payload": {"id": 1}}, given=[[1], [2]], gives=[{"id": 1}]),
        Example(
            "text as it is written",
            {"payload": '[{"total": 19.90}]', "media_type": "application/json"},
            given=[[]],
            gives=[b'[{"total": 19.90}]'],
        ),
        Example(
            "CSV",
            {"payload": "sku,qty\na,1\n", "media_type": "text/csv"},
            given=[[]],
            gives=[b"sku,qty\na,1\n"],
        ),
    )

    @model_validator(mode="after")
    def _text_where_a_media_type_is_named(self) -> Self:
        if self.media_type is not None:
            if not isinstance(self.payload, str):
                raise ValueError("payload must be text where media_type is named")
            if is_json(self.media_type):
                try:
                    decode(self.payload)
                except ValueError as error:
                    raise ValueError(f"payload is not JSON: {error}") from None
        return self

    async def run(self, bucket: Bucket, ctx: StepContext) -> AsyncIterator[Out]:
        data = encode(self.payload) if self.media_type is None else self.payload.encode()
        yield Out(
            content=data,
            media_type=self.media_type or "application/json",
            items_path=self.items_path,
            from_items=(),
        )
