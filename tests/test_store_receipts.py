"""Receipts in the store: each event once, by whichever door and in whichever order it came."""

from __future__ import annotations

import random
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imilab.store import PlannedCall, Settlement, Store, StoredReceipt
from imilab.store.journal import add_calls, claim, settle
from imilab.store.receipts import add_quarantined, add_receipt, read_times_again
from imilab.wire import Receipt, format_timestamp, read_receipt
from tests.store_places import StorePlace

T0 = 1_772_442_000_000
MSISDN = "+12025550123"


@pytest.fixture
def store(place: StorePlace) -> Iterator[Store]:
    with place.open() as opened:
        yield opened


def told(source: str = "webhook", at_ms: int | None = T0, status: str = "OFFERED", **facts: Any) -> StoredReceipt:
    fields = {"message_id": "m1", "correlation_id": "c1", "code": "", "msisdn": MSISDN} | facts
    fields.setdefault("event_at_raw", "" if at_ms is None else format_timestamp(at_ms))
    receipt = Receipt(status=status, event_at_ms=at_ms, **fields)
    return StoredReceipt(receipt=receipt, raw=receipt.to_bytes() + source.encode(), source=source, received_at_ms=T0)


def add(store: Store, *receipts: StoredReceipt) -> list[bool]:
    return [store.write(lambda c, one=one: add_receipt(c, one, store.number_key)) for one in receipts]


def kept(store: Store) -> list[tuple[Any, ...]]:
    return store.rows("SELECT source, status, code, event_at_ms FROM receipts ORDER BY receipt_id")


def test_a_receipt_is_kept_raw_beside_what_was_read(store):
    raw = (Path(__file__).with_name("samples") / "receipt-unknown-code" / "body.json").read_bytes()
    receipt = read_receipt(raw, None)
    add(store, StoredReceipt(receipt=receipt, raw=raw, source="webhook", received_at_ms=T0 + 5))
    found = store.columns("SELECT * FROM receipts")
    assert found["raw"] == [raw]
    for name in (
        "message_id",
        "correlation_id",
        "status",
        "code",
        "description",
        "event_at_ms",
        "event_at_raw",
        "msisdn",
    ):
        assert found[name] == [getattr(receipt, name)]
    assert (found["source"], found["received_at_ms"], found["ends"]) == (["webhook"], [T0 + 5], [0])
    assert store.rows("SELECT msisdn FROM numbers") == [(MSISDN,)]


def test_a_duplicate_is_stored_once_however_it_is_spelt(store):
    first, later = told(), told(status="offered", description="other words", event_at_raw="2026-03-02T14:30:00+05:30")
    assert add(store, first, first, later) == [True, False, False]
    assert store.rows("SELECT raw FROM receipts") == [(first.raw,)]


@pytest.mark.parametrize(
    "change",
    [
        {"message_id": "m2"},
        {"status": "ACCEPTED"},
        {"code": "7407"},
        {"at_ms": T0 + 1},
        {"msisdn": "+12025550124"},
        {"message_id": "", "correlation_id": "c1"},
    ],
)
def test_another_event_is_not_a_duplicate(store, change):
    assert add(store, told(), told(**change)) == [True, True]


def test_without_a_message_id_the_correlation_id_tells_calls_apart(store):
    receipts = [told(message_id="", correlation_id=name) for name in ("c1", "c2", "c1")]
    assert add(store, *receipts) == [True, True, False]


def test_a_webhook_replaces_the_coarser_event_of_a_poll_or_an_export(store):
    coarse = [told("export", T0, status="Rejected", code="7402"), told("poll", T0 + 100, status="REJECTED")]
    exact = told("webhook", T0 + 250, status="REJECTED", code="7402")
    assert add(store, *coarse) == [True, True]
    assert add(store, exact) == [True]
    assert kept(store) == [("webhook", "REJECTED", "7402", T0 + 250)]


def test_a_webhook_replaces_a_poll_of_the_very_same_millisecond(store):
    poll, webhook = told("poll"), told("webhook")
    assert add(store, poll, webhook) == [True, True]
    assert store.rows("SELECT source, raw FROM receipts") == [("webhook", webhook.raw)]


@pytest.mark.parametrize("coarse", [told("poll", T0), told("poll", T0 + 999), told("export", T0), told("poll", None)])
def test_a_poll_or_an_export_does_not_repeat_a_webhook(store, coarse):
    assert add(store, told("webhook", T0 + 250), coarse) == [True, False]
    assert kept(store) == [("webhook", "OFFERED", "", T0 + 250)]


@pytest.mark.parametrize(
    "other", [told("poll", T0 + 1000), told("poll", T0 - 1), told("poll", code="7402"), told("poll", status="ACCEPTED")]
)
def test_a_poll_of_another_event_is_kept_beside_a_webhook(store, other):
    assert add(store, told("webhook", T0 + 250), other) == [True, True]


def test_events_without_a_message_id_are_never_matched_across_doors(store):
    assert add(store, told("webhook", T0 + 1, message_id=""), told("poll", T0, message_id="")) == [True, True]


def test_doors_that_tell_the_same_events_at_once_leave_each_event_once(store, place):
    events = [f"m{number}" for number in range(60)]
    doors = {source: [told(source, T0 + 250, message_id=name) for name in events] for source in ("webhook", "poll")}
    start = threading.Barrier(4)

    def tell(source: str) -> None:
        with place.open() as own:
            start.wait()
            add(own, *doors[source])

    threads = [threading.Thread(target=tell, args=(source,)) for source in ("webhook", "poll") * 2]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(store.rows("SELECT message_id, source FROM receipts")) == sorted((one, "webhook") for one in events)


def test_an_odd_body_is_kept_once(store):
    keep = [(b"\xff\x00 odd", "not JSON"), (b"\xff\x00 odd", "not JSON"), (b"", "not JSON")]
    new = [store.write(lambda c, raw=raw, why=why: add_quarantined(c, raw, why, T0)) for raw, why in keep]
    assert new == [True, False, True]
    assert store.rows("SELECT raw, reason, received_at_ms FROM quarantine") == [
        (b"\xff\x00 odd", "not JSON", T0),
        (b"", "not JSON", T0),
    ]


NAIVE = "2026-03-02T14:30:00.250"  # 09:00:00.250 UTC in Kolkata


def naive(zone: ZoneInfo | None) -> StoredReceipt:
    document = Receipt(message_id="m1", status="OFFERED", event_at_raw=NAIVE, msisdn=MSISDN).to_bytes()
    return StoredReceipt(receipt=read_receipt(document, zone), raw=document, source="webhook", received_at_ms=T0)


def test_times_are_read_again_once_the_zone_is_known(store):
    kolkata = ZoneInfo("Asia/Kolkata")
    odd = told(at_ms=None, status="ACCEPTED", event_at_raw="yesterday")
    add(store, naive(None), odd, told(at_ms=None, status="ANSWERED"), told("poll", T0 + 700))
    assert store.write(lambda c: read_times_again(c, kolkata)) == 1
    found = store.rows("SELECT source, status, event_at_ms FROM receipts ORDER BY receipt_id")
    assert found == [("webhook", "OFFERED", T0 + 250), ("webhook", "ACCEPTED", None), ("webhook", "ANSWERED", None)]
    assert add(store, naive(kolkata)) == [False]  # the platform repeats it after the zone was set
    assert store.write(lambda c: read_times_again(c, kolkata)) == 0


def test_a_repetition_from_before_the_zone_was_known_is_merged(store):
    kolkata = ZoneInfo("Asia/Kolkata")
    assert add(store, naive(None), naive(kolkata)) == [True, True]
    assert store.write(lambda c: read_times_again(c, kolkata)) == 0
    assert kept(store) == [("webhook", "OFFERED", "", T0 + 250)]


STATUSES = ("OFFERED", "ANSWERED", "REJECTED", "RELEASED", "PARKED")


def told_of(one: StoredReceipt) -> StoredReceipt:
    """Give the call of the message its correlation id; webhooks and exports always have a time."""
    name = f"c{one.receipt.message_id[1]}"
    moment = T0 if one.receipt.event_at_ms is None and one.source != "poll" else one.receipt.event_at_ms
    receipt = one.receipt
    return told(
        one.source, moment, receipt.status, code=receipt.code, message_id=receipt.message_id, correlation_id=name
    )


events = st.builds(
    told,
    source=st.sampled_from(["webhook", "webhook", "poll", "export"]),
    at_ms=st.none() | st.sampled_from([T0, T0 + 250, T0 + 999, T0 + 1000]),
    status=st.sampled_from(STATUSES),
    code=st.sampled_from(["", "7402"]),
    message_id=st.sampled_from(["m1", "m2"]),
).map(told_of)


def replay(receipts: list[StoredReceipt]) -> tuple[Any, ...]:
    """Store receipts in one order and give everything that numbers are made of."""
    with tempfile.TemporaryDirectory() as folder, Store(Path(folder) / "lab.sqlite", b"k" * 32) as store:

        def prepare(connection: Any) -> None:
            calls = [PlannedCall(correlation_id=name, msisdn=MSISDN, content_type="media") for name in ("c1", "c2")]
            add_calls(connection, calls, None, store.number_key, T0)
            for name, state in (("c1", "accepted"), ("c2", "unknown")):
                claim(connection, name, T0)
                settle(connection, name, Settlement(state=state, message_id="m1" if name == "c1" else None))

        store.write(prepare)
        store.write(lambda connection: [add_receipt(connection, one, store.number_key) for one in receipts])
        columns = "source, message_id, correlation_id, status, code, event_at_ms, event_at_raw, msisdn, ends, raw"
        return (
            sorted(store.rows(f"SELECT {columns} FROM receipts"), key=repr),
            store.rows("SELECT correlation_id, state, message_id FROM requests ORDER BY 1"),
            store.rows("SELECT * FROM numbers"),
        )


@settings(max_examples=60, deadline=None)
@given(st.lists(events, min_size=1, max_size=10), st.randoms(use_true_random=False))
def test_replaying_everything_twice_in_any_order_changes_nothing(receipts, chance):
    once = replay(receipts)
    twice = receipts + receipts
    chance.shuffle(twice)
    assert replay(twice) == once


def test_a_shuffled_day_of_receipts_comes_out_the_same():
    draw = random.Random(7)
    receipts = [
        told_of(told(draw.choice(("webhook", "poll", "export")), T0 + draw.randrange(90_000), draw.choice(STATUSES)))
        for _ in range(400)
    ]
    expected = replay(receipts)
    for _ in range(3):
        twice = receipts * 2
        draw.shuffle(twice)
        assert replay(twice) == expected


def test_the_receipt_of_a_rejection_takes_the_place_of_the_poll_that_did_not_know_its_time(store):
    poll = told("poll", T0, status="REJECTED", code="7401", event_at_raw="")
    exact = told("webhook", T0 + 27_596, status="REJECTED", code="7401")
    assert add(store, poll, exact, poll) == [True, True, False]
    assert kept(store) == [("webhook", "REJECTED", "7401", T0 + 27_596)]
