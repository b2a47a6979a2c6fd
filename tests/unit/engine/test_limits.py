"""Time limits end what takes too long, without a timer for each."""

import asyncio

import pytest

from redrive.engine import limits as limiting
from redrive.engine.limits import Limits


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    monkeypatch.setattr(limiting, "LOOK_S", 0.01)


@pytest.mark.parametrize("seconds", [0.005, 0.1])
async def test_what_takes_longer_is_cut_off(seconds):
    """Both with a timer from the begin, and with one that is set when the end is near."""
    limit = Limits().of(seconds)
    begun = asyncio.get_running_loop().time()
    with pytest.raises(TimeoutError):
        async with limit:
            await asyncio.Event().wait()
    assert limit.expired()
    assert asyncio.get_running_loop().time() - begun >= seconds


async def test_what_ends_in_time_leaves_no_timer():
    limits = Limits()
    for _ in range(100):
        async with limits.of(1800) as limit:
            await asyncio.sleep(0)
        assert not limit.expired()
    async with asyncio.timeout(20):
        while limits._timer is not None:
            await asyncio.sleep(0)


async def test_the_clock_stands_still_in_a_pause():
    limits = Limits()
    async with limits.of(0.1) as limit:
        limit.pause()
        async with limits.of(1800):
            await asyncio.sleep(0.2)  # twice the limit: the pause is what is tested
        limit.go_on()
    assert not limit.expired()


async def test_the_clock_goes_on_after_a_pause():
    async def work():
        async with Limits().of(0.1) as limit:
            limit.pause()
            limit.go_on()
            await asyncio.Event().wait()

    with pytest.raises(TimeoutError):
        await work()


async def test_who_is_cancelled_from_outside_is_cancelled():
    async def work():
        async with Limits().of(1800):
            await asyncio.Event().wait()

    task = asyncio.create_task(work())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
