from __future__ import annotations

import math
from bisect import bisect_left
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imilab.errors import InvalidInputError
from imilab.send.pace import Pace
from imilab.simulator import SimulatorSettings
from imilab.simulator.rate_limit import RateLimit
from tests.send_rig import FakeClock, SendRig, numbers


def run(pace: Pace, clock: FakeClock, idle_ms: list[int]) -> list[int]:
    """Start a call as soon as the pace allows after each idle time; return when they started."""
    moments = []
    for idle in idle_ms:
        clock.moment_ms += idle
        while (wait_seconds := pace.wait_seconds()) > 0:
            clock.moment_ms += max(1, math.ceil(wait_seconds * 1000))
        pace.note()
        moments.append(clock.moment_ms)
    return moments


def most_within(moments: list[int], window_ms: float) -> int:
    """The most calls in any window of this length, its end left out."""
    return max(bisect_left(moments, start + window_ms) - place for place, start in enumerate(moments))


IDLE = st.lists(st.sampled_from([0, 0, 0, 0, 1, 7, 60, 999, 5_000]), min_size=1, max_size=150)
RATES = st.one_of(st.integers(1, 60).map(float), st.floats(0.05, 30))


@given(RATES, IDLE, st.sampled_from([1.0, 60.0, 10_000.0]))
def test_no_second_ever_holds_more_calls_than_the_limit(rate, idle, time_scale):
    clock = FakeClock(time_scale)
    moments = run(Pace(rate, clock), clock, idle)

    assert most_within(moments, 1000) <= max(1, int(rate))
    if rate < 1:
        assert most_within(moments, 1000 / rate) == 1


@given(st.integers(1, 40), IDLE, st.data())
def test_calls_that_travel_for_differently_long_still_meet_no_limit(rate, idle, data):
    clock = FakeClock()
    moments = run(Pace(rate, clock), clock, idle)
    delays = data.draw(st.lists(st.integers(0, 50), min_size=len(moments), max_size=len(moments)))
    limit = RateLimit(rate)

    assert all(limit.wait_seconds(at) == 0 for at in sorted(map(sum, zip(moments, delays, strict=True))))


@pytest.mark.parametrize(("rate", "share"), [(20, 0.95), (5, 0.94), (1, 0.94), (0.5, 0.94), (200, 0.95)])
def test_the_limit_is_used_up_to_a_small_margin(rate, share):
    clock = FakeClock()
    moments = run(Pace(rate, clock), clock, [0] * 400)

    assert share * rate <= 400 * 1000 / (moments[-1] - moments[0]) <= rate * 1.01


def test_calls_are_spread_over_the_second():
    clock = FakeClock()
    moments = run(Pace(20, clock), clock, [0] * 100)

    assert most_within(moments, 100) <= 3


def test_a_machine_that_is_late_for_a_moment_catches_up():
    clock = FakeClock()
    moments = run(Pace(20, clock), clock, [0] * 50 + [40] + [0] * 50)
    in_time = run(Pace(20, clock), clock, [0] * 101)

    assert moments[-1] - moments[0] <= in_time[-1] - in_time[0] + 1


def test_a_pause_lets_nothing_pass_and_says_whether_it_is_new():
    clock = FakeClock()
    pace = Pace(20, clock)

    assert pace.pause(2.0) is True
    assert pace.pause(1.0) is False
    assert pace.wait_seconds() == 2.0
    clock.moment_ms += 1999
    assert pace.wait_seconds() == pytest.approx(0.001)
    clock.moment_ms += 1
    assert (pace.wait_seconds(), pace.pause(1.0)) == (0.0, True)


@given(st.floats(0.5, 20), IDLE, st.lists(st.booleans(), min_size=150, max_size=150))
def test_a_slower_pace_keeps_the_tenants_limit_too(slow, idle, turns):
    clock = FakeClock()
    tenant = Pace(10, clock)
    slower = Pace(slow, clock, within=tenant)
    ours, everybodys = [], []
    for wait_ms, is_slow in zip(idle, turns, strict=False):
        moments = run(slower if is_slow else tenant, clock, [wait_ms])
        everybodys += moments
        ours += moments if is_slow else []

    assert most_within(everybodys, 1000) <= 10
    assert not ours or most_within(ours, 1000) <= max(1, int(slow))


def test_a_pause_of_a_slower_pace_holds_for_the_tenant():
    clock = FakeClock()
    tenant = Pace(10, clock)
    Pace(1, clock, within=tenant).pause(3)

    assert tenant.wait_seconds() == 3.0


@pytest.mark.parametrize("rate", [0, -1, math.nan, math.inf])
def test_a_pace_that_is_none_is_refused(rate):
    with pytest.raises(InvalidInputError, match="calls_per_second"):
        Pace(rate, FakeClock())


def test_pacing_exactly_at_the_platforms_limit_meets_it_hardly_ever(tmp_path: Path):
    tenant = replace(SimulatorSettings(), transactions_per_second=40)
    with SendRig(tmp_path, tenant=tenant, time_scale=1, receives=False, calls_per_second=40.0) as rig:
        summary = rig.send(rig.plan(numbers(120)))
        refused = len(rig.arrivals) - 120

        assert (summary.sent, summary.stopped) == (120, None)
        assert refused <= 6
