"""What a run waits for: calls planned for later, the calls of the run before it, a lock. Over real HTTP."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from imilab.errors import StoreError, StoreLockedError
from imilab.send import Plan
from imilab.store import SenderLock
from tests.send_rig import SendRig, numbers

HOUR_MS = 3_600_000


def later(rig: SendRig, plan: Plan, *minutes: float) -> Plan:
    """The plan, its first calls not before these minutes from now."""
    times = [rig.clock.now_ms() + int(60_000 * one) for one in minutes]
    calls = [replace(call, not_before_ms=moment) for call, moment in zip(plan.calls, times, strict=False)]
    return replace(plan, calls=(*calls, *plan.calls[len(calls) :]))


def test_calls_planned_for_a_little_later_are_waited_for_and_the_others_go_first(tmp_path: Path):
    with SendRig(tmp_path, receives=False) as rig:  # a minute lasts 60 ms
        plan = later(rig, rig.plan(numbers(6)), 10, 5)
        summary = rig.send(plan)
        requested = {call.msisdn: call.requested_at_ms for call in rig.simulator.journal}

        assert (summary.sent, summary.held, summary.stopped) == (6, {}, None)
        for call in plan.calls[:2]:
            assert requested[call.msisdn] >= (call.not_before_ms or 0)
        assert max(requested[call.msisdn] for call in plan.calls[2:]) < requested[plan.calls[1].msisdn]
        assert requested[plan.calls[1].msisdn] < requested[plan.calls[0].msisdn]


def test_calls_planned_for_hours_later_stay_planned_and_the_summary_says_until_when(tmp_path: Path):
    with SendRig(tmp_path, receives=False, time_scale=1) as rig:  # 10:00 UTC
        summary = rig.send(later(rig, rig.plan(numbers(3)), 120, 240))

        assert (summary.sent, dict(summary.held), summary.stopped) == (1, {"planned for later": 2}, None)
        assert "send it again from 2026-03-02 12:0" in str(summary)
        assert rig.count_states() == {"accepted": 1, "planned": 2}


def test_a_run_that_follows_another_keeps_the_limit_with_it(tmp_path: Path):
    with SendRig(tmp_path, receives=False, time_scale=1, calls_per_second=10) as rig:
        rig.send(rig.plan(numbers(10)))
        rig.another_dispatcher().send(rig.plan(numbers(20)[10:], campaign="dinner"), progress=False)
        moments = sorted(call.requested_at_ms for call in rig.simulator.journal)

        assert len(moments) == 20  # and counted from when the first run's calls may have left, after their claims
        assert min(after - before for before, after in zip(moments, moments[10:], strict=False)) >= 950


def test_a_lock_whose_folder_is_gone_is_an_error_of_the_store_and_names_the_way_out(tmp_path: Path):
    with pytest.raises(StoreError, match="make its folder") as told:
        SenderLock(tmp_path / "gone" / "lab.sqlite").__enter__()
    assert not isinstance(told.value, StoreLockedError)
