"""The page of the Python of scripts: each row is tried in the sandbox when the page is made.

What the page says is what the sandbox did; the test that compares the page with its file fails where a
new version of the interpreter does something else.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from redrive.sandbox.monty import Workers
from redrive.sandbox.script import MAX_MEMORY_MIB, MAX_SOURCE_BYTES, MAX_TIME_S, Limits
from tools.pages.markdown import Pages, page, table


class Row(NamedTuple):
    """`code` ends in an expression; the row is a yes where that gives `gives`."""

    what: str
    code: str
    gives: Any = True


LANGUAGE: tuple[Row, ...] = (
    Row("functions, defaults, `*args`, `**kwargs`", "def f(a, b=2, *c, **d):\n  return a + b\nf(1, d=3)", 3),
    Row("nested functions and `nonlocal`",
        "def f():\n  n = 1\n  def g():\n    nonlocal n\n    n += 1\n    return n\n  return g()\nf()", 2),
    Row("`lambda`", "(lambda x: x * 2)(4)", 8),
    Row("`if`, `for`, `while`, `break`, `continue`, `else`",
        "n = 0\nfor i in range(9):\n  if i == 5:\n    break\n  n += i\nelse:\n  n = -1\nn", 10),
    Row("list, dict and set comprehensions", "[{k: {x for x in v} for k, v in {'a': [1, 1]}.items()}]", [{"a": {1}}]),
    Row("generator expressions", "sum(x for x in range(4))", 6),
    Row("`yield`", "def f():\n  yield 1\nlist(f())", [1]),
    Row("`try`, `except`, `else`, `finally`, `raise`",
        "def f():\n  try:\n    raise ValueError('x')\n  except (KeyError, ValueError) as e:\n    return str(e)\n"
        "  finally:\n    pass\nf()", "x"),
    Row("exceptions of one's own", "class E(Exception):\n  pass\ndef f():\n  try:\n    raise E('a')\n"
        "  except E as e:\n    return str(e)\nf()", "a"),
    Row("`assert`", "def f():\n  try:\n    assert 1 == 2, 'no'\n  except AssertionError as e:\n    return str(e)\nf()", "no"),
    Row("`with`", "class C:\n  def __enter__(self):\n    return 1\n  def __exit__(self, *a):\n    return None\n"
        "with C() as c:\n  x = c\nx", 1),
    Row("classes and methods", "class A:\n  def __init__(self, x):\n    self.x = x\n  def y(self):\n    return self.x\nA(3).y()", 3),
    Row("inheritance", "class A:\n  def x(self):\n    return 1\nclass B(A):\n  pass\nB().x()", 1),
    Row("`@property`, `@staticmethod`, `@classmethod`",
        "class A:\n  @property\n  def x(self):\n    return 1\n  @staticmethod\n  def y():\n    return 2\nA().x + A.y()", 3),
    Row("`@dataclass`", "from dataclasses import dataclass\n@dataclass\nclass A:\n  x: int = 1\nA(2).x", 2),
    Row("operators of one's own (`__add__`, `__eq__`, …)",
        "class A:\n  def __add__(self, o):\n    return 7\nA() + 1", 7),
    Row("decorators", "def d(f):\n  return lambda: f() + 1\n@d\ndef f():\n  return 1\nf()", 2),
    Row("unpacking, also with `*`", "a, *b = [1, 2, 3]\n[a, *b, *{'x': 1}]", [1, 2, 3, "x"]),
    Row("dict unpacking and `|`", "{**{'a': 1}, 'b': 2} | {'c': 3}", {"a": 1, "b": 2, "c": 3}),
    Row("slices", "[1, 2, 3, 4][1:3] + list('abc'[::-1])", [2, 3, "c", "b", "a"]),
    Row("slice assignment", "a = [1, 2, 3]\na[0:2] = [9]\na", [9, 3]),
    Row("`:=`", "[y for x in [1, 2] if (y := x * 2) > 2]", [4]),
    Row("chained comparison, conditional expression", "1 if 1 < 2 < 3 else 0", 1),
    Row("`match`", "def f(x):\n  match x:\n    case {'a': n}:\n      return n\n    case _:\n      return 0\nf({'a': 5})", 5),
    Row("f-strings with formats", "f'{3.14159:.2f} {\"x\":>3} {5!r} {7=}'", "3.14   x 5 7=7"),
    Row("`%` and `str.format`", "'%03d %s' % (7, 'x') + '{a:>3}'.format(a=1)", "007 x  1"),
    Row("`global`", "n = 0\ndef f():\n  global n\n  n += 1\nf()\nn", 1),
    Row("`del`", "a = {'x': 1}\ndel a['x']\na", {}),
    Row("type annotations", "def f(a: list[int] | None = None) -> int:\n  x: int = 1\n  return x\nf()", 1),
    Row("`async def` and `await`",
        "import asyncio\nasync def f():\n  return 1\nasync def g():\n  return await f()\nasyncio.run(g())", 1),
    Row("whole numbers of any size", "2 ** 100", 2**100),
    Row("complex numbers", "(1j * 1j).real", -1.0),
    Row("bytes", "b'ab' + b'c'", b"abc"),
    Row("bytes made from a list of numbers", "bytes([99])", b"c"),
    Row("bytearray", "bytes(bytearray(b'ab'))", b"ab"),
    Row("attributes such as `__class__`, `__dict__`, `__globals__`", "().__class__.__name__", "tuple"),
)  # fmt: skip

BUILTINS: tuple[str, ...] = (
    "abs", "all", "any", "ascii", "bin", "bool", "bytearray", "bytes", "callable", "chr", "compile", "complex",
    "delattr", "dict", "dir", "divmod", "enumerate", "eval", "exec", "filter", "float", "format", "frozenset",
    "getattr", "globals", "hasattr", "hash", "help", "hex", "id", "input", "int", "isinstance", "issubclass",
    "iter", "len", "list", "locals", "map", "max", "memoryview", "min", "next", "object", "oct", "open", "ord",
    "pow", "print", "property", "range", "repr", "reversed", "round", "set", "setattr", "slice", "sorted",
    "staticmethod", "str", "sum", "super", "tuple", "type", "vars", "zip", "__import__", "breakpoint",
)  # fmt: skip

MODULES: tuple[Row, ...] = (
    Row("abc", "import abc\nabc.ABC is not None"),
    Row("array", "import array\narray.array('i', [1])[0]", 1),
    Row("asyncio", "import asyncio\nasync def f():\n  return 1\nasyncio.run(f())", 1),
    Row("base64", "import base64\nbase64.b64encode(b'x')", b"eA=="),
    Row("bisect", "import bisect\nbisect.bisect([1, 2], 1)", 1),
    Row("calendar", "import calendar\ncalendar.isleap(2024)"),
    Row("collections: Counter, defaultdict, deque, namedtuple",
        "from collections import Counter, defaultdict, deque, namedtuple\nCounter('aab')['a']", 2),
    Row("collections: OrderedDict, ChainMap", "from collections import OrderedDict, ChainMap\nTrue"),
    Row("copy", "import copy\ncopy.deepcopy([[1]])", [[1]]),
    Row("csv", "import csv\nlist(csv.reader(['a,b']))", [["a", "b"]]),
    Row("dataclasses: dataclass, field",
        "from dataclasses import dataclass, field\n@dataclass\nclass A:\n  x: int\nA(1).x", 1),
    Row("dataclasses: asdict", "from dataclasses import asdict\nTrue"),
    Row("datetime", "from datetime import datetime, timedelta, timezone, date\n(datetime(2026, 1, 31) + timedelta(days=1)).isoformat()", "2026-02-01T00:00:00"),
    Row("decimal", "from decimal import Decimal, ROUND_HALF_UP\nstr(Decimal('1.005').quantize(Decimal('0.01'), ROUND_HALF_UP))", "1.01"),
    Row("difflib", "import difflib\ndifflib.get_close_matches('ab', ['abc'])", ["abc"]),
    Row("email", "import email\nemail is not None"),
    Row("enum (it needs inheritance)", "from enum import Enum\nclass C(Enum):\n  A = 1\nC.A.value", 1),
    Row("fractions", "from fractions import Fraction\nstr(Fraction(1, 3) * 3)", "1"),
    Row("functools", "from functools import reduce, partial\nreduce(lambda a, b: a + b, [1, 2, 3])", 6),
    Row("hashlib", "import hashlib\nhashlib.sha256(b'x').hexdigest()[:8]", "2d711642"),
    Row("heapq", "import heapq\nheapq.nsmallest(1, [3, 1])", [1]),
    Row("hmac", "import hmac\nhmac.new(b'k', b'x', 'sha256').hexdigest()[:4]", "91de"),
    Row("html", "import html\nhtml.escape('<')", "&lt;"),
    Row("io", "import io\nio.StringIO('ab').read()", "ab"),
    Row("ipaddress", "import ipaddress\nstr(ipaddress.ip_address('::1'))", "::1"),
    Row("itertools", "from itertools import chain, groupby, islice\nlist(chain([1], [2]))", [1, 2]),
    Row("json", "import json\njson.loads('[1]')", [1]),
    Row("math", "import math\nmath.isqrt(17)", 4),
    Row("operator", "from operator import itemgetter\nitemgetter('a')({'a': 1})", 1),
    Row("random", "import random\n0 <= random.random() < 1"),
    Row("re", "import re\nre.sub(r'(\\d+)', r'<\\1>', 'a12')", "a<12>"),
    Row("statistics", "import statistics\nstatistics.mean([1, 3])", 2),
    Row("string", "import string\nstring.digits", "0123456789"),
    Row("struct", "import struct\nstruct.pack('>H', 1)", b"\x00\x01"),
    Row("textwrap", "import textwrap\ntextwrap.shorten('a b c', 3) is not None"),
    Row("time", "import time\ntime.time() > 0"),
    Row("tomllib", "import tomllib\ntomllib.loads('a = 1')", {"a": 1}),
    Row("typing", "from typing import Any, Optional\nTrue"),
    Row("unicodedata", "import unicodedata\nunicodedata.normalize('NFC', 'e\\u0301')", "é"),
    Row("urllib.parse", "from urllib.parse import quote\nquote('a b')", "a%20b"),
    Row("uuid", "import uuid\nlen(str(uuid.uuid4()))", 36),
    Row("xml", "import xml.etree.ElementTree as e\ne.fromstring('<a/>').tag", "a"),
    Row("zlib", "import zlib\nzlib.decompress(zlib.compress(b'x'))", b"x"),
    Row("zoneinfo", "from zoneinfo import ZoneInfo\nfrom datetime import datetime\ndatetime(2026, 7, 1, tzinfo=ZoneInfo('Europe/London')).utcoffset() is not None"),
)  # fmt: skip


def works(workers: Workers, code: str, gives: Any) -> bool:
    """Whether the sandbox runs it to what it should give."""
    with workers.checkout(
        limits={"max_feed_duration_secs": 2, "max_memory": 64 << 20}, assert_message_annotations=False
    ) as session:
        try:
            return repr(session.feed_run(code)) == repr(gives)
        except workers.library.MontyError:
            return False


def supported() -> dict[str, dict[str, bool]]:
    """What was found, by group."""
    with Workers(1, request_timeout_s=10) as workers:
        return {
            "language": {row.what: works(workers, row.code, row.gives) for row in LANGUAGE},
            "builtins": {name: works(workers, f"{name}\nTrue", True) for name in BUILTINS},
            "modules": {row.what: works(workers, row.code, row.gives) for row in MODULES},
        }


def pages() -> Pages:
    found = supported()
    limits = Limits()
    return {
        "scripts.md": page(
            "# The Python of scripts",
            "Scripts (the shape [`script`](shapes/script.md)) run in the sandbox's own interpreter, which has most of "
            "Python and some of its standard library. Each row below was tried in it when this page was made. "
            "`redrive check` names the line that uses what is not there. With `full: true` a script has all of "
            "CPython and its standard library, where the kernel can lock its process down "
            "([how and why](../explanation/script-sandbox.md)).",
            "## Bounds",
            table(
                ("bound", "unless set", "at most", "what happens at it"),
                [
                    (
                        "computing time of one call",
                        f"{limits.time_s:g} s",
                        f"{MAX_TIME_S:g} s",
                        "`script.time_limit`",
                    ),
                    ("memory", f"{limits.memory_mib} MiB", f"{MAX_MEMORY_MIB} MiB", "`script.memory_limit`"),
                    ("calls inside calls", "1,000", "1,000", "`script.failed`"),
                    (
                        "length of the script",
                        "",
                        f"{MAX_SOURCE_BYTES >> 10} KiB",
                        "the document is not valid",
                    ),
                    ("lines printed for each payload", f"{limits.printed_lines}", "", "the rest is not kept"),
                    (
                        "text printed for each payload",
                        f"{limits.printed_bytes >> 10} KiB",
                        "",
                        "the rest is not kept",
                    ),
                    ("digits of a whole number in a payload", "4,300", "", "`payload.invalid`"),
                    ("depth of a JSON value", "200", "", "`payload.invalid`"),
                ],
            ),
            "## Language",
            _table("feature", found["language"]),
            "## Builtins",
            "There: " + _names(found["builtins"], there=True) + ".",
            "Not there: "
            + _names(found["builtins"], there=False)
            + ". (`open` is there and opens nothing: no file "
            "is allowed. `eval` and `exec` stay inside the sandbox.)",
            "## Modules",
            _table("module", found["modules"]),
        )
    }


def _table(what: str, found: dict[str, bool]) -> str:
    return table(
        (what, "in the sandbox"), [(name, "yes" if there else "no") for name, there in found.items()]
    )


def _names(found: dict[str, bool], *, there: bool) -> str:
    return ", ".join(f"`{name}`" for name, works_ in found.items() if works_ is there)
