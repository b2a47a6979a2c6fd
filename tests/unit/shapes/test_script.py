from __future__ import annotations

from typing import Any

import pytest

from redrive.documents.load import load_text
from redrive.errors import FlowInvalid, StepError
from redrive.registry import Registry
from redrive.sdk.testing import Result, run_shape
from redrive.shapes.map import Map
from redrive.shapes.script import RunScript
from tests.unit.shapes.builders import orders, payload, refusal

SAME = "def handle(payload): return payload"


async def run(code: str, *given: Any, **settings: Any) -> Result:
    return await run_shape(RunScript(code=code, **settings), list(given))


async def failure(code: str, given: Any, **settings: Any) -> StepError:
    result = await run(code, given, **settings)
    assert result.error is not None
    return result.error


@pytest.mark.parametrize("per", ["payload", "item"])
@pytest.mark.parametrize(
    ("data", "media_type"),
    [
        (b' {"a" : 1.0, "a": 2} \n', "application/json"),
        (b"[1e5, -0,\n null]", "application/json"),
        (b'{"a": 1.10}\n\n{"b": 2}', "application/x-ndjson"),
        (b'a;b\r\n1;"x\ny"\r\n', "text/csv"),
    ],
)
async def test_what_nothing_changes_passes_on_as_the_same_content(per, data, media_type):
    given = payload(data, media_type=media_type)
    result = await run(SAME, given, per=per)
    assert [out.data for out in result.payloads] == [data]
    assert result.payloads[0].content is given.content


@pytest.mark.parametrize(
    ("data", "media_type", "code", "gives", "becomes"),
    [
        (b"<a/>", "application/xml", "return payload + '\\n'", b"<a/>\n", "application/xml"),
        (b"ab", "text/plain", "return payload[::-1]", b"ba", "text/plain"),
        (b"ab", "text/plain", "return {'text': payload}", b'{"text":"ab"}', "application/json"),
        (b"\xff", "application/pdf", "return payload * 2", b"\xff\xff", "application/pdf"),
        (
            b'{"a":1}\n{"a":2}\n',
            "application/x-ndjson",
            "return payload[1:] + [1.50]",
            b'{"a":2}\n1.5\n',
            None,
        ),
        (
            b"a,b\n1,2\n",
            "text/csv",
            "payload[0]['c'] = 'x,y'\n    return payload",
            b'a,b,c\n1,2,"x,y"\n',
            None,
        ),
        (b"a\tb\r\n1\t2\r\n", "text/csv", "return [{'b': 3, 'z': None}]", b"b\tz\r\n3\t\r\n", None),
        (b"\xef\xbb\xbf[1]", "application/json", "return payload + [2]", b"[1,2]", None),
    ],
)
async def test_whole_payloads_of_each_kind(data, media_type, code, gives, becomes):
    result = await run(f"def handle(payload):\n    {code}", payload(data, media_type=media_type))
    assert result.failed == []
    assert [(out.data, out.media_type) for out in result.payloads] == [(gives, becomes or media_type)]


async def test_a_payload_with_its_items_deeper_in_keeps_their_path():
    given = payload(b'{"orders": [{"id": 1}, {"id": 2}], "n": 1.0}', items_path="orders")
    (out,) = (
        await run("def handle(payload):\n    payload['orders'].reverse()\n    return payload", given)
    ).payloads
    assert (out.data, out.items_path, out.count) == (b'{"orders":[{"id":2},{"id":1}],"n":1.0}', "orders", 2)
    assert out.lineage == [[(0, 0), (0, 1)], [(0, 0), (0, 1)]]
    (out,) = (await run("def handle(payload):\n    return payload['orders']", given)).payloads
    assert (out.data, out.items_path) == (b'[{"id":1},{"id":2}]', "")
    assert (await run("def handle(payload):\n    return {'orders': []}", given)).payloads == []


async def test_items_know_where_they_come_from():
    code = "def handle(payload):\n    return {'n': payload['id']} if payload['id'] % 2 else None"
    result = await run(code, orders(5), orders(4), per="item")
    assert [out.lineage for out in result.payloads] == [[[(0, 1)], [(0, 3)]], [[(1, 1)], [(1, 3)]]]
    assert [line.message for line in result.logs] == ["items left out by the script"] * 2
    assert [line.data for line in result.logs] == [{"count": 3}, {"count": 2}]


async def test_a_large_payload_goes_through_in_a_stream():
    count = 4_000
    code = "def handle(payload):\n    payload['paid'] = None\n    return payload"
    (out,) = (await run(code, orders(count), per="item")).payloads
    assert out.count == count
    assert out.lineage == [[(0, number)] for number in range(count)]
    assert out.data == orders(count).replace(b", ", b",").replace(b": ", b":").replace(
        b"true", b"null"
    ).replace(b"false", b"null")


async def test_rows_of_csv_as_items():
    given = payload(b'sku;price\r\na;1.10\r\n"b;c";2\r\nd;\r\n', media_type="text/csv")
    code = (
        "from decimal import Decimal\ndef handle(row):\n    if not row['price']:\n        return None\n"
        "    return {'sku': row['sku'], 'gross': Decimal(row['price']) * Decimal('1.2'), 'n': True}"
    )
    (out,) = (await run(code, given, per="item")).payloads
    assert out.data == b'sku;gross;n\r\na;1.320;true\r\n"b;c";2.4;true\r\n'
    assert out.lineage == [[(0, 0)], [(0, 1)]]


async def test_rows_that_stay_between_rows_that_change():
    given = payload(b"a,b\n1,2\n3,4\n", media_type="text/csv")
    code = "def handle(row):\n    if row['a'] == '1':\n        row['c'] = 'new'\n    return row"
    assert [out.data for out in (await run(code, given, per="item")).payloads] == [b"a,b,c\n1,2,new\n3,4,\n"]


@pytest.mark.parametrize(
    ("code", "says"),
    [
        ("return 5", "something else than a dict for a row of CSV"),
        ("return {'a': [1]}", "a row with a list or dict in a cell"),
        (
            "return {'a': 1} if row['a'] == '1' else {'b': 1}",
            "a row with a column that the first row put out",
        ),
    ],
)
async def test_what_a_row_cannot_be(code, says):
    given = payload(b"a\n1\n2\n", media_type="text/csv")
    error = await failure(f"def handle(row):\n    {code}", given, per="item")
    assert (error.code, says in error.detail) == ("script.result", True)


async def test_a_row_with_too_many_cells():
    error = await failure(SAME, payload(b"a\n1,2\n", media_type="text/csv"), per="item")
    assert error.detail == "payload 0, item 0: the row has 2 cells, the header 1"


async def test_items_of_a_payload_that_has_none():
    error = await failure(SAME, payload(b"<a/>", media_type="application/xml"), per="item")
    assert error.detail == (
        "payload 0 is application/xml; with per: item the script reads JSON, NDJSON or CSV"
    )
    assert (await run(SAME, b"", per="item")).payloads == []
    assert [out.data for out in (await run(SAME, b"")).payloads] == [b""]


async def test_variables_and_meta():
    code = "def handle(payload, meta, vars):\n    vars['n'] = vars['n'] + 1\n    meta['n'] = vars['n']\n    meta.pop('old')\n    return payload"
    result = await run_shape(
        RunScript(code=code), [[1]], meta={"old": "x", "shop": "uk"}, variables={"n": 1, "kept": 2}
    )
    assert result.variables == {"n": 2}
    assert dict(result.payloads[0].meta) == {"shop": "uk", "n": "2"}


async def test_meta_belongs_to_the_payload():
    error = await failure("def handle(p, meta):\n    meta['a'] = 'b'\n    return p", [1], per="item")
    assert error.detail == "payload 0: with per: item the script cannot change meta"


async def test_a_failure_drops_variables_and_output_and_tells_the_log():
    code = "def handle(p, meta, vars):\n    print('at', p)\n    vars['x'] = 1\n    return 10 // p"
    result = await run(code, [5, 0], per="item")
    assert (result.payloads, result.variables) == ([], {})
    assert [(line.level, line.message) for line in result.logs] == [
        ("info", "at 5"),
        ("info", "at 0"),
        ("error", "ZeroDivisionError: division by zero (line 4)"),
    ]
    assert result.error is not None
    assert result.error.detail == "payload 0, item 1: the script fails in line 4 with ZeroDivisionError"


async def test_a_payload_too_large_to_be_a_whole(monkeypatch):
    monkeypatch.setattr("redrive.shapes.script.MAX_VALUE_BYTES", 10)
    error = await failure(SAME, b"[1, 2, 3, 4, 5]")
    assert (error.code, error.hint) == (
        "payload.too_large",
        "Set per: item, or put a flow_control step before this one.",
    )


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"code": "def handle(p): return q"}, "the name q is defined nowhere"),
        ({"code": "def handle(p): return p", "time_limit": 0}, "greater than 0"),
        ({"code": "def handle(p): return p", "time_limit": 301}, "less than or equal to 300"),
        ({"code": "def handle(p): return p", "memory_limit": 4096}, "less than or equal to 1024"),
        ({"code": "def handle(p): return p", "per": "bucket"}, "'payload' or 'item'"),
        ({"code": ""}, "at least 1 character"),
    ],
)
def test_bad_settings(settings, says):
    assert says in refusal(RunScript, **settings)


FLOW = """\
flow: f
steps:
  - id: one
    shape: manual_payload
    payload: [1]
  - id: mine
    shape: script
    code: |
      import uuid

      def handle(payload):
          return uuid.uuid4(), helper(payload)
"""


def problems(text: str) -> list[tuple[int | None, str | None, str | None, str]]:
    from redrive.documents.flow_document import parse_flow

    with pytest.raises(FlowInvalid) as caught:
        parse_flow(load_text(text, "f.yaml")[0], Registry.discover())
    return [(one.line, one.step, one.setting, one.title) for one in caught.value.problems]


def test_check_names_the_line_of_the_file():
    assert problems(FLOW) == [
        (9, "mine", "code", "the sandbox has no module uuid"),
        (12, "mine", "code", "the name helper is defined nowhere"),
    ]
    assert problems(FLOW.replace("import uuid", "def f(): yield 1"))[0] == (
        9, "mine", "code", "not Python of the sandbox: yield expressions",
    )  # fmt: skip


def test_a_script_in_one_line_has_that_line():
    text = 'flow: f\nsteps:\n  - id: mine\n    shape: script\n    code: "x = 1\\ny = z\\n"\n'
    assert [(line, title) for line, _, _, title in problems(text)] == [
        (5, "the script defines no function handle"),
        (5, "the name z is defined nowhere"),
    ]


async def test_a_script_of_a_map_runs_once_for_each_different_value():
    fields = [
        {
            "to": "n",
            "from": "n",
            "do": [{"script": "def handle(value):\n    print(value)\n    return value + 1"}],
        }
    ]
    result = await run_shape(
        Map(fields=fields), [payload(b'[{"n": 1}, {"n": 2}, {"n": 1}, {"n": 1.0}, {"n": true}]')]
    )
    assert result.payloads[0].data == b'[{"n":2},{"n":3},{"n":2},{"n":2.0},{"n":2}]'
    assert [line.message for line in result.logs] == ["1", "2", "1.0", "True"]


async def test_scripts_of_a_map_one_after_the_other():
    do = [{"script": "value + 1"}, {"script": "[value, value * 2]"}, {"each": [{"script": "str(value)"}]}]
    result = await run_shape(
        Map(fields=[{"to": "n", "from": "n", "do": do}]), [[{"n": 1}, {"n": 2}, {"n": None}]]
    )
    assert result.values == [[{"n": ["2", "4"]}, {"n": ["3", "6"]}, {"n": None}]]


async def test_a_script_of_a_map_that_fails():
    result = await run_shape(
        Map(fields=[{"to": "n", "from": "n", "do": [{"script": "1 / value"}]}]), [[{"n": 1}, {"n": 0}]]
    )
    assert result.error is not None
    assert result.error.detail == (
        "a script of a transform, value 1: the script fails in line 1 with ZeroDivisionError"
    )


@pytest.mark.parametrize(
    ("do", "says"),
    [
        ([{"script": "value + other"}], "[0].script: the name other is defined nowhere"),
        ([{"each": ["trim", {"script": {"code": "import uuid\ndef handle(value): return 1"}}]}],
         "[0].each[1].script.code: the sandbox has no module uuid"),
        (["script"], "script needs code"),
        ([{"script": "value = 1"}], "the script defines no function handle"),
        ([{"script": [1]}], "script: code is a list; expected a text"),
    ],
)  # fmt: skip
def test_bad_scripts_of_a_map(do, says):
    assert says in refusal(Map, fields=[{"to": "n", "from": "n", "do": do}])


async def test_braces_in_a_script_are_no_template():
    do = [{"script": "f'{{{value}}}' + str({'a': {'b': 1}}['a'])"}]
    result = await run_shape(Map(fields=[{"to": "n", "from": "n", "do": do}]), [[{"n": 1}]])
    assert result.values == [[{"n": "{1}{'b': 1}"}]]


def test_a_variable_that_a_script_sets_may_be_named_by_a_template():
    text = (
        FLOW.replace("import uuid", "x = 1").replace("return uuid.uuid4(), helper(payload)", "return payload")
        + "  - {id: last, shape: set_variables, variables: {a: '{{ vars.total }}'}}\n"
    )
    assert [one[3] for one in problems(text)] == [
        "the template names the variable 'total', which the flow does not declare"
    ]
    setting = text.replace(
        "def handle(payload):", "def handle(payload, meta, vars):\n          vars['total'] = 1"
    )
    assert load_text(setting)
    from redrive.documents.flow_document import parse_flow

    assert parse_flow(load_text(setting)[0], Registry.discover()).name == "f"
