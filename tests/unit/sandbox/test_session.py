"""What goes into a session and comes out of it: values, numbers, state, messages."""

import asyncio
import os
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from redrive.errors import PayloadError, StepError
from redrive.sandbox import KEPT, Whole, check


async def test_numbers_come_back_as_they_are_spelt(bench):
    raw = b'{"a": 1.10, "b": 123456789012345678901234567890, "c": 1E5, "d": 1e-7, "e": -1.50e+3}'
    (out,) = await bench.each("def handle(p):\n    p['z'] = 0\n    return p", raw)
    assert out == b'{"a":1.10,"b":123456789012345678901234567890,"c":1E5,"d":1e-7,"e":-1.50e+3,"z":0}'


async def test_what_comes_back_as_it_went_in_is_kept(bench):
    assert (
        await bench.each("def handle(p): return p", b'{"a": 1.0, "a": 2}', b"null", b"-0", b"[1e5]")
        == [KEPT] * 4
    )


@pytest.mark.parametrize(
    "change",
    ["1 if p is True else p", "Decimal('1.1') if p == Decimal('1.10') else p", "dict(reversed(p.items()))"],
    ids=["true to 1", "1.10 to 1.1", "order of names"],
)
async def test_an_equal_value_of_another_spelling_is_a_change(bench, change):
    given = {"1 if": b"true", "Deci": b"1.10", "dict": b'{"a":1,"b":2}'}[change[:4]]
    gives = {"1 if": b"1", "Deci": b"1.1", "dict": b'{"b":2,"a":1}'}[change[:4]]
    assert await bench.each(f"from decimal import Decimal\ndef handle(p): return {change}", given) == [gives]


async def test_a_text_like_a_marked_number_stays_a_text(bench):
    raw = b'{"a": "0123456789abcdef012345671.10", "b": 1.10}'
    (out,) = await bench.each("def handle(p):\n    p['c'] = 1\n    return p", raw)
    assert out == b'{"a":"0123456789abcdef012345671.10","b":1.10,"c":1}'


async def test_values_that_are_not_json_as_they_are(bench):
    code = (
        "from datetime import datetime, date\n"
        "def handle(p): return [(1, 2), datetime(2026, 1, 2, 3), date(2026, 1, 2), 0.5, {1: None}]"
    )
    assert await bench.each(code, b"1") == [b'[[1,2],"2026-01-02T03:00:00","2026-01-02",0.5,{"1":null}]']


@pytest.mark.parametrize(
    ("expression", "names"),
    [
        ("{1, 2}", "TypeError"),
        ("b'x'", "TypeError"),
        ("float('nan')", "ValueError"),
        ("float('inf')", "ValueError"),
        ("Decimal('NaN')", "ValueError"),
        ("handle", "TypeError"),
        ("{(1, 2): 3}", "TypeError"),
    ],
)
async def test_what_no_json_can_hold_is_named(bench, expression, names):
    with pytest.raises(StepError) as caught:
        await bench.each(f"from decimal import Decimal\ndef handle(p): return {expression}", b"1")
    assert caught.value.code == "script.result"
    assert (
        caught.value.detail
        == f"payload 0, item 0: what the script returns cannot be written as JSON ({names})"
    )


async def test_a_value_that_holds_itself(bench):
    with pytest.raises(StepError) as caught:
        await bench.each("def handle(p):\n    x = []\n    x.append(x)\n    return x", b"1")
    assert caught.value.code in {"script.result", "script.failed"}


@pytest.mark.parametrize(
    ("raw", "reason"),
    [(b'"\\ud800"', "escape"), (b"9" * 5000, "4300"), (b"[" * 300 + b"]" * 300, "recursion")],
    ids=["half a character", "digits", "depth"],
)
async def test_an_item_that_the_sandbox_cannot_read(bench, raw, reason):
    with pytest.raises(PayloadError, match=reason) as caught:
        await bench.each("def handle(p): return p", b"1", raw)
    assert caught.value.detail.startswith("payload 0, item 1 cannot be read as JSON by the script")


async def test_none_leaves_an_item_out(bench):
    assert await bench.each("def handle(p): return p if p > 1 else None", b"1", b"2") == [None, KEPT]


@pytest.mark.parametrize(
    ("kind", "given", "code", "gives"),
    [
        ("json", b"[1.50]", "payload + ['x']", Whole("json", b'[1.50,"x"]')),
        ("json", b" [1.50]", "payload", Whole("same")),
        ("json", b"[1]", "None", Whole("none")),
        ("text", b"abc", "payload.upper()", Whole("text", b"ABC")),
        ("text", b"abc", "[payload]", Whole("json", b'["abc"]')),
        ("bytes", b"\xff\x00", "payload + b'x'", Whole("bytes", b"\xff\x00x")),
        ("bytes", b"\xff\x00", "payload", Whole("same")),
        ("empty", b"", "payload", Whole("same")),
        ("empty", b"", "[1]", Whole("json", b"[1]")),
    ],
)
async def test_whole_payloads(bench, returns, kind, given, code, gives):
    async with bench.open(returns(code)) as session:
        assert await session.whole(kind, given, where="payload 0") == gives


@pytest.mark.parametrize("parameters", ["p", "p, meta", "p, meta, vars", "p, meta=None", "*all"])
async def test_the_function_may_take_fewer_arguments(bench, parameters):
    assert await bench.each(f"def handle({parameters}): return 1", b"2") == [b"1"]


async def test_meta_and_variables_are_changed_in_place(bench):
    code = "def handle(p, meta, vars):\n    meta['b'] = 'x'\n    vars['n'] = p['total'] * 2\n    return p"
    async with bench.open(code, meta={"a": "1"}, variables={"old": Decimal("1.50")}) as session:
        await session.each([b'{"total": 2.10}'], where="payload 0")
        assert await session.end() == ({"a": "1", "b": "x"}, {"old": Decimal("1.50"), "n": Decimal("4.20")})


async def test_meta_and_variables_that_nothing_changed(bench):
    async with bench.open("def handle(p, meta, vars): return p", meta={"a": "1"}) as session:
        await session.each([b"1"], where="payload 0")
        assert await session.end() is None


async def test_a_function_of_any_arguments(bench):
    async with bench.open("def handle(a, b): return {'sum': a + b}") as session:
        assert await session.run([Decimal("1.10"), 2]) == {"sum": Decimal("3.10")}


async def test_the_clock_is_the_runs(bench):
    code = "from datetime import datetime, date, timezone\nimport time\ndef handle(p): return "
    (out,) = await bench.each(
        code + "[datetime.now(), datetime.now(timezone.utc), date.today(), int(time.time())]", b"1"
    )
    assert out == b'["2026-01-15T12:00:00","2026-01-15T12:00:00+00:00","2026-01-15",%d]' % int(
        datetime(2026, 1, 15, 12, tzinfo=UTC).timestamp()
    )


async def test_state_lasts_for_a_session_and_no_longer(bench):
    code = "n = []\ndef handle(p):\n    n.append(p)\n    return len(n)"
    assert await bench.each(code, *[b"0"] * 40) == [b"%d" % n for n in range(1, 41)]
    assert await bench.each(code, b"0") == [b"1"]


async def test_sessions_side_by_side_share_nothing(bench):
    async def one(number: int) -> list:
        code = f"import json\njson.mine = {number}\nmine = {number}\ndef handle(p): return [mine, json.mine]"
        try:
            return await bench.each(code, b"1")
        except StepError:  # a module takes no names: just as well
            return await bench.each(f"mine = {number}\ndef handle(p): return [mine, mine]", b"1")

    assert await asyncio.gather(*(one(n) for n in range(6))) == [[b"[%d,%d]" % (n, n)] for n in range(6)]


async def test_names_of_the_script_do_not_break_the_session(bench):
    code = (
        "def repr(x): return 'x'\ndef type(x): return 5\nlist = 1\nstr = None\njson = 2\nDecimal = 3\nisinstance = 4\n"
        "def handle(p):\n    p['c'] = 1\n    return p"
    )
    assert await bench.each(code, b'{"a": 1.10}') == [b'{"a":1.10,"c":1}']


async def test_print_goes_out_line_by_line_and_is_bounded(bench):
    await bench.each("def handle(p):\n    print('a', p)\n    print('b\\nc', end='')\n    return p", b"1")
    assert bench.printed == ["a 1", "b", "c"]
    bench.printed.clear()
    await bench.each("def handle(p):\n    for n in range(10000):\n        print(n)\n    return p", b"1")
    assert bench.printed == [*map(str, range(200)), "(the script printed more; that is not kept)"]
    bench.printed.clear()
    await bench.each("def handle(p):\n    print('x' * 100000)\n    return p", b"1")
    assert sum(map(len, bench.printed)) < 40_000


@pytest.mark.parametrize(
    ("body", "detail", "told"),
    [
        ("return p['secret']", "the script fails in line 3 with KeyError", "KeyError: secret (line 3)"),
        ("return int(p)", "the script fails in line 3 with TypeError", "TypeError"),
        (
            "raise ValueError('no lines')",
            "the script fails in line 3 with ValueError: no lines",
            "ValueError: no lines (line 3)",
        ),
        (
            "assert p, 'it is empty'",
            "the script fails in line 3 with AssertionError: it is empty",
            "AssertionError: it is empty (line 3)",
        ),
        ("return helper(p)", "the script fails in line 1 with ZeroDivisionError", "ZeroDivisionError"),
    ],
)
async def test_a_failure_names_the_line_and_keeps_content_to_the_log(bench, body, detail, told):
    with pytest.raises(StepError) as caught:
        await bench.each(f"def helper(p): return 1 / len(p)\ndef handle(p):\n    {body}", b"{}")
    assert caught.value.code == "script.failed"
    assert caught.value.detail == f"payload 0, item 0: {detail}"
    assert caught.value.retry == "never"
    assert bench.failures[0].startswith(told)


async def test_a_failure_names_the_item(bench):
    with pytest.raises(StepError, match="payload 0, item 7: the script fails in line 1"):
        await bench.each("def handle(p): return 1 / (p - 7)", *[b"%d" % n for n in range(20)])


async def test_a_script_that_fails_before_it_is_called(bench):
    with pytest.raises(
        StepError, match="at its beginning: the script fails in line 2 with ZeroDivisionError"
    ):
        await bench.each("def handle(p): return p\n1 / 0", b"1")


async def test_a_worker_that_dies_harms_nobody_else(bench):
    async with (
        bench.open("def handle(p): return p + 1") as mine,
        bench.open("def handle(p): return p") as other,
    ):
        os.kill(mine._interpreter._pid, 9)
        with pytest.raises(StepError) as caught:
            await mine.each([b"1"], where="payload 0")
        assert (caught.value.code, caught.value.retry) == ("script.process_lost", "backoff")
        assert await other.each([b"1"], where="payload 0") == [KEPT]
    assert await bench.each("def handle(p): return p + 1", b"1") == [b"2"]


async def test_a_cancelled_call_takes_its_worker_along(bench):
    async with bench.open("def handle(p):\n    while p:\n        pass\n    return p", time_s=60) as session:
        call = asyncio.ensure_future(session.each([b"0", b"1"], where="payload 0"))
        await asyncio.sleep(0)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
    assert await bench.each("def handle(p): return p + 1", b"1") == [b"2"]


async def test_no_process_before_the_first_script(sandbox, bench):
    assert sandbox._started is None
    await bench.each("def handle(p): return p", b"1")
    await sandbox.close()
    assert sandbox._started is None
    assert await bench.each("def handle(p): return p", b"1") == [KEPT]


async def test_idle_workers_are_let_go_unless_a_script_has_come(sandbox, bench):
    await bench.each("def handle(p): return p", b"1")
    async with bench.open("def handle(p): return p") as session:
        await sandbox._stop(idle=True)
        assert await session.each([b"1"], where="payload 0") == [KEPT]
    await sandbox._stop(idle=True)
    assert sandbox._started is None


@pytest.mark.parametrize(
    "script",
    [
        "def handle(p):\n    return p\n__redrive_each = None",
        "def handle(p):\n    return p\ndef __redrive_each(*a): return [5]",
        "def handle(p):\n    return p\ndef __redrive_each(*a): return ['{']",
        "def handle(p):\n    return p\ndef __redrive_each(*a): return ['1,2']",
        "def handle(p):\n    return p\ndef __redrive_each(*a): return ['1', '2']",
        "def handle(p):\n    return p\ndef __redrive_each(*a): return 'x' * 10",
    ],
)
async def test_a_session_that_was_tampered_with_is_refused(bench, script):
    with pytest.raises(StepError) as caught:
        await bench.each(script, b"1")
    assert caught.value.code in {"script.result", "script.failed"}


async def test_a_machine_on_which_no_worker_starts(bench, monkeypatch):
    monkeypatch.setenv("MONTY_BIN", "/nowhere/monty")
    with pytest.raises(StepError) as caught:
        await bench.each("def handle(p): return p", b"1")
    assert caught.value.code == "script.refused"
    assert caught.value.detail.startswith("the sandbox of scripts does not start on this machine (")
    (fault,) = check("def handle(p): return p  # not checked before", arguments=("p",))
    assert fault.title.startswith("the sandbox of scripts does not start on this machine (")
