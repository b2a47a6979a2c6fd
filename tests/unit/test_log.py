"""The process log: lines that can be read and searched, and no secrets in them."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import re

import pytest

from redrive.log import bound, configure, get_logger


@pytest.fixture
def log_to():
    """Configure the process log onto a text buffer; what stood there before comes back afterwards."""
    root, ours = logging.getLogger(), logging.getLogger("redrive")
    before = root.handlers[:], root.level, ours.level

    def start(**options):
        stream = io.StringIO()
        configure(stream=stream, **options)
        return stream

    yield start
    root.handlers[:] = before[0]
    root.setLevel(before[1])
    ours.setLevel(before[2])


log = get_logger("redrive.test")


def test_an_event_is_one_line_of_keys(log_to):
    out = log_to()
    log.warning("step.failed", run="r_1", attempt=2, code="remote.unavailable", took_ms=812.5, skipped=None)
    assert re.fullmatch(
        r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z warning step\.failed "
        r"run=r_1 attempt=2 code=remote\.unavailable took_ms=812\.5\n",
        out.getvalue(),
    )


def test_json_holds_the_same_with_types(log_to):
    out = log_to(form="json")
    log.info("run.ended", run="r_1", attempt=2, ok=True)
    line = json.loads(out.getvalue())
    assert line.pop("at").endswith("Z")
    assert line == {"level": "info", "event": "run.ended", "run": "r_1", "attempt": 2, "ok": True}


def test_a_value_cannot_begin_a_line_or_a_key_of_its_own(log_to):
    out = log_to()
    log.info("run.ended", text='a b\nerror fake.event x="1"', empty="", odd="a\x1b[31mb")
    assert out.getvalue().count("\n") == 1
    assert r'text="a b\nerror fake.event x=\"1\"" empty="" odd="a\u001b[31mb"' in out.getvalue()


async def test_bound_keys_stand_in_every_line_of_a_task_and_only_there(log_to):
    out = log_to()

    async def work(run):
        with bound(run=run):
            await asyncio.sleep(0)
            log.info("step.started", step="send")

    await asyncio.gather(work("r_1"), work("r_2"))
    log.info("idle")
    assert [line.split(" ", 3)[2:] for line in out.getvalue().splitlines()] == [
        ["step.started", "run=r_1 step=send"],
        ["step.started", "run=r_2 step=send"],
        ["idle"],
    ]


def test_levels_hold_for_redrive_and_libraries_speak_from_warning_on(log_to):
    out = log_to(level="debug")
    log.debug("seen")
    logging.getLogger("some.library").info("not seen")
    logging.getLogger("some.library").warning("hello %s", "world")
    lines = out.getvalue().splitlines()
    assert [line.split(" ", 1)[1] for line in lines] == [
        "debug seen",
        'warning some.library text="hello world"',
    ]


@pytest.mark.parametrize("form", ["text", "json"])
@pytest.mark.parametrize(
    "keys",
    [
        {"token": "hunter2"},
        {"shop_api_key": "hunter2"},
        {"Authorization": "hunter2"},
        {"url": "https://user:hunter2@example.test/orders"},
        {"url": "https://example.test/orders?page=1&access_token=hunter2"},
        {"header": "Bearer hunter2"},
    ],
    ids=str,
)
def test_secrets_are_masked(log_to, form, keys):
    out = log_to(form=form)
    log.info("request.sent", **keys)
    assert "hunter2" not in out.getvalue()
    assert "********" in out.getvalue()


def test_a_secret_in_a_trace_is_masked(log_to):
    out = log_to()
    try:
        int("https://user:hunter2@example.test")
    except ValueError as error:
        log.error("fault", error=error)
    assert "Traceback" in out.getvalue()
    assert "hunter2" not in out.getvalue()


def test_what_only_sounds_like_a_secret_stays(log_to):
    out = log_to()
    log.info("page.read", next_page="https://example.test/orders?page=2", key="1042", tokens_used=3)
    assert 'next_page="https://example.test/orders?page=2" key=1042 tokens_used=3' in out.getvalue()
