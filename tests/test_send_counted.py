"""Counts for large caps: bounded from one count on, exact where it matters, and never above the cap in a race."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imilab.send import counted
from imilab.send.caps import CapCounts, Caps, count_for_claim, first_exceeded
from imilab.send.counted import CachedCounts
from imilab.store import PlannedCall, Store
from imilab.store.connection import Connection
from imilab.store.journal import add_calls, claim, release
from tests.store_places import StorePlace

T0 = 1_772_442_000_000
DAY = 86_400_000
FACTS = {"now_ms": T0, "horizon_ms": 1}
NUMBER = "+12025550123"


@pytest.fixture(autouse=True)
def every_cap_is_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counted, "_LARGE", 1)


@pytest.fixture
def store(place: StorePlace) -> Iterator[Store]:
    with place.open() as opened:
        yield opened


def add(store: Store, count: int, campaign: str = "lunch") -> list[str]:
    names = [f"{campaign}-{place}" for place in range(count)]
    calls = [
        PlannedCall(correlation_id=name, msisdn=NUMBER, content_type="media", media_id="m", campaign=campaign)
        for name in names
    ]
    store.write(lambda connection: add_calls(connection, calls, "+12025550100", store.number_key, T0))
    return names


def try_to_claim(counts: CachedCounts, connection: Connection, name: str, caps: Caps) -> str | None:
    """What the rules do."""
    found = counts.count(connection, NUMBER, name.partition("-")[0], T0 // DAY * DAY, caps=caps, **FACTS)
    reason = first_exceeded(caps, found)
    if reason is None:
        assert counts.note(connection, claim(connection, name, T0))
    return reason


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 12), st.integers(1, 12), st.lists(st.sampled_from(["a", "a", "b", "back"]), max_size=40))
def test_what_is_decided_is_what_counting_each_time_would_decide(tmp_path_factory, per_day, campaign, steps):
    caps = Caps(number_in_flight=None, number_per_day=None, per_day=per_day, campaign=campaign)
    with Store(tmp_path_factory.mktemp("counted") / "lab.sqlite") as store:
        waiting = {name: add(store, 20, name) for name in "ab"}
        claimed: list[str] = []
        counts = CachedCounts()
        for step in steps:
            if step == "back":
                if claimed:
                    name = claimed.pop()
                    store.write(lambda connection, name=name: release(connection, name))
                    waiting[name[0]].append(name)
                continue
            if not waiting[step]:
                continue

            def work(connection: Connection, step: str = step) -> tuple[str | None, str | None]:
                exact = count_for_claim(connection, NUMBER, step, T0 // DAY * DAY, caps=caps, **FACTS)
                return first_exceeded(caps, exact), try_to_claim(counts, connection, waiting[step][-1], caps)

            exact, ours = store.write(work)
            assert ours == exact
            if ours is None:
                claimed.append(waiting[step].pop())


def test_senders_that_race_with_what_each_has_counted_never_exceed_a_cap(tmp_path: Path):
    caps = Caps(number_in_flight=None, number_per_day=None, per_day=50, campaign=30)
    path = tmp_path / "lab.sqlite"
    with Store(path) as store:
        everything = {name: add(store, 60, name) for name in ("one", "two")}

    def send(names: list[str]) -> None:
        with Store(path) as own:
            counts = CachedCounts()
            for name in names:
                own.write(lambda connection, name=name: try_to_claim(counts, connection, name, caps))

    parts = [names[half::2] for names in everything.values() for half in (0, 1)]
    threads = [threading.Thread(target=send, args=(names,)) for names in parts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    with Store(path) as store:
        rows = dict(store.rows("SELECT campaign, count(*) FROM requests WHERE state = 'sending' GROUP BY campaign"))
        assert sum(rows.values()) == 50
        assert max(rows.values()) <= 30


def test_calls_are_counted_once_and_not_for_each_claim(store: Store, monkeypatch: pytest.MonkeyPatch):
    asked: list[Caps] = []

    def spy(*arguments, caps: Caps, **facts) -> CapCounts:
        asked.append(caps)
        return count_for_claim(*arguments, caps=caps, **facts)

    monkeypatch.setattr(counted, "count_for_claim", spy)
    caps = Caps(number_in_flight=None, number_per_day=None, per_day=100, campaign=40)
    names, counts = add(store, 45), CachedCounts()
    reasons = [
        store.write(lambda connection, name=name: try_to_claim(counts, connection, name, caps)) for name in names
    ]

    assert reasons[:40] == [None] * 40
    assert reasons[40] == "cap campaign: 40 calls of this campaign, and 40 are allowed"
    assert sum(one.campaign is not None for one in asked[:40]) == 1
    assert sum(one.per_day is not None for one in asked) == 1
