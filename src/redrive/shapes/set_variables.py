"""Set flow variables for the rest of the run, and meta of each payload."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Self

from pydantic import model_validator

from redrive.sdk import (
    MISSING,
    Example,
    Field,
    Out,
    Payload,
    Shape,
    StepContext,
    TemplatedValue,
    decode,
    encode,
    render,
    spell,
)


class SetVariables(Shape, kind="set_variables", version=1, group="flow control"):
    """Set flow variables for the rest of the run, and meta of each payload.

    Templates see `payload` (the whole document, at most 64 MiB), `meta`, `vars`, `run`, `now` and
    `last_success`; there is no `item`. Where a bucket holds several payloads, the last one
    decides what a variable holds afterwards. Meta is text: a number or list is written as JSON,
    null takes the name out of the meta. Names that are not listed stay.

    Where a template finds nothing, the step's `missing` decides: `error` fails the payload,
    `empty` sets null (meta: takes the name out), `skip_item` leaves the old value.

    In: any payload.  Out: the same content, with the new meta.
    Errors: `template.missing`; `meta.too_large` above 10,240 bytes of names and values;
    `payload.invalid` if a template needs the payload and it does not parse; none is retried.
    """

    variables: dict[str, TemplatedValue] = Field(
        default_factory=dict, help="Flow variables by name, each a value or template."
    )
    meta: dict[str, TemplatedValue] = Field(
        default_factory=dict, help="Meta of each payload by name, each a value or template."
    )

    examples = (
        Example(
            "a variable from the payload",
            {"variables": {"customer": "{{ payload.customer.id }}"}},
            given=[{"customer": {"id": 7}}],
            gives=[{"customer": {"id": 7}}],
            gives_variables={"customer": 7},
        ),
        Example(
            "meta for each payload",
            {"meta": {"order": "{{ payload.id }}", "shop": "{{ vars.shop }}"}},
            given=[{"id": 1}, {"id": 2}],
            gives=[{"id": 1}, {"id": 2}],
            variables={"shop": "uk"},
            meta={"page": "3"},
            gives_meta=[
                {"page": "3", "order": "1", "shop": "uk"},
                {"page": "3", "order": "2", "shop": "uk"},
            ],
        ),
        Example(
            "a path that finds nothing",
            {"variables": {"customer": "{{ payload.customer.id }}"}},
            given=[{"id": 1}],
            fails="template.missing",
        ),
        Example(
            "null takes a name out of the meta",
            {"meta": {"page": None}},
            given=[[1]],
            meta={"page": "3", "shop": "uk"},
            gives_meta=[{"shop": "uk"}],
        ),
    )

    @model_validator(mode="after")
    def _something_to_set(self) -> Self:
        if not self.variables and not self.meta:
            raise ValueError("nothing to set; expected variables or meta")
        for name, value in {**self.variables, **self.meta}.items():
            if "item" in value.roots:
                raise ValueError(f"{name}: there is no item here; expected payload, meta, vars, run or now")
        return self

    async def run(self, payload: Payload, ctx: StepContext) -> AsyncIterator[Out]:
        values = [*self.variables.values(), *self.meta.values()]
        whole = await payload.value() if any("payload" in value.roots for value in values) else None
        scope = ctx.scope(payload, whole)
        where = f"payload {payload.position}"
        meta = dict(payload.meta)
        for name, value in self.meta.items():
            found = render(value, scope, ctx.missing, where=where, at=f"meta.{name}")
            if found is None:
                meta.pop(name, None)
            elif found is not MISSING:
                meta[name] = spell(found)
        for name, value in self.variables.items():
            found = render(value, scope, ctx.missing, where=where, at=f"variables.{name}")
            if found is not MISSING:
                # As JSON holds it: a date of the clock is a text from here on.
                ctx.set_variable(name, decode(encode(found)))
        yield Out(content=payload.content, like=payload, meta=meta)
