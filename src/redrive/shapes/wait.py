"""Wait for a while, or until a time."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, time, timedelta
from typing import Self

from pydantic import model_validator

from redrive.errors import PayloadError
from redrive.sdk import (
    MISSING,
    Bucket,
    Example,
    Field,
    GatherShape,
    Out,
    StepContext,
    Templated,
    TemplatedValue,
    as_text,
    duration_s,
    parse_instant,
    render,
    spell_instant,
    zone,
)

_CLOCK_DIGITS = 5  # 06:30


class Wait(GatherShape, kind="wait", version=1, group="flow control"):
    """Wait for a while, or until a time, then hand the bucket on.

    When the wait ends is worked out once, when the step begins, and kept: a restart of Redrive does not
    prolong it, and what has passed meanwhile counts. The wait does not count for the step's `timeout`,
    and the run holds no place among the running ones (`max_running_runs`). A stop ends it at once.

    Templates see `vars`, `run`, `now`, `last_success`, and `payload` and `meta` of the first payload of the
    bucket. A time that has passed is no wait. Where a template finds nothing, `missing: empty` and
    `skip_item` mean no wait. Nothing is waited for where an earlier step has left nothing over.

    A retry of a run that was stopped in the wait goes on with the same end; a redrive that starts at
    the step waits anew. A plan does not wait.

    In: any payloads.  Out: the same, by reference.
    Errors: `wait.invalid` for what is no length of time or no time; `template.missing`; neither is retried.
    """

    for_: TemplatedValue | None = Field(
        None, alias="for", help="How long: seconds, or a time such as 90s, 30m, 2h or 1d12h."
    )
    until: TemplatedValue | None = Field(
        None, help="Until when: an instant such as 2026-05-04T10:00:00Z, or the next HH:MM in `timezone`."
    )
    timezone: str = Field("UTC", help="Time zone of an `until` that is HH:MM.")

    examples = (
        Example("two hours", {"for": "2h"}, given=[[1, 2], [3]], gives=[[1, 2], [3]]),
        Example(
            "until a time that a payload names",
            {"until": "{{ payload.send_at }}"},
            given=[{"id": 1, "send_at": "2026-01-15T18:00:00Z"}],
            gives=[{"id": 1, "send_at": "2026-01-15T18:00:00Z"}],
        ),
        Example(
            "until six in the morning in London",
            {"until": "06:00", "timezone": "Europe/London"},
            given=[{"id": 1}],
            gives=[{"id": 1}],
        ),
        Example("a time that is none", {"for": "{{ meta.delay }}"}, given=[[1]], meta={"delay": "soon"},
                fails="wait.invalid"),
    )  # fmt: skip

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.for_ is None) == (self.until is None):
            raise ValueError("expected one of for and until")
        try:
            zone(self.timezone)
        except ValueError as error:
            raise ValueError(f"timezone: {error}") from None
        name, value = self._given
        if "item" in value.roots:
            raise ValueError(f"{name}: there is no item here; expected payload, meta, vars, run or now")
        if value.constant:
            try:
                self._end(value.render({}), datetime(2026, 1, 1, tzinfo=UTC))
            except ValueError as error:
                raise ValueError(f"{name}: {error}") from None
        return self

    @property
    def _given(self) -> tuple[str, Templated]:
        if self.for_ is not None:
            return "for", self.for_
        assert self.until is not None
        return "until", self.until

    def _end(self, value: object, now: datetime) -> datetime:
        """Errors: `ValueError`."""
        if self.for_ is not None:
            try:
                return now + timedelta(seconds=duration_s(value))
            except OverflowError:
                raise ValueError("a length of time that ends within the calendar") from None
        if isinstance(value, str) and len(value.strip()) == _CLOCK_DIGITS and value.strip()[2] == ":":
            return self._next(time.fromisoformat(value.strip()), now)
        if isinstance(value, str) and value.strip():
            return parse_instant(value)
        if isinstance(value, datetime):
            return parse_instant(value)
        raise ValueError("expected an instant such as 2026-05-04T10:00:00Z, or HH:MM")

    def _next(self, clock: time, now: datetime) -> datetime:
        local = now.astimezone(zone(self.timezone))
        today = datetime.combine(local.date(), clock, local.tzinfo).astimezone(UTC)
        if today > now:
            return today
        return datetime.combine(local.date() + timedelta(days=1), clock, local.tzinfo).astimezone(UTC)

    async def run(self, bucket: Bucket, ctx: StepContext) -> AsyncIterator[Out]:
        if not (ctx.preview or bucket.empty):
            await self._wait(bucket, ctx)
        yield Out(hand_on=bucket)

    async def _wait(self, bucket: Bucket, ctx: StepContext) -> None:
        if ctx.state is not None:
            end = parse_instant(ctx.state["until"])
        else:
            name, value = self._given
            first = await bucket.first()
            whole = await first.value() if "payload" in value.roots else None
            found = render(value, ctx.scope(first, whole), ctx.missing, where="the first payload", at=name)
            if found is MISSING or found is None or found == "":
                ctx.log.info(f"{name} is empty: no wait")
                return
            try:
                end = self._end(found, ctx.wall_now())
            except ValueError as error:
                raise PayloadError(
                    f"{name} is {as_text(found)[:100]!r}: {error}", code="wait.invalid", at=name
                ) from None
            if end <= ctx.wall_now():
                ctx.log.info(f"{spell_instant(end)} has passed: no wait")
                return
            await ctx.reach({"until": spell_instant(end)})
        await ctx.wait_until(end)
