"""Each module says why it exists, has a telling name, and is of a size that one can read."""

from __future__ import annotations

import ast

from tests.structure.tree import modules, read, short

FORBIDDEN_NAMES = {"utils", "util", "helpers", "helper", "common", "manager", "misc"}

MOST_LINES = 500
# Longer files, each with the reason why it is not split.
LONG: dict[str, str] = {
    "src/redrive/service/interface.py": "one protocol after the other, a signature for each use case",
    "src/redrive/store/tables.py": "one declaration of the schema, read as a whole",
    "src/redrive/store/migrations/versions/v0001_first.py": "generated from the tables",
    "src/redrive/service/views.py": "records of the API, a few lines each, that are looked up in one place",
    "src/redrive/client/http.py": "one class for each noun of the API, each a few lines for a route",
}


def test_each_module_has_a_docstring_with_a_first_line():
    without = [
        short(path) for path in modules() if not (ast.get_docstring(ast.parse(read(path))) or "").strip()
    ]
    assert not without


def test_no_module_is_named_for_nothing():
    named = [short(path) for path in modules() if FORBIDDEN_NAMES & {path.stem, path.parent.name}]
    assert not named


def test_long_files_are_known_with_a_reason():
    long = {short(path): n for path in modules() if (n := len(read(path).splitlines())) > MOST_LINES}
    assert not {name: n for name, n in long.items() if name not in LONG}, (
        "split by noun, or say why not in LONG"
    )
    assert not LONG.keys() - long.keys(), "these are short again"


def test_core_imports_only_pure_modules():
    # The import contracts name what is forbidden; this names what is allowed. Five need a reason:
    # `urllib` for the spelling of text in URLs, `xml` for its SAX parser of text in memory, `email` for
    # RFC 2822 dates, `warnings` to keep what `re` remarks on a user's pattern off stderr.
    allowed = {
        "__future__", "abc", "ast", "base64", "bisect", "codecs", "collections", "copy", "cronsim", "csv",
        "dataclasses", "datetime", "decimal", "difflib", "email", "enum", "fractions", "functools", "hashlib",
        "heapq", "html", "zlib",
        "io", "itertools", "json", "jsonpath", "math", "msgspec", "operator", "re", "redrive",
            "regex", "string",
        "struct", "textwrap", "types", "typing", "unicodedata", "urllib", "warnings",
        "xml", "zoneinfo",
    }  # fmt: skip
    found = {}
    for path in modules():
        if "/core/" in short(path) and (odd := _imported(read(path)) - allowed):
            found[short(path)] = odd
    assert not found


def test_core_reads_no_clock():
    reads = []
    for path in modules():
        if "/core/" in short(path):
            for node in ast.walk(ast.parse(read(path))):
                if isinstance(node, ast.Attribute) and node.attr in {"now", "utcnow", "today"}:
                    base = node.value
                    name = base.attr if isinstance(base, ast.Attribute) else getattr(base, "id", "")
                    if name in {"datetime", "date"}:
                        reads.append(f"{short(path)}:{node.lineno}")
    assert not reads


def _imported(text: str) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module.partition(".")[0])
    return names
