"""Which calls are asked about first, and what an answer proves of a call."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import pytest

from imilab.store import PlannedCall, Settlement, Store
from imilab.store.journal import add_calls, claim, settle
from imilab.store.questions import confirm_placed, last_question, note_question, note_questions_end, open_calls
from tests.store_places import StorePlace

T0 = 1_772_442_000_000


@pytest.fixture
def store(place: StorePlace) -> Iterator[Store]:
    with place.open() as opened:
        yield opened


def place_calls(store: Store, *states: str) -> None:
    """The n-th call is requested n milliseconds after T0 and has the message id m<n>."""
    calls = [
        PlannedCall(correlation_id=f"c{n}", msisdn="+12025550123", content_type="media") for n in range(len(states))
    ]
    store.write(lambda connection: add_calls(connection, calls, None, store.number_key, T0))
    for n, state in enumerate(states):
        store.write(partial(claim, correlation_id=f"c{n}", now_ms=T0 + n))
        store.write(partial(settle, correlation_id=f"c{n}", settlement=Settlement(state=state, message_id=f"m{n}")))


def open_now(store: Store, until_ms: int = T0 + 100) -> list[str]:
    with store.reading() as connection:
        return open_calls(connection, until_ms)


def test_calls_never_asked_about_come_first_then_those_asked_about_the_longest_ago(store):
    place_calls(store, "accepted", "unknown", "accepted", "accepted", "final", "rejected")
    for n, at_ms in ((0, T0 + 50), (1, T0 + 40)):
        store.write(partial(note_question, message_id=f"m{n}", asked_at_ms=at_ms))

    assert open_now(store) == ["m2", "m3", "m1", "m0"]
    assert open_now(store, T0 + 1) == ["m1", "m0"]


def test_an_answer_proves_that_a_call_of_unknown_outcome_was_placed_and_moves_no_other(store):
    states = ["unknown", "accepted", "final", "rejected"]
    place_calls(store, *states)
    for n in range(len(states)):
        store.write(partial(confirm_placed, message_id=f"m{n}"))

    found = [state for (state,) in store.rows("SELECT state FROM requests ORDER BY correlation_id")]
    assert found == ["accepted", "accepted", "final", "rejected"]


def test_the_moment_of_the_last_question_is_kept(store):
    with store.reading() as connection:
        assert last_question(connection) == 0
    for at_ms in (T0, T0 + 7):
        store.write(partial(note_questions_end, now_ms=at_ms))
    with store.reading() as connection:
        assert last_question(connection) == T0 + 7
