from __future__ import annotations

import time
from collections.abc import Iterator

import pandas as pd
import pytest

import imilab
from imilab.errors import InvalidInputError, SendStoppedError
from imilab.store import StoredReceipt
from imilab.store.receipts import add_receipt
from imilab.wire import Receipt
from tests.send_rig import RYAN, TEXT, magic, number

TIMELINE = {
    "event_at": "datetime64[ms, UTC]",
    "seconds": "float64",
    **dict.fromkeys(("event", "status", "code", "description", "source"), "str"),
}
WHOLE = ["offered", "accepted", "answered", "released"]


@pytest.fixture(scope="module")
def lab() -> Iterator[imilab.Lab]:
    with imilab.Lab.simulated(time_scale=3000) as opened:
        yield opened


def place(lab: imilab.Lab, msisdn: str) -> imilab.Call:
    return lab.call(msisdn, RYAN, text=TEXT)


def whole_timeline(call: imilab.Call, events: int) -> pd.DataFrame:
    """The timeline once so many events have come: receipts may come after the one that ends a call."""
    call.wait(10)
    for _ in range(500):
        if len(call.timeline()) >= events:
            break
        time.sleep(0.01)
    return call.timeline()


def test_a_call_is_watched_to_its_end(lab: imilab.Lab):
    call = place(lab, magic("19"))

    assert call.wait(10) == "final"
    assert (call.over, call.refusal) == (True, None)
    (row,) = lab.calls().query("correlation_id == @call.correlation_id").to_dict("records")
    assert (row["call_id"], row["outcome"], row["end_reason"]) == (call.message_id, "answered", "released")


def test_the_timeline_tells_the_events_in_their_order(lab: imilab.Lab):
    timeline = whole_timeline(place(lab, magic("24")), 4)  # its receipts come in reverse order

    assert {name: str(kind) for name, kind in timeline.dtypes.items()} == TIMELINE
    assert timeline["event"].to_list() == WHOLE
    assert timeline["event_at"].is_monotonic_increasing
    assert (timeline["seconds"][0], timeline["seconds"].is_monotonic_increasing) == (0.0, True)
    assert timeline["seconds"].iloc[-1] == (timeline["event_at"].iloc[-1] - timeline["event_at"][0]).total_seconds()
    assert timeline["code"].to_list() == ["7407", "7408", "7519", ""]
    assert set(timeline["source"]) == {"webhook"}


@pytest.mark.parametrize(
    ("ending", "events"),
    [
        ("01", ["offered", "accepted", "rejected"]),
        ("08", ["expired"]),
        ("11", [*WHOLE[:3], "trombone_connected", "trombone_released", "released"]),
        ("20", ["offered", "accepted", "disconnected"]),
        ("21", ["offered", "accepted", "rejected"]),
        ("23", WHOLE),
    ],
)
def test_every_kind_of_event_has_its_word(lab: imilab.Lab, ending: str, events: list[str]):
    assert whole_timeline(place(lab, magic(ending)), len(events))["event"].to_list() == events


def test_an_event_that_nobody_knows_keeps_the_platforms_word_with_numbers_masked(lab: imilab.Lab):
    call = place(lab, magic("22"))  # no receipt comes by itself
    for status, code in (("PARKED", ""), ("", "7999")):
        receipt = Receipt(
            message_id="", correlation_id=call.correlation_id, status=status, code=code, description=f"for {number(5)}"
        )
        one = StoredReceipt(receipt=receipt, raw=receipt.to_bytes(), source="webhook", received_at_ms=len(status))
        lab.store.write(lambda connection, one=one: add_receipt(connection, one, lab.store.number_key))

    assert call.timeline()["event"].to_list() == ["7999", "PARKED"]
    assert set(call.timeline()["description"]) == {"for +1•••••105"}


def test_a_refused_call_is_over_and_says_why(lab: imilab.Lab):
    call = place(lab, magic("40"))

    assert (call.wait(10), call.over, call.message_id) == ("rejected", True, None)
    assert call.refusal == "to.msisdn: this number cannot be called"
    assert len(call.timeline()) == 0
    assert {name: str(kind) for name, kind in call.timeline().dtypes.items()} == TIMELINE


@pytest.mark.parametrize(
    ("message", "refusal"), [(None, "no reason given"), (f"{number(5)} is barred", "+1•••••105 is barred")]
)
def test_a_refusal_without_a_reason_says_so_and_none_shows_a_number(lab: imilab.Lab, message, refusal: str):
    call = place(lab, magic("40"))
    change = "UPDATE requests SET message = ? WHERE correlation_id = ?"
    lab.store.write(lambda connection: connection.execute(change, (message, call.correlation_id)))

    assert call.refusal == refusal


def test_a_call_of_unknown_outcome_is_resolved_by_its_receipts(lab: imilab.Lab):
    call = place(lab, magic("50"))

    assert call.wait(10) == "final"
    assert call.message_id


def test_waiting_ends_after_the_given_time(lab: imilab.Lab):
    call = place(lab, magic("22"))
    started = time.monotonic()

    assert call.wait(0.2) == "accepted"
    assert 0.2 <= time.monotonic() - started < 2
    assert not call.over


def test_a_call_that_did_not_leave_raises_and_is_no_call(lab: imilab.Lab):
    before = len(lab.calls())
    with pytest.raises(SendStoppedError, match="account"):
        place(lab, magic("41"))

    assert len(lab.calls()) == before


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        (("12025550123", RYAN, TEXT), "to.msisdn"),
        ((number(1), RYAN), "content.text"),
        ((number(1), RYAN, ""), "content.text"),
        ((number(1), imilab.Media("m"), TEXT), "content.text"),
        ((number(1), "en-GB-RyanNeural", TEXT), "content"),
    ],
)
def test_a_call_that_the_platform_would_refuse_is_not_even_recorded(lab: imilab.Lab, arguments, field: str):
    before = len(lab.requests())
    with pytest.raises(InvalidInputError) as refused:
        lab.call(*arguments)

    assert refused.value.field == field
    assert len(lab.requests()) == before


def test_an_uploaded_prompt_can_be_played(lab: imilab.Lab):
    call = lab.call(number(2), imilab.Media("m-7"))
    call.wait(10)
    (row,) = lab.calls().query("correlation_id == @call.correlation_id").to_dict("records")

    assert (row["content_type"], row["media_id"]) == ("media", "m-7")


def test_a_call_shows_itself_without_its_number(lab: imilab.Lab):
    call = place(lab, magic("19"))
    call.wait(10)

    assert repr(call) == f"Call({call.correlation_id[:8]}, final)"
