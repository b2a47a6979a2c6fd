from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from redrive.errors import Forbidden, NotFound, StateConflict, UsageError
from redrive.service.tokens import Tokens
from tests.unit.service.definition_home import opened


@pytest.fixture
async def kernel(tmp_path):
    async with opened(tmp_path / "home") as kernel:
        yield kernel


@pytest.fixture
def tokens(kernel):
    return Tokens(kernel)


async def test_a_token_is_shown_once_and_kept_as_a_hash(kernel, tokens):
    made = await tokens.create("ci")
    assert made.token.startswith("rdt_")
    assert len(made.token) == 4 + 43
    assert (await tokens.verify(made.token)).name == "ci"
    (listed,) = (await tokens.list()).items
    assert listed.model_dump() == made.model_dump(exclude={"token"})
    for file in kernel.home.rglob("*"):
        assert not file.is_file() or made.token.encode() not in file.read_bytes()


async def test_two_tokens_are_not_the_same(tokens):
    one, other = await tokens.create("one"), await tokens.create("other")
    assert one.token != other.token
    assert [(await tokens.verify(made.token)).name for made in (one, other)] == ["one", "other"]
    assert [view.name for view in (await tokens.list()).items] == ["one", "other"]


async def test_a_token_expires(kernel, tokens):
    made = await tokens.create("ci", days=7)
    assert made.expires_at - made.created_at == timedelta(days=7)
    kernel.deps.clock.forward(days=6.9)
    assert (await tokens.verify(made.token)).name == "ci"
    kernel.deps.clock.forward(days=0.1)
    with pytest.raises(Forbidden) as caught:
        await tokens.verify(made.token)
    assert caught.value.code == "token.expired"
    assert [view.name for view in (await tokens.list()).items] == ["ci"]
    # Its name is free again.
    assert (await tokens.verify((await tokens.create("ci")).token)).name == "ci"


async def test_a_revoked_token_lets_nobody_in(tokens):
    made = await tokens.create("ci")
    await tokens.revoke(made.id.upper())
    with pytest.raises(Forbidden) as caught:
        await tokens.verify(made.token)
    assert caught.value.code == "token.invalid"
    assert (await tokens.list()).items == []
    with pytest.raises(NotFound) as unknown:
        await tokens.revoke(made.id)
    assert unknown.value.code == "token.unknown"


@pytest.mark.parametrize("text", ["", "rdt_", "rdt_x", "\ud800", "ü" * 10_000])
async def test_anything_else_is_no_token(tokens, text):
    await tokens.create("ci")
    with pytest.raises(Forbidden):
        await tokens.verify(text)


async def test_what_is_no_id_revokes_nothing(tokens):
    await tokens.create("ci")
    for text in ("ci", "", "t", "r0000000000000"):
        with pytest.raises(NotFound):
            await tokens.revoke(text)
    assert len((await tokens.list()).items) == 1


@pytest.mark.parametrize("name", ["", "  ", "a\nb", "x" * 101])
async def test_a_token_has_a_name_that_can_be_shown(tokens, name):
    with pytest.raises(UsageError):
        await tokens.create(name)


@pytest.mark.parametrize("days", [0, -1, 36_501])
async def test_an_expiry_lies_ahead_and_within_reach(tokens, days):
    with pytest.raises(UsageError):
        await tokens.create("ci", days=days)


async def test_a_name_is_taken_once(tokens):
    done = await asyncio.gather(*(tokens.create("ci") for _ in range(4)), return_exceptions=True)
    assert sorted(isinstance(one, StateConflict) for one in done) == [False, True, True, True]
    assert len((await tokens.list()).items) == 1
