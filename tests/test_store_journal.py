"""The journal of requests: who may send a call, and what became of it, whatever comes first."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from imilab.errors import InvalidInputError, StoreError
from imilab.store import STATES, PlannedCall, Settlement, Store, StoredReceipt
from imilab.store.journal import add_calls, add_plan, claim, count_states, planned_calls, recover, release, settle
from imilab.store.receipts import add_receipt
from imilab.wire import Receipt
from tests.store_places import StorePlace

ROOT = Path(__file__).parents[1]
T0 = 1_772_442_000_000


def planned(name: str, **more: Any) -> PlannedCall:
    return PlannedCall(correlation_id=name, msisdn="+12025550123", content_type="media", media_id="m", **more)


@pytest.fixture
def store(place: StorePlace) -> Iterator[Store]:
    with place.open() as opened:
        yield opened


def add(store: Store, *names: str) -> None:
    calls = [planned(name) for name in names]
    store.write(lambda connection: add_calls(connection, calls, "+12025550100", store.number_key, T0))


def take(store: Store, name: str = "c1") -> int:
    return store.write(lambda connection: claim(connection, name, T0 + 1))


def end(store: Store, state: str, name: str = "c1", **facts: Any) -> str:
    return store.write(lambda connection: settle(connection, name, Settlement(state=state, **facts)))


def hear(store: Store, status: str, *, correlation_id: str = "c1", message_id: str = "m1", code: str = "") -> bool:
    receipt = Receipt(
        message_id=message_id,
        correlation_id=correlation_id,
        status=status,
        code=code,
        event_at_ms=T0,
        event_at_raw="t",
        msisdn="+12025550123",
    )
    stored = StoredReceipt(receipt=receipt, raw=b"{}", source="webhook", received_at_ms=T0)
    return store.write(lambda connection: add_receipt(connection, stored, store.number_key))


def request(store: Store, name: str = "c1") -> tuple[Any, ...]:
    query = "SELECT state, message_id, attempt FROM requests WHERE correlation_id = ?"
    return store.rows(query, (name,))[0]


def test_a_planned_call_comes_back_as_it_was_in_its_order(store):
    calls = [
        planned(f"c{place}", plan_id="p", position=place, arm="ryan", text="Time for lunch") for place in (2, 0, 1)
    ]
    details: dict[str, Any] = {"plan_id": "p", "design": "blocked", "seed": 7, "document": "{}", "now_ms": T0}
    details |= {"calls": calls, "caller_id": None, "number_key": store.number_key}
    assert store.write(lambda connection: add_plan(connection, campaign="spring", **details))
    assert not store.write(lambda connection: add_plan(connection, campaign="spring", **details))
    with store.reading() as connection:
        assert planned_calls(connection, "p") == sorted(calls, key=lambda call: call.position or 0)
        assert planned_calls(connection, "other") == []
    other = details | {"plan_id": "q"}
    with pytest.raises(InvalidInputError, match="give a new") as caught:
        store.write(lambda connection: add_plan(connection, campaign="spring", **other))
    assert caught.value.field == "campaign"
    assert store.rows("SELECT count(*) FROM plans") == [(1,)]


def test_a_correlation_id_is_used_once(store):
    add(store, "c1")
    words = r"UNIQUE constraint failed: requests\.correlation_id|UniqueViolation.*requests_pkey"
    with pytest.raises(StoreError, match=words):
        add(store, "c1")


def test_numbers_are_described_once_on_the_way_in(store):
    add(store, "c1", "c2")
    ((msisdn, key, country, kind),) = store.rows("SELECT * FROM numbers")
    assert (msisdn, country, kind) == ("+12025550123", "US", "fixed_line_or_mobile")
    assert len(key) == 64


def test_a_call_is_claimed_by_compare_and_set(store):
    add(store, "c1")
    assert [take(store), take(store)] == [1, 0]
    assert take(store, "unknown") == 0
    assert request(store) == ("sending", None, 1)
    store.write(lambda connection: release(connection, "c1"))
    assert take(store) == 2
    for state in ("accepted", "rejected", "unknown"):
        add(store, state)
        take(store, state)
        assert end(store, state, state) == state
        assert take(store, state) == 0


def test_of_two_stores_on_one_database_exactly_one_gets_each_call(store, place):
    names = [f"c{number}" for number in range(60)]
    add(store, *names)
    start = threading.Barrier(2)
    won: list[list[str]] = [[], []]

    def grab(which: int, opened: Store) -> None:
        start.wait()
        won[which] = [name for name in names if take(opened, name)]

    with place.open() as other:
        threads = [threading.Thread(target=grab, args=pair) for pair in enumerate((store, other))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sorted(won[0] + won[1]) == sorted(names)


def test_of_three_processes_exactly_one_gets_each_call(store, place):
    names = [f"c{number}" for number in range(60)]
    add(store, *names)
    script = """
import sys
from imilab.config import Settings
from imilab.store import Store
from imilab.store.journal import claim
names = [f"c{number}" for number in range(60)]
with Store.from_settings(Settings()) as store:
    print("ready", flush=True)
    sys.stdin.readline()
    print(*[name for name in names if store.write(lambda connection: claim(connection, name, 0))])
"""
    command, environment = [sys.executable, "-c", script], place.environment
    workers = [
        subprocess.Popen(command, cwd=ROOT, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    for worker in workers:  # each says that it is ready, then all start at once
        assert worker.stdout
        assert worker.stdout.readline() == "ready\n"
    for worker in workers:
        assert worker.stdin
        worker.stdin.write("go\n")
        worker.stdin.flush()
    won = [name for worker in workers for name in worker.communicate(timeout=60)[0].split()]
    assert sorted(won) == sorted(names)
    assert store.rows("SELECT DISTINCT state, attempt FROM requests") == [("sending", 1)]


def test_an_answer_is_recorded_with_its_facts(store):
    add(store, "c1")
    take(store)
    assert end(store, "accepted", message_id="m1", http_status=200, code="1000", message="Queued") == "accepted"
    row = store.rows("SELECT state, message_id, http_status, code, message, requested_at_ms FROM requests")
    assert row == [("accepted", "m1", 200, "1000", "Queued", T0 + 1)]


@pytest.mark.parametrize("state", ["accepted", "rejected", "unknown"])
def test_only_a_call_that_is_being_sent_can_be_settled(store, state):
    add(store, "c1")
    with pytest.raises(StoreError, match="nobody was sending"):
        end(store, state)
    assert request(store) == ("planned", None, 0)


@pytest.mark.parametrize(
    ("answer", "status", "state"),
    [
        ("accepted", "OFFERED", "accepted"),
        ("accepted", "RELEASED", "final"),
        ("unknown", "OFFERED", "accepted"),
        ("unknown", "PARKED", "accepted"),
        ("unknown", "REJECTED", "final"),
    ],
)
def test_receipts_that_overtake_the_answer_are_not_forgotten(store, answer, status, state):
    add(store, "c1")
    take(store)
    hear(store, status)
    assert request(store)[0] == "sending"
    assert end(store, answer, message_id="m1" if answer == "accepted" else None) == state
    assert request(store) == (state, "m1", 1)


def test_a_receipt_with_the_message_id_alone_is_remembered_too(store):
    add(store, "c1")
    take(store)
    hear(store, "RELEASED", correlation_id="")
    assert end(store, "accepted", message_id="m1") == "final"


def test_a_refusal_stays_one(store):
    add(store, "c1")
    take(store)
    assert end(store, "rejected", code="7003") == "rejected"
    hear(store, "RELEASED")
    assert request(store)[0] == "rejected"


@pytest.mark.parametrize(("status", "state"), [("OFFERED", "accepted"), ("PARKED", "accepted"), ("REJECTED", "final")])
@pytest.mark.parametrize("by", [{"message_id": ""}, {"message_id": "m9"}])
def test_an_unknown_outcome_is_resolved_by_a_receipt(store, status, state, by):
    add(store, "c1", "c2")
    take(store)
    end(store, "unknown")
    hear(store, status, **by)
    assert request(store) == (state, by["message_id"] or None, 1)
    assert request(store, "c2") == ("planned", None, 0)


def test_an_accepted_call_ends_with_a_receipt_by_either_id(store):
    for name, ids in (("c1", {"correlation_id": ""}), ("c2", {"message_id": ""})):
        add(store, name)
        take(store, name)
        end(store, "accepted", name, message_id=f"m{name[1]}")
        given = {"correlation_id": name, "message_id": f"m{name[1]}"} | ids
        hear(store, "ANSWERED", **given)
        assert request(store, name)[0] == "accepted"
        hear(store, "DISCONNECTED", **given)
        assert request(store, name)[0] == "final"


def test_a_call_that_was_put_back_is_not_sent_again_once_a_receipt_proves_it_was_placed(store):
    add(store, "before", "after")
    for name in ("before", "after"):
        take(store, name)
    hear(store, "OFFERED", correlation_id="before", message_id="m1")
    for name in ("before", "after"):
        store.write(lambda connection, name=name: release(connection, name))
    hear(store, "OFFERED", correlation_id="after", message_id="m2")
    assert [request(store, name)[0] for name in ("before", "after")] == ["accepted", "accepted"]
    assert [take(store, name) for name in ("before", "after")] == [0, 0]


def test_a_receipt_does_not_touch_a_call_that_was_never_tried(store):
    add(store, "c1")
    hear(store, "RELEASED")
    assert request(store) == ("planned", None, 0)


def test_what_a_dead_sender_left_is_unknown_unless_receipts_say_more(store):
    add(store, "c1", "c2", "c3", "c4")
    for name in ("c1", "c2", "c3"):
        take(store, name)
    hear(store, "OFFERED", correlation_id="c2", message_id="m2")
    hear(store, "REJECTED", correlation_id="c3", message_id="m3")
    assert store.write(recover) == 3
    assert [request(store, name)[:2] for name in ("c1", "c2", "c3", "c4")] == [
        ("unknown", None),
        ("accepted", "m2"),
        ("final", "m3"),
        ("planned", None),
    ]
    assert store.write(recover) == 0


def test_states_are_counted_by_plan_or_in_all(store):
    add(store, "c1", "c2")
    take(store)
    with store.reading() as connection:
        assert count_states(connection) == dict.fromkeys(STATES, 0) | {"planned": 1, "sending": 1}
        assert count_states(connection, "no such plan") == dict.fromkeys(STATES, 0)


def test_no_repr_of_the_journal_holds_a_number():
    call = planned("c1", text="Ring +12025550123")
    settlement = Settlement(state="rejected", message="+12025550123 is wrong")
    assert "5550123" not in f"{call!r} {settlement!r}"


def test_a_call_whose_sender_died_ends_by_a_receipt_that_names_its_message_alone(store):
    add(store, "c1")
    take(store)
    hear(store, "OFFERED")
    hear(store, "RELEASED", correlation_id="")
    store.write(recover)
    assert request(store) == ("final", "m1", 1)
