"""The pages of flow and connection documents, from the grammar that validates them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from redrive.core.flow import EXPECTED_OF
from redrive.demo.documents import document
from redrive.documents import flow_tests, grammar
from redrive.documents import trigger_grammar as triggers
from redrive.documents.flow_tests import FlowTestForm
from redrive.shapes.connector import Connector
from tools.pages.markdown import Pages, as_yaml, code, page, properties, table

# What is read and checked, and nothing of the engine uses yet. `tests/structure/test_use.py` holds the
# list against the code, so that a part leaves it on the day it works.
NOT_YET: dict[str, str] = {}

_TEST_TITLES = {
    "GivenForm": "A given payload",
    "ExchangeForm": "An exchange",
    "RequestForm": "The request that it answers",
    "AnswerForm": "The answer",
    "ExpectForm": "What a run must come to",
    "StepExpectForm": "What a step must have done",
    "OutForm": "What a payload must be",
    "SentForm": "A request that must have been made",
}
_TEST_PARTS = {name: "#" + title.lower().replace(" ", "-") for name, title in _TEST_TITLES.items()}

_NAMES = {
    "name": "letters, digits, dots, hyphens and underscores, a letter or digit first",
    "id": "letters, digits, hyphens and underscores, a letter or digit first",
    "variable name": "letters, digits, hyphens and underscores, a letter or underscore first",
    "length of time": "seconds, or a time such as `90s`, `30m`, `2h`, `1h30m` or `7d`; at most ten years",
}

_VARIABLES: Mapping[str, Any] = {
    "variables": {
        "order_id": {"type": "string", "default": "", "description": "One order, or all where it is empty"},
        "since": {"type": "date", "required": True},
        "limit": {"type": "integer", "default": 100},
    }
}
_TRIGGERS: Mapping[str, Any] = {
    "triggers": [
        {"schedule": {"cron": "*/15 * * * *", "timezone": "Europe/London", "overlap": "queue"}},
        {"webhook": {"items": "orders"}},
    ]
}
_SETTINGS: Mapping[str, Any] = {
    "settings": {
        "priority": "high",
        "labels": ["orders", "nightly"],
        "retention": {
            "payloads": {"success": "30d", "failure": {"age": "90d", "count": 500, "bytes": "10GB"}},
            "runs": "365d",
        },
    }
}
_STEP: Mapping[str, Any] = {
    "steps": [
        {
            "id": "paid-only",
            "shape": "filter",
            "name": "Paid orders only",
            "note": "The ERP books nothing that is not paid.",
            "skip": False,
            "keep": {"field": "financial_status", "is": "paid"},
        },
        {
            "id": "send",
            "shape": "connector",
            "retries": 5,
            "timeout": "10m",
            "connection": "erp",
            "endpoint": "create-orders",
            "key": "id",
        },
    ]
}


def examples() -> list[dict[str, Any]]:
    """Flows that hold the examples of the page: what it shows is valid."""
    steps = [{"id": "one", "shape": "manual_payload", "payload": {}}]
    return [
        {"flow": "example", **part, **({} if "steps" in part else {"steps": steps})}
        for part in (_VARIABLES, _TRIGGERS, _SETTINGS, _STEP)
    ]


def pages() -> Pages:
    return {"flow-document.md": _flow(), "connection-document.md": _connection()}


def _flow() -> str:
    return page(
        "# Flow documents",
        "A flow is a document: YAML or JSON, one or several in a file (YAML documents apart by `---`). It "
        "is a "
        "tree: `steps` is a list, and a step may own further lists of steps. `redrive check` validates "
        "documents and names file, line, step and setting of every problem at once; `redrive schema flow` "
        "prints "
        "the JSON Schema, for editors.",
        "YAML is read as YAML 1.2: `true` and `false` are the booleans, so `no` and `on` are texts. "
        "Numbers keep "
        "their digits. A name that stands twice in one mapping is an error.",
        code(document("orders-to-erp"), "yaml"),
        "## Names at the top",
        _table(grammar.FlowForm),
        table(("word", "means"), [(f"*{word}*", text) for word, text in _NAMES.items()]),
        "A flow cannot be named like a file (`.yaml`, `.yml`, `.json` at its end), since `redrive run` tells "
        "the two apart by it.",
        "## Variables",
        _summary(grammar.VariableForm)
        + " A start gives them by `--var NAME=VALUE`, or in `variables` of the HTTP API; steps read them as "
        "`{{ vars.NAME }}`, see [templates](templates.md). One that is not declared cannot be given.",
        _table(grammar.VariableForm),
        table(("type", "holds"), [(f"`{kind}`", text) for kind, text in EXPECTED_OF.items()]),
        as_yaml(_VARIABLES),
        "## Steps",
        "Each step is a [shape](shapes/index.md) with settings of its own. These names every step has:",
        _table(grammar.StepForm),
        "Ids are unique in the flow. Which settings there are besides is told on the page of the shape; "
        + ", ".join(f"`{info.alias or name}`" for name, info in Connector.model_fields.items())
        + " belong to steps of the shape [`connector`](shapes/connector.md) alone; elsewhere they are an "
        "error.",
        as_yaml(_STEP),
        "A skipped step hands its bucket on unchanged, with the warning `step skipped` in the run log and "
        "the status `skipped`. `redrive check` warns of each `skip: true`.",
        "## Triggers",
        "A list; each entry is a mapping with one name, its kind. A flow needs none to be started by hand. "
        "Triggers start runs while `redrive up` serves the home, of the deployed version of a flow that is "
        "enabled. `event` triggers are read and checked, and not carried out yet. [Queue runs and limit "
        "them](../howto/queue-and-limit-runs.md) tells what `overlap` does.",
        *(_trigger(kind) for kind in triggers.TriggerForm.kinds),
        *(
            part
            for form, anchor in _TRIGGER_PARTS.items()
            for part in (
                f"#### {anchor.removeprefix('#')}",
                _summary(getattr(triggers, form)),
                _table(getattr(triggers, form), linked=_TRIGGER_PARTS),
            )
        ),
        as_yaml(_TRIGGERS),
        "## Settings",
        _table(grammar.SettingsForm, linked={"RetentionForm": "#retention"}),
        "### Retention",
        "What the flow does not say, the settings of the home do (`keep_…`); see [how to keep less, or "
        "more](../howto/keep-less-or-more.md). The deployed version of a flow says it for all its runs.",
        _table(grammar.RetentionForm, linked=_KEEP),
        _summary(grammar.KeepForm),
        _table(grammar.KeepForm, linked=_KEEP),
        as_yaml(_SETTINGS),
        "## Tests",
        "Each entry is a test of the flow; [Test a flow](../howto/test-a-flow.md) tells how they are written "
        "and run.",
        _table(FlowTestForm, linked=_TEST_PARTS),
        *(
            part
            for form, anchor in _TEST_PARTS.items()
            for part in (f"### {_TEST_TITLES[form]}", _table(getattr(flow_tests, form), linked=_TEST_PARTS))
        ),
        *_not_yet(),
    )


_CIRCUITS = "[Queue runs and limit them](../howto/queue-and-limit-runs.md#a-target-that-is-down)"


def _not_yet() -> list[str]:
    if not NOT_YET:
        return []
    told = (
        "These parts are read and checked, so that documents that have them can be imported. Nothing acts on "
        "them yet:"
    )
    return [
        "## Not carried out yet",
        told,
        table(("name", "today"), [(f"`{name}`", text) for name, text in NOT_YET.items()]),
    ]


def _connection() -> str:
    return page(
        "# Connection documents",
        "A connection gives a [connector](connector-document.md) its settings and secrets. Its values are "
        "seen by "
        "the templates of the connector document as `{{ connection.NAME }}`, and by nothing else: no "
        "secret can "
        "be mapped into a payload. A setting and a secret may not share a name.",
        code(document("connections"), "yaml"),
        _table(grammar.ConnectionForm, linked={"SecretForm": "#secrets", "CircuitForm": "#circuit"}),
        "## Circuit",
        f"{_summary(grammar.CircuitForm)} `circuit: false` switches it off; {_CIRCUITS} tells what it does.",
        _table(grammar.CircuitForm),
        "## Secrets",
        f"{_summary(grammar.SecretForm)} A text alone is the same as `value`.",
        _table(grammar.SecretForm),
        "An environment variable or a file is read by the process that executes the run, when a step first "
        "uses the "
        "connection. "
        "Importing a connection that exists replaces its settings; secrets that the document does not name "
        "stay.",
    )


def _trigger(kind: str) -> str:
    model = {
        "schedule": triggers.ScheduleForm,
        "webhook": triggers.WebhookForm,
        "callback": triggers.CallbackForm,
        "event": triggers.EventForm,
    }[kind]
    return f"### {kind}\n\n{_summary(model)}\n\n{_table(model, linked=_TRIGGER_PARTS)}"


# The parts of triggers, and where the page tells of them.
_TRIGGER_PARTS = {
    "TokenForm": "#token",
    "HmacForm": "#hmac",
    "TimestampForm": "#timestamp",
    "TriggerSecretForm": "#secret",
    "IdempotencyForm": "#idempotency",
    "MetaForm": "#meta",
    "AnswerForm": "#answer",
}


def _table(model: type[BaseModel], *, linked: Mapping[str, str] | None = None) -> str:
    return properties(model.model_json_schema(by_alias=True), linked or _PLACES)


_KEEP = {"KeepForm": "#retention", "LimitForm": "#retention"}
_PLACES = {
    "CircuitForm": "#circuit",
    "TriggerForm": "#triggers",
    "SettingsForm": "#settings",
    "VariableForm": "#variables",
    "FlowTestForm": "#tests",
}


def _summary(model: type[BaseModel]) -> str:
    return (model.__doc__ or "").strip()
