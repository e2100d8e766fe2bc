"""Sending a plan again: what is done needs nothing, and what is left needs the right for itself alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from imilab.errors import NotArmedError, StoreLockedError
from imilab.send import Arming
from imilab.store.journal import claim, refuse
from tests.send_rig import SendRig, numbers

DONE = "lunch: nothing left to send; every call was sent before (3 accepted)"


def live_rig(folder: Path) -> SendRig:
    return SendRig(folder, live=True, allow_list=numbers(3), receives=False)


def test_a_finished_plan_is_a_no_op_that_says_so_on_the_real_platform_too(tmp_path: Path):
    with live_rig(tmp_path) as rig:
        plan = rig.plan(numbers(3))
        rig.arming.arm(3)  # which the first send uses up
        rig.send(plan)

        assert str(rig.send(plan)) == DONE
        rig.settings = rig.settings.model_copy(update={"allow_list": numbers(1), "key": None})
        assert str(rig.another_dispatcher().send(plan, progress=False)) == DONE
        assert len(rig.arrivals) == 3


def test_a_number_that_was_called_may_leave_the_allow_list_before_the_rest_is_sent(tmp_path: Path):
    with live_rig(tmp_path) as rig:
        plan = rig.plan(numbers(3))
        rig.arming.arm(2)
        rig.send(plan)
        (left,) = (msisdn for msisdn, state in rig.states().items() if state == "planned")
        with pytest.raises(NotArmedError, match=r"lab\.go_live"):
            rig.send(plan)
        rig.settings = rig.settings.model_copy(update={"allow_list": [left]})
        rig.arming = Arming(rig.settings, simulated=False, clock=rig.clock, number_key=rig.store.number_key)
        rig.arming.arm(1)
        again = rig.another_dispatcher()

        assert again.send(plan, progress=False).sent == 1
        assert str(again.send(plan, progress=False)) == DONE


def test_what_a_dead_sender_left_is_named_before_a_plan_is_called_finished(tmp_path: Path):
    with live_rig(tmp_path) as rig:
        plan = rig.plan(numbers(2))
        first, second = (call.correlation_id for call in rig.dispatcher._left_of(plan))
        rig.store.write(lambda connection: claim(connection, first, rig.clock.now_ms()))
        rig.store.write(lambda connection: refuse(connection, second, "not wanted"))

        assert str(rig.send(plan)).startswith("lunch: nothing left to send; every call was sent before")
        assert rig.count_states() == {"unknown": 1, "rejected": 1}


def test_a_plan_whose_last_calls_are_under_way_elsewhere_is_not_called_finished(tmp_path: Path):
    with SendRig(tmp_path, time_scale=1, receives=False, calls_per_second=20) as rig:
        plan = rig.plan(numbers(3))
        with rig.another_dispatcher()._limit.to_send():
            for one in rig.dispatcher._left_of(plan):
                rig.store.write(lambda connection, one=one: claim(connection, one.correlation_id, rig.clock.now_ms()))
            with pytest.raises(StoreLockedError):
                rig.send(plan)

        assert rig.count_states() == {"sending": 3}
