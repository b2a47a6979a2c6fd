"""What the story shows holds what a reader needs, and nothing is taken for markup."""

import io
from datetime import UTC, datetime
from typing import Any

import pytest
from rich.console import Console, RenderableType

from redrive.demo import pictures
from redrive.service.views import (
    DeliveryCounts,
    FindItem,
    PayloadDetail,
    PayloadView,
    PlanStep,
    PlanView,
    RunView,
    StepRunView,
)

AT = datetime(2026, 11, 2, tzinfo=UTC)
PAYLOAD = PayloadView(id="p1", items=10, size_bytes=2048, media_type="application/json", meta={})


def text_of(picture: RenderableType) -> str:
    written = io.StringIO()
    Console(file=written, width=200).print(picture)
    return written.getvalue()


def step(**changes: Any) -> StepRunView:
    values: dict[str, Any] = {
        "step": "send", "shape": "connector", "status": "failure", "attempts": 2, "warnings": 0,
        "payloads_in": [PAYLOAD] * 5, "payloads_out": [PAYLOAD] * 4, "failed_payloads": [PAYLOAD],
        "deliveries": DeliveryCounts(delivered=40, rejected=10),
    }  # fmt: skip
    return StepRunView(**{**values, **changes})


def run() -> RunView:
    return RunView(
        id="r1", flow="orders-to-erp", version=3, status="failure", trigger="manual", warnings=0,
        summary="send: [422] rejected", queued_at=AT, started_at=AT, finished_at=AT, duration_s=1.5, clock=AT,
        variables={}, source_run=None, start_step=None, redrives=[], steps=[step()],
    )  # fmt: skip


def detail(text: str) -> PayloadDetail:
    return PayloadDetail(
        **PAYLOAD.model_dump(), run="r1", step="pull", side="out", position=0, items_path="", digest="d",
        text=text, trimmed=True,
    )  # fmt: skip


def test_a_run_log_line_names_the_run_and_why_it_failed() -> None:
    shown = text_of(pictures.runs([run()]))
    for part in ("r1", "orders-to-erp v3", "failure", "1.50 s", "send: [422] rejected"):
        assert part in shown


def test_a_step_shows_its_counts_and_only_the_outcomes_that_there_were() -> None:
    shown = text_of(pictures.steps(run()))
    assert "40 delivered, 10 rejected" in shown
    assert "unknown" not in shown


def test_a_long_payload_is_shown_by_its_beginning_and_its_end() -> None:
    shown = text_of(pictures.payload(detail("[1" + ",2" * 2000 + "[trimmed]")))
    assert "2,048 bytes, 10 items" in shown
    assert "[1,2,2" in shown
    assert "[trimmed]" in shown
    assert len(shown.splitlines()) < 12


def test_a_short_payload_is_shown_whole_and_once() -> None:
    assert text_of(pictures.payload(detail("[1,2]"))).count("[1,2]") == 1


def test_a_plan_shows_what_is_not_known_as_such() -> None:
    plan = PlanView(
        source_run="r1", start={"at": "send"}, version=1, clock=AT, skips=[], warnings=["careful"],
        steps=[PlanStep(step="send", to_send=10, delivered=40, changed=0, unknown=None)],
    )  # fmt: skip
    shown = text_of(pictures.plan(plan))
    assert [part for part in shown.split() if part in {"send", "10", "40", "0", "?"}][-5:] == [
        "send", "10", "40", "0", "?",
    ]  # fmt: skip
    assert "! careful" in shown


def test_a_find_row_says_where_and_what_became_of_it() -> None:
    row = FindItem(
        run="r1", flow="f", step="send", payload="p1", item=3, field="id", value="1042",
        delivery="rejected", at=AT,
    )  # fmt: skip
    assert all(
        part in text_of(pictures.found([row])) for part in ("r1", "send", "p1", "3", "1042", "rejected")
    )


@pytest.mark.parametrize(
    ("before", "after", "same"),
    [
        ('{"a":""}', '{"a":"x"}', (6, 2)),
        ("aaa", "aaaa", (3, 0)),
        ("abc", "abc", (3, 0)),
        ("", "x", (0, 0)),
        ("1042", "2", (0, 1)),
    ],
)
def test_the_changed_part_is_what_stands_between_the_same(
    before: str, after: str, same: tuple[int, int]
) -> None:
    start, stop = pictures.changed_part(before, after)
    assert (start, stop) == same
    assert before[:start] == after[:start]
    assert before[len(before) - stop :] == after[len(after) - stop :]


def test_an_edit_shows_both_sides_and_some_of_what_is_around() -> None:
    shown = text_of(
        pictures.edit('{"city":"Bristol","postcode":""}', '{"city":"Bristol","postcode":"BS1 5TY"}')
    )
    removed, added = shown.strip().splitlines()
    assert "Bristol" in removed
    assert "BS1 5TY" not in removed
    assert '"postcode":"BS1 5TY"' in added


@pytest.mark.parametrize("width", [80, 100])
def test_only_sentences_are_broken_where_the_terminal_is_narrow(width: int) -> None:
    written = io.StringIO()
    Console(file=written, width=width).print(pictures.steps(run()))
    lines = [line.rstrip() for line in written.getvalue().splitlines() if line.strip()]
    assert lines[0].split() == ["step", "shape", "status", "attempts", "in", "out", "failed", "deliveries"]
    assert lines[2].split()[:3] == ["send", "connector", "failure"]
    assert len(lines) <= 4


def test_a_payload_fills_its_frame() -> None:
    written = io.StringIO()
    text = "word " * 400
    Console(file=written, width=90).print(pictures.payload(detail(text), width=90))
    first = written.getvalue().splitlines()[1]
    assert first == f"│ {text[:86]} │"
