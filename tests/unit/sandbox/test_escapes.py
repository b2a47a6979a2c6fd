"""Ways out that are known from the literature on Python sandboxes: none of them leads anywhere."""

import json
from pathlib import Path

import pytest

from redrive.errors import StepError

# Each would give something that a script must not have.
ATTRIBUTES = [
    "().__class__",
    "().__class__.__bases__[0].__subclasses__()",
    "''.__class__.__mro__",
    "int.__subclasses__()",
    "object.__subclasses__()",
    "type.__subclasses__(type)",
    "handle.__globals__",
    "handle.__code__",
    "handle.__closure__",
    "handle.__builtins__",
    "handle.__getattribute__('__globals__')",
    "(lambda: 0).__globals__",
    "len.__self__",
    "print.__self__.__import__",
    "[].append.__self__.__class__",
    "(x for x in [1]).gi_frame",
    "(x for x in [1]).gi_code",
    "getattr((), '__class__')",
    "getattr(handle, '__glo' + 'bals__')",
    "'{0.__class__}'.format(handle)",
    "'{0.__globals__}'.format(handle)",
    "'{p.__class__.__init__.__globals__}'.format(p=handle)",
    "f'{handle.__globals__}'",
    "'%(x)s' % __builtins__",
    "type('X', (), {})().__class__.__bases__[0].__subclasses__()",
    "type(handle)('x')",
    "type(len)(1)",
    "type((lambda: 0).__code__)",
    "re.compile('a').__class__",
    "json.__loader__",
    "json.decoder.__builtins__",
    "json.codecs",
    "re.sys",
    "datetime.sys",
    "os.system('true')",
    "os.popen('true')",
    "os.fork()",
    "os.execv('/bin/true', ['true'])",
    "os.kill(1, 0)",
    "os.listdir('/')",
    "os.environ['PATH']",
    "os.getenv('PATH', 1 / 0)",
    "sys.modules",
    "sys._getframe()",
    "sys.exc_info()[2].tb_frame",
    "sys.settrace(handle)",
    "open('/etc/passwd').read()",
    "open('/proc/self/environ').read()",
    "open('/tmp/escaped', 'w').write('x')",
    "pathlib.Path('/etc/passwd').read_text()",
    "pathlib.Path('/').iterdir().__next__()",
    "list(pathlib.Path('/').iterdir())",
    "os.urandom(8)",
    "__import__('os')",
    "__builtins__",
    "__loader__",
    "__spec__.loader",
    "globals()",
    "locals()['__builtins__']",
    "vars()",
    "input()",
    "breakpoint()",
    "compile('1', '', 'eval')",
    "help()",
    'eval(\'__import__("os").system("true")\')',
    "exec('import subprocess')",
    "eval('().__class__')",
    "copy.copyreg",
    "functools.partial(open, '/etc/passwd')()",
    "functools.reduce(getattr, ['__class__', '__base__'], ())",
    "list(map(open, ['/etc/passwd']))",
    "asyncio.create_subprocess_shell('true')",
    "asyncio.open_connection('127.0.0.1', 80)",
    "time.sleep(5)",
    "asyncio.run(asyncio.sleep(5))",
]


@pytest.mark.parametrize("attempt", ATTRIBUTES)
async def test_an_attempt_ends_in_an_error_of_the_script(bench, attempt):
    code = (
        "import re, json, os, sys, pathlib, copy, functools, asyncio, time\nfrom datetime import datetime\n"
        f"def handle(p):\n    found = {attempt}\n    return 'through'\n"
    )
    with pytest.raises(StepError) as caught:
        await bench.each(code, b"1", time_s=0.5)
    assert caught.value.code == "script.failed"


@pytest.mark.parametrize(
    "module",
    [
        "subprocess", "socket", "ctypes", "threading", "multiprocessing", "signal", "pickle", "marshal", "shelve",
        "builtins", "importlib", "inspect", "gc", "types", "code", "codeop", "ast", "dis", "linecache", "tempfile",
        "shutil", "glob", "sqlite3", "urllib.request", "http.client", "ssl", "select", "mmap", "fcntl", "resource",
        "pty", "platform", "posix", "_io", "_thread", "runpy", "site", "antigravity", "webbrowser", "redrive",
        "pydantic_monty", "msgspec", "faulthandler", "atexit", "weakref",
    ],
)  # fmt: skip
async def test_modules_that_lead_out_are_not_there(bench, module):
    with pytest.raises(StepError, match=r"with (ModuleNotFound|Import)Error"):
        await bench.each(f"import {module}\ndef handle(p): return p", b"1")


@pytest.mark.parametrize(
    "code",
    [
        # the frame of an exception
        "def handle(p):\n    try:\n        1 / 0\n    except Exception as e:\n        return str(e.__traceback__.tb_frame)",
        # the exception of an attribute that holds its object
        "def handle(p):\n    try:\n        ().nothing\n    except AttributeError as e:\n        return str(e.obj.__class__)",
        # the cause and context of an exception
        "def handle(p):\n    try:\n        1 / 0\n    except Exception as e:\n        return str(e.with_traceback(None).__context__.__class__.__mro__)",
        # a decorator that calls without parentheses
        "@exec\n@input\nclass X: pass\ndef handle(p): return p",
        # a class whose hooks run at odd times
        "class A:\n    def __getattr__(self, name): return self\n    def __call__(self, *a): return open\n"
        "def handle(p): return A().anything().__self__",
        # a metaclass
        "class M(type): pass\nclass A(metaclass=M): pass\ndef handle(p): return A.__class__.__bases__",
        # matching on attributes
        "def handle(p):\n    match handle:\n        case object(__globals__=g):\n            return str(g)\n    raise ValueError",
        # star import
        "from os import *\ndef handle(p): return system('true')",
        "from builtins import *\ndef handle(p): return p",
        "import os.path as path\ndef handle(p): return path.os.system('true')",
    ],
)
async def test_roundabout_ways(bench, code):
    with pytest.raises(StepError):
        await bench.each(code, b"1", time_s=0.5)


async def test_repr_and_format_of_values_cannot_forge_numbers(bench):
    """A text that the script makes cannot break out of its quotes on the way back."""
    code = 'def handle(p): return {"a": "x\\",\\"b\\":1", "c": "\\\\", "d": "\\u2028\\x00"}'
    (out,) = await bench.each(code, b"1")
    assert json.loads(out) == {"a": 'x","b":1', "c": "\\", "d": "\u2028\x00"}


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="reads /proc")
async def test_the_worker_has_no_environment(bench):
    async with bench.open("def handle(p): return p") as session:
        environ = Path(f"/proc/{session._interpreter._pid}/environ").read_bytes()
    names = {entry.partition(b"=")[0] for entry in environ.split(b"\0") if entry}
    assert names <= {b"PATH", b"LANG", b"HOME"}
    assert not any(b"REDRIVE" in name for name in names)


@pytest.mark.parametrize("expression", ["os.getcwd()", "__file__", "__name__"])
async def test_what_it_is_told_about_itself_is_made_up(bench, expression):
    (out,) = await bench.each(f"import os\ndef handle(p): return {expression}", b"1")
    assert out in {b'"/"', b'"/script.py"', b'"__main__"'}
