"""One field of a map: its target, where its value comes from, and its transforms."""

from __future__ import annotations

from typing import Annotated, Any, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    model_validator,
)
from pydantic import (
    Field as PlainField,
)

from redrive.sdk import (
    Field,
    FunctionsField,
    Missing,
    Path,
    PathText,
    TemplatedValue,
)
from redrive.shapes.map_target import (
    target_segments,
)


def _target(path: Path) -> Path:
    target_segments(path)
    return path


def _listed(paths: Any) -> Any:
    return [paths] if isinstance(paths, str) else paths


class MapField(BaseModel):
    """One field of the target record."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", populate_by_name=True, arbitrary_types_allowed=True
    )

    to: Annotated[PathText, AfterValidator(_target)] = Field(
        help="Where it stands in the target: a name, customer.email, lines[].sku."
    )
    from_: Annotated[list[PathText], BeforeValidator(_listed), PlainField(min_length=1)] | None = Field(
        None, alias="from", help="Path of the source, relative to the item; or several, which give a list."
    )
    value: TemplatedValue | None = Field(None, help="A value or template, instead of a source.")
    do: FunctionsField | None = Field(None, help="Transforms, carried out in order.")
    missing: Missing | None = Field(
        None,
        help="What to do where the source finds nothing: fail the payload, put null, or leave the item out. "
        "Unless set: empty for from; for templates in value what the step says.",
    )

    @property
    def plain(self) -> bool:
        """Whether what its one source finds goes into the target as it is, or as null."""
        single = self.from_ is None or len(self.from_) == 1
        return single and self.do is None and self.missing in (None, "empty")

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if (self.from_ is not None) == ("value" in self.model_fields_set):
            raise ValueError(f"the field {self.to}: expected either from or value")
        return self
