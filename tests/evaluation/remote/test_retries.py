"""Failures: which pass, and how long is waited."""

from __future__ import annotations

import pytest

from tuition.evaluation.remote.retries import Retrying, refusal, retry_after


def test_waits_double_up_to_the_longest_and_are_drawn_apart() -> None:
    retrying = Retrying(first_wait=1.0, longest_wait=8.0)
    for failures, longest in [(1, 1), (2, 2), (3, 4), (4, 8), (5, 8), (10_000, 8)]:
        drawn = [retrying.wait(failures) for _ in range(200)]
        assert longest / 2 <= min(drawn) < max(drawn) <= longest
    assert retrying.wait(1, asked=3.5) == 3.5


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "0.25"}, 0.25),
        ({"retry-after-ms": "1500", "retry-after": "9"}, 1.5),
        ({"retry-after": "Thu, 01 Jan 1970 00:01:40 GMT"}, 90.0),
        ({"retry-after": "Thu, 01 Jan 1970 00:00:05 GMT"}, None),
        ({"retry-after": "-3"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "soon"}, None),
        ({}, None),
    ],
)
def test_a_server_s_wish_to_wait_is_read_in_all_its_forms(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after(headers, now=10.0) == seconds


@pytest.mark.parametrize("status", [408, 409, 425, 429, 500, 502, 503, 504, 520, 529])
def test_what_a_server_may_overcome_passes(status: int) -> None:
    failure = refusal(status, {}, "")
    assert failure.temporary
    assert failure.rate_limited == (status == 429)


@pytest.mark.parametrize("status", [301, 307, 400, 401, 402, 403, 404, 405, 413, 422, 501])
def test_what_no_repetition_mends_does_not_pass(status: int) -> None:
    failure = refusal(status, {}, "")
    assert not failure.temporary
    assert failure.refused == (status in (401, 403))


@pytest.mark.parametrize(
    ("text", "payload", "says"),
    [
        ("…", {"error": {"message": "bad model", "code": 7}}, "HTTP 400 (bad model)"),
        ("…", {"error": "bad model"}, "HTTP 400 (bad model)"),
        ("…", {"detail": [{"msg": "field required"}]}, "HTTP 400 ([{'msg': 'field required'}])"),
        ("…", {"object": "error", "message": "too long"}, "HTTP 400 (too long)"),
        ("<html><title>\n Not here </title>", None, "HTTP 400 (a page titled 'Not here')"),
        ("  <html>nothing", None, "HTTP 400 (an HTML page)"),
        ("plain\nwords", None, r"HTTP 400 (plain\nwords)"),
        ("", [1, 2], "HTTP 400"),
    ],
)
def test_the_server_s_own_words_are_found_wherever_it_writes_them(text: str, payload: object, says: str) -> None:
    assert refusal(400, {}, text, payload).reason == says
