"""Settings, rate limit, timetable and documentation of the simulator."""

from __future__ import annotations

import asyncio
import doctest
import re
from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imilab.clock import ScaledClock
from imilab.errors import InvalidInputError
from imilab.simulator import MAGIC, PeopleSettings, SimulatorSettings
from imilab.simulator.rate_limit import RateLimit
from imilab.simulator.timetable import Timetable

PAGE = Path(__file__).parent.parent / "docs" / "simulator.md"
DOCUMENT = PAGE.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "wrong",
    [
        {"seed": -1},
        {"seed": True},
        {"key": ""},
        {"key": "schlüssel"},
        {"hub_secret": ""},
        {"signature_algorithm": "sha1"},
        {"tenant_zone": "Mars/Olympus"},
        {"tenant_zone": ""},
        {"timestamp_style": "epoch"},
        {"transactions_per_second": 0},
        {"transactions_per_second": 2.5},
        {"duplicate_share": 1.1},
        {"reorder_share": -0.1},
        {"loss_share": float("nan")},
        {"retries": -1},
        {"retry_seconds": -1},
        {"ring_timeout_seconds": 0},
        {"webhook_timeout_seconds": 0},
        {"concurrent_webhooks": 0},
    ],
)
def test_a_setting_that_cannot_be_used_is_named(wrong):
    with pytest.raises(InvalidInputError) as caught:
        SimulatorSettings(**wrong)
    assert caught.value.field == next(iter(wrong))


@pytest.mark.parametrize(
    "wrong",
    [
        {"zone": "Nowhere"},
        {"hour_effects": (0.0,) * 23},
        {"hour_effects": (0.0,) * 23 + (float("inf"),)},
        {"number_spread": -1},
        {"unanswered_shares": {"no_answer": 1.0}},
        {"unanswered_shares": {"no_answer": 0.5, "busy": 0.5, "rejected": 0.5, "dropped": -0.5}},
        {"characters_per_second": 0},
        {"first_hazard": -1},
        {"voice_effects": {"RyanNeural": "much"}},
        {"text_effects": {"Hello": float("nan")}},
    ],
)
def test_a_setting_of_the_people_that_cannot_be_used_is_named(wrong):
    with pytest.raises(InvalidInputError) as caught:
        PeopleSettings(**wrong)
    assert caught.value.field == next(iter(wrong))


def test_settings_cannot_be_changed_from_outside():
    effects = {"RyanNeural": 0.1}
    settings = PeopleSettings(voice_effects=effects)
    effects["RyanNeural"] = 9.0
    assert settings.voice_effects == {"ryanneural": 0.1}
    with pytest.raises(TypeError):
        settings.voice_effects["ryanneural"] = 9.0


def test_secrets_are_not_shown():
    shown = repr(SimulatorSettings(key="my-key", hub_secret="my-secret"))
    assert "my-key" not in shown
    assert "my-secret" not in shown


@given(st.lists(st.integers(0, 400), max_size=200), st.integers(1, 9), st.booleans())
def test_no_second_holds_more_than_the_limit(gaps, per_second, burst):
    limit = RateLimit(per_second, burst=burst)
    now_ms, admitted = 0, []
    for gap in gaps:
        now_ms += gap
        wait = limit.wait_seconds(now_ms)
        assert 0 <= wait <= 1
        if wait == 0:
            admitted.append(now_ms)
    most = per_second + (per_second // 2 if burst else 0)
    for start in admitted:
        assert sum(start <= moment < start + 1000 for moment in admitted) <= most


@given(st.lists(st.integers(0, 400), max_size=100))
def test_a_refused_transaction_is_taken_after_the_wait(gaps):
    limit = RateLimit(3)
    now_ms = 0
    for gap in gaps:
        now_ms += gap
        wait = limit.wait_seconds(now_ms)
        if wait:
            now_ms += round(wait * 1000)
            assert limit.wait_seconds(now_ms) == 0


def test_the_window_is_one_second_to_the_millisecond():
    limit = RateLimit(1)
    assert [limit.wait_seconds(moment) for moment in (0, 999, 1000, 1001, 2000)] == [0, 0.001, 0, 0.999, 0]


def admitted_within(limit: RateLimit, start_second: int, seconds: int, tries: int) -> list[int]:
    return [
        sum(limit.wait_seconds((start_second + second) * 1000) == 0 for _ in range(tries)) for second in range(seconds)
    ]


def test_a_burst_lasts_half_an_hour_a_day_and_eight_hours_a_month():
    limit = RateLimit(20, burst=True)
    day = 24 * 3600
    per_day = [sum(found == 30 for found in admitted_within(limit, start * day, 1900, 40)) for start in range(18)]
    assert per_day == [1800] * 16 + [0, 0]
    assert admitted_within(limit, 40 * day, 5, 40) == [30] * 5


def test_a_burst_adds_a_hundred_at_most():
    assert admitted_within(RateLimit(400, burst=True), 0, 1, 900) == [500]
    assert admitted_within(RateLimit(400), 0, 1, 900) == [400]


def test_a_timetable_gives_out_in_order_of_time_and_an_earlier_thing_first():
    async def scenario() -> list[tuple[str, bool]]:
        clock = ScaledClock(datetime(2026, 3, 2, tzinfo=UTC), 1000)
        given: list[tuple[str, bool]] = []
        start_ms = clock.now_ms()
        due = {"late": 60_000, "same 1": 30_000, "same 2": 30_000, "past": -5}
        table: Timetable[str] = Timetable(
            clock, lambda name: given.append((name, clock.now_ms() >= start_ms + due[name]))
        )
        running = asyncio.create_task(table.run())
        for name, moment_ms in due.items():
            table.add(start_ms + moment_ms, name)
            await asyncio.sleep(0)
        due["early"] = 10_000
        table.add(start_ms + 10_000, "early")
        while len(given) < 5:
            await asyncio.sleep(0.005)
        running.cancel()
        return given

    given = asyncio.run(asyncio.wait_for(scenario(), 20))
    assert given == [(name, True) for name in ("past", "early", "same 1", "same 2", "late")]


def test_a_sleeping_timetable_does_not_spin():
    class CountingClock(ScaledClock):
        sleeps = 0

        async def sleep(self, seconds: float) -> None:
            self.sleeps += 1
            await super().sleep(seconds)

    async def scenario() -> int:
        clock = CountingClock(datetime(2026, 3, 2, tzinfo=UTC), 1)
        table: Timetable[str] = Timetable(clock, print)
        running = asyncio.create_task(table.run())
        for seconds in (50, 40, 30):
            table.add(clock.now_ms() + seconds * 1000, "far")
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.05)
        running.cancel()
        return clock.sleeps

    assert asyncio.run(scenario()) <= 4


def test_the_docs_list_every_magic_number_with_what_it_does():
    rows = dict(re.findall(r"^\| `(\+1646555\d{4})` \| (.+?) \|$", DOCUMENT, re.MULTILINE))
    assert rows == {msisdn: magic.does for msisdn, magic in MAGIC.items()}


def test_the_docs_list_every_setting_with_its_default():
    rows = dict(re.findall(r"^\| `(\w+)` \| (.+?) \| .+ \|$", DOCUMENT, re.MULTILINE))
    for settings in (SimulatorSettings(), PeopleSettings()):
        for field in fields(settings):
            default = getattr(settings, field.name)
            assert field.name in rows, field.name
            if isinstance(default, bool | int | float | str) and field.name != "key":
                assert rows[field.name] == f"`{default!r}`".replace("'", '"'), field.name


def test_the_docs_examples_run():
    failed, tried = doctest.testfile(str(PAGE), module_relative=False, encoding="utf-8")
    assert (failed, tried > 4) == (0, True)
    (block,) = [block for block in re.findall(r"```python\n(.*?)```", DOCUMENT, re.DOTALL) if ">>>" not in block]
    exec(block, {})
