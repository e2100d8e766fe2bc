"""The live platform refuses until armed. What leaves is counted at a server of our own on loopback."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

import imilab
from imilab.config import Settings
from imilab.errors import InvalidInputError, NotArmedError
from imilab.send.guards import ARMED_SECONDS, Arming
from imilab.simulator import SimulatorSettings
from tests.raw_server import RawServer, answer, refused_port
from tests.send_rig import CALLER, RYAN, TEXT, FakeClock, SendRig, magic, number, numbers

NEEDED = {
    "base_url": "a base URL (IMILAB_BASE_URL)",
    "key": "a key (IMILAB_KEY)",
    "caller_id": "a caller id (IMILAB_CALLER_ID)",
    "live": "live = true in the settings (IMILAB_LIVE=true)",
    "allow_list": "an allow-list of numbers (IMILAB_ALLOW_LIST)",
}
GO_LIVE = "lab.go_live(calls=N) in this process, which holds for 15 minutes and N calls"


def whole(**changes: Any) -> Settings:
    values = {
        "base_url": "https://api.us.webexconnect.io",
        "key": SecretStr("a-key"),
        "caller_id": CALLER,
        "live": True,
        "allow_list": numbers(3),
    }
    return Settings(**(values | changes))


@pytest.fixture
def no_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)


WAYS: list[Callable[[imilab.Lab], object]] = [
    lambda lab: lab.call(number(0), RYAN, text=TEXT),
    lambda lab: lab.send(lab.plan(numbers(2), {"ryan": RYAN}, TEXT)),
    lambda lab: lab.go_live(1),
]


@pytest.mark.usefixtures("no_environment")
@pytest.mark.parametrize("act", WAYS)
def test_a_lab_without_settings_refuses_and_names_everything_that_is_missing(act):
    with imilab.Lab() as lab:
        with pytest.raises(NotArmedError) as refused:
            act(lab)

        assert refused.value.missing == tuple(NEEDED.values())
        assert all(what in str(refused.value) for what in NEEDED.values())
        assert set(lab.requests()["state"]) <= {"planned"}
        assert len(lab.calls()) == 0


@pytest.mark.parametrize("name", NEEDED)
def test_each_setting_is_needed_by_itself(name):
    arming = Arming(whole(**{name: Settings.model_fields[name].default}), simulated=False)

    for act in (arming.check, lambda: arming.arm(1), lambda: arming.spend(number(0))):
        with pytest.raises(NotArmedError) as refused:
            act()
        assert refused.value.missing == (NEEDED[name],)


@pytest.mark.usefixtures("no_environment")
@pytest.mark.parametrize("act", WAYS[:2])
def test_whole_settings_are_not_enough_without_going_live(act, tmp_path: Path):
    with RawServer(answer(b"{}")) as server:
        settings = whole(base_url=server.url, store=tmp_path / "lab.sqlite")
        with imilab.Lab(settings) as lab, pytest.raises(NotArmedError) as refused:
            act(lab)

        assert refused.value.missing == (GO_LIVE,)
        assert server.seen == []


def test_being_armed_ends_after_fifteen_minutes():
    clock = FakeClock()
    arming = Arming(whole(), simulated=False, clock=clock)
    arming.arm(5)

    clock.moment_ms += ARMED_SECONDS * 1000
    arming.spend(number(0))
    assert (arming.calls_left, arming.still_needed) == (4, ())
    clock.moment_ms += 1
    assert (arming.calls_left, arming.still_needed) == (0, (GO_LIVE,))
    for act in (arming.check, lambda: arming.spend(number(0))):
        with pytest.raises(NotArmedError):
            act()


def test_setting_the_clock_back_does_not_prolong_being_armed():
    clock = FakeClock()
    arming = Arming(whole(), simulated=False, clock=clock)
    arming.arm(5)
    clock.moment_ms -= 1

    assert arming.calls_left == 0


def test_being_armed_ends_after_so_many_calls():
    arming = Arming(whole(), simulated=False)
    arming.arm(2)
    arming.spend(number(0))
    arming.spend(number(1))

    with pytest.raises(NotArmedError):
        arming.spend(number(2))
    arming.give_back()
    arming.spend(number(2))
    assert arming.calls_left == 0


FORKED = """
import os
from tests.test_send_guards import Arming, number, whole
arming = Arming(whole(), simulated=False)
arming.arm(3)
given = arming.spend(number(0))
child = os.fork()
if child == 0:
    print(arming.calls_left, arming.holds(given), "go_live" in str(arming.still_needed), flush=True)
    arming.arm(1)
    print(arming.calls_left, flush=True)
    os._exit(0)
os.waitpid(child, 0)
print(arming.calls_left, arming.holds(given))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_forked_process_is_not_armed_until_it_says_so_itself():
    said = subprocess.run([sys.executable, "-c", FORKED], capture_output=True, text=True, check=True).stdout

    assert said.splitlines() == ["0 False True", "1", "2 True"]


def test_a_number_outside_the_allow_list_is_never_allowed_and_spends_nothing():
    arming = Arming(whole(), simulated=False)
    arming.arm(2)

    with pytest.raises(NotArmedError):
        arming.spend(number(3))
    assert (arming.allows(number(0)), arming.allows(number(3)), arming.calls_left) == (True, False, 2)


@pytest.mark.parametrize("calls", [0, -1, 1.5, "3", None, True])
def test_the_number_of_calls_must_be_said(calls):
    with pytest.raises(InvalidInputError, match="calls"):
        Arming(whole(), simulated=False).arm(calls)


def test_the_embedded_platform_needs_nothing_of_this():
    arming = Arming(Settings(), simulated=True)
    arming.check()
    arming.spend(number(0))

    assert (arming.allows(number(0)), arming.still_needed) == (True, ())


def live_rig(folder: Path, **more: Any) -> SendRig:
    return SendRig(folder, live=True, allow_list=[*numbers(10), magic("42")], receives=False, **more)


def test_a_plan_with_one_number_outside_the_allow_list_does_not_start(tmp_path: Path):
    with live_rig(tmp_path) as rig:
        rig.arming.arm(100)
        with pytest.raises(NotArmedError, match="1 of 11 numbers in the allow-list"):
            rig.send(rig.plan(numbers(11)))

        assert (rig.arrivals, rig.states()) == ([], {})


def test_exactly_as_many_calls_leave_as_were_allowed(tmp_path: Path):
    with live_rig(tmp_path) as rig:
        plan = rig.plan(numbers(10))
        rig.arming.arm(4)
        first = rig.send(plan)

        assert (first.sent, len(rig.arrivals), sum(rig.placed().values())) == (4, 4, 4)
        assert GO_LIVE in (first.stopped or "")
        assert rig.count_states()["planned"] == 6
        with pytest.raises(NotArmedError):
            rig.send(plan)
        rig.arming.arm(100)
        assert rig.send(plan).sent == 6
        assert rig.placed() == dict.fromkeys(numbers(10), 1)


def test_a_try_that_was_proven_not_placed_uses_nothing_up(tmp_path: Path):
    with live_rig(tmp_path) as rig, refused_port() as nowhere:
        rig.arming.arm(3)
        rig.send(rig.plan([magic("42"), number(0)]))

        assert (rig.arming.calls_left, len(rig.arrivals)) == (1, 3)
        rig.settings = rig.settings.model_copy(update={"base_url": nowhere})
        plan = rig.plan([number(1)], campaign="nowhere")
        assert rig.another_dispatcher().send(plan, calls_per_second=None, progress=False).stopped
        assert rig.arming.calls_left == 1


def test_what_an_earlier_arming_gave_comes_not_back_on_top_of_a_later_one():
    arming = Arming(whole(), simulated=False)
    arming.arm(3)
    earlier = arming.spend(number(0))
    arming.arm(2)
    later = arming.spend(number(1))

    assert (arming.holds(earlier), arming.holds(later)) == (False, True)
    arming.give_back(earlier)
    assert arming.calls_left == 1
    arming.give_back(later)
    assert arming.calls_left == 2


def test_a_call_whose_right_was_used_up_in_time_must_leave_in_time():
    clock = FakeClock()
    arming = Arming(whole(), simulated=False, clock=clock)
    arming.arm(1)
    given = arming.spend(number(0))

    clock.moment_ms += ARMED_SECONDS * 1000
    assert arming.holds(given)
    clock.moment_ms += 1
    assert not arming.holds(given)


def test_going_live_again_during_a_send_allows_no_more_than_is_said(tmp_path: Path):
    slow = SimulatorSettings(transactions_per_second=100_000, response_delay_seconds=0.3)
    with live_rig(tmp_path, time_scale=1, tenant=slow, calls_per_second=20, cap_number_in_flight=9) as rig:
        plan = rig.plan(numbers(10))
        rig.arming.arm(10)
        with ThreadPoolExecutor(1) as other:
            sending = other.submit(rig.send, plan)
            assert rig.wait_for(lambda: len(rig.arrivals) >= 2)
            rig.arming.arm(1)
            left = len(rig.arrivals)
            summary = sending.result()

        assert len(rig.arrivals) <= left + 3  # one by the new arming; one or two that were leaving at that moment
        assert summary.stopped is not None
        assert summary.stopped.startswith("the right to place calls is used up or has expired; to go on: lab.go_live")
        assert "no call was placed" not in str(summary)
