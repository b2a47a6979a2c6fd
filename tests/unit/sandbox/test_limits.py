"""Bounds: whatever a script does, it ends in time, and nobody else notices."""

import time

import pytest

from redrive.errors import StepError

BOMBS = [
    "while True: pass",
    "[0 for _ in iter(int, 1)]",
    "sum(range(10 ** 12))",
    "'a' * 10 ** 10",
    "[0] * 10 ** 9",
    "{n: n for n in range(10 ** 9)}",
    "10 ** 10 ** 8",
    "2 ** (2 ** 40)",
    "pow(3, 10 ** 9)",
    "1 << (1 << 40)",
    "list(range(10 ** 9))",
    "'{:>9999999999}'.format(1)",
    "'%0999999999d' % 1",
    "f'{1:>9999999999}'",
    "'a'.join(['b' * 10 ** 6] * 10 ** 6)",
    "('a' * 10 ** 6).replace('a', 'b' * 10 ** 6)",
    "handle(p)",
    "(lambda f: f(f))(lambda f: f(f))",
    "sorted([0] * 10 ** 7, key=lambda x: [x] * 1000)",
    "__import__",
    "eval('(' * 100000)",
    "eval('+'.join(['1'] * 10 ** 6))",
    "__import__('json').loads('[' * 10 ** 6)",
    "re.match('(a+)+$', 'a' * 64 + 'b')",
    "re.match('(a|aa)+$', 'a' * 64 + 'b')",
    r"re.match(r'(?=(a+)+b)a', 'a' * 64)",
    r"re.match(r'^(([a-z])+.)+[A-Z]([a-z])+$', 'a' * 64)",
    r"re.sub(r'(x+x+)+y', '', 'x' * 64)",
    "hash((('a',) * 10 ** 6,) * 10 ** 3)",
    "repr([[0] * 1000] * 10 ** 6)",
    "int('9' * 4000) ** 99999",
    "Decimal('9' * 4000) ** Decimal('99999.5')",
    "Decimal(10) ** 999999999",
    "math.factorial(10 ** 7)",
    "math.comb(10 ** 9, 10 ** 8)",
    "list(itertools.product(range(100), repeat=9))",
    "functools.reduce(lambda a, b: a + a, range(99), 'ab')",
    "copy.deepcopy([[0] * 10 ** 6] * 10 ** 3)",
    "hashlib.pbkdf2_hmac('sha256', b'x', b'y', 10 ** 10)",
]


@pytest.mark.parametrize("bomb", BOMBS)
async def test_a_bomb_ends_in_time(bench, bomb):
    body = bomb if bomb.startswith("while") else f"return {bomb}"
    code = (
        "import re, math, itertools, functools, copy, hashlib\nfrom decimal import Decimal\n"
        f"def handle(p):\n    {body}\n"
    )
    began = time.monotonic()
    try:
        await bench.each(code, b"1", time_s=0.2, memory_mib=32)
    except StepError as error:
        assert error.code in {"script.time_limit", "script.memory_limit", "script.failed", "script.result"}  # noqa: PT017
    assert time.monotonic() - began < 5


@pytest.mark.parametrize(
    ("body", "code", "detail", "hint"),
    [
        (
            "while True: pass",
            "script.time_limit",
            "payload 0, item 0: a call of the script took longer than 0.1 s of computing",
            "Look for a loop without end",
        ),
        (
            "return 'a' * 10 ** 9",
            "script.memory_limit",
            "payload 0, item 0: the script needs more than 16 MiB in line 2",
            "Work on single items",
        ),
        (
            "return handle(p)",
            "script.failed",
            "payload 0, item 0: the script calls itself too deeply in line 2",
            "Use a loop",
        ),
    ],
)
async def test_each_bound_says_which_it_is_and_the_way_out(bench, body, code, detail, hint):
    with pytest.raises(StepError) as caught:
        await bench.each(f"def handle(p):\n    {body}", b"1", time_s=0.1, memory_mib=16)
    assert (caught.value.code, caught.value.detail) == (code, detail)
    assert str(caught.value.hint).startswith(hint)


@pytest.mark.parametrize("catch", ["BaseException", "Exception", "TimeoutError", "MemoryError"])
@pytest.mark.parametrize("work", ["while True:\n            pass", "x = 'a' * 10 ** 10"])
async def test_a_bound_cannot_be_caught(bench, catch, work):
    code = f"def handle(p):\n    try:\n        {work}\n    except {catch}:\n        pass\n    return 5"
    with pytest.raises(StepError):
        await bench.each(code, b"1", time_s=0.1, memory_mib=16)


async def test_the_time_is_that_of_one_call_not_of_all(bench):
    """Fast items are handed over many at a time; where such a group needs longer, each has its own time."""
    code = (
        "seen = []\ndef handle(p):\n    seen.append(p)\n    if p >= 31:\n        for _ in range(150000): p += 0\n"
        "    return len(seen)"
    )
    results = await bench.each(code, *[b"%d" % n for n in range(63)], time_s=0.4)
    assert results == [b"%d" % n for n in range(1, 64)]


async def test_a_slow_item_in_a_group_is_named(bench):
    code = "def handle(p):\n    while p == 50:\n        pass\n    return p"
    with pytest.raises(StepError, match="item 50: a call of the script took longer"):
        await bench.each(code, *[b"%d" % n for n in range(64)], time_s=0.1)


async def test_scripts_wait_for_their_turn(bench):
    import asyncio

    async def one(n):
        return await bench.each(f"def handle(p): return {n}", b"1")

    assert await asyncio.gather(*(one(n) for n in range(2, 10))) == [[b"%d" % n] for n in range(2, 10)]
