from __future__ import annotations

import re
import sqlite3
import threading
from collections.abc import Iterator
from dataclasses import fields
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imilab.errors import InvalidInputError
from imilab.send.caps import CapCounts, Caps, count_for_claim, first_exceeded
from imilab.store import STATES, PlannedCall, Settlement, Store
from imilab.store.journal import add_calls, claim, release, settle
from imilab.store.schema import migrate
from tests.store_places import StorePlace

T0 = 1_772_442_000_000
DAY = 86_400_000
HORIZON = 1_800_000
NO_CAPS = Caps(number_in_flight=None, number_per_day=None)
ALL_CAPS = Caps(
    number_in_flight=1000, number_per_day=1000, number_gap_seconds=1, campaign=1000, per_day=1000, per_second=1000
)
NUMBERS = ("+12025550123", "+12025550124")


@pytest.fixture
def store(place: StorePlace) -> Iterator[Store]:
    with place.open() as opened:
        yield opened


def planned(name: str, msisdn: str = NUMBERS[0], **more: Any) -> PlannedCall:
    return PlannedCall(correlation_id=name, msisdn=msisdn, content_type="media", media_id="m", **more)


def add(store: Store, *calls: PlannedCall) -> None:
    store.write(lambda connection: add_calls(connection, calls, "+12025550100", store.number_key, T0))


def guarded_claim(store: Store, call: PlannedCall, caps: Caps, now_ms: int = T0) -> str | None:
    """What the sender does: count and claim in one transaction."""

    def work(connection: sqlite3.Connection) -> str | None:
        counts = count_for_claim(
            connection,
            call.msisdn,
            call.campaign,
            now_ms // DAY * DAY,
            caps=caps,
            now_ms=now_ms,
            horizon_ms=HORIZON,
            send_at_ms=call.send_at_ms,
        )
        refusal = first_exceeded(caps, counts)
        if refusal is None and not claim(connection, call.correlation_id, now_ms):
            return "claimed by another"
        return refusal

    return store.write(work)


class Row(NamedTuple):
    msisdn: str
    campaign: str | None
    state: str
    requested_at: int
    send_at: int | None


MIDNIGHT = T0 // DAY * DAY
SMALL = st.builds(lambda half_days, steps: MIDNIGHT + half_days * DAY // 2 + steps * 500, *[st.integers(-3, 3)] * 2)
ROWS = st.builds(
    Row,
    st.sampled_from(NUMBERS),
    st.sampled_from(["spring", "autumn", None]),
    st.sampled_from(STATES),
    SMALL,
    st.none() | SMALL,
)


@pytest.fixture(scope="module")
def tables() -> Iterator[sqlite3.Connection]:
    """The real tables, in memory: Hypothesis fills and empties them."""
    connection = sqlite3.connect(":memory:", isolation_level=None)
    migrate(connection)
    yield connection
    connection.close()


@settings(deadline=None)
@given(
    st.lists(ROWS, max_size=30),
    st.sampled_from(NUMBERS),
    st.sampled_from(["spring", "autumn", None]),
    SMALL,
    st.none() | SMALL,
    st.integers(1, 4),
)
def test_the_counts_are_those_of_the_journal(tables, rows, msisdn, campaign, now, send_at, cap):
    tables.execute("DELETE FROM requests")
    tables.executemany(
        "INSERT INTO requests (correlation_id, content_type, attempt, created_at_ms, msisdn, campaign, state,"
        " requested_at_ms, send_at_ms) VALUES (?, 'media', 1, 0, ?, ?, ?, ?, ?)",
        [(str(number), *row[:3], row.requested_at, row.send_at) for number, row in enumerate(rows)],
    )
    rings_at = now if send_at is None else send_at
    day = rings_at // DAY * DAY
    claimed = [
        (row, row.requested_at if row.send_at is None else row.send_at) for row in rows if row.state != "planned"
    ]
    mine = [(row, at) for row, at in claimed if row.msisdn == msisdn]
    expected = {
        "number_in_flight": sum(
            row.state in {"sending", "accepted", "unknown"} and abs(at - rings_at) < HORIZON for row, at in mine
        ),
        "number_per_day": sum(day <= at < day + DAY for _, at in mine),
        "campaign": sum(row.campaign == campaign for row, _ in claimed) if campaign else 0,
        "per_day": sum(day <= at < day + DAY for _, at in claimed),
        "per_second": sum(row.requested_at > now - 1000 for row, _ in claimed),
    }
    gap = min((abs(at - rings_at) / 1000 for _, at in mine), default=None)

    def count(caps: Caps) -> CapCounts:
        return count_for_claim(
            tables, msisdn, campaign, day, caps=caps, now_ms=now, horizon_ms=HORIZON, send_at_ms=send_at
        )

    assert count(ALL_CAPS) == CapCounts(**expected, number_gap_seconds=gap)
    few = Caps(**dict.fromkeys(expected, cap))
    assert count(few) == CapCounts(**{name: min(value, cap) for name, value in expected.items()})
    assert count(NO_CAPS) == CapCounts()


def test_no_count_looks_at_every_request(tmp_path):
    seen: list[str] = []
    with Store(tmp_path / "lab.sqlite") as store, store.reading() as connection:
        connection.set_trace_callback(seen.append)
        count_for_claim(connection, NUMBERS[0], "spring", T0, caps=ALL_CAPS, now_ms=T0, horizon_ms=HORIZON)
        connection.set_trace_callback(None)
        (query,) = seen
        plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {query}")]
    used = [re.search(r"requests_by_\w+", step)[0] for step in plan if "requests" in step]
    assert sorted(used) == [
        "requests_by_campaign",
        *["requests_by_number"] * 3,
        "requests_by_request",
        "requests_by_ring",
    ]


def test_a_call_counts_from_its_claim_until_it_is_put_back(store):
    calls = [planned("c1", campaign="spring"), planned("c2", campaign="spring")]
    add(store, *calls)
    caps = Caps(number_in_flight=None, number_per_day=None, campaign=1)
    assert guarded_claim(store, calls[0], caps) is None
    assert guarded_claim(store, calls[1], caps) == "cap campaign: 1 call of this campaign, and 1 is allowed"
    store.write(lambda connection: release(connection, "c1"))
    assert guarded_claim(store, calls[1], caps) is None
    store.write(lambda connection: settle(connection, "c2", Settlement(state="rejected")))
    assert guarded_claim(store, calls[0], caps)


@pytest.mark.parametrize(
    ("state", "open_"), [("accepted", True), ("unknown", True), ("rejected", False), ("final", False)]
)
def test_a_number_is_in_flight_until_its_call_has_ended(store, state, open_):
    calls = [planned("c1"), planned("c2")]
    add(store, *calls)
    caps = Caps(number_in_flight=1, number_per_day=None)
    assert guarded_claim(store, calls[0], caps) is None
    assert guarded_claim(store, calls[1], caps)
    if state == "final":
        store.write(
            lambda connection: connection.execute("UPDATE requests SET state = 'final' WHERE state = 'sending'")
        )
    else:
        store.write(lambda connection: settle(connection, "c1", Settlement(state=state)))
    assert bool(guarded_claim(store, calls[1], caps)) == open_
    assert guarded_claim(store, calls[1], caps, T0 + HORIZON) in {None, "claimed by another"}


def test_a_call_that_the_platform_holds_back_counts_in_its_own_day_and_keeps_its_distance(store):
    tomorrow = planned("c1", send_at_ms=T0 + DAY)
    today, later = planned("c2"), planned("c3", send_at_ms=T0 + DAY + HORIZON)
    add(store, tomorrow, today, later)
    caps = Caps(number_in_flight=1, number_per_day=1)
    assert guarded_claim(store, tomorrow, caps) is None
    assert guarded_claim(store, today, caps) is None
    spaced = Caps(number_in_flight=None, number_per_day=None, number_gap_seconds=3600)
    assert guarded_claim(store, later, spaced) == (
        "cap number_gap_seconds: another call to this number is 1800 s away, and 3600 s are needed"
    )
    assert guarded_claim(store, later, Caps(number_per_day=None, number_gap_seconds=1800)) is None


def test_no_race_exceeds_a_cap(store, place):
    calls = [planned(f"c{number}", NUMBERS[number % 2], campaign="spring") for number in range(80)]
    add(store, *calls)
    caps = Caps(number_in_flight=None, number_per_day=20, campaign=33)
    start, won = threading.Barrier(8), [0] * 8

    def grab(which: int) -> None:
        with place.open() as own:
            start.wait()
            for call in calls[10 * which :] + calls[: 10 * which]:  # each begins with other calls
                won[which] += guarded_claim(own, call, caps) is None

    threads = [threading.Thread(target=grab, args=(which,)) for which in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    ((sending,),) = store.rows("SELECT count(*) FROM requests WHERE state = 'sending'")
    assert sum(won) == sending == 33
    assert (
        max(count for (count,) in store.rows("SELECT count(*) FROM requests WHERE state = 'sending' GROUP BY msisdn"))
        <= 20
    )


@pytest.mark.parametrize("name", [one.name for one in fields(Caps) if one.name != "number_gap_seconds"])
def test_each_cap_allows_as_many_as_it_says(name):
    caps = Caps(**{"number_in_flight": None, "number_per_day": None, name: 5})
    assert first_exceeded(caps, CapCounts(**{name: 4})) is None
    for count in (5, 6):
        refusal = first_exceeded(caps, CapCounts(**{name: count}))
        assert refusal
        assert refusal.startswith(f"cap {name}: {count} ")
        assert refusal.endswith("and 5 are allowed")
    assert first_exceeded(NO_CAPS, CapCounts(**{name: 10**9})) is None


def test_a_number_without_another_call_needs_no_distance():
    caps = Caps(number_gap_seconds=60)
    assert first_exceeded(caps, CapCounts(number_gap_seconds=None)) is None
    assert first_exceeded(caps, CapCounts(number_gap_seconds=60.0)) is None
    assert first_exceeded(caps, CapCounts(number_gap_seconds=59.9))


@pytest.mark.parametrize("name", [one.name for one in fields(Caps)])
@pytest.mark.parametrize("value", [0, -1, True, "5", float("nan")])
def test_a_cap_that_is_no_number_above_0_is_refused(name, value):
    with pytest.raises(InvalidInputError) as caught:
        Caps(**{name: value})
    assert caught.value.field == name


def test_by_default_nobody_is_called_twice_at_once_nor_more_than_three_times_a_day():
    assert first_exceeded(Caps(), CapCounts(number_in_flight=1))
    assert first_exceeded(Caps(), CapCounts(number_per_day=3))
    assert first_exceeded(Caps(), CapCounts(number_per_day=2, campaign=10**6, per_day=10**6, per_second=10**6)) is None
