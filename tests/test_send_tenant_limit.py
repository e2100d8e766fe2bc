"""The tenant's limit holds over calls and questions, of all threads and of all processes on one store."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import pytest

from imilab.clock import ScaledClock
from imilab.errors import StoreError, StoreLockedError
from imilab.send import Dispatcher
from imilab.send.tenant_limit import TenantLimit
from imilab.simulator import Simulator, SimulatorSettings
from imilab.store import Store
from imilab.store.journal import claim
from imilab.store.send_counters import read_counter
from tests.send_rig import START, FakeClock, SendRig, number, numbers
from tests.store_places import StorePlace

LIMIT = 20
WINDOW_SECONDS = 0.95  # requests may travel for differently long


class Timed:
    """A simulated platform that notes when requests come, and whether they are calls."""

    def __init__(self) -> None:
        self.clock = ScaledClock(START, 1.0)
        self._simulator = Simulator(SimulatorSettings(transactions_per_second=100_000), self.clock)
        self.came: list[tuple[float, str]] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            self.came.append((time.monotonic(), scope["method"]))
        await self._simulator.app(scope, receive, send)

    def most_at_once(self) -> int:
        moments = [moment for moment, _ in self.came]
        return max(sum(start <= moment < start + WINDOW_SECONDS for moment in moments) for start in moments)

    def rig(self, folder: Path, limit: float = LIMIT) -> SendRig:
        return SendRig(folder, clock=self.clock, platform=self, receives=False, calls_per_second=limit)


def ask(dispatcher: Dispatcher) -> int:
    return dispatcher.reconcile(older_than_seconds=0.0, progress=False).asked


def test_a_lab_that_sends_may_ask_and_both_share_the_limit(tmp_path: Path):
    platform = Timed()
    with platform.rig(tmp_path) as rig:
        rig.send(rig.plan(numbers(25)))
        sending = threading.Thread(target=rig.send, args=(rig.plan(numbers(60)[25:], campaign="dinner"),))
        sending.start()
        assert rig.wait_for(lambda: len(rig.arrivals) > 25)
        asked = ask(rig.dispatcher)
        rig.dispatcher.call_status(rig.store.rows("SELECT max(message_id) FROM requests")[0][0])
        sending.join()

        assert asked >= 25
        assert len(rig.arrivals) == 60
        assert len(platform.came) == 60 + asked + 1
        assert platform.most_at_once() <= LIMIT


def test_while_one_lab_sends_another_on_its_store_is_refused_its_questions(tmp_path: Path):
    platform = Timed()
    with platform.rig(tmp_path) as rig, Store(rig.store.path) as other:
        sending = threading.Thread(target=rig.send, args=(rig.plan(numbers(20)),))
        sending.start()
        assert rig.wait_for(lambda: rig.arrivals)
        for dispatcher in (rig.another_dispatcher(), rig.another_dispatcher(other)):
            for act in (lambda by=dispatcher: ask(by), lambda by=dispatcher: by.call_status("m1")):
                with pytest.raises(StoreLockedError, match="ask once it is done, or in the lab that sends"):
                    act()
        with pytest.raises(StoreLockedError, match="this lab is sending"):
            rig.send(rig.plan(numbers(20)))
        sending.join()

        assert [method for _, method in platform.came] == ["POST"] * 20


def test_while_one_lab_asks_another_on_its_store_does_not_send(tmp_path: Path):
    platform = Timed()
    with platform.rig(tmp_path) as rig:
        rig.send(rig.plan(numbers(20)))
        asking = threading.Thread(target=ask, args=(rig.dispatcher,))
        asking.start()
        assert rig.wait_for(lambda: "GET" in {method for _, method in platform.came})
        with pytest.raises(StoreLockedError):
            rig.another_dispatcher().send(rig.plan([number(50)], campaign="dinner"), progress=False)
        assert rig.send(rig.plan([number(60)], campaign="tea")).sent == 1  # the lab that asks may
        asking.join()


@pytest.mark.parametrize("single", [False, True])
def test_a_send_right_after_anothers_questions_counts_them(tmp_path: Path, single: bool):
    platform = Timed()
    with platform.rig(tmp_path, 1) as rig:
        rig.send(rig.plan(numbers(1)))
        asker, message_id = rig.another_dispatcher(), rig.store.rows("SELECT message_id FROM requests")[0][0]
        asker.call_status(message_id) if single else ask(asker)
        rig.send(rig.plan([number(1)], campaign="dinner"))

        assert [method for _, method in platform.came] == ["POST", "GET", "POST"]
        assert platform.most_at_once() == 1


def test_who_asks_names_what_a_dead_sender_left(tmp_path: Path):
    with Timed().rig(tmp_path) as rig:
        plan = rig.plan(numbers(1))
        rig.dispatcher._left_of(plan)
        rig.store.write(lambda connection: claim(connection, plan.calls[0].correlation_id, rig.clock.now_ms()))
        assert ask(rig.dispatcher) == 0

        assert rig.count_states() == {"unknown": 1}


def test_a_closed_store_says_so_and_the_moment_of_the_last_question_is_kept(tmp_path: Path):
    with Timed().rig(tmp_path) as rig:
        assert ask(rig.dispatcher) == 0
        with rig.store.reading() as connection:
            assert read_counter(connection, "last question") <= rig.clock.now_ms()
        rig.store.close()
        with pytest.raises(StoreError, match="closed"):
            ask(rig.dispatcher)


def test_the_limit_is_in_use_until_the_last_of_a_lab_is_done_whichever_thread_began(place: StorePlace):
    with place.open() as store, place.open() as elsewhere:
        ours, theirs = (TenantLimit(one, FakeClock(), 5) for one in (store, elsewhere))
        began, asks = threading.Event(), threading.Event()

        def send() -> None:
            with ours.to_send():
                began.set()
                asks.wait(10)

        sending = threading.Thread(target=send)
        sending.start()
        began.wait(10)
        with ours.to_ask():
            asks.set()
            sending.join()
            with pytest.raises(StoreLockedError, match="or asking"), theirs.to_send():
                pass
            with ours.to_send():
                pass
        with theirs.to_send():
            pass
