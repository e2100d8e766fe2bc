"""Stopping a send: a button, Ctrl-C, ``imilab stop``, the stop file. No call is started a second later."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
import types
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import IPython
import pytest
from typer.testing import CliRunner

from imilab.cli import app
from imilab.config import Settings
from imilab.errors import ConfigError, SendStoppedError
from imilab.send import Arm, SendSummary, planned_call
from imilab.simulator import SimulatorSettings
from imilab.stop_file import StopFile
from imilab.store.stop_mark import mark_stopped
from tests.send_rig import RYAN, TEXT, SendRig, number, numbers

SLOW = SimulatorSettings(transactions_per_second=100_000, response_delay_seconds=0.3)
RATE = 20
GOING = 5


def stop_file_of(settings: Settings) -> StopFile:
    return StopFile.beside(settings.store, settings.stop_file)


def interrupt(rig: SendRig) -> None:
    os.kill(os.getpid(), signal.SIGINT)


def say_stop(rig: SendRig) -> None:
    environment = os.environ | {"IMILAB_STORE": str(rig.store.path)}
    command = [sys.executable, "-m", "imilab", "stop"]
    said = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout
    assert said.startswith("Stopped: the stop file ")
    assert "imilab stop --clear" in said


def put_file(rig: SendRig) -> None:
    stop_file_of(rig.settings).path.touch()


def mark_store(rig: SendRig) -> None:
    rig.store.write(lambda connection: mark_stopped(connection, True))


def call_stop(rig: SendRig) -> None:
    rig.dispatcher.stop()


@pytest.mark.parametrize("way", [interrupt, say_stop, put_file, mark_store, call_stop])
def test_each_way_of_stopping_starts_no_call_a_second_later_and_the_rest_can_be_sent(
    tmp_path: Path, way: Callable[[SendRig], None]
):
    everybody = numbers(200)
    with SendRig(tmp_path, time_scale=1, tenant=SLOW, calls_per_second=RATE, receives=False) as rig:
        plan = rig.plan(everybody)
        at_the_stop: list[int] = []

        def stop() -> None:
            assert rig.wait_for(lambda: len(rig.arrivals) >= GOING)
            way(rig)
            at_the_stop.append(len(rig.arrivals))

        with ThreadPoolExecutor(1) as other:
            stopping = other.submit(stop)
            first = rig.send(plan)
            stopping.result()
        arrived = len(rig.arrivals)
        time.sleep(0.2)

        assert GOING <= first.sent == arrived == len(rig.arrivals) <= at_the_stop[0] + RATE
        assert first.stopped
        assert "send" in first.stopped
        assert rig.count_states() == {"accepted": first.sent, "planned": 200 - first.sent}
        never_asked = (
            "SELECT count(*) FROM requests WHERE state = 'planned' AND attempt = 0 AND requested_at_ms IS NULL"
        )
        assert rig.store.rows(never_asked) == [(200 - first.sent,)]

        stop_file_of(rig.settings).clear()
        rig.store.write(lambda connection: mark_stopped(connection, False))
        rest = rig.another_dispatcher_at(rate=1000).send(plan, progress=False)
        assert (rest.stopped, first.sent + rest.sent) == (None, 200)
        assert rig.placed() == dict.fromkeys(everybody, 1)


def test_the_stop_button_of_a_notebooks_bar_stops_a_send_in_a_thread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    shown: list = []
    monkeypatch.setattr(IPython, "get_ipython", lambda: types.SimpleNamespace(kernel=object()))
    monkeypatch.setattr("IPython.display.display", shown.append)
    with SendRig(tmp_path, time_scale=1, tenant=SLOW, calls_per_second=RATE) as rig:
        sent: list[SendSummary] = []
        plan = rig.plan(numbers(100))
        running = threading.Thread(target=lambda: sent.append(rig.dispatcher.send(plan)))
        running.start()
        assert rig.wait_for(lambda: len(rig.arrivals) >= GOING)
        ((box,), before) = shown, len(rig.arrivals)
        _, text, button = box.children
        button.click()
        running.join()

        (summary,) = sent
        assert "stopped on request" in (summary.stopped or "")
        assert summary.sent <= before + RATE
        assert button.disabled
        assert f"{summary.sent} accepted" in text.value


def test_a_send_in_the_main_thread_shows_no_button_that_could_not_be_clicked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    shown: list = []
    monkeypatch.setattr(IPython, "get_ipython", lambda: types.SimpleNamespace(kernel=object()))
    monkeypatch.setattr("IPython.display.display", shown.append)
    with SendRig(tmp_path) as rig:
        rig.dispatcher.send(rig.plan(numbers(3)))

    assert len(shown[0].children) == 2


def test_while_the_stop_file_is_there_nothing_is_started_or_recorded(tmp_path: Path):
    with SendRig(tmp_path) as rig:
        put_file(rig)
        for start in (
            lambda: rig.send(rig.plan(numbers(3))),
            lambda: rig.dispatcher.call(planned_call(number(0), Arm(RYAN, TEXT), "c1")),
        ):
            with pytest.raises(
                SendStoppedError, match=r"lab\.sqlite\.stop is there; remove it \(imilab stop --clear\)"
            ):
                start()

        assert (rig.arrivals, rig.states()) == ([], {})
        stop_file_of(rig.settings).clear()
        assert rig.send(rig.plan(numbers(3))).sent == 3


def test_the_right_to_call_that_a_stopped_run_did_not_use_is_there_for_the_rest(tmp_path: Path):
    live = {
        "live": True,
        "allow_list": tuple(numbers(60)),
        "countries": "US",
        "calls_per_second": RATE,
        "cap_number_in_flight": 9,
    }
    with SendRig(tmp_path, time_scale=1, tenant=SLOW, **live) as rig:
        rig.arming.arm(60)
        with ThreadPoolExecutor(1) as other:
            other.submit(lambda: rig.wait_for(lambda: len(rig.arrivals) >= GOING) and put_file(rig))
            first = rig.send(rig.plan(numbers(60)))

        assert (first.states["accepted"], first.sent) == (first.sent, first.sent)
        assert rig.arming.calls_left == 60 - first.sent


def test_a_long_pause_leaves_no_call_claimed(tmp_path: Path):
    """A call that waits for its turn in a pause would be of unknown outcome if the machine died."""
    from tests.send_rig import magic

    tenant = replace(SLOW, response_delay_seconds=0.0)
    with SendRig(tmp_path, time_scale=1, tenant=tenant, calls_per_second=100, receives=False) as rig:
        plan = rig.plan([*numbers(3), magic("43"), *numbers(40)[3:]])
        running = threading.Thread(target=rig.send, args=(plan,))
        running.start()
        assert rig.wait_for(lambda: rig.dispatcher._pace.paused_seconds > 0)
        settled = rig.wait_for(lambda: rig.count_states()["sending"] == 0, 0.9)
        call_stop(rig)
        running.join()

        assert settled
        assert set(rig.placed().values()) == {1}


def test_the_default_is_beside_the_store_and_a_setting_moves_it(tmp_path: Path):
    assert stop_file_of(Settings(store=tmp_path / "lab.sqlite")).path == tmp_path / "lab.sqlite.stop"
    moved = Settings(store=tmp_path / "lab.sqlite", stop_file=tmp_path / "halt")
    assert stop_file_of(moved).path == tmp_path / "halt"


def test_a_stop_file_is_put_there_and_taken_away_and_says_whether_that_changed_anything(tmp_path: Path):
    stop_file = StopFile(tmp_path / "lab.stop")

    assert [stop_file.look(), stop_file.create(), stop_file.look(), stop_file.create()] == [False, True, True, False]
    assert [stop_file.clear(), stop_file.look(), stop_file.clear()] == [True, False, False]


def test_looking_is_rare_and_never_older_than_a_tenth_of_a_second(tmp_path: Path):
    now = [0.0]
    stop_file = StopFile(tmp_path / "lab.stop", now=lambda: now[0])
    assert not stop_file.seen()
    stop_file.path.touch()
    now[0] = 0.09
    assert not stop_file.seen()
    now[0] = 0.1
    assert stop_file.seen()


def test_a_stop_file_that_cannot_be_looked_at_counts_as_there(tmp_path: Path):
    (tmp_path / "file").touch()
    stop_file = StopFile(tmp_path / "file" / "lab.stop")

    assert stop_file.look()
    for change in (stop_file.create, stop_file.clear):
        with pytest.raises(ConfigError, match="stop_file"):
            change()


def test_the_command_says_what_it_did(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("IMILAB_STORE", str(tmp_path / "lab.sqlite"))

    def run(*words: str) -> str:
        return CliRunner().invoke(app, ["stop", *words]).stdout

    assert "is there now, and no call is started" in run()
    assert "was there already" in run()
    assert "was removed: calls may be started again" in run("--clear")
    assert "was not there: nothing is stopped" in run("--clear")


def test_a_stop_while_a_plan_is_still_being_recorded_is_not_lost(tmp_path: Path):
    going_on = threading.Event()
    with SendRig(tmp_path) as rig, ThreadPoolExecutor(1) as other:
        plan = rig.plan(numbers(20))
        rig.store.submit(lambda _: going_on.wait(20))  # the writer is busy
        sending = other.submit(rig.send, plan)
        locked = rig.wait_for(lambda: rig.store.path.with_name("lab.sqlite.sending").exists())
        call_stop(rig)
        going_on.set()
        summary = sending.result()

        assert locked
        assert (summary.sent, rig.arrivals, rig.count_states()) == (0, [], {"planned": 20})
        assert "stopped on request" in (summary.stopped or "")


def test_a_stop_where_no_store_is_says_that_other_sends_go_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(app, ["stop"])

    assert isinstance(done.exception, ConfigError)
    assert "a send from another store goes on; run this in its folder, or set IMILAB_STORE" in str(done.exception)
    assert (tmp_path / "imilab.sqlite.stop").exists()
