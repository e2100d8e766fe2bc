"""Logs to calls: rows that are events and rows that are calls, read or kept, beside the same in a live store."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime

import pandas as pd
import pytest

import imilab
from imilab.config import Settings
from imilab.errors import InvalidInputError
from imilab.lab import Lab
from imilab.samples import webhook_bodies
from imilab.store.receipts import StoredReceipt, add_receipt
from imilab.wire import read_receipt
from imilab.wire.status import CallStatus
from tests.logs_factory import bring_in, csv_text, event_rows, kept, kept_requests

CALL_HEADER = (
    *(
        "Transaction ID",
        "Correlation ID",
        "Campaign",
        "To",
        "From",
        "Voice Name",
        "Language",
        "Call Status",
        "Error Code",
    ),
    *("Requested Time", "Answered Time", "End Time"),
)
CALL_ROWS = [
    ("m1", "camp", "spring", "+12025550101", "+12025550100", "en-GB-RyanNeural", "en-GB", "DISCONNECTED", "7410",
     "2026-03-02 09:00:00", "2026-03-02 09:00:10", "2026-03-02 09:00:25"),
    ("m2", "camp", "spring", "+12025550102", "+12025550100", "en-GB-SoniaNeural", "en-GB", "REJECTED", "7402",
     "2026-03-02 09:01:00", "", "2026-03-02 09:01:05"),
    ("m3", "camp", "spring", "+12025550103", "+12025550100", "en-GB-SoniaNeural", "en-GB", "QUEUED", "",
     "2026-03-02 09:02:00", "", ""),
]  # fmt: skip


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("IMILAB_NUMBER_KEY", "0f" * 32)


def settings(tmp_path, **more):
    return Settings(store=tmp_path / "lab.sqlite", **more)


def test_receipts_in_a_file_give_the_calls_that_the_live_store_gives(tmp_path):
    bodies = webhook_bodies(date(2026, 3, 29))
    (tmp_path / "receipts.jsonl").write_bytes(b"\n".join(bodies))
    read = imilab.read_calls(tmp_path / "receipts.jsonl", unmasked=True)

    with Lab(settings(tmp_path)) as lab:
        for body in bodies:
            stored = StoredReceipt(receipt=read_receipt(body, None), raw=body, source="webhook", received_at_ms=0)
            lab.store.write(lambda connection, one=stored: add_receipt(connection, one, lab.store.number_key))
        live = lab.calls(unmasked=True)
        summary = lab.import_logs(tmp_path / "receipts.jsonl", progress=False)
        both = lab.calls(unmasked=True)

    late = live["outcome"].isin(["pending", "lost"])
    pd.testing.assert_frame_equal(read[~late], live[~late])
    pd.testing.assert_frame_equal(both, live)
    assert summary.kept == live["receipts"].sum()
    assert read.attrs["import"]["kept"] == summary.kept


def test_a_row_that_is_a_call_gives_its_request_and_what_a_status_answer_would_tell(tmp_path):
    (tmp_path / "calls.csv").write_text(csv_text(CALL_ROWS, CALL_HEADER), encoding="utf-8")
    calls = imilab.read_calls(tmp_path / "calls.csv", tz="UTC").set_index("message_id")

    assert calls["outcome"].to_dict() == {"m1": "answered", "m2": "busy", "m3": "pending"}
    columns = ["voice", "language", "campaign", "caller_id", "msisdn", "country", "end_reason"]
    assert calls.loc["m1", columns].to_list() == [
        "en-GB-RyanNeural", "en-GB", "spring", "+1•••••100", "+1•••••101", "US", "disconnected"
    ]  # fmt: skip
    assert calls.loc["m1", "talk_seconds"] == 15
    assert calls.loc["m1", "requested_at"] == datetime(2026, 3, 2, 9, tzinfo=UTC)

    bring_in(tmp_path / "calls.csv", tmp_path / "a")
    ms = {
        text: int(datetime.fromisoformat(text + "+00:00").timestamp() * 1000)
        for row in CALL_ROWS
        for text in row[9:]
        if text
    }
    told = []
    for row in CALL_ROWS:
        times = {
            name: value
            for name, text in zip(("requested", "answered", "ended"), row[9:], strict=True)
            for name, value in [(f"{name}_at_raw", text), (f"{name}_at_ms", ms.get(text))]
        }
        status = CallStatus(message_id=row[0], status=row[7], code=row[8], msisdn=row[3], **times)
        told += [(one.message_id, one.status, one.code, one.event_at_ms, one.msisdn) for one in status.receipts()]
    assert kept(tmp_path / "a") == sorted(told, key=repr)
    assert kept_requests(tmp_path / "a", "message_id, state, requested_at_ms") == [
        (row[0], "accepted", ms[row[9]]) for row in CALL_ROWS
    ]


def test_a_later_export_of_the_same_calls_adds_what_is_new_and_no_second_request(tmp_path):
    ended = (*CALL_ROWS[2][:7], "REJECTED", "7401", *CALL_ROWS[2][9:11], "2026-03-02 09:02:30")
    for name, rows in [("early.csv", CALL_ROWS), ("late.csv", [*CALL_ROWS[:2], ended, ended])]:
        (tmp_path / name).write_text(csv_text(rows, CALL_HEADER), encoding="utf-8")
    with Lab(settings(tmp_path, tenant_zone="UTC")) as lab:
        early = lab.import_logs("early.csv", progress=False)
        late = lab.import_logs("late.csv", progress=False)
        calls = lab.calls().set_index("message_id")

    assert (early.kept, early.duplicate, early.requests) == (3, 0, 3)
    assert (late.read, late.kept, late.duplicate, late.requests) == (4, 1, 3, 0)
    assert calls["outcome"].to_dict() == {"m1": "answered", "m2": "busy", "m3": "no_answer"}


def test_read_calls_keeps_nothing_and_says_what_it_left_out(tmp_path):
    (tmp_path / "log.csv").write_text(csv_text([*event_rows(4), ("one", "two")]), encoding="utf-8")
    before = sorted(tmp_path.iterdir())

    with pytest.warns(
        UserWarning, match=r"1 of 13 rows could not be read; the first: log.csv line 14: 2 fields"
    ) as caught:
        calls = imilab.read_calls(tmp_path / "log.csv", tz="UTC")

    assert caught[0].filename == __file__
    assert len(calls) == 4
    assert {name: calls.attrs["import"][name] for name in ("read", "kept", "duplicate", "rejected")} == {
        "read": 13, "kept": 12, "duplicate": 0, "rejected": 1
    }  # fmt: skip
    assert json.dumps(calls.attrs)
    assert sorted(tmp_path.iterdir()) == before


def test_calls_without_a_final_event_are_lost_as_of_the_last_event_of_the_file(tmp_path):
    rows = [
        ("m1", "", "OFFERED", "7407", "", "2026-03-02 09:00:00", "+12025550101"),
        ("m2", "", "OFFERED", "7407", "", "2026-03-02 09:50:00", "+12025550102"),
    ]
    (tmp_path / "log.csv").write_text(csv_text(rows), encoding="utf-8")
    calls = imilab.read_calls(tmp_path / "log.csv", tz="UTC")

    assert calls.set_index("message_id")["outcome"].to_dict() == {"m1": "lost", "m2": "pending"}


def test_a_named_profile_is_found_beside_the_store(tmp_path):
    (tmp_path / "log.csv").write_text(csv_text(event_rows(2), tuple("ABCDEFG")), encoding="utf-8")
    fields = ("message_id", "correlation_id", "status", "code", "description", "event_at", "msisdn")
    imilab.Mapping(columns=dict(zip(fields, "ABCDEFG", strict=True)), tz="UTC").save("letters", tmp_path)

    assert len(imilab.read_calls("log.csv", "letters")) == 2
    with Lab(settings(tmp_path)) as lab:
        assert lab.import_logs("log.csv", "letters", progress=False).kept == 6
        assert lab.rejects().empty
        assert lab.imports()["sources"].to_list() == ["log.csv"]
        with pytest.raises(InvalidInputError, match="there are letters"):
            lab.import_logs("log.csv", "digits")


def test_what_is_no_engine_is_refused(tmp_path):
    (tmp_path / "log.csv").write_text(csv_text(event_rows(2)), encoding="utf-8")

    with pytest.raises(InvalidInputError, match="str is no engine"):
        imilab.read_calls("log.csv", tz="UTC", engine="spark")


def test_a_log_with_nothing_that_can_be_read_gives_no_calls_of_the_right_types(tmp_path):
    (tmp_path / "log.csv").write_text(csv_text([("one", "two")]), encoding="utf-8")
    with pytest.warns(UserWarning, match="1 of 1 rows"):
        calls = imilab.read_calls("log.csv", tz="UTC")

    assert len(calls) == 0
    assert calls.dtypes.equals(imilab.load_sample("calls").dtypes)
