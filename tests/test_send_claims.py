"""What waits, how answers are followed, and how many calls are under way: small parts, without a network."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imilab.send.answers import AnswerTimes
from imilab.send.waiting import WaitingCalls
from imilab.store import PlannedCall


def call(name: str, not_before_ms: int | None = None) -> PlannedCall:
    return PlannedCall(correlation_id=name, msisdn="+12025550123", content_type="media", not_before_ms=not_before_ms)


def names(waiting: WaitingCalls, now_ms: int) -> list[str]:
    found = []
    while one := waiting.next_due(now_ms):
        found.append(one.correlation_id)
    return found


def test_calls_are_due_in_their_order_and_not_before_their_time():
    waiting = WaitingCalls([call("a"), call("late", 200), call("b"), call("soon", 100)])

    assert names(waiting, 50) == ["a", "b"]
    assert (len(waiting), waiting.due_ms()) == (2, 100)
    assert names(waiting, 199) == ["soon"]
    assert names(waiting, 200) == ["late"]
    assert (len(waiting), waiting.due_ms(), waiting.last_ms) == (0, None, 200)


def test_what_is_put_back_comes_first_and_in_its_order():
    waiting = WaitingCalls([call("c")])
    waiting.put_first([call("a"), call("b")])
    waiting.put_last(call("d"))
    waiting.put_later(call("e"), 10)

    assert waiting.due_ms() is None
    assert names(waiting, 9) == ["a", "b", "c", "d"]
    assert (waiting.clear(), len(waiting)) == (1, 0)


@given(st.lists(st.none() | st.integers(0, 50), max_size=30), st.lists(st.integers(0, 50), max_size=20))
def test_no_call_is_lost_or_early(times, moments):
    waiting = WaitingCalls(call(str(place), time) for place, time in enumerate(times))
    taken = []
    for now_ms in sorted(moments):
        due = [int(name) for name in names(waiting, now_ms)]
        assert all((times[place] or 0) <= now_ms for place in due)
        taken += due
    taken += [int(name) for name in names(waiting, 50)]

    assert sorted(taken) == list(range(len(times)))


def test_an_answer_that_comes_later_than_usual_tells_by_how_much():
    times = AnswerTimes()
    usual = [times.note(0.25) for _ in range(50)]

    assert max(usual) < 1e-9
    assert times.note(0.262) == pytest.approx(0.012)
    assert times.note(0.1) == 0.0
    assert times.note(5.0) == 0.02


def test_a_platform_that_answers_now_soon_and_now_late_costs_two_percent_at_the_most():
    times = AnswerTimes()

    assert max(times.note(seconds) for seconds in [0.2, 0.8] * 100) == 0.02


def test_calls_under_way_follow_the_rate_and_the_fastest_answer_within_bounds():
    times = AnswerTimes()
    assert [times.most_under_way(rate) for rate in (20, 400, 5000)] == [64, 200, 512]
    times.note(0.25)
    assert [times.most_under_way(rate) for rate in (20, 100, 400)] == [64, 100, 400]
    times.note(0.01)
    times.note(9.0)  # a platform that slows down gets no more calls at once for it
    assert times.most_under_way(400) == 64
