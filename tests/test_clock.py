"""The clocks."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta, timezone

import pytest

from imilab.clock import ScaledClock, SystemClock
from imilab.errors import InvalidInputError

START = datetime(2026, 3, 2, 9, 0, 0, 1000, tzinfo=UTC)
START_MS = 1_772_442_000_001


def test_the_system_clock_shows_this_machines_time():
    before = int(time.time() * 1000)
    assert before <= SystemClock().now_ms() <= before + 5000
    assert SystemClock.time_scale == 1.0


def test_a_scaled_clock_starts_at_its_start_to_the_millisecond():
    assert 0 <= ScaledClock(START, 1e-6).now_ms() - START_MS <= 1
    india = START.astimezone(timezone(timedelta(hours=5, minutes=30)))
    assert 0 <= ScaledClock(india, 1e-6).now_ms() - START_MS <= 1


def test_a_scaled_clock_runs_at_its_scale_and_never_back():
    clock = ScaledClock(START, 1000)
    began_ns, began_ms = time.monotonic_ns(), clock.now_ms()
    shown = [clock.now_ms() for _ in range(1000)]
    assert shown == sorted(shown)
    time.sleep(0.05)
    passed_ms = clock.now_ms() - began_ms
    assert 50_000 <= passed_ms <= (time.monotonic_ns() - began_ns) / 1000 + 1000


@pytest.mark.parametrize("clock", [ScaledClock(START, 3600), SystemClock()], ids=["scaled", "system"])
def test_sleeping_lasts_as_long_as_the_clock_says(clock):
    seconds = 0.03 * clock.time_scale
    before_ms = clock.now_ms()
    asyncio.run(clock.sleep(seconds))
    assert clock.now_ms() - before_ms >= seconds * 1000 * 0.95
    began = time.monotonic()
    asyncio.run(clock.sleep(-10))
    assert time.monotonic() - began < 1


def test_a_start_without_a_zone_is_refused():
    with pytest.raises(InvalidInputError, match="without a zone") as caught:
        ScaledClock(datetime(2026, 3, 2, 9), 1)  # noqa: DTZ001 - that is what is refused
    assert caught.value.field == "start"


@pytest.mark.parametrize("scale", [0, -1, float("nan"), float("inf"), 1e7])
def test_a_scale_must_be_usable(scale):
    with pytest.raises(InvalidInputError) as caught:
        ScaledClock(START, scale)
    assert caught.value.field == "time_scale"
