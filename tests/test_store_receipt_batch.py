"""Many receipts in one go give what the same receipts give one by one."""

from __future__ import annotations

import random
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imilab.store import PlannedCall, Settlement, Store, StoredReceipt
from imilab.store.journal import add_calls, claim, settle
from imilab.store.receipt_batch import add_webhook_receipts
from imilab.store.receipts import add_receipt
from imilab.wire import Receipt, format_timestamp

T0 = 1_772_442_000_000
NUMBERS = ("+12025550123", "+12025550124", "", "no number")
KEY = b"k" * 32
REQUESTS = (("c1", "accepted", "m1"), ("c2", "unknown", None), ("c3", "accepted", None), ("c4", "final", "m4"))


def told(
    source: str, message: str, status: str, code: str, seconds: int | None, number: str, names: bool = True
) -> StoredReceipt:
    moment = None if seconds is None else T0 + 250 * seconds
    receipt = Receipt(
        message_id=message,
        correlation_id="" if message and not names else f"c{message[1:]}" if message else "c2",
        status=status,
        code=code,
        event_at_ms=moment,
        event_at_raw="" if moment is None else format_timestamp(moment),
        msisdn=number,
    )
    return StoredReceipt(receipt=receipt, raw=receipt.to_bytes(), source=source, received_at_ms=T0)


def receipts(source: st.SearchStrategy[str], most: int) -> st.SearchStrategy[list[StoredReceipt]]:
    one = st.builds(
        told,
        source,
        st.sampled_from(["m1", "m2", "m3", "m4", "m5", ""]),
        st.sampled_from(["OFFERED", "ANSWERED", "REJECTED", "RELEASED", "PARKED", "offered"]),
        st.sampled_from(["", "7402"]),
        st.none() | st.integers(0, 6),
        st.sampled_from(NUMBERS),
        st.booleans(),
    )
    return st.lists(one, max_size=most)


def contents(before: list[StoredReceipt], batches: list[list[StoredReceipt]], *, together: bool) -> tuple[Any, ...]:
    """Store some one by one and the rest in one way or the other; give what was told, and every table."""
    with tempfile.TemporaryDirectory() as folder, Store(Path(folder) / "lab.sqlite", KEY) as store:

        def prepare(connection: Any) -> None:
            calls = [PlannedCall(correlation_id=name, msisdn=NUMBERS[0], content_type="media") for name, *_ in REQUESTS]
            add_calls(connection, calls, None, KEY, T0)
            for name, state, message in REQUESTS:
                claim(connection, name, T0)
                settle(connection, name, Settlement(state=state, message_id=message))
            for one in before:
                add_receipt(connection, one, KEY)

        store.write(prepare)
        if together:
            new = [store.write(lambda c, batch=batch: add_webhook_receipts(c, batch, KEY)) for batch in batches]
        else:
            new = [[store.write(lambda c, one=one: add_receipt(c, one, KEY)) for one in batch] for batch in batches]
        columns = "source, identity, message_id, correlation_id, status, code, event_at_ms, msisdn, ends, raw"
        return (
            new,
            sorted(store.rows(f"SELECT {columns} FROM receipts"), key=repr),
            store.rows("SELECT correlation_id, state, message_id FROM requests ORDER BY 1"),
            store.rows("SELECT * FROM numbers ORDER BY 1"),
        )


@settings(max_examples=25, deadline=None)
@given(
    before=receipts(st.sampled_from(["poll", "export", "webhook"]), 6),
    batches=st.lists(receipts(st.just("webhook"), 30), min_size=1, max_size=3),
)
def test_a_batch_gives_what_its_receipts_give_one_by_one(before, batches):
    assert contents(before, batches, together=True) == contents(before, batches, together=False)


def test_batches_of_any_size_do():
    draw = random.Random(7)
    for size in (0, 3, 17, 63, 64, 200):
        batch = [
            told("webhook", f"m{draw.randrange(40)}", draw.choice(("OFFERED", "RELEASED")), "", draw.randrange(9), "")
            for _ in range(size)
        ]
        assert contents([], [batch], together=True) == contents([], [batch], together=False)


OFFER = told("webhook", "m2", "OFFERED", "7407", 0, NUMBERS[0])
END = told("webhook", "m2", "RELEASED", "", 4, NUMBERS[0], names=False)
STATES = [("c1", "accepted", "m1"), ("c2", "final", "m2"), ("c3", "accepted", None), ("c4", "final", "m4")]


@pytest.mark.parametrize("batches", [[[OFFER], [END]], [[END], [OFFER]], [[OFFER, END]], [[END, OFFER]]])
@pytest.mark.parametrize("together", [True, False])
def test_an_end_that_names_the_message_alone_closes_the_call_whenever_it_comes(batches, together):
    assert contents([], batches, together=together)[2] == STATES


def test_an_end_that_was_known_before_the_call_was_is_taken_from_a_repetition():
    again = told("poll", "m2", "RELEASED", "", 4, NUMBERS[0])

    assert contents([END], [[again]], together=False)[2] == STATES
