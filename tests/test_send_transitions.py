from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imilab.errors import (
    BadRequestError,
    ConflictError,
    NoReplyError,
    NotFoundError,
    NotSentError,
    RateLimitedError,
    ServerError,
    UnauthorisedError,
    UnexpectedBodyError,
)
from imilab.send.transitions import MAX_TRIES, Breaker, Tries, after_entry, after_error
from imilab.wire import ResponseEntry

STATES = st.sampled_from(["accepted", "final", "rejected", "unknown"])


@pytest.mark.parametrize(
    ("entry", "state"),
    [
        (ResponseEntry(message_id="m1", status="Queued", code="1001"), "accepted"),
        (ResponseEntry(message_id="m1", status="QUEUED"), "accepted"),
        (ResponseEntry(message_id="", status="Queued"), "unknown"),
        (ResponseEntry(message_id="m1", status="Rejected", code="7003", message="no"), "rejected"),
        (ResponseEntry(message_id="", status="rejected"), "rejected"),
        (ResponseEntry(message_id="m1", status="Parked"), "unknown"),
        (ResponseEntry(message_id="m1", status=""), "unknown"),
    ],
)
def test_an_entry_decides_only_where_it_is_clear(entry, state):
    verdict = after_entry(entry)

    assert verdict.settlement is not None
    assert (verdict.settlement.state, verdict.settlement.message_id) == (state, entry.message_id or None)
    assert (verdict.settlement.code, verdict.settlement.message) == (entry.code, entry.message)
    assert (verdict.stop, verdict.pause_seconds, verdict.limited) == (None, 0.0, False)


@pytest.mark.parametrize("problem", [BadRequestError("no"), NotFoundError("no"), ConflictError("no")])
def test_a_refusal_is_final(problem):
    verdict = after_error(problem, 0)

    assert verdict.settlement is not None
    assert (verdict.settlement.state, verdict.stop) == ("rejected", None)


@pytest.mark.parametrize(
    "problem",
    [
        ServerError("broken", http_status=500),
        ServerError("busy", http_status=503),
        NoReplyError("gone"),
        UnexpectedBodyError("html"),
        asyncio.CancelledError(),
        RuntimeError("a bug"),
        OSError("odd"),
        ValueError("odd"),
    ],
)
def test_whatever_may_have_been_placed_is_unknown_and_not_tried_again(problem):
    verdict = after_error(problem, 0)

    assert verdict.settlement is not None
    assert verdict.settlement.state == "unknown"


def test_what_interrupted_a_call_is_kept_by_its_kind_alone():
    verdict = after_error(ValueError("to +12025550123"), 0)

    assert verdict.settlement is not None
    assert verdict.settlement.message == "interrupted by ValueError"


def test_the_rate_limit_puts_a_call_back_and_pauses_the_campaign_as_long_as_the_platform_asks():
    verdict = after_error(RateLimitedError("busy", retry_after_seconds=7.5), 0)

    assert (verdict.settlement, verdict.pause_seconds, verdict.limited, verdict.stop) == (None, 7.5, True, None)


def test_a_refused_key_puts_a_call_back_and_stops_the_campaign():
    verdict = after_error(UnauthorisedError("Account over quota", http_status=401), 0)

    assert (verdict.settlement, verdict.limited) == (None, False)
    assert "Account over quota" in (verdict.stop or "")


@pytest.mark.parametrize("status", [404, 405])
def test_an_unknown_address_puts_calls_back_and_stops_a_campaign_that_has_reached_nothing_yet(status):
    verdict = after_error(NotFoundError("No such resource", http_status=status), 0, reached=False)

    assert verdict.settlement is None
    assert "base_url" in (verdict.stop or "")


def test_a_call_that_did_not_leave_is_put_back_a_few_times_with_growing_pauses_and_then_stops_the_campaign():
    verdicts = [after_error(NotSentError("no route"), tries) for tries in range(1, MAX_TRIES + 1)]

    assert [verdict.settlement for verdict in verdicts] == [None] * MAX_TRIES
    assert [bool(verdict.stop) for verdict in verdicts] == [False] * (MAX_TRIES - 1) + [True]
    pauses = [verdict.pause_seconds for verdict in verdicts[:-1]]
    assert pauses == sorted(set(pauses))
    assert min(pauses) > 0


def test_tries_end_however_many_calls_share_them():
    tries = Tries()

    assert [tries.failed(str(place), pausing=False) for place in range(MAX_TRIES)] == [1, 2, MAX_TRIES]


def test_calls_that_fail_in_one_pause_count_once():
    tries = Tries()

    assert [tries.failed(str(place), pausing=place > 0) for place in range(50)] == [1] * 50


def test_once_a_request_gets_through_only_a_calls_own_tries_count():
    tries = Tries()
    counted = []
    for _ in range(MAX_TRIES):
        counted.append(tries.failed("a", pausing=False))
        tries.got_through()

    assert counted == [1, 2, MAX_TRIES]
    assert tries.failed("b", pausing=False) == 1


@given(st.lists(STATES, max_size=200))
def test_the_breaker_stops_after_exactly_what_it_says(states):
    breaker = Breaker()
    for place, state in enumerate(states, start=1):
        reason = breaker.note(state)
        recent = states[max(0, place - 50) : place]
        in_a_row = states[max(0, place - 3) : place] == ["unknown"] * 3
        too_many = recent.count("unknown") >= 5
        refused = states[max(0, place - 10) : place] == ["rejected"] * 10
        assert bool(reason) == (in_a_row or too_many or refused)
        if reason:
            return


def test_the_breaker_names_what_went_wrong():
    unknown, many, refused = Breaker(), Breaker(), Breaker()
    reasons = [unknown.note("unknown") for _ in range(3)]
    scattered = [many.note("unknown" if place % 9 == 0 else "final") for place in range(37)]
    no = [refused.note("rejected") for _ in range(10)]

    assert reasons[:2] == [None, None]
    assert (reasons[2] or "").startswith("3 calls in a row have an unknown outcome")
    assert (scattered[-1], set(scattered[:-1])) == ("5 of the last 37 calls have an unknown outcome", {None})
    assert no[:9] == [None] * 9
    assert (no[9] or "").startswith("10 calls in a row were refused")
