# ruff: noqa: E501, ISC004 - messages stand in one piece, as they are shown
from __future__ import annotations

import time
from decimal import Decimal

import pytest

from redrive.core.flow import FlowSettings, TriggerSpec, Variable
from redrive.core.retention import ByState, Keep, Limit
from redrive.documents.flow_document import build_steps, parse_flow, warnings
from redrive.documents.load import load_one
from redrive.documents.trigger_grammar import WebhookForm
from redrive.errors import FlowInvalid, NotFound, UsageError
from redrive.registry import BrokenPlugin, Registry
from tests.unit.documents.document_shapes import Filter, FlowControl

ORDERS = """\
flow: orders-to-erp
description: Paid orders.
variables:
  order_id: {type: string, default: "", description: One order only}
  since: {type: date, required: true}
triggers:
  - schedule: {cron: "*/15 * * * *", timezone: Europe/London, overlap: skip}
  - webhook:
      overlap_key: "{{ payload.customer.id }}"
settings:
  priority: high
  overlap: queue
  use_queued_time: false
  timeout: 2h
  retention: {payloads: 30d}
  notify_on_failure: [ops]
  labels: [erp, orders]
steps:
  - id: pull
    shape: connector
    connection: shop
    endpoint: list-orders
    with: {order_id: "{{ vars.order_id }}"}
    timeout: 1h30m
    retries: 0
    missing: empty
  - id: paid-only
    shape: filter
    keep: {field: financial_status, is: paid}
    name: Paid orders only
    note: Others come later.
    skip: true
  - id: fifty-each
    shape: flow_control
    size: 50
    timeout: 1.5
tests:
  - test: one order
"""


def one_step(text: str) -> str:
    return "flow: f\nsteps:\n  - " + text.replace("\n", "\n    ") + "\n"


def test_a_flow_is_read_whole(flow_of):
    flow = flow_of(ORDERS)
    assert (flow.name, flow.description, flow.labels) == ("orders-to-erp", "Paid orders.", ("erp", "orders"))
    assert flow.variables == {
        "order_id": Variable(type="string", default="", description="One order only"),
        "since": Variable(type="date", required=True),
    }
    assert flow.triggers == (
        TriggerSpec(
            kind="schedule",
            settings={
                "cron": "*/15 * * * *",
                "every": None,
                "timezone": "Europe/London",
                "missed": "once",
                "missed_within": 86400.0,
            },
            overlap="skip",
            line=7,
        ),
        TriggerSpec(
            kind="webhook",
            settings=WebhookForm.model_validate({}).model_dump(exclude={"overlap", "overlap_key"}),
            overlap_key="{{ payload.customer.id }}",
            line=8,
        ),
    )
    assert flow.settings == FlowSettings(
        priority="high",
        overlap="queue",
        use_queued_time=False,
        timeout_s=7200.0,
        retention=Keep(payloads=ByState(success=Limit(age_s=2592000.0), failure=Limit(age_s=2592000.0))),
        notify_on_failure=("ops",),
        labels=("erp", "orders"),
    )
    pull, paid, fifty = flow.steps
    assert (pull.timeout_s, pull.retries, pull.missing, pull.line) == (5400.0, 0, "empty", 19)
    assert pull.settings == {
        "connection": "shop",
        "endpoint": "list-orders",
        "with": {"order_id": "{{ vars.order_id }}"},
    }
    assert (paid.name, paid.note, paid.skip) == ("Paid orders only", "Others come later.", True)
    assert (fifty.retries, fifty.timeout_s, fifty.missing) == (None, 1.5, "error")
    assert flow.tests == ({"test": "one order"},)


def test_what_is_left_out_has_its_default(flow_of):
    flow = flow_of(one_step("id: a\nshape: filter"))
    assert flow.settings == FlowSettings()
    assert flow.settings.use_queued_time is True
    assert flow.steps[0].timeout_s == 1800.0


def test_json_gives_the_same_flow(flow_of):
    text = '{"flow": "f", "steps": [{"id": "a", "shape": "flow_control", "ratio": 1.10}]}'
    yaml = flow_of("{flow: f, steps: [{id: a, shape: flow_control, ratio: 1.10}]}")
    assert flow_of(text) == yaml
    assert yaml.steps[0].settings == {"ratio": Decimal("1.10")}


def test_every_problem_of_a_document_comes_at_once_in_file_order(problems_of):
    problems = problems_of(
        """\
flow: f
stepz: 1
variables: {x: {type: sting}}
steps:
  - id: a
    shape: fliter
  - id: a
    shape: flow_control
    size: 0
    timeout: soon
"""
    )
    assert [(problem.line, problem.step, problem.setting) for problem in problems] == [
        (2, None, "stepz"),
        (3, None, "variables.x.type"),
        (6, "a", "shape"),
        (7, "a", "id"),
        (9, "a", "size"),
        (10, "a", "timeout"),
    ]


STEP_PROBLEMS = {
    "id: a\nshape: fliter": (
        "flow.yaml:4: step a setting shape: unknown shape 'fliter'; expected connector, filter, flow_control, "
        "map, route, script, set_variables or try; did you mean 'filter'?"
    ),
    "id: a\nshape: flow_control\nsze: 5": (
        "flow.yaml:5: step a setting sze: unknown setting 'sze'; expected id, level, missing, name, note, ratio, "
        "retries, shape, size, skip or timeout; did you mean 'size'?"
    ),
    "id: a\nshape: flow_control\ntimeot: 5": (
        "flow.yaml:5: step a setting timeot: unknown setting 'timeot'; expected id, level, missing, name, note, "
        "ratio, retries, shape, size, skip or timeout; did you mean 'timeout'?"
    ),
    "id: a\nshape: flow_control\nsize: many": (
        "flow.yaml:5: step a setting size: this is text; expected a whole number"
    ),
    "id: a\nshape: flow_control\nsize: 1.5": (
        "flow.yaml:5: step a setting size: this is a number; expected a whole number"
    ),
    "id: a\nshape: flow_control\nsize:\n  - 1": (
        "flow.yaml:5: step a setting size: this is a list; expected a whole number"
    ),
    "id: a\nshape: flow_control\nsize: 1001": (
        "flow.yaml:5: step a setting size: the number is too large; expected at most 1000"
    ),
    "id: a\nshape: flow_control\nratio: 0": (
        "flow.yaml:5: step a setting ratio: the number is too small; expected more than 0"
    ),
    "id: a\nshape: connector\nconnection: shop": (
        "flow.yaml:3: step a setting endpoint: 'endpoint' is missing (the endpoint to call)"
    ),
    "id: a\nshape: connector\nconnection: 5\nendpoint: x": (
        "flow.yaml:5: step a setting connection: this is a whole number; expected text"
    ),
    "id: a\nshape: connector\nconnection: s\nendpoint: x\ndelivery: send_al": (
        "flow.yaml:7: step a setting delivery: 'send_al' is not known here; expected send_changed, skip_delivered "
        "or send_all; did you mean 'send_all'?"
    ),
    "id: a\nshape: filter\nconnection: shop": (
        "flow.yaml:5: step a setting connection: 'connection' belongs to connector steps only; this is a step of shape filter"
    ),
    "id: a\nshape: filter\nkey: id": (
        "flow.yaml:5: step a setting key: 'key' belongs to connector steps only; this is a step of shape filter"
    ),
    "id: a\nshape: filter\nskip: yes": (
        "flow.yaml:5: step a setting skip: this is text; expected true or false"
    ),
    "id: a\nshape: filter\nskip: 1": (
        "flow.yaml:5: step a setting skip: this is a whole number; expected true or false"
    ),
    "id: a\nshape: filter\nretries: -1": (
        "flow.yaml:5: step a setting retries: the number is too small; expected at least 0"
    ),
    "id: a\nshape: filter\nmissing: skip": (
        "flow.yaml:5: step a setting missing: 'skip' is not known here; expected error, empty or skip_item; "
        "did you mean 'skip_item'?"
    ),
    "id: a\nshape: filter\ntimeout: 2 hours": (
        "flow.yaml:5: step a setting timeout: not a length of time; expected seconds, or a time such as 90s, 30m, "
        "2h, 1h30m or 7d"
    ),
    "id: a\nshape: filter\ntimeout: 0": (
        "flow.yaml:5: step a setting timeout: a length of time is more than 0 and at most ten years; expected "
        "seconds, or a time such as 90s, 30m, 2h, 1h30m or 7d"
    ),
    "id: a b\nshape: filter": (
        "flow.yaml:3: step a b setting id: 'a b' cannot be a name here; expected letters, digits, hyphens and "
        "underscores, a letter or digit first"
    ),
    "shape: filter": "flow.yaml:3: setting steps[0].id: 'id' is missing (its name, unique in the flow)",
    "id: a": "flow.yaml:3: step a setting shape: 'shape' is missing (the kind of the step)",
    "id: 5\nshape: filter": "flow.yaml:3: setting steps[0].id: this is a whole number; expected text",
    "just text": "flow.yaml:3: setting steps[0]: this is text; expected a step, which is a mapping",
    'id: a\nshape: connector\nconnection: s\nendpoint: e\nwith:\n  x: "{{ paylod.id }}"': (
        "flow.yaml:8: step a setting with.x: the template {{ paylod.id }} reads 'paylod.id', which begins with no "
        "known root; expected one of payload, item, meta, vars, run, now, last_success; did you mean 'payload'?"
    ),
    'id: a\nshape: connector\nconnection: s\nendpoint: e\nwith: {x: "{{ connection.token }}"}': (
        "flow.yaml:7: step a setting with.x: the template {{ connection.token }} reads 'connection.token'"
    ),
    'id: a\nshape: connector\nconnection: s\nendpoint: e\nwith: {x: "{{ vars.order_i }}"}': (
        "flow.yaml:7: step a setting with.x: the template names the variable 'order_i', which the flow does not "
        "declare; expected its declaration under variables"
    ),
    'id: a\nshape: filter\nkeep:\n  all:\n    - {field: a, is: "{{ vars.x }}"}': (
        "flow.yaml:7: step a setting keep.all[0].is: the template names the variable 'x'"
    ),
    "id: a\nshape: filter\nkeep:\n  all:\n    - {field: a, is: 1}\n    - {field: b, iss: 1}": (
        "flow.yaml:8: step a setting keep.all[1].iss: unknown operator 'iss'"
    ),
    "id: a\nshape: map\nfields: []": (
        "flow.yaml:5: step a setting fields: the list is too short; expected at least 1"
    ),
    "id: a\nshape: map\nfields:\n  - to: x\n    do: [{case: uper}]": (
        "flow.yaml:7: step a setting fields[0].do[0].case: 'uper' is not known here; expected upper or lower; "
        "did you mean 'upper'?"
    ),
    "id: a\nshape: map\nfields:\n  - to: x\n    do:\n      - round: -1": (
        "flow.yaml:8: step a setting fields[0].do[0].round: the number is too small; expected at least 0"
    ),
    "id: a\nshape: map\nfields:\n  - to: x\n    do: [5]": (
        "flow.yaml:7: step a setting fields[0].do[0]: this is a whole number; expected a mapping or text"
    ),
    "id: a\nshape: map\nfields:\n  - too: x": ("flow.yaml:6: step a setting fields[0].to: 'to' is missing"),
    "id: a\nshape: route\npaths: [{id: b, steps: 5}]": (
        "flow.yaml:5: step a setting paths[0].steps: this is a whole number; expected a list of steps"
    ),
    "id: a\nshape: route\npaths: [{steps: []}]": ("flow.yaml:5: step a setting paths[0].id: 'id' is missing"),
    "id: a\nshape: route\npaths: [{id: otherwise}]\notherwise: {}": (
        "flow.yaml:3: step a: 'otherwise' cannot be the id of a path here; expected another id"
    ),
    "id: a\nshape: route\npaths:\n  - {id: a}": (
        "flow.yaml:6: step a setting paths[0].id: the id 'a' is taken already, in line 3; expected an id that no "
        "other step or path of the flow has"
    ),
    "id: a\nshape: try\nsteps:\n  - {id: b, shape: filter}\ncach: []": (
        "flow.yaml:7: step a setting cach: unknown setting 'cach'; expected catch, id, missing, name, note, "
        "on_failure, retries, shape, skip, steps or timeout; did you mean 'catch'?"
    ),
    "id: a\nshape: try\nsteps:\n  - id: b\n    shape: flow_control\n    size: 0": (
        "flow.yaml:8: step b setting size: the number is too small; expected at least 1"
    ),
}


@pytest.mark.parametrize("step", STEP_PROBLEMS)
def test_what_is_wrong_with_a_step(problems_of, step):
    messages = [str(problem) for problem in problems_of(one_step(step))]
    assert messages[0].startswith(STEP_PROBLEMS[step]), messages
    if step != "id: a\nshape: map\nfields:\n  - too: x":  # the wrong name is told too
        assert len(messages) == 1, messages


FLOW_PROBLEMS = {
    "varables: {}": (
        "flow.yaml:2: setting varables: unknown name 'varables'; expected description, flow, settings, steps, "
        "tests, triggers or variables; did you mean 'variables'?"
    ),
    "variables: [a]": "flow.yaml:2: setting variables: this is a list; expected a mapping",
    "variables: {x: text}": "flow.yaml:2: setting variables.x: this is text; expected a mapping",
    "variables: {a b: {}}": (
        "flow.yaml:2: setting variables['a b']: 'a b' cannot be a name here; expected letters, digits, hyphens and "
        "underscores, a letter first"
    ),
    "variables:\n  x:\n    type: strng": (
        "flow.yaml:4: setting variables.x.type: 'strng' is not known here; expected string, integer, number, "
        "boolean, date, list or object; did you mean 'string'?"
    ),
    "variables:\n  x:\n    type: integer\n    default: ''": (
        "flow.yaml:5: setting variables.x.default: the default is not of the variable's type; expected a whole number"
    ),
    "variables: {x: {defalt: 1}}": (
        "flow.yaml:2: setting variables.x.defalt: unknown name 'defalt'; expected default, description, required "
        "or type; did you mean 'default'?"
    ),
    "triggers:\n  - schedle: {}": (
        "flow.yaml:3: setting triggers[0].schedle: unknown name 'schedle'; expected callback, event, schedule or "
        "webhook; did you mean 'schedule'?"
    ),
    "triggers:\n  - schedule: {}": (
        "flow.yaml:3: setting triggers[0].schedule: it is not said when; expected exactly one of cron or every"
    ),
    "triggers:\n  - schedule: {every: 5s}": (
        "flow.yaml:3: setting triggers[0].schedule.every: the times are too close together; expected at least 10"
    ),
    "triggers:\n  - schedule: {every: 5m}\n  - schedule: {every: 300}": (
        "flow.yaml:4: setting triggers[1].schedule.every: it comes at the same times as triggers[0]"
    ),
    "triggers:\n  - webhook: {}\n  - callback: {}": (
        "flow.yaml:4: setting triggers[1].callback.name: it has the same address as triggers[0]; expected a name"
    ),
    "triggers:\n  - webhook: {token: {secret: {value: geheim}}}": (
        "flow.yaml:3: setting triggers[0].webhook.token.secret.value: unknown name 'value'; expected connection, "
        "env, file or name"
    ),
    "triggers:\n  - webhook: {open: true, token: {}}": (
        "flow.yaml:3: setting triggers[0].webhook.open: it is open, and has a token or signature"
    ),
    "triggers:\n  - webhook: {hmac: {secret: {env: X}, header: X-S, signed: '{timestamp}.{body}'}}": (
        "flow.yaml:3: setting triggers[0].webhook.hmac.signed: it names {timestamp}, which is not described"
    ),
    "triggers:\n  - webhook: {idempotency: {field: 'a b'}}": (
        "flow.yaml:3: setting triggers[0].webhook.idempotency.field: "
    ),
    "triggers:\n  - webhook: {answer: {body: '{{ vars.x }}'}}": (
        "flow.yaml:3: setting triggers[0].webhook.answer.body: the template {{ vars.x }} reads 'vars.x'; vars does "
    ),
    "triggers:\n  - webhook: {answer: {headers: {Content-Length: '3'}}}": (
        "flow.yaml:3: setting triggers[0].webhook.answer.headers: content-length is set by Redrive"
    ),
    "triggers:\n  - callback: {timeout: 1h}": (
        "flow.yaml:3: setting triggers[0].callback.timeout: no caller waits that long; expected at most 300"
    ),
    "triggers:\n  - schedule: {cron: '* * * *'}": (
        "flow.yaml:3: setting triggers[0].schedule.cron: the cron text is not valid: wrong number of fields; "
        "expected minute hour day month weekday, such as */15 * * * *"
    ),
    "triggers:\n  - schedule: {cron: '0 0 31 2 *'}": (
        "flow.yaml:3: setting triggers[0].schedule.cron: the cron text is not valid"
    ),
    "triggers:\n  - schedule: {cron: '0 1 * * *', timezone: Europe/Londn}": (
        "flow.yaml:3: setting triggers[0].schedule.timezone: the time zone 'Europe/Londn' is not known; expected a "
        "name such as Europe/London; did you mean 'Europe/London'?"
    ),
    "triggers:\n  - {}": (
        "flow.yaml:3: setting triggers[0]: the trigger has no settings; expected exactly one of schedule, webhook, "
        "callback, event, with its settings"
    ),
    "triggers:\n  - {webhook: {}, callback: {}}": (
        "flow.yaml:3: setting triggers[0]: 2 kinds in one trigger; expected exactly one of"
    ),
    "triggers:\n  - webhook: {overlap_key: '{{ payload.a'}": (
        "flow.yaml:3: setting triggers[0].webhook.overlap_key: "
    ),
    "triggers:\n  - event: {connection: broker}": (
        "flow.yaml:3: setting triggers[0].event.source: 'source' is missing"
    ),
    "settings: {priority: urgent}": (
        "flow.yaml:2: setting settings.priority: 'urgent' is not known here; expected highest, high, regular, low "
        "or lowest"
    ),
    "settings:\n  overlap: cancel": (
        "flow.yaml:3: setting settings.overlap: 'cancel' is not known here; expected queue, skip, allow or "
        "cancel_running; did you mean 'cancel_running'?"
    ),
    "settings: {overlap_key: '{{ vars.customer }}'}": (
        "flow.yaml:2: setting settings.overlap_key: the template names the variable 'customer', which the flow "
        "does not declare"
    ),
    "settings: {retention: {payloads: always}}": (
        "flow.yaml:2: setting settings.retention.payloads: not a length of time; expected seconds, or a time such "
        "as 90s, 30m, 2h, 1h30m or 7d; or forever"
    ),
    "settings: {retention: {payloads: {success: {bytes: lots}}}}": (
        "flow.yaml:2: setting settings.retention.payloads.success.bytes: not a size; expected bytes, or a size "
        "such as 500MB, 2GB or 10GiB"
    ),
    "settings: {retention: {payloads: {sucess: 3d}}}": (
        "flow.yaml:2: setting settings.retention.payloads.sucess: unknown name 'sucess'; expected age, bytes, count, "
        "failure or success; did you mean 'success'?"
    ),
    "settings: {retention: {runs: {bytes: 5GB}}}": (
        "flow.yaml:2: setting settings.retention.runs: runs are not kept by bytes; expected age or count; or "
        "bytes under payloads"
    ),
    "settings: {retention: {payloads: {age: 3d, success: 2d, failure: 4d}}}": (
        "flow.yaml:2: setting settings.retention.payloads.age: 'age' is said for each state already; expected it "
        "in one place"
    ),
    "settings: {labels: ['']}": (
        "flow.yaml:2: setting settings.labels[0]: the text is too short; expected at least 1 characters"
    ),
    "settings: {use_queued_time: 'no'}": (
        "flow.yaml:2: setting settings.use_queued_time: this is text; expected true or false"
    ),
    "tests: [5]": "flow.yaml:2: setting tests[0]: this is a whole number; expected a mapping",
}


@pytest.mark.parametrize("part", FLOW_PROBLEMS)
def test_what_is_wrong_with_the_rest_of_a_flow(problems_of, part):
    messages = [
        str(problem) for problem in problems_of(f"flow: f\n{part}\nsteps: [{{id: a, shape: filter}}]\n")
    ]
    assert len(messages) == 1, messages
    assert messages[0].startswith(FLOW_PROBLEMS[part]), messages


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("flow: f", "flow.yaml:1: setting steps: 'steps' is missing (the steps, in the order in which they run)"),
        ("flow: f\nsteps: []", "flow.yaml:2: setting steps: the list is too short; expected at least 1"),
        ("flow: f\nsteps: {}", "flow.yaml:2: setting steps: this is a mapping; expected a list"),
        ("flow:\nsteps: [{id: a, shape: filter}]", "flow.yaml:1: setting flow: this is nothing (null); expected text"),
        ("flow: a/b\nsteps: [{id: a, shape: filter}]", "flow.yaml:1: setting flow: 'a/b' cannot be a name here; "
         "expected letters, digits, dots, hyphens and underscores, a letter or digit first"),
        ("flow: a.yaml\nsteps: [{id: a, shape: filter}]", "flow.yaml:1: setting flow: the name ends like that of a "
         "file; expected a name that does not end in .yaml, .yml or .json"),
    ],
)  # fmt: skip
def test_what_a_flow_must_have(problems_of, text, message):
    assert [str(problem) for problem in problems_of(text)] == [message]


def test_a_problem_has_all_parts_for_programs(problems_of):
    (problem,) = problems_of(one_step("id: a\nshape: flow_control\nsize: 0"))
    assert FlowInvalid([problem]).as_dict()["problems"] == [
        {
            "code": "setting.invalid",
            "title": "the number is too small",
            "file": "flow.yaml",
            "line": 5,
            "step": "a",
            "setting": "size",
            "expected": "at least 1",
            "nearest": None,
        }
    ]


def test_steps_inside_steps(flow_of):
    flow = flow_of(
        """\
flow: f
steps:
  - id: by-country
    shape: route
    send_to: first
    paths:
      - id: uk
        when: {field: country, is: GB}
        steps:
          - id: safely
            shape: try
            steps: [{id: inner, shape: filter}]
            catch: [{id: caught, shape: filter}]
      - id: rest
    otherwise: {note: none of them, steps: [{id: other, shape: filter}]}
  - id: last
    shape: filter
"""
    )
    assert [step.id for step in flow.walk()] == ["by-country", "safely", "inner", "caught", "other", "last"]
    route = flow.step("by-country")
    assert [(path.id, [step.id for step in path.steps]) for path in route.paths] == [
        ("uk", ["safely"]),
        ("rest", []),
        ("otherwise", ["other"]),
    ]
    assert route.paths[0].when == {"field": "country", "is": "GB"}
    assert route.settings == {
        "send_to": "first",
        "paths": [{"id": "uk", "when": {"field": "country", "is": "GB"}}, {"id": "rest"}],
        "otherwise": {"note": "none of them"},
    }
    assert [path.id for path in flow.step("safely").paths] == ["steps", "catch"]
    assert flow.step("inner").line == 12


def test_a_list_of_steps_that_is_not_there_gives_no_path(flow_of):
    flow = flow_of(one_step("id: a\nshape: try\nsteps: [{id: b, shape: filter}]"))
    assert [path.id for path in flow.steps[0].paths] == ["steps"]


def test_ids_are_unique_in_the_whole_flow(problems_of):
    problems = problems_of(
        """\
flow: f
steps:
  - id: a
    shape: try
    steps: [{id: b, shape: filter}]
    catch:
      - {id: b, shape: filter}
      - {id: a, shape: filter}
"""
    )
    assert [(problem.line, problem.step, problem.code) for problem in problems] == [
        (7, "b", "id.duplicate"),
        (8, "a", "id.duplicate"),
    ]


def test_a_variable_may_be_declared_or_set_by_a_step(flow_of):
    flow_of(
        """\
flow: f
variables: {x: {}}
steps:
  - {id: a, shape: set_variables, variables: {y: "{{ vars.x }}"}}
  - {id: b, shape: filter, keep: {field: a, is: "{{ vars.y }}"}}
  - {id: c, shape: filter, keep: {field: a, is: "{{ vars['x'] }} \\\\{{ vars.no }} {{ run.id | default('vars.no') }}"}}
"""
    )


def test_text_that_is_no_template_is_left_alone(flow_of):
    flow_of(one_step("id: a\nshape: script\ncode: |\n  x = f'{{ vars.nothing }}'"))


def test_steps_are_built_with_their_settings(flow_of, registry):
    steps = build_steps(flow_of(ORDERS), registry)
    assert list(steps) == ["pull", "paid-only", "fifty-each"]
    assert steps["fifty-each"] == FlowControl(size=50)
    assert isinstance(steps["paid-only"], Filter)
    with pytest.raises(NotFound) as caught:
        build_steps(flow_of(ORDERS), Registry(shapes=[Filter]))
    assert caught.value.code == "shape.unknown"


def test_a_shape_of_a_broken_package_says_why(registry):
    broken = Registry(
        broken=[BrokenPlugin("redrive.shapes", "acme", "acme-shapes", "ImportError: no libacme")]
    )
    with pytest.raises(FlowInvalid) as caught:
        parse_flow(load_one(one_step("id: a\nshape: acme"), "flow.yaml"), broken)
    assert str(caught.value.problems[0]) == (
        "flow.yaml:4: step a setting shape: unknown shape 'acme': ImportError: no libacme; expected none"
    )


def test_warnings_of_a_valid_flow(flow_of):
    notices = warnings(flow_of(ORDERS), file="flow.yaml")
    assert [(notice.severity, str(notice)) for notice in notices] == [
        (
            "warning",
            "flow.yaml:27: step paid-only setting skip: the step is set to be skipped in every run; expected false, "
            "or no skip, in a flow that is deployed",
        ),
        *(
            (
                "warning",
                f"flow.yaml:{line}: setting variables.since.default: the {kind} gives no value for the required "
                "variable 'since'; expected a default, which every start but a manual one takes",
            )
            for line, kind in ((7, "schedule"), (8, "webhook"))
        ),
    ]


def test_only_flows_are_flows(registry):
    with pytest.raises(UsageError, match="shop is a connector, not a flow"):
        parse_flow(load_one("connector: shop"), registry)


def test_two_hundred_steps_are_checked_in_under_a_tenth_of_a_second(registry):
    text = "flow: f\nvariables: {x: {}}\nsteps:\n" + "".join(
        f"  - id: s{n}\n    shape: filter\n    keep: {{field: a, is: '{{{{ vars.x }}}}'}}\n"
        for n in range(200)
    )
    taken = []
    for _ in range(3):
        started = time.process_time()
        flow = parse_flow(load_one(text, "flow.yaml"), registry)
        taken.append(time.process_time() - started)
    assert len(flow.steps) == 200
    assert min(taken) < 0.1
