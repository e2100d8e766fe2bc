from __future__ import annotations

import math
import time
from bisect import bisect_left
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from imilab.errors import InvalidInputError
from imilab.send.pace import Pace, Turn
from imilab.simulator import SimulatorSettings
from imilab.simulator.rate_limit import RateLimit
from tests.send_rig import FakeClock, SendRig, numbers


class Machine:
    """Real time that a test moves, on a machine that is late."""

    def __init__(self, time_scale: float = 1.0) -> None:
        self.clock = FakeClock(time_scale)
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now

    def pace(self, calls_per_second: float, within: Pace | None = None) -> Pace:
        return Pace(calls_per_second, self.clock, within=within, monotonic=self.monotonic)

    def run(self, pace: Pace, idle: list[float], leaves_after: float = 0.0) -> list[float]:
        """Start a call as soon as the pace allows after each idle time; return when they left."""
        moments = []
        for seconds in idle:
            self.now += seconds
            while (wait_seconds := pace.real_wait_seconds()) > 0:
                self.now += wait_seconds
            turn = pace.take()
            self.now += leaves_after
            turn.left()
            moments.append(self.now)
        return moments


def most_within(moments: list[float], window: float) -> int:
    """The most calls in any window of this length, its end left out."""
    ordered = sorted(moments)
    return max((bisect_left(ordered, start + window) - place for place, start in enumerate(ordered)), default=0)


IDLE = st.lists(st.sampled_from([0, 0, 0, 0, 0.0004, 0.007, 0.06, 0.999, 5.0]), min_size=1, max_size=150)
RATES = st.one_of(st.integers(1, 60).map(float), st.floats(0.05, 30))


@given(RATES, IDLE, st.sampled_from([1.0, 60.0, 10_000.0]))
def test_no_second_ever_holds_more_calls_than_the_limit(rate, idle, time_scale):
    machine = Machine(time_scale)
    moments = [moment * time_scale for moment in machine.run(machine.pace(rate), idle)]

    assert most_within(moments, 1.0) <= max(1, int(rate))
    if rate < 1:
        assert most_within(moments, 1 / rate) == 1


class LateMachine(RuleBasedStateMachine):
    """Calls get their turns, and leave, in whatever order and however late; some never leave."""

    RATE = 4

    def __init__(self) -> None:
        super().__init__()
        self.machine = Machine()
        self.pace = self.machine.pace(self.RATE)
        self.taken: list[Turn] = []
        self.left: list[float] = []

    @rule(seconds=st.one_of(st.floats(0, 0.4), st.sampled_from([0.0, 0.001, 0.25, 1.0, 3.0])))
    def time_passes(self, seconds: float) -> None:
        self.machine.now += seconds

    @rule()
    def time_passes_until_the_next_turn(self) -> None:
        self.machine.now += self.pace.real_wait_seconds()

    @precondition(lambda self: self.pace.real_wait_seconds() <= 0)
    @rule()
    def a_call_has_its_turn(self) -> None:
        self.taken.append(self.pace.take())

    @precondition(lambda self: self.taken)
    @rule(data=st.data())
    def one_of_them_leaves(self, data: st.DataObject) -> None:
        turn = self.taken.pop(data.draw(st.integers(0, len(self.taken) - 1)))
        turn.left()
        turn.left()  # telling it again changes nothing
        self.left.append(self.machine.now)

    @precondition(lambda self: self.taken)
    @rule(data=st.data())
    def one_of_them_stays(self, data: st.DataObject) -> None:
        self.taken.pop(data.draw(st.integers(0, len(self.taken) - 1))).stayed()

    @rule(seconds=st.floats(0, 2))
    def the_platform_asks_for_a_pause(self, seconds: float) -> None:
        self.pace.pause(seconds)

    @invariant()
    def no_window_holds_more_than_the_limit(self) -> None:
        assert most_within(self.left, 1.0) <= self.RATE
        assert len(self.taken) <= self.RATE

    def teardown(self) -> None:
        for turn in self.taken:
            turn.stayed()
        self.machine.now += 60
        assert self.pace.real_wait_seconds() == 0


LateMachine.TestCase.settings = settings(max_examples=60, stateful_step_count=60, deadline=None)
TestLateMachine = LateMachine.TestCase


@given(st.integers(1, 40), IDLE, st.data())
def test_calls_that_travel_for_differently_long_still_meet_no_limit(rate, idle, data):
    machine = Machine()
    moments = machine.run(machine.pace(rate), idle)
    delays = data.draw(st.lists(st.sampled_from([0, 2, 5]), min_size=len(moments), max_size=len(moments)))
    limit = RateLimit(rate)

    arrivals = sorted(1000 * moment + delay for moment, delay in zip(moments, delays, strict=True))
    assert all(limit.wait_seconds(arrival) == 0 for arrival in arrivals)


def test_a_request_that_came_late_counts_from_when_it_may_have_come():
    machine = Machine()
    pace = machine.pace(1)
    turn = pace.take()
    turn.left()
    machine.now += 0.9
    turn.came_late(0.02)
    machine.now += 0.107

    assert pace.real_wait_seconds() == pytest.approx(0.019)


@pytest.mark.parametrize("rate", [400, 200, 20, 5, 1, 0.5])
def test_the_limit_is_used_up_to_one_percent(rate):
    machine = Machine()
    count = max(10, int(30 * rate))
    moments = machine.run(machine.pace(rate), [0] * count)

    assert 0.985 * rate <= (count - 1) / (moments[-1] - moments[0]) <= rate


@pytest.mark.parametrize("rate", [400, 100, 20])
def test_a_machine_that_is_often_late_for_a_moment_still_uses_98_percent(rate):
    machine = Machine()
    count = 30 * rate
    stalls = [0.06 if index % (rate * 3) == rate else 0.0 for index in range(count)]
    moments = machine.run(machine.pace(rate), stalls)
    even = [moments[0] + index / rate for index in range(count)]

    assert (count - 1) / (moments[-1] - moments[0]) >= 0.98 * rate
    assert most_within(moments, 1.0) <= rate
    assert max(moment - due for moment, due in zip(moments, even, strict=True)) < 0.6


def test_calls_are_spread_over_the_second():
    machine = Machine()

    assert most_within(machine.run(machine.pace(20), [0] * 100), 0.1) <= 2


def test_a_long_idle_time_is_not_made_up_for():
    machine = Machine()
    pace = machine.pace(20)
    machine.run(pace, [0] * 10)
    machine.now += 30

    assert most_within(machine.run(pace, [0] * 20), 0.1) <= 2


def test_calls_that_left_from_another_process_count():
    machine = Machine()
    pace = machine.pace(3)
    pace.recall([0.9, 0.2, 0.1])

    assert pace.real_wait_seconds() == pytest.approx(0.106)


def test_a_pause_lets_nothing_pass_and_says_whether_it_is_new():
    machine = Machine()
    pace = machine.pace(20)

    assert pace.pause(2.0) is True
    assert pace.pause(1.0) is False
    assert (pace.wait_seconds(), pace.paused_seconds) == (2.0, 2.0)
    machine.now += 1.999
    assert pace.wait_seconds() == pytest.approx(0.001)
    machine.now += 0.001001
    assert (pace.wait_seconds(), pace.pause(1.0)) == (0.0, True)


def test_seconds_are_those_of_the_clock():
    machine = Machine(time_scale=60)
    pace = machine.pace(20)
    pace.pause(30)

    assert pace.wait_seconds() == pytest.approx(30)
    assert pace.real_wait_seconds() == pace.paused_seconds == pytest.approx(0.5)
    assert pace.real_per_second == pytest.approx(60 * 20 / 1.012)


@given(st.floats(0.5, 20), IDLE, st.lists(st.booleans(), min_size=150, max_size=150))
def test_a_slower_pace_keeps_the_tenants_limit_too(slow, idle, turns):
    machine = Machine()
    tenant = machine.pace(10)
    slower = machine.pace(slow, within=tenant)
    ours, everybodys = [], []
    for seconds, is_slow in zip(idle, turns, strict=False):
        moments = machine.run(slower if is_slow else tenant, [seconds])
        everybodys += moments
        ours += moments if is_slow else []

    assert most_within(everybodys, 1.0) <= 10
    assert most_within(ours, 1.0) <= max(1, int(slow))


def test_a_pause_of_a_slower_pace_holds_for_the_tenant():
    machine = Machine()
    tenant = machine.pace(10)
    machine.pace(1, within=tenant).pause(3)

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


def test_threads_that_share_a_pace_keep_its_limit_together():
    pace, moments, until = Pace(200, FakeClock()), list[float](), time.monotonic() + 1.3

    def work() -> None:
        while time.monotonic() < until:
            if turn := pace.take_if_free():
                turn.left()
                moments.append(turn.moment or 0.0)

    with ThreadPoolExecutor(8) as threads:
        for one in [threads.submit(work) for _ in range(8)]:
            one.result()

    assert most_within(moments, 1.0) <= 200 < len(moments)
