"""The test kit does what the engine does."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from redrive.errors import PayloadError, RemoteUnavailable, StepError
from redrive.sdk import Bucket, Example, GatherShape, Item, MemoryContent, Out, Payload, Shape, StepContext
from redrive.sdk.testing import LogLine, MemoryContext, Tracked, check_examples, run_shape


class Pages(Shape, kind="pages", group="tests"):
    """Puts out three pages with checkpoints, and fails once before the last."""

    async def run(self, payload: Payload, ctx: StepContext) -> AsyncIterator[Out]:
        for page in range(ctx.state or 0, 3):
            ctx.set_variable("page", page)
            if page == 2 and ctx.attempt == 1:
                ctx.log.warning("gone", page=page)
                raise RemoteUnavailable("the shop is gone")
            yield Out([Item(b"%d" % page, payload.position, 0)], checkpoint=page + 1)


class Halves(Shape, kind="halves", group="tests"):
    """Puts one payload out, tracks, and then fails on payload 1."""

    examples = (Example("fine", {}, given=[1], gives=[[1]]),)

    async def run(self, payload: Payload, ctx: StepContext) -> AsyncIterator[Out]:
        async for items in payload.chunks():
            ctx.track("id", items[0].raw.decode(), items[0])
            yield Out(items)
            yield Out([])
            if payload.position == 1:
                raise PayloadError("no")


class Total(GatherShape, kind="total", group="tests"):
    """Counts the items of the bucket."""

    async def run(self, bucket: Bucket, ctx: StepContext) -> AsyncIterator[Out]:
        count = 0
        async for _, items in bucket.chunks():
            count += len(items)
        yield Out(content=b"%d" % count)


class Fails(Shape, kind="fails", group="tests"):
    """Raises what it is told to."""

    error: object

    async def run(self, payload: Payload, ctx: StepContext) -> AsyncIterator[Out]:
        raise self.error  # type: ignore[misc]
        yield Out()


async def test_a_failed_attempt_keeps_what_stands_before_its_last_checkpoint() -> None:
    result = await run_shape(Pages(), [b"1"])
    assert result.values == [[0], [1]]
    assert [one.checkpoint for one in result.payloads] == [1, 2]
    assert result.variables == {"page": 1}
    assert result.error is not None
    assert result.error.code == "remote.unavailable"
    assert result.logs == [LogLine("warning", "gone", {"page": 2})]


async def test_a_further_attempt_goes_on_from_the_checkpoint() -> None:
    result = await run_shape(Pages(), [b"1"], attempts=2)
    assert result.values == [[0], [1], [2]]
    assert result.failed == []
    assert result.variables == {"page": 2}


async def test_without_a_checkpoint_a_failed_payload_leaves_nothing() -> None:
    result = await run_shape(Halves(), [[5], [6], [7]])
    assert result.values == [[5], [7]]
    assert result.tracked == [Tracked("id", "5", (0, 0)), Tracked("id", "7", (2, 0))]
    assert [failed.position for failed in result.failed] == [1]


async def test_an_error_that_stops_the_step_leaves_the_other_payloads_untried() -> None:
    error = StepError("stop", stops_step=True)
    result = await run_shape(Fails(error=error), [1, 2, 3])
    assert [(failed.position, failed.error) for failed in result.failed] == [(0, error)]


async def test_an_unforeseen_exception_is_a_crash_with_its_cause() -> None:
    cause = KeyError("sku")
    result = await run_shape(Fails(error=cause), [1])
    assert result.error is not None
    assert result.error.code == "shape.crashed"
    assert result.error.detail == "KeyError: 'sku'"
    assert result.error.__cause__ is cause


async def test_content_is_made_from_every_item_of_its_input() -> None:
    result = await run_shape(Total(), [[1, 2], [3]])
    assert result.values == [3]
    assert result.payloads[0].lineage == [[(0, 0), (0, 1), (1, 0)]]


async def test_from_items_narrows_the_origins_of_content() -> None:
    class Middle(Shape, kind="middle", group="tests"):
        """Puts a document out that is made from the items 1 and 2."""

        async def run(self, payload: Payload, ctx: StepContext) -> AsyncIterator[Out]:
            yield Out(content=b'["a","b"]', from_items=[(payload.position, 1, 2)])

    result = await run_shape(Middle(), [[0, 1, 2, 3]])
    assert result.payloads[0].lineage == [[(0, 1), (0, 2)]] * 2


async def test_payloads_can_be_given_whole() -> None:
    given = Payload(MemoryContent(b"a\nb\n"), media_type="text/plain", meta={"k": "v"}, position=9)

    class Same(Shape, kind="same", group="tests"):
        """Puts its payload out again."""

        async def run(self, payload: Payload, ctx: StepContext) -> AsyncIterator[Out]:
            yield Out(content=payload.content, like=payload)

    result = await run_shape(Same(), [[1], given])
    assert result.payloads[1].data == b"a\nb\n"
    assert result.payloads[1].media_type == "text/plain"
    assert result.payloads[1].meta == {"k": "v"}
    assert result.payloads[1].lineage == [[(1, 0)]]
    assert result.payloads[1].value == "a\nb\n"


@pytest.mark.parametrize(
    ("example", "message"),
    [
        (
            Example("x", {}, given=[1], gives=[[2]]),
            r"shape 'halves', example 'x': payloads: expected \[\[2\]\], found \[\[1\]\]",
        ),
        (Example("x", {}, given=[1], gives=[]), "number of payloads: expected 0, found 1"),
        (
            Example("x", {}, given=[1], fails="payload.invalid"),
            "error code: expected 'payload.invalid', found None",
        ),
        (Example("x", {}, given=[1, 2]), r"error code \(no\): expected None, found 'payload.invalid'"),
        (Example("x", {}, given=[1], gives_variables={"a": 1}), r"variables: expected {'a': 1}, found {}"),
        (
            Example("x", {}, given=[1], gives_meta=[{"a": "b"}]),
            r"meta: expected \[{'a': 'b'}\], found \[{}\]",
        ),
        (
            Example("x", {}, given=[b"1"], gives=[b"[1 ]"]),
            r"payloads: expected \[b'\[1 \]'\], found \[b'\[1\]'\]",
        ),
    ],
)
async def test_an_example_that_does_not_hold_says_so(
    example: Example, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await check_examples(Halves)
    monkeypatch.setattr(Halves, "examples", (example,))
    with pytest.raises(AssertionError, match=message):
        await check_examples(Halves)


async def test_a_shape_without_examples_is_not_passed_over() -> None:
    with pytest.raises(AssertionError, match="shape 'total' has no examples"):
        await check_examples(Total)


async def test_the_context_has_a_clock_that_stands_and_a_scope() -> None:
    ctx = MemoryContext(variables={"a": 1})
    payload = Payload(MemoryContent(b"{}"), meta={"m": "1"})
    ctx.set_variable("b", 2)
    scope = ctx.scope(payload, value={"p": 1}, item={"i": 1})
    assert set(scope) == {"payload", "item", "meta", "vars", "run", "now", "last_success"}
    assert dict(scope["vars"]) == {"a": 1, "b": 2}
    assert scope["run"]["flow"] == "test"
    assert ctx.now() is ctx.now()
    await ctx.sleep(30)
    assert ctx.slept == [30]
    stored = await ctx.store(b"abcdef")
    assert await (await ctx.slice(stored, 1, 3)).read() == b"bc"
