"""Go on with the payloads that work, and send those that fail down a path of their own."""

from __future__ import annotations

from typing import ClassVar, Literal

from redrive.sdk import Example, Field, TreeShape

_POSITIVE = {
    "id": "positive",
    "shape": "assert",
    "conditions": {"field": "total", "gt": 0},
}


class Try(TreeShape, kind="try", version=1, group="paths"):
    """Run steps; payloads that fail in them are taken out and go down `catch`, the others go on.

    A failed payload goes down `catch` as it came into the step that it failed in, with the meta
    `error_message`, `error_code` and `error_step`. What follows in the same list gets what the
    steps put out, then what `catch` puts out. Without `catch` the failed payloads end there; they
    stay with their step, where a retry finds them.

    In: any payloads.
    Out: what `steps` put out, then what `catch` puts out.
    Errors: what is no payload's fault goes through and ends the run: refused credentials (401, 403),
    the rule `fail_run`, a connection that is not there. A system that cannot be reached is
    caught, together with the payloads that were then not tried.

    A payload fails in the innermost `try` around its step. The steps of `catch` are outside of it:
    what fails there fails the run, or goes to the `catch` of the next `try` around this one.
    """

    owns_steps: ClassVar[tuple[str, ...]] = ("steps", "catch")
    tree: ClassVar[Literal["route", "branch", "try"] | None] = "try"

    on_failure: Literal["partial_success", "success", "failure"] = Field(
        "partial_success",
        help="How this step ends if a payload failed in it: `partial_success` also ends the run so, "
        "`success` counts it as handled, `failure` fails the run once `catch` has run.",
    )

    examples = (
        Example(
            "the good ones go on, the others are caught",
            {
                "steps": [_POSITIVE],
                "catch": [
                    {
                        "id": "mark",
                        "shape": "map",
                        "automatic": True,
                        "fields": [{"to": "why", "value": "refused"}],
                    }
                ],
            },
            given=[[{"id": 1, "total": 5}], [{"id": 2, "total": -1}], [{"id": 3, "total": 7}]],
            gives=[
                [{"id": 1, "total": 5}],
                [{"id": 3, "total": 7}],
                [{"id": 2, "total": -1, "why": "refused"}],
            ],
        ),
        Example(
            "nothing fails, nothing is caught",
            {"steps": [_POSITIVE], "catch": [{"id": "mark", "shape": "split", "at": "lines"}]},
            given=[[{"id": 1, "total": 5}]],
            gives=[[{"id": 1, "total": 5}]],
        ),
        Example(
            "without catch the failed ones end there",
            {"steps": [_POSITIVE], "on_failure": "success"},
            given=[[{"id": 1, "total": 5}], [{"id": 2, "total": -1}]],
            gives=[[{"id": 1, "total": 5}]],
        ),
        Example(
            "a failure of the run, once the good ones are through",
            {"steps": [_POSITIVE], "on_failure": "failure"},
            given=[[{"id": 1, "total": 5}], [{"id": 2, "total": -1}]],
            fails="try.failed",
        ),
    )
