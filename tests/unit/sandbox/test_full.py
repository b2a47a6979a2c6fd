"""`full: true`: CPython in a locked-down process, or a refusal; never something weaker."""

import os
import socket

import pytest

from redrive.errors import StepError
from redrive.sandbox import KEPT, Sandbox, Script, Whole
from redrive.sandbox.cpython import why_not
from redrive.sdk.testing import NOW


@pytest.fixture(scope="module")
def missing() -> str | None:
    import asyncio

    return asyncio.run(why_not())


@pytest.fixture
def locked(missing, bench):
    """The bench, where this kernel locks a process down."""
    if missing:
        pytest.skip(f"this machine does not lock a process down: {missing}")
    return bench


async def test_a_machine_that_cannot_lock_down_refuses():
    async def probe():
        return "it cannot be confined by landlock: Function not implemented"

    async with Sandbox(probe=probe) as sandbox:
        with pytest.raises(StepError) as caught:
            async with sandbox.open(Script("def handle(p): return p", full=True), now=NOW):
                raise AssertionError("it runs")
    error = caught.value
    assert (error.code, error.retry, error.at) == ("script.refused", "never", "full")
    assert error.detail == (
        "full: true needs a kernel that locks a process down, and here it cannot be confined by landlock: "
        "Function not implemented"
    )
    assert "Leave out full" in str(error.hint)


async def test_the_probe_runs_once(bench):
    asked = []

    async def probe():
        asked.append(1)
        return "not here"

    async with Sandbox(probe=probe) as sandbox:
        for _ in range(3):
            with pytest.raises(StepError):
                async with sandbox.open(Script("def handle(p): return p", full=True), now=NOW):
                    pass
    assert asked == [1]


async def test_each_part_that_the_kernel_refuses_is_a_refusal(locked, monkeypatch, tmp_path):
    """The real child, with a lock-down whose last part fails: nothing runs without it."""
    import shutil
    from pathlib import Path

    from redrive.sandbox import cpython

    folder = Path(cpython.__file__).parent / "locked"
    for name in ("child.py", "lockdown.py"):
        shutil.copy(folder / name, tmp_path / name)
    text = (tmp_path / "lockdown.py").read_text()
    (tmp_path / "lockdown.py").write_text(
        text.replace(
            "_SET_SECCOMP, _SET_DUMPABLE = 1, 38, 22, 4", "_SET_SECCOMP, _SET_DUMPABLE = 1, 38, 9999, 4"
        )
    )
    monkeypatch.setattr(cpython, "_CHILD", tmp_path / "child.py")
    assert await why_not() == "it cannot have its system calls filtered: Invalid argument"


async def test_what_passes_the_probe_is_named(locked, monkeypatch):
    from redrive.sandbox import cpython

    monkeypatch.setattr(cpython, "_PROBE", "def __probe(): return 'open a socket'")
    assert await why_not() == "a locked process can still open a socket"


async def test_payloads_numbers_and_state(locked):
    code = (
        "import uuid, fractions, functools\nclass Base: pass\nclass Mine(Base): pass\n"
        "def pairs(n):\n    yield n\n    yield n\n"
        "def handle(p):\n    p['b'] = list(pairs(1))\n    return p\n"
    )
    given = b'{"a": 1.10, "c": 1E5, "n": 123456789012345678901234567890}'
    assert await locked.each(code, given, full=True) == [
        b'{"a":1.10,"c":1E5,"n":123456789012345678901234567890,"b":[1,1]}'
    ]
    assert await locked.each("def handle(p): return p", b"[1.0]", full=True) == [KEPT]
    async with locked.open("def handle(p): return p + b'x'", full=True) as session:
        assert await session.whole("bytes", b"\xff", where="payload 0") == Whole("bytes", b"\xffx")


async def test_clock_print_and_lines(locked):
    code = (
        "import datetime, time\nfrom datetime import date\ndef handle(p):\n    print('seen', p)\n"
        "    return [datetime.datetime.now(), date.today(), time.time(), datetime.datetime.now(datetime.UTC)]"
    )
    assert await locked.each(code, b"1", full=True) == [
        b'["2026-01-15T12:00:00","2026-01-15",1768478400.0,"2026-01-15T12:00:00+00:00"]'
    ]
    assert locked.printed == ["seen 1"]
    with pytest.raises(StepError, match="item 0: the script fails in line 3 with ValueError: mine"):
        await locked.each("def handle(p):\n    if p:\n        raise ValueError('mine')", b"1", full=True)


ATTEMPTS = {
    "read a file": "open('/etc/hostname').read()",
    "read its own package": "open({package!r}).read()",
    "list a folder": "os.listdir('/')",
    "read its environment from /proc": "open('/proc/self/environ', 'rb').read()",
    "read its memory from /proc": "open('/proc/self/mem', 'rb')",
    "read the parent's memory": "open(f'/proc/{{os.getppid()}}/mem', 'rb')",
    "write a file": "open('/tmp/redrive-escape', 'w')",
    "write into the standard library": "open(os.__file__, 'a')",
    "make a folder": "os.mkdir('/tmp/redrive-escape')",
    "remove a file": "os.unlink('/tmp/redrive-escape')",
    "connect": "socket.create_connection(('127.0.0.1', {port}), timeout=1)",
    "connect by UDP": "socket.socket(socket.AF_INET, socket.SOCK_DGRAM)",
    "a Unix socket": "socket.socket(socket.AF_UNIX)",
    "a netlink socket": "socket.socket(16, 3)",
    "fork": "os.fork()",
    "a thread": "threading.Thread(target=print).start()",
    "run a program": "os.execv('/bin/sh', ['sh', '-c', 'true'])",
    "run a program by subprocess": "subprocess.run(['/bin/true'])",
    "posix_spawn": "os.posix_spawn('/bin/true', ['true'], {{}})",
    "signal the parent": "os.kill(os.getppid(), 0)",
    "signal all": "os.kill(-1, 0)",
    "ptrace": "call(101, 16, os.getppid(), 0, 0)",
    "process_vm_readv": "call(310, os.getppid(), 0, 0, 0, 0, 0)",
    "mount": "call(165, b'none', b'/mnt', b'tmpfs', 0, 0)",
    "another user namespace": "call(272, 0x10000000)",
    "io_uring": "call(425, 8, 0)",
    "bpf": "call(321, 0, 0, 0)",
    "a memory file": "call(319, b'x', 0)",
    "raise its own limits": "resource.setrlimit(resource.RLIMIT_NOFILE, (4096, 4096))",
    "keyrings": "call(250, 0, 0, 0, 0, 0)",
}


@pytest.mark.parametrize("what", ATTEMPTS)
async def test_nothing_leads_out(locked, what):
    with socket.create_server(("127.0.0.1", 0)) as listening:
        attempt = ATTEMPTS[what].format(port=listening.getsockname()[1], package=pytest.__file__)
        code = (
            "import os, socket, subprocess, threading, resource, ctypes\n"
            "def call(number, *arguments):\n"
            "    if ctypes.CDLL(None, use_errno=True).syscall(number, *arguments) < 0:\n"
            "        raise OSError(ctypes.get_errno(), 'refused')\n"
            "def handle(p):\n"
            "    try:\n"
            f"        found = {attempt}\n"
            "    except (OSError, RuntimeError, ValueError) as error:\n"
            "        return type(error).__name__\n"
            "    return 'through: ' + repr(found)[:200]\n"
        )
        (out,) = await locked.each(code, b"1", full=True, memory_mib=256)
    if what == "raise its own limits":
        assert out == b'"ValueError"'
        return
    assert out in {
        b'"PermissionError"',
        b'"RuntimeError"',
        b'"OSError"',
        b'"FileNotFoundError"',
        b'"BlockingIOError"',
    }


async def test_it_sees_no_environment_and_no_other_descriptors(locked, monkeypatch):
    monkeypatch.setenv("REDRIVE_SECRET_FOR_TEST", "x")
    code = (
        "import os\ndef handle(p):\n    there = []\n    for number in range(64):\n        try:\n"
        "            os.fstat(number)\n            there.append(number)\n        except OSError:\n            pass\n"
        "    return [dict(os.environ), len(there)]"
    )
    (out,) = await locked.each(code, b"1", full=True)
    assert out == b"[{},5]"  # nothing three times, and the two pipes


async def test_nothing_of_one_process_is_left_in_the_next(locked):
    code = "import json\nseen = getattr(json, 'mine', 0)\njson.mine = 1\ndef handle(p): return seen"
    assert [await locked.each(code, b"1", full=True) for _ in range(2)] == [[b"0"], [b"0"]]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ("while True: pass", "script.time_limit"),
        ("import time; time.sleep(99)", "script.time_limit"),
        ("return 'a' * 10 ** 10", "script.memory_limit"),
        ("x = []\n    while True: x.append('a' * 10 ** 6)", "script.memory_limit"),
        ("return handle(p)", "script.failed"),
        ("import re; re.match('(a+)+$', 'a' * 64 + 'b')", "script.time_limit"),
        ("import os; os._exit(0)", "script.process_lost"),
        ("import os; os.abort()", "script.process_lost"),
        ("import os; os.write(4, b'\\xff' * 4)", "script.process_lost"),
        ("import os; os.write(4, b'\\0\\0\\0\\1{')", "script.process_lost"),
        ("import sys; sys.exit(0)", "script.failed"),
        ("import ctypes; ctypes.string_at(0)", "script.process_lost"),
        ("while True: print('x' * 10 ** 6)", "script.time_limit"),
    ],
)
async def test_bounds_and_crashes(locked, body, code):
    time_s = 0.3 if code == "script.time_limit" else 20
    with pytest.raises(StepError) as caught:
        await locked.each(f"def handle(p):\n    {body}", b"1", full=True, time_s=time_s, memory_mib=64)
    assert caught.value.code == code
    assert await locked.each("def handle(p): return p + 1", b"1", full=True) == [b"2"]


async def test_its_process_is_gone_afterwards(locked):
    async with locked.open("def handle(p): return p", full=True) as session:
        pid = session._interpreter._process.pid
        os.kill(pid, 0)
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
