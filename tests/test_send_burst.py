"""The tenant's burst: never more seconds than there are, whoever asks, and the limit again after them."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

import imilab
from imilab.clock import ScaledClock
from imilab.errors import InvalidInputError
from imilab.send.burst import SECONDS_A_DAY, SECONDS_A_MONTH, Burst, give_back, set_aside
from imilab.send.local_hours import local_time
from imilab.send.pace import Pace
from imilab.store import Store
from imilab.store.connection import Connection
from tests.send_rig import FakeClock, SendRig, number, numbers
from tests.store_places import StorePlace

ZONE = "Asia/Kolkata"
MIDDAY = int(datetime(2026, 3, 2, 12, tzinfo=UTC).timestamp() * 1000)
DAY_MS = 86_400_000


def used_up(connection: Connection, at_ms: int = MIDDAY) -> None:
    set_aside(connection, ZONE, at_ms, SECONDS_A_DAY)


class Ledger(RuleBasedStateMachine):
    """Runs that set seconds aside and give some back, on days of two months, against plain sums."""

    def __init__(self) -> None:
        super().__init__()
        import sqlite3

        from imilab.store.schema import migrate

        self.connection = sqlite3.connect(":memory:", isolation_level=None)
        migrate(self.connection)
        self.set_aside: list[tuple[int, int]] = []

    @rule(day=st.integers(-20, 20), hour=st.integers(0, 23), seconds=st.sampled_from([1, 5, 300, 1799, 1800, 9999]))
    def a_run_sets_seconds_aside(self, day: int, hour: int, seconds: int) -> None:
        at_ms = MIDDAY + day * DAY_MS + hour * 3_600_000
        before = self.of_day(at_ms), self.of_month(at_ms)
        granted, day_ms = set_aside(self.connection, ZONE, at_ms, seconds)

        assert granted == max(0, min(seconds, SECONDS_A_DAY - before[0], SECONDS_A_MONTH - before[1]))
        self.set_aside.append((day_ms, granted))

    @rule(data=st.data())
    def a_run_gives_some_back(self, data: st.DataObject) -> None:
        if self.set_aside:
            place = data.draw(st.integers(0, len(self.set_aside) - 1))
            day_ms, seconds = self.set_aside[place]
            back = data.draw(st.integers(0, seconds))
            give_back(self.connection, ZONE, day_ms, back)
            self.set_aside[place] = day_ms, seconds - back

    @invariant()
    def no_day_and_no_month_has_more_than_there_is(self) -> None:
        for at_ms, _ in self.set_aside:
            assert self.of_day(at_ms) <= SECONDS_A_DAY
            assert self.of_month(at_ms) <= SECONDS_A_MONTH

    def of_day(self, at_ms: int) -> int:
        return sum(seconds for day_ms, seconds in self.set_aside if self.date(day_ms) == self.date(at_ms))

    def of_month(self, at_ms: int) -> int:
        return sum(seconds for day_ms, seconds in self.set_aside if self.date(day_ms)[:7] == self.date(at_ms)[:7])

    def date(self, at_ms: int) -> str:
        return f"{local_time(ZONE, at_ms):%Y-%m-%d}"

    def teardown(self) -> None:
        self.connection.close()


Ledger.TestCase.settings = settings(max_examples=25, stateful_step_count=30, deadline=None)
TestLedger = Ledger.TestCase


def test_runs_that_race_share_one_budget(place: StorePlace):
    granted: list[int] = []
    with place.open() as store, place.open() as other:

        def ask(one: Store) -> None:
            granted.extend(one.write(lambda connection: set_aside(connection, ZONE, MIDDAY, 30))[0] for _ in range(70))

        threads = [threading.Thread(target=ask, args=(one,)) for one in (store, other)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert sum(granted) == SECONDS_A_DAY


def test_the_day_is_the_tenants(tmp_path: Path):
    evening = int(datetime(2026, 3, 2, 18, 20, tzinfo=UTC).timestamp() * 1000)  # 23:50 in Kolkata
    with Store(tmp_path / "lab.sqlite") as store:
        store.write(lambda connection: used_up(connection, evening))

        assert store.write(lambda connection: set_aside(connection, ZONE, evening, 5))[0] == 0
        assert store.write(lambda connection: set_aside(connection, ZONE, evening + 600_000, 5))[0] == 5


def waits(burst: Burst) -> None:
    """Let what is being set aside arrive."""
    for _ in range(2):
        burst.renew()
        if burst._asking:
            burst._asking.result()
    burst.renew()


@pytest.mark.parametrize(("limit", "with_burst"), [(20, 30), (400, 500), (1, 1)])
def test_a_burst_is_half_as_much_again_and_a_hundred_at_the_most(tmp_path: Path, limit: int, with_burst: int):
    clock, now = FakeClock(), [1000.0]
    clock.moment_ms = MIDDAY
    with Store(tmp_path / "lab.sqlite") as store:
        burst = Burst(store, clock, ZONE, limit)
        pace = Pace(limit, clock, monotonic=lambda: now[0])
        pace.extra = burst
        waits(burst)
        moments = []
        while now[0] < 1003:
            if wait_seconds := pace.real_wait_seconds():
                now[0] += wait_seconds
                clock.moment_ms = MIDDAY + int(1000 * (now[0] - 1000))
            else:
                pace.take().left()
                moments.append(now[0])
        burst.end()

        in_the_last = sum(moment > 1002 for moment in moments)
        assert in_the_last <= with_burst
        assert in_the_last >= 0.95 * with_burst
        assert burst.used_seconds in ({3, 4} if with_burst > limit else {0})  # the first may hold too few calls
        used = store.rows("SELECT value FROM send_counters WHERE name = 'burst 2026-03-02'")
        assert used == [(burst.used_seconds,)]


def test_a_burst_that_is_used_up_leaves_the_limit_and_the_summary_says_so(tmp_path: Path):
    with SendRig(tmp_path, time_scale=1, receives=False, calls_per_second=40, tenant_zone=ZONE) as rig:
        now_ms = rig.clock.now_ms()
        rig.store.write(lambda connection: set_aside(connection, ZONE, now_ms, SECONDS_A_DAY - 1))
        summary = rig.dispatcher.send(rig.plan(numbers(100)), burst=True, progress=False)
        moments = [call.requested_at_ms for call in rig.simulator.journal]

        assert (summary.sent, summary.stopped) == (100, None)
        assert summary.seconds > 1.5
        assert max(sum(start <= one < start + 1000 for one in moments) for start in moments) > 40
        assert summary.burst == (
            "1 s of the burst used; its budget, 30 minutes a day and 8 hours a month, is used up,"
            " so the limit held from then on"
        )
        assert summary.burst in str(summary)
        assert rig.store.rows("SELECT value FROM send_counters WHERE name LIKE 'burst %'") == [(SECONDS_A_DAY,)]
        again = rig.send(rig.plan([number(200)], campaign="dinner"))
        assert again.burst is None


def test_a_burst_and_a_slower_pace_contradict_each_other(tmp_path: Path):
    with SendRig(tmp_path) as rig, pytest.raises(InvalidInputError, match="burst"):
        rig.dispatcher.send(rig.plan(numbers(1)), calls_per_second=1.0, burst=True)


def test_a_simulated_lab_can_burst():
    with imilab.Lab.simulated(time_scale=60) as lab:
        plan = lab.plan(numbers(80), {"ryan": imilab.Voice("en-GB-RyanNeural")}, "Lunch")
        summary = lab.send(plan, burst=True, progress=False)

        assert summary.sent == 80
        assert " s of the burst used" in str(summary)
        assert isinstance(lab._clock, ScaledClock)
