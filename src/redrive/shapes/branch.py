"""Run several paths one after the other, each with the same input."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import BaseModel, ConfigDict

from redrive.sdk import Example, Field, PathId, TreeShape


class BranchPath(BaseModel):
    """One path: its steps run with the whole input."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: PathId = Field(help="Name of the path, unique in the flow.")


class Branch(TreeShape, kind="branch", version=1, group="paths"):
    """Run the paths one after the other, each with the whole input.

    What follows in the same list gets what all paths put out, in the order of the paths; a path
    without steps puts out its input. A path that fails stops the later ones: they do not run, and
    the run fails. A retry goes on in the path that failed, and then runs the later ones.

    In: any payloads. Nothing of them is copied: every path reads the same stored bytes.
    Out: what the paths put out.
    Errors: those of the steps in the paths.
    """

    owns_steps: ClassVar[tuple[str, ...]] = ("paths[].steps",)
    tree: ClassVar[Literal["route", "branch", "try"] | None] = "branch"

    paths: tuple[BranchPath, ...] = Field(
        help="The paths in order, each with an id and its steps.", min_length=1, max_length=100
    )

    examples = (
        Example(
            "customers first, then orders",
            {
                "paths": [
                    {
                        "id": "customers",
                        "steps": [{"id": "take-customers", "shape": "split", "at": "customer"}],
                    },
                    {
                        "id": "orders",
                        "steps": [
                            {
                                "id": "form-orders",
                                "shape": "map",
                                "automatic": False,
                                "fields": [{"to": "number", "from": "id"}],
                            }
                        ],
                    },
                ]
            },
            given=[[{"id": 1, "customer": {"name": "Ada"}}, {"id": 2, "customer": {"name": "Bo"}}]],
            gives=[[{"name": "Ada"}, {"name": "Bo"}], [{"number": 1}, {"number": 2}]],
        ),
        Example(
            "a path without steps passes its input on",
            {
                "paths": [
                    {"id": "everything", "steps": []},
                    {
                        "id": "paid-only",
                        "steps": [{"id": "paid", "shape": "filter", "keep": {"field": "paid", "is": True}}],
                    },
                ]
            },
            given=[[{"id": 1, "paid": True}, {"id": 2, "paid": False}]],
            gives=[[{"id": 1, "paid": True}, {"id": 2, "paid": False}], [{"id": 1, "paid": True}]],
        ),
        Example(
            "a path that fails stops the later ones",
            {
                "paths": [
                    {
                        "id": "check",
                        "steps": [
                            {"id": "has-id", "shape": "assert", "conditions": {"field": "id", "exists": True}}
                        ],
                    },
                    {"id": "then", "steps": []},
                ]
            },
            given=[[{"name": "no id"}]],
            fails="assert.failed",
        ),
    )
