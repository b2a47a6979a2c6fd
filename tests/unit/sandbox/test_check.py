"""What is found wrong with a script before it runs, and that nothing of it runs."""

import pytest

from redrive.sandbox import check
from redrive.sandbox.script import MAX_SOURCE_BYTES
from tools.pages.scripts import LANGUAGE, MODULES, supported

ARGUMENTS = ("payload", "meta", "vars")
RETURNS = "def handle(payload, meta, vars):\n    return payload\n"


def faults(source, **settings):
    return [(fault.line, fault.title) for fault in check(source, arguments=ARGUMENTS, **settings)]


@pytest.mark.parametrize(
    ("source", "found"),
    [
        (RETURNS, []),
        (
            "\n\ndef handle(payload):\n    yield payload\n",
            [(4, "not Python of the sandbox: yield expressions")],
        ),
        ("import uuid\n" + RETURNS, [(1, "the sandbox has no module uuid")]),
        (
            "from collections import deque, OrderedDict\n" + RETURNS,
            [(1, "the sandbox's module collections has no OrderedDict")],
        ),
        (
            "def handle(payload):\n    return helper(payload) + other\n",
            [(2, "the name helper is defined nowhere"), (2, "the name other is defined nowhere")],
        ),
        ("def handle(payload:\n    return 1\n", [(2, "not Python: ")]),
        ("x = 1\n", [(1, "the script defines no function handle")]),
        ("def handle(payload):\n    payload['a'] = 1\n", [(1, "handle never returns anything")]),
        (
            "x = 1\ndef handle():\n    return 1\n",
            [(2, "handle does not take the arguments that it is called with")],
        ),
        (
            "def handle(a, b, c, d):\n    return 1\n",
            [(1, "handle does not take the arguments that it is called with")],
        ),
        (
            "def handle(a, *, b):\n    return 1\n",
            [(1, "handle does not take the arguments that it is called with")],
        ),
        ("def handle(payload, meta, vars, more=1):\n    return 1\n", []),
        ("def handle(*all, **more):\n    return all\n", []),
        ("while True:\n    pass\n" + RETURNS, []),
        ("def handle(payload):\n    return payload.whatever.it['is']\n", []),
        ("#" * (MAX_SOURCE_BYTES + 1), [(1, "the script is too long")]),
    ],
)
def test_faults(source, found):
    got = faults(source)
    assert [line for line, _ in got] == [line for line, _ in found]
    for (_, title), (_, start) in zip(got, found, strict=True):
        assert title.startswith(start)


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("import uuid\ndef handle(payload):\n    return list(f for f in payload)\n", []),
        ("def handle(payload):\n    return 1 +\n", [(2, "not Python: invalid syntax")]),
        ("def handle(payload):\n    pass\n", [(1, "handle never returns anything")]),
        ("a\0b", [(1, "not Python: ")]),
    ],
)
def test_faults_of_full_scripts(source, found):
    got = faults(source, full=True)
    assert [line for line, _ in got] == [line for line, _ in found]
    for (_, title), (_, start) in zip(got, found, strict=True):
        assert title.startswith(start)


def test_the_message_says_what_is_right():
    (fault,) = check("import uuid\n" + RETURNS, arguments=ARGUMENTS)
    assert fault.expected == "what the reference page scripts.md lists, or full: true"


def test_what_the_reference_lists_passes_the_check():
    found = supported()
    language = [row.code for row in LANGUAGE if found["language"][row.what]]
    modules = [row.code for row in MODULES if found["modules"][row.what]]
    builtins = [name for name, there in found["builtins"].items() if there]
    for source in (
        "\n".join(language),
        "\n".join(modules),
        "\n".join(builtins),
    ):
        assert faults(source + "\n" + RETURNS) == []


def test_what_the_reference_does_not_list_is_named():
    found = supported()
    missing = [row.code.split("\n")[0] for row in MODULES if not found["modules"][row.what]]
    named = {line for line, _ in faults("\n".join(missing) + "\n" + RETURNS)}
    assert named == {number for number, line in enumerate(missing, 1) if "import" in line}
