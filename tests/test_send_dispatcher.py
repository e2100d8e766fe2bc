from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from imilab.errors import InvalidInputError, SendStoppedError, StoreLockedError
from imilab.send import Arm, planned_call
from imilab.send.running import run_in_thread
from imilab.simulator import SimulatorSettings
from imilab.store import Store
from tests.send_rig import RYAN, TEXT, SendRig, magic, number, numbers

SLOW = SimulatorSettings(transactions_per_second=100_000, response_delay_seconds=0.3)
OFTEN = replace(SLOW, response_delay_seconds=0.0)
SENDER = Path(__file__).with_name("send_in_process.py")


@contextmanager
def interrupting(condition, times: int = 1, gap_seconds: float = 0.0) -> Iterator[list[float]]:
    """Press Ctrl-C once a condition holds; gives the moments at which it was pressed."""
    pressed: list[float] = []

    def press() -> None:
        for _ in range(2000):
            if condition():
                break
            time.sleep(0.005)
        for _ in range(times):
            pressed.append(time.monotonic())
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(gap_seconds)

    thread = threading.Thread(target=press)
    thread.start()
    try:
        yield pressed
    finally:
        thread.join()


def test_a_stopped_plan_sent_again_sends_the_rest_and_no_number_twice(tmp_path: Path):
    with SendRig(tmp_path, time_scale=1) as rig:
        plan = rig.plan(numbers(60))
        stopping = threading.Thread(target=lambda: rig.wait_for(lambda: rig.arrivals) and rig.dispatcher.stop())
        stopping.start()
        first = rig.send(plan, calls_per_second=100)
        stopping.join()

        assert 0 < first.sent < 60
        assert first.stopped == "stopped on request; send the plan again to go on"
        assert str(first).endswith(f"; stopped: {first.stopped}")
        assert first.states["planned"] == 60 - first.sent
        rest = rig.send(plan)
        assert (rest.sent, rest.stopped, rest.states["planned"]) == (60 - first.sent, None, 0)
        assert rig.placed() == dict.fromkeys(numbers(60), 1)


def test_an_interrupt_stops_new_calls_within_a_second_and_returns_a_summary(tmp_path: Path):
    with SendRig(tmp_path, time_scale=1, tenant=SLOW) as rig:
        with interrupting(lambda: len(rig.arrivals) > 3) as pressed:
            summary = rig.send(rig.plan(numbers(100)), calls_per_second=20)
        seconds = time.monotonic() - pressed[0]
        before = len(rig.arrivals)
        time.sleep(0.3)

        assert "stopped on request" in (summary.stopped or "")
        assert seconds < 1
        assert summary.sent == before == len(rig.arrivals) < 40
        assert rig.count_states()["sending"] == 0


def test_a_second_interrupt_gives_up_waiting_and_leaves_unknown_what_was_under_way(tmp_path: Path):
    with SendRig(tmp_path, time_scale=1, tenant=replace(SLOW, response_delay_seconds=4.0)) as rig:
        plan = rig.plan(numbers(30))
        with interrupting(lambda: len(rig.arrivals) > 2, 2, 0.4) as pressed, pytest.raises(KeyboardInterrupt):
            rig.send(plan, calls_per_second=20)

        assert time.monotonic() - pressed[-1] < 2
        assert rig.count_states()["unknown"] >= len(rig.arrivals) > 0
        assert rig.count_states()["sending"] == 0
        rig._served._server.force_exit = True
        assert rig.wait_for(lambda: "imilab-send" not in {thread.name for thread in threading.enumerate()}, 1)


def test_an_interrupted_single_call_ends_the_loop_that_places_calls(tmp_path: Path):
    with SendRig(tmp_path, time_scale=1, tenant=SLOW) as rig:
        call = planned_call(number(0), Arm(RYAN, TEXT), "c1")
        with interrupting(lambda: rig.arrivals), pytest.raises(KeyboardInterrupt):
            rig.dispatcher.call(call)

        assert rig.states() == {number(0): "accepted"}


def test_of_two_senders_on_one_store_one_is_refused(tmp_path: Path):
    with SendRig(tmp_path, time_scale=1) as rig, Store(rig.store.path) as other:
        plan = rig.plan(numbers(20))
        running = threading.Thread(target=rig.send, args=(plan,), kwargs={"calls_per_second": 40})
        running.start()
        assert rig.wait_for(lambda: rig.arrivals)
        for store in (rig.store, other):
            dispatcher = rig.another_dispatcher(store)
            for again in (plan, rig.plan(numbers(20), campaign="dinner")):
                with pytest.raises(StoreLockedError, match=r"lab\.sqlite"):
                    dispatcher.send(again, calls_per_second=None, progress=False)
            with pytest.raises(StoreLockedError):
                dispatcher.call(planned_call(number(50), Arm(RYAN, TEXT), "c1"))
        running.join()

        assert rig.placed() == dict.fromkeys(numbers(20), 1)
        assert number(50) not in rig.states()
        assert rig.send(plan).sent == 0


@pytest.mark.parametrize("kill_after", [1, 40, 110])
def test_after_a_kill_a_new_sender_finishes_and_no_number_is_called_twice(tmp_path: Path, kill_after: int):
    with SendRig(tmp_path, time_scale=30, tenant=replace(OFTEN, response_delay_seconds=1.0)) as rig:
        plan = rig.plan(numbers(150))
        command = [sys.executable, str(SENDER), str(rig.store.path), rig.settings.base_url, rig.settings.notify_url]
        process = subprocess.Popen([*map(str, command), ",".join(numbers(150))], cwd=SENDER.parent.parent)
        assert rig.wait_for(lambda: len(rig.arrivals) >= kill_after, 30)
        time.sleep(random.random() * 0.02)
        process.kill()
        process.wait()
        left_over = rig.count_states()["sending"]
        summary = rig.send(plan)

        assert left_over > 0
        assert summary.stopped is None
        assert rig.count_states()["planned"] == rig.count_states()["sending"] == 0
        # Each number at most once: one whose request had not left when its sender died is never called.
        assert max(rig.placed().values()) == 1
        assert 150 - left_over <= len(rig.placed()) <= 150
        assert rig.wait_for(lambda: rig.count_states()["final"] == len(rig.placed()))
        assert rig.count_states()["unknown"] == 150 - len(rig.placed())


def test_a_single_call_is_sent_at_once(tmp_path: Path):
    with SendRig(tmp_path) as rig:
        rig.dispatcher.call(planned_call(number(0), Arm(RYAN, TEXT), "c1"))

        assert [arrival[:2] for arrival in rig.arrivals] == [(number(0), "c1")]
        assert rig.wait_for(lambda: rig.states() == {number(0): "final"})


@pytest.mark.parametrize("ending", ["41", "43"])
def test_a_single_call_that_did_not_leave_says_why(tmp_path: Path, ending: str):
    with SendRig(tmp_path) as rig:
        with pytest.raises(SendStoppedError, match=r"not placed: .*(account|rate limit)"):
            rig.dispatcher.call(planned_call(magic(ending), Arm(RYAN, TEXT), "c1"))

        assert rig.placed() == {}


def test_a_single_call_of_unknown_outcome_was_sent(tmp_path: Path):
    with SendRig(tmp_path, receives=False) as rig:
        rig.dispatcher.call(planned_call(magic("50"), Arm(RYAN, TEXT), "c1"))

        assert rig.states() == {magic("50"): "unknown"}


@pytest.mark.parametrize("rate", [0, -1, float("nan")])
def test_a_pace_that_is_none_is_refused_before_anything_is_recorded(tmp_path: Path, rate: float):
    with SendRig(tmp_path) as rig:
        with pytest.raises(InvalidInputError, match="calls_per_second"):
            rig.send(rig.plan(numbers(2)), calls_per_second=rate)

        assert rig.states() == {}


def test_no_campaign_is_faster_than_the_tenants_limit(tmp_path: Path):
    with SendRig(tmp_path, time_scale=10, calls_per_second=1, receives=False) as rig:
        for place, rate in enumerate((1000, 0.9, None, 0.9)):
            rig.send(rig.plan([number(place)], campaign=f"lunch {place}"), calls_per_second=rate)
        rig.dispatcher.call(planned_call(number(9), Arm(RYAN, TEXT), "c1"))
        moments = [call.requested_at_ms for call in rig.simulator.journal]

        assert (
            min(after - before for before, after in pairwise(moments)) >= 900
        )  # 1000, less what travelling takes on a fast clock


def test_waiting_ends_with_the_last_receipt_and_counts_what_is_open(tmp_path: Path):
    with SendRig(tmp_path) as rig:
        rig.send(rig.plan([*numbers(20), magic("22"), magic("51")]))
        started = time.monotonic()

        assert rig.dispatcher.wait(0.5) == 1  # 0122 gets no receipt; 0151 is unknown, and nothing may come
        assert time.monotonic() - started >= 0.5
        rig.store.write(lambda connection: connection.execute("UPDATE requests SET requested_at_ms = 0"))
        assert rig.dispatcher.wait(5) == 0
        assert rig.count_states()["accepted"] == 1


def test_work_runs_beside_a_loop_that_is_running_already():
    import asyncio

    async def notebook() -> int:
        async def work() -> int:
            await asyncio.sleep(0)
            return 7

        return run_in_thread(work, threading.Event())

    assert asyncio.run(notebook()) == 7


def test_what_work_raises_is_raised_by_the_caller():
    async def work() -> None:
        raise InvalidInputError("field", "wrong")

    with pytest.raises(InvalidInputError, match="field: wrong"):
        run_in_thread(work, threading.Event())


def test_a_plan_of_which_everybody_is_refused_can_be_sent_once_that_is_corrected(tmp_path: Path):
    with SendRig(tmp_path) as rig:
        plan = rig.plan(numbers(3))

        assert "nothing to send; the plan has no calls" in str(rig.send(replace(plan, calls=())))
        assert rig.send(rig.plan(numbers(3))).sent == 3
