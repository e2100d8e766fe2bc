"""Live store and archive are one: each event of `Lab.receipts` and each call of `Lab.requests` stands there once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

import imilab
from imilab.store import StoredReceipt
from imilab.store.receipts import add_receipt
from imilab.wire import read_receipt
from tests.logs_factory import csv_text, event_rows

CALLS = """Transaction ID,Call Status,Error Code,Requested Time,Answered Time,End Time,To
c1,DISCONNECTED,7410,2026-03-02 09:00:00,2026-03-02 09:00:10,2026-03-02 09:00:25,+12025550101
c2,REJECTED,7402,2026-03-02 09:01:00,,2026-03-02 09:01:05,+12025550102
"""


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[imilab.Lab]:
    with imilab.Lab(imilab.Settings(store=tmp_path / "lab.sqlite", tenant_zone="UTC")) as opened:
        yield opened


def receive(lab: imilab.Lab, message_id: str, status: str, code: str, time: str) -> None:
    body = (
        f'{{"deliveryInfoNotification": {{"transid": "{message_id}", "deliveryInfo": {{"deliveryStatus": "{status}",'
        f' "code": "{code}", "timeStamp": "{time}", "destination": "+12025550101"}}}}}}'
    ).encode()
    told = {"raw": body, "source": "webhook", "received_at_ms": 1_772_442_000_000}
    receipt = StoredReceipt(receipt=read_receipt(body, None), **told)
    assert lab.store.write(lambda connection: add_receipt(connection, receipt, lab.store.number_key))


def test_imported_events_stand_below_the_received_ones_and_what_both_doors_told_stands_once(lab, tmp_path):
    (tmp_path / "log.csv").write_text(csv_text(event_rows(3)), encoding="utf-8")
    kept = lab.import_logs(tmp_path / "log.csv", progress=False).kept
    assert len(lab.receipts()) == kept
    known = lab.receipts(unmasked=True).iloc[0]
    receive(lab, known["message_id"], known["status"], known["code"], f"{known['event_at']:%FT%T}.250Z")
    receive(lab, "another", "OFFERED", "7407", "2026-03-02T09:00:00Z")

    receipts = lab.receipts()
    assert list(receipts["source"]) == ["webhook"] * 2 + ["export"] * (kept - 1)
    assert list(receipts["receipt_id"]) == [1, 2, *range(-1, -kept, -1)]
    assert receipts["msisdn"].str.contains("•").all()
    exported = receipts[receipts["source"] == "export"]
    assert exported["event_at"].is_monotonic_increasing
    assert exported["received_at"].isna().all()
    assert len(receipts) == lab.calls()["receipts"].sum()
    live = lab.receipts(imported=False)
    assert len(live) == 2
    pd.testing.assert_series_equal(live.dtypes, receipts.dtypes)
    assert set(lab.receipts(unmasked=True)["raw"].tail(kept - 1)) == {""}


def test_the_calls_of_a_log_are_requests_that_were_accepted(lab, tmp_path):
    assert lab.requests().empty
    (tmp_path / "calls.csv").write_text(CALLS, encoding="utf-8")
    lab.import_logs(tmp_path / "calls.csv", progress=False)
    requests = lab.requests()

    assert list(requests["message_id"]) == ["c1", "c2"]
    assert set(requests["state"]) == {"accepted"}
    assert list(requests["attempt"]) == [1, 1]
    assert list(requests["requested_at"]) == list(lab.calls()["requested_at"])
    assert lab.requests(imported=False).empty
    pd.testing.assert_series_equal(lab.requests(imported=False).dtypes, requests.dtypes)


def test_an_archive_without_imports_has_the_columns_of_one_with_some(lab, tmp_path):
    none = lab.imports()
    (tmp_path / "calls.csv").write_text(CALLS, encoding="utf-8")
    lab.import_logs(tmp_path / "calls.csv", progress=False)

    assert none.empty
    pd.testing.assert_series_equal(none.dtypes, lab.imports().dtypes)


def test_a_cache_that_cannot_be_written_costs_time_and_no_answer(lab, tmp_path):
    (tmp_path / "lab.sqlite.cache").write_text("no folder", encoding="utf-8")
    (tmp_path / "calls.csv").write_text(CALLS, encoding="utf-8")
    lab.import_logs(tmp_path / "calls.csv", progress=False)

    assert list(lab.calls()["outcome"]) == ["answered", "busy"]
    assert list(lab.calls()["outcome"]) == ["answered", "busy"]


def test_names_in_a_log_show_no_number_either_in_pandas_or_handed_over(lab, tmp_path):
    log = CALLS.replace("\n", ",Campaign\n", 1).replace("01\n", "01,call +12025550177\n").replace("02\n", "02,spring\n")
    (tmp_path / "calls.csv").write_text(log, encoding="utf-8")
    lab.import_logs(tmp_path / "calls.csv", progress=False)

    expected = ["call +1•••••177", "spring"]
    assert sorted(lab.calls()["campaign"]) == expected
    assert sorted(lab.calls_table("arrow")["campaign"].to_pylist()) == expected
    assert sorted(lab.calls_table("arrow", unmasked=True)["campaign"].to_pylist()) == ["call +12025550177", "spring"]
