"""What makes two receipts one: their content, whatever characters it holds; what is stored keeps its identity."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imilab.store import Store, StoredReceipt
from imilab.store.identity import receipt_identity
from imilab.store.receipt_batch import add_webhook_receipts
from imilab.wire import Receipt, read_receipt
from tests.store_places import KEY

FIELDS = ("message_id", "status", "code", "event_at_raw", "msisdn")
TEXTS = st.text("A0:1\x1f", max_size=4)


def identity(**facts: Any) -> bytes:
    return receipt_identity(Receipt(**{"message_id": "m1", "status": "A", **facts}))


def test_the_identity_of_what_stores_hold_does_not_change():
    told = {"status": "Offered", "code": "7407", "msisdn": "+12025550187", "event_at_ms": 1_772_442_000_000}
    assert identity(**told).hex() == "2256312fbdc96fad91e8a225f9df3a48"
    assert identity(**told | {"message_id": "", "correlation_id": "c1"}).hex() == "d6d7c7941a901979df7bb2bdf86d2e96"


def test_a_separator_inside_a_text_does_not_make_two_events_one():
    assert identity(status="A\x1fB", code="C") != identity(status="A", code="B\x1fC")


@given(st.tuples(*[TEXTS] * 5), st.tuples(*[TEXTS] * 5))
def test_two_contents_have_two_identities(one, other):
    first, second = (Receipt(**dict(zip(FIELDS, texts, strict=True)), correlation_id="c") for texts in (one, other))
    contents = [
        (r.message_id or "correlation:c", r.status.upper(), r.code, r.event_at_raw, r.msisdn) for r in (first, second)
    ]
    assert (receipt_identity(first) == receipt_identity(second)) is (contents[0] == contents[1])


@pytest.mark.parametrize("together", [True, False], ids=["one batch", "one by one"])
def test_both_of_two_such_receipts_are_kept(tmp_path, together):
    raw = b'{"deliveryInfoNotification":{"deliveryInfo":{"deliveryStatus":"%s","code":"%s"},"transid":"m1"}}'
    bodies = [raw % pair for pair in ((b"A\\u001fB", b"C"), (b"A", b"B\\u001fC"))]
    stored = [
        StoredReceipt(receipt=read_receipt(one, None), raw=one, source="webhook", received_at_ms=1) for one in bodies
    ]
    with Store(tmp_path / "lab.sqlite", KEY) as store:
        batches = [stored] if together else [[one] for one in stored]
        new = [store.write(lambda c, batch=batch: add_webhook_receipts(c, batch, KEY)) for batch in batches * 2]
        assert list(itertools.chain(*new)) == [True, True, False, False]
        assert store.rows("SELECT count(*) FROM receipts") == [(2,)]
