"""The last look before a first byte: a call may wait long for its connection, and much may happen until then."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from imilab.client import AsyncPlatformClient
from imilab.send import SendSummary
from imilab.send.guards import ARMED_SECONDS
from imilab.send.pace import Pace
from imilab.send.rules import CallingRules
from imilab.send.sender import Sender
from imilab.send.summary import SendOptions
from imilab.stop_file import StopFile
from imilab.store.stop_mark import mark_stopped
from tests.late_platform import LatePlatform
from tests.raw_server import refused_port
from tests.send_rig import CALLER, FakeClock, SendRig, number, numbers

NEVER_BEGUN = "SELECT count(*) FROM requests WHERE state = 'planned' AND attempt = 0 AND requested_at_ms IS NULL"
LIVE = {"live": True, "allow_list": tuple(numbers(3)), "countries": "US"}


@contextmanager
def connecting(folder: Path, **settings: Any) -> Iterator[tuple[SendRig, LatePlatform, Callable[[], SendSummary]]]:
    """Give a rig that sends three calls, none of which has a connection yet, and what waits for the send's end."""
    sent: list[SendSummary] = []
    with LatePlatform() as platform, SendRig(folder, base_url=platform.url, receives=False, **settings) as rig:
        if rig.settings.live:
            rig.arming.arm(3)
        plan = rig.plan(numbers(3))
        sending = threading.Thread(target=lambda: sent.append(rig.send(plan)))
        sending.start()
        assert rig.wait_for(lambda: rig.dispatcher._pace._leaving == 3)

        def ended() -> SendSummary:
            platform.open()
            sending.join(20)
            return sent[0]

        yield rig, platform, ended


def call_stop(rig: SendRig) -> None:
    rig.dispatcher.stop()


def put_file(rig: SendRig) -> None:
    StopFile.beside(rig.settings.store, rig.settings.stop_file).path.touch()


def mark_store(rig: SendRig) -> None:
    rig.store.write(lambda connection: mark_stopped(connection, True))
    threading.Event().wait(0.8)  # it is looked at twice a second


@pytest.mark.parametrize("way", [call_stop, put_file, mark_store])
def test_no_call_that_still_waits_for_its_connection_leaves_after_a_stop(
    tmp_path: Path, way: Callable[[SendRig], None]
):
    with connecting(tmp_path, time_scale=1.0, **LIVE) as (rig, platform, ended):
        way(rig)
        summary = ended()

        assert set(platform.came) <= {b""}
        assert (summary.sent, summary.states["planned"]) == (0, 3)
        assert "send" in (summary.stopped or "")
        assert rig.store.rows(NEVER_BEGUN) == [(3,)]
        assert rig.arming.calls_left == 3
        assert (rig.dispatcher._pace._leaving, rig.dispatcher._pace._left) == (0, [])


def test_no_call_leaves_once_the_right_to_place_it_has_expired(tmp_path: Path):
    clock = FakeClock()
    with connecting(tmp_path, clock=clock, **LIVE) as (rig, platform, ended):
        clock.moment_ms += ARMED_SECONDS * 1000 + 1
        summary = ended()

        assert set(platform.came) <= {b""}
        assert (summary.sent, rig.store.rows(NEVER_BEGUN)) == (0, [(3,)])
        assert "has expired" in (summary.stopped or "")


def test_no_call_leaves_once_quiet_hours_have_begun(tmp_path: Path):
    clock = FakeClock()
    clock.moment_ms = int(datetime(2026, 3, 2, 20, tzinfo=UTC).timestamp() * 1000)  # 15:00 in Washington
    with connecting(tmp_path, clock=clock, quiet_hours="20:00-09:00") as (rig, platform, ended):
        clock.moment_ms += 5 * 3_600_000
        summary = ended()

        assert set(platform.came) <= {b""}
        assert (summary.sent, rig.store.rows(NEVER_BEGUN)) == (0, [(3,)])
        assert list(summary.held) == ["quiet hours: it is 20:00 on Monday in America/New_York"]


def test_no_call_leaves_to_who_was_put_on_the_do_not_call_list_meanwhile(tmp_path: Path):
    listed = tmp_path / "dnc.csv"
    listed.write_text("msisdn\n", encoding="utf-8")
    with connecting(tmp_path, time_scale=1.0, do_not_call=listed) as (rig, platform, ended):
        version = rig.dispatcher._rules.version
        listed.write_text(f"msisdn\n{number(1)}\n", encoding="utf-8")
        assert rig.wait_for(lambda: rig.dispatcher._rules.version > version)
        summary = ended()

        assert not any(number(1).encode() in request for request in platform.came)
        assert (summary.sent, dict(summary.refused)) == (2, {"on the do-not-call list": 1})
        assert rig.states() == {number(0): "accepted", number(1): "rejected", number(2): "accepted"}


def test_what_nothing_forbids_leaves_as_soon_as_it_has_its_connection(tmp_path: Path):
    with connecting(tmp_path, time_scale=1.0, **LIVE) as (rig, platform, ended):
        summary = ended()

        assert (summary.sent, summary.stopped) == (3, None)
        assert sum(request.startswith(b"POST ") for request in platform.came) == 3
        assert rig.arming.calls_left == 0


def test_a_cancelled_send_knows_that_calls_without_a_connection_have_not_left(tmp_path: Path):
    with LatePlatform() as platform, SendRig(tmp_path, receives=False, base_url=platform.url) as rig:
        calls = rig.dispatcher._left_of(rig.plan(numbers(3)))
        rules = CallingRules(rig.settings, simulated=True, number_key=rig.store.number_key)
        pace = Pace(1000, rig.clock)

        async def work() -> None:
            async with AsyncPlatformClient(platform.url, rig.settings.key) as client:  # type: ignore[arg-type]  # it is set
                sender = Sender(rig.store, client, rig.arming, rules, SendOptions(caller_id=CALLER), pace, rig.clock)
                sending = asyncio.create_task(sender.send(calls))
                while pace._leaving < 3:
                    await asyncio.sleep(0.01)
                sending.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await sending

        asyncio.run(work())
        assert rig.store.rows(NEVER_BEGUN) == [(3,)]


def test_a_platform_that_cannot_be_reached_stops_a_long_plan_after_three_tries_not_after_one_of_each_call(
    tmp_path: Path,
):
    with refused_port() as nowhere, SendRig(tmp_path, base_url=nowhere, time_scale=10, calls_per_second=2) as rig:
        summary = rig.send(rig.plan(numbers(60)))
        ((tries,),) = rig.store.rows("SELECT sum(attempt) FROM requests")

        assert (summary.stopped or "").startswith("3 tries did not reach the platform: ")
        assert (summary.sent, summary.states["planned"]) == (0, 60)
        assert 3 <= tries < 20
