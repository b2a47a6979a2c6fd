"""The pure parts of HTTP connectors: rules, pages, pace, masks, progress."""

# ruff: noqa: E501 - a table reads best with each case on one line
from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from redrive.connectors.rest.gate import LONGEST_PAUSE_S, Pace
from redrive.connectors.rest.manifest import EndpointModel, RateLimit
from redrive.connectors.rest.mask import Masker
from redrive.connectors.rest.paginate import Page, links, paginator
from redrive.connectors.rest.progress import Progress, ranges
from redrive.connectors.rest.rules import Judge, retry_after_s, spent_s
from redrive.errors import RemoteRejected

NOW = datetime(2026, 1, 15, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("status", "receive", "send"),
    [
        (200, "success", "success"),
        (204, "success", "success"),
        (302, "fail", "unknown"),
        (307, "fail", "fail"),
        (400, "fail", "fail"),
        (401, "reauthenticate", "reauthenticate"),
        (403, "fail_run", "fail_run"),
        (404, "fail", "fail"),
        (408, "retry", "fail"),
        (409, "fail", "fail"),
        (429, "retry", "retry"),
        (500, "retry", "unknown"),
        (501, "retry", "unknown"),
        (502, "retry", "unknown"),
        (503, "retry", "retry"),
        (504, "retry", "unknown"),
    ],
)
def test_the_meaning_of_a_status_without_rules(status, receive, send):
    for direction, then in (("receive", receive), ("send", send)):
        judge = Judge(EndpointModel.model_validate({"direction": direction, "request": {}}))
        assert judge.verdict(status, b"null", {}).then == then


def judge(direction="send", **more):
    return Judge(EndpointModel.model_validate({"direction": direction, "request": {}, **more}))


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": "12"}, 12.0),
        ({"ratelimit-remaining": "0", "ratelimit-reset": "7"}, 7.0),
        ({"ratelimit": '"default";r=0;t=30'}, 30.0),
        ({"ratelimit": "limit=100, remaining=0, reset=5"}, 5.0),
        ({"ratelimit": '"default";r=1;t=30'}, None),
        ({"x-ratelimit-remaining": "3", "x-ratelimit-reset": "12"}, None),
        ({"x-ratelimit-remaining": "0"}, None),
    ],
)
def test_an_answer_that_used_the_last_of_the_limit_says_how_long_to_wait(headers, seconds):
    assert spent_s(headers, NOW) == seconds


def test_the_first_rule_that_matches_wins():
    both = judge(rules=[{"status": 500, "then": "fail"}, {"status": "5xx", "then": "retry"}])
    assert [both.verdict(status, b"null", {}).then for status in (500, 502, 404)] == ["fail", "retry", "fail"]


def test_a_rule_on_the_body_needs_a_body_that_parses():
    one = judge(rules=[{"when": {"field": "a", "is": 1}, "then": "fail"}])
    assert one.verdict(200, b'{"a": 1}', {}).then == "fail"
    assert one.verdict(200, None, {}).then == "success"


def test_what_cannot_be_judged_is_no_success():
    unless = {"success": {"unless": {"field": "error", "exists": True}}}
    assert judge(**unless).verdict(200, None, {}).then == "unknown"
    assert judge("receive", **unless).verdict(200, None, {}).then == "retry"


def test_a_status_outside_the_list_of_success_is_not_one():
    only = {"success": {"status": [200]}}
    assert judge(**only).verdict(202, b"null", {}).then == "unknown"
    assert judge("receive", **only).verdict(202, b"null", {}).then == "fail"


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "120"}, 120.0),
        ({"retry-after": "1.5"}, 1.5),
        ({"retry-after": "Thu, 15 Jan 2026 12:01:00 GMT"}, 60.0),
        ({"retry-after": "Thu, 15 Jan 2026 11:00:00 GMT"}, 0.0),
        ({"retry-after": "-5"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "whenever"}, None),
        ({"x-ratelimit-reset": str(int(NOW.timestamp()) + 9)}, 9.0),
        ({"ratelimit-reset": "4"}, 4.0),
        ({}, None),
    ],
)
def test_how_long_to_wait(headers, seconds):
    assert retry_after_s(headers, NOW) == seconds


@pytest.mark.parametrize(
    ("header", "found"),
    [
        ('<https://a/x?page=2>; rel="next", <https://a/x?page=9>; rel="last"', [("https://a/x?page=2", {"next"}), ("https://a/x?page=9", {"last"})]),
        ('<a,b>; title="x, y; z"; REL=Next', [("a,b", {"next"})]),
        ('<a>; rel="prev next"', [("a", {"prev", "next"})]),
        ("<a>", [("a", set())]),
        ("nonsense", []),
    ],
)  # fmt: skip
def test_links(header, found):
    assert links(header) == found


def paging(**settings):
    endpoint = EndpointModel.model_validate({"direction": "receive", "request": {}, "paginate": settings})
    return paginator(endpoint.paginate)


def page(body=b"null", items=1, url="http://a/x?p=1", **headers):
    return Page(url, {name: [value] for name, value in headers.items()}, body, items)


def test_numbers_and_offsets():
    number = paging(by="page_number", parameter="p", start=0, size=9)
    assert number.parameters(number.first()) == [("per_page", "9"), ("p", "0")]
    assert (number.next(0, page(items=3)), number.next(1, page(items=0))) == (1, None)
    offset = paging(by="offset")
    assert offset.parameters(offset.first()) == [("offset", "0")]
    assert offset.next(10, page(items=7)) == 17


def test_next_urls_stay_on_their_server():
    url = paging(by="next_url", at="next")
    assert url.next(None, page(b'{"next": "?p=2"}')) == "http://a/x?p=2"
    assert url.next(None, page(b'{"next": null}')) is None
    assert url.next(None, page(b"[]")) is None
    for foreign in ("https://a/x", "http://a:81/x", "http://b/x", "//b/x", "http://[bad"):
        with pytest.raises(RemoteRejected, match="another server"):
            url.next(None, page(b'{"next": "' + foreign.encode() + b'"}'))


@pytest.mark.parametrize(
    ("body", "place"),
    [
        (b'{"c": "t", "more": true}', "t"),
        (b'{"c": 7, "more": true}', "7"),
        (b'{"c": "t", "more": false}', None),
        (b'{"c": "t"}', None),
        (b'{"c": "", "more": true}', None),
        (b'{"c": {}, "more": true}', None),
    ],
)
def test_cursors(body, place):
    assert paging(by="cursor", at="c", more="more").next(None, page(body)) == place


@given(st.lists(st.floats(0, 5), max_size=60), st.integers(1, 5), st.floats(0.5, 3))
def test_no_span_holds_more_requests_than_allowed(gaps, requests, per_s):
    pace = Pace(RateLimit(requests=requests, per_s=per_s))
    now, left = 0.0, []
    for gap in gaps:
        now += gap
        left.append(now + pace.reserve(now))
    assert left == sorted(left)
    for first, later in zip(left, left[requests:], strict=False):
        assert later - first >= per_s - 1e-9


def test_a_pause_holds_for_everybody_but_not_for_ever():
    pace = Pace(None)
    assert pace.reserve(10) == 0
    pace.pause(10, 5)
    assert pace.reserve(12) == 3
    pace.pause(12, 86_400)
    assert pace.reserve(12) == LONGEST_PAUSE_S


SECRET = 'pa/s+s "wörd"'


@pytest.mark.parametrize("place", ["plain", "url", "form", "json"])
def test_a_secret_is_hidden_in_every_spelling_and_comes_back(place):
    masker = Masker({"token": SECRET})
    shown = f"a {masker.reveal('[secret token]', place)} b"
    assert masker.hidden(shown) == "a [secret token] b"
    assert masker.reveal(masker.hidden(shown), place) == shown


def test_short_values_are_no_secrets():
    assert Masker({"pin": "12"}).hidden("order 1234") == "order 1234"


@given(
    st.lists(st.sampled_from([b"s3cret", b"s3c", b"ret", b"x", b"s3cretive!", b"\xff"]), max_size=30),
    st.integers(1, 9),
)
async def test_a_secret_is_found_wherever_a_stream_is_cut(parts, size):
    data = b"".join(parts)
    masker = Masker({"a": "s3cret", "b": "s3cretive!"})

    async def chunks(of):
        for at in range(0, len(of), size):
            yield of[at : at + size]

    hidden = b"".join([piece async for piece in masker.hidden_stream(chunks(data))])
    assert hidden == masker.hidden_bytes(data)
    assert b"s3cret" not in hidden
    assert b"".join([piece async for piece in masker.reveal_stream(chunks(hidden), "plain")]) == data


def test_names_hide_their_values():
    masker = Masker({"token": "s3cret"})
    headers = [
        ("Authorization", "Bearer abc"),
        ("X-Api-Key", "abc"),
        ("Cookie", "a=b"),
        ("X-Token", "s3cret"),
        ("Idempotency-Key", "k-1"),
        ("X-Custom", "abc"),
    ]
    assert masker.headers(headers, ["x-custom"]) == [
        ("Authorization", "Bearer [masked]"),
        ("X-Api-Key", "[masked]"),
        ("Cookie", "[masked]"),
        ("X-Token", "[secret token]"),
        ("Idempotency-Key", "k-1"),
        ("X-Custom", "[masked]"),
    ]
    assert masker.url("http://a/b?api_key=1&page_token=2&t=s3cret&Password=x") == (
        "http://a/b?api_key=[masked]&page_token=2&t=[secret token]&Password=[masked]"
    )


@given(st.sets(st.integers(0, 200)))
def test_progress_survives_a_checkpoint(done):
    progress = Progress(None, "r1")
    progress.add(done)
    again = Progress(progress.checkpoint(), "r1")
    assert {number for number in range(201) if number in again} == done


def test_what_was_refused_is_remembered_in_the_run_that_met_it():
    progress = Progress(None, "r1")
    progress.add([0, 1])
    progress.reject([2], "no")
    again = Progress(progress.checkpoint(), "r1")
    assert (again.rejected, again.reason, 2 in again, again.whole) == (1, "no", True, False)
    retry = Progress(progress.checkpoint(), "r2")
    assert (retry.rejected, retry.reason, 1 in retry, 2 in retry) == (0, None, True, False)


def test_a_payload_that_was_refused_in_part_is_sent_again_by_a_retry():
    progress = Progress(None, "r1")
    progress.reject([], "no")
    progress.whole = True
    assert Progress(progress.checkpoint(), "r1").whole
    assert not Progress(progress.checkpoint(), "r2").whole


def test_ranges():
    assert ranges([0, 1, 2, 5, 7, 8]) == [[0, 3], [5, 1], [7, 2]]
