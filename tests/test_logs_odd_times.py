"""Times that are not as they should be: what a receipt has of them, and what a row of an export has."""

from __future__ import annotations

import json
from zoneinfo import ZoneInfo

import pytest

from imilab.archive import Archive
from imilab.errors import InvalidInputError
from imilab.logs import Mapping, rejects_frame
from imilab.wire import read_receipt
from tests.logs_factory import HEADER, bring_in, csv_text, kept
from tests.test_logs_times import read

COLUMNS = {"message_id": HEADER[0], "status": HEADER[2], "event_at": HEADER[5], "msisdn": HEADER[6]}
KOLKATA = ZoneInfo("Asia/Kolkata")
DATES = ("2026-03-02", "2026-02-30", "2026-13-02", "2026-00-10", "0000-03-02", "20260302", "2026-W10-1")
CLOCKS = (
    "T09:00:00",
    " 09:00",
    "T09:00:60",
    "T24:00:00",
    "T09:60:00",
    "T09:00:00.1234567",
    "T09:00:00,5",
    "T09",
    "",
    "t09:00:00",
)
ENDS = (
    "",
    "Z",
    "z",
    "+05:30",
    "+0530",
    " +05:30",
    " +0530",
    " -03",
    "+14:00",
    "+23:59",
    "+24:00",
    "+29:00",
    "+05:60",
    " Z",
    " UTC",
)
WHOLE = [f"{date}{clock}{end}" for date in DATES[:2] for clock in CLOCKS for end in ENDS]
TIMES = [
    *WHOLE,
    *(f"{date}T09:00:00Z" for date in DATES),
    "0001-01-01T00:00:00+05:30",
    "9999-12-31T23:59:59-05:30",
    "x",
    " ",
    "-",
]


def receipt(call: str, time: str) -> bytes:
    info = {"timeStamp": time, "code": "7519", "deliveryStatus": "ANSWERED", "destination": "+12025550123"}
    return json.dumps({"deliveryInfoNotification": {"deliveryInfo": info, "transid": call}}).encode()


def test_a_receipt_is_kept_whatever_its_time_and_has_the_moment_that_the_webhook_gives_it(tmp_path):
    lines = [receipt(f"m{place:03}", time) for place, time in enumerate(TIMES)]
    (tmp_path / "log.jsonl").write_bytes(b"\n".join(lines))
    summary = bring_in(tmp_path / "log.jsonl", tmp_path / "a", zone=KOLKATA)
    receipts = [read_receipt(line, KOLKATA) for line in lines]

    assert (summary.kept, summary.rejected) == (len(TIMES), 0)
    found = kept(tmp_path / "a", "message_id, event_at_ms, event_at_raw")
    assert [(row[2], row[1]) for row in found] == [(one.event_at_raw, one.event_at_ms) for one in receipts]


@pytest.mark.parametrize("end", ["+05:30", "+0530", " +05:30", " +0530", " +05", "z", " Z"])
def test_an_offset_after_a_space_is_read_in_a_row_too(end):
    (found,), _ = read([f"2026-03-02 09:00:00{end}"], None)

    assert found == (1772442000000 - (0 if "z" in end.lower() else 18_000_000 + ("30" in end) * 1_800_000), False)


@pytest.mark.parametrize("end", ["+24:00", "+29:00", "-99", "+05:60"])
def test_an_offset_that_no_clock_has_is_no_time(end):
    assert read([f"2026-03-02 09:00:00{end}"], None)[0] == [(None, True)]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("02/03/2026 09:00:00", "event_at like 99/99/9999 99:99:99; say how times are written with time_format"),
        ("2.3.26 9:00 pm", "event_at like 9.9.99 9:99 pm; say how"),
        ("1772442000", "a time that cannot be read: event_at; say how"),
        ("+12025550123", "a time that cannot be read: event_at; say how"),
        ("2026-02-30 09:00:00", "a time that does not exist: event_at"),
    ],
)
def test_the_reason_of_a_time_that_is_not_read_shows_how_it_is_written_and_no_digit(tmp_path, text, reason):
    rows = [("m1", "", "ANSWERED", "7519", "", text, "+12025550123")]
    (tmp_path / "log.csv").write_text(csv_text(rows), encoding="utf-8")
    bring_in(tmp_path / "log.csv", tmp_path / "a")
    rejects = rejects_frame(Archive(tmp_path / "a").reject_files())

    assert reason in rejects["reason"][0]
    assert "2025550123" not in str(rejects.to_dict())


@pytest.mark.parametrize(
    ("time_format", "match"),
    [
        ("%Q", "'%Q' is no format"),
        ("%d/%m/%Y %", "is no format"),
        ("%Y-%m-%d %H:%M:%S %Z", "%Z .*the letters as they are.*tz="),
        ("%%", None),
        ("%d/%m/%Y %I:%M:%S %p", None),
        ("%Y-%m-%d %H:%M:%S %z", None),
        ("%Y-%m-%d %H:%M:%S IST", None),
    ],
)
def test_a_format_that_cannot_be_read_is_refused_with_the_mapping(time_format, match):
    if match is None:
        assert Mapping(time_format=time_format).time_format == time_format
        return
    with pytest.raises(InvalidInputError, match=f"time_format: .*{match}"):
        Mapping(time_format=time_format)


def test_letters_of_a_zone_in_a_format_leave_the_zone_to_tz(tmp_path):
    rows = [("m1", "", "ANSWERED", "7519", "", "2026-03-02 09:00:00 IST", "+12025550123")]
    (tmp_path / "log.csv").write_text(csv_text(rows), encoding="utf-8")
    mapping = Mapping(columns=COLUMNS, time_format="%Y-%m-%d %H:%M:%S IST")
    summary = bring_in(tmp_path / "log.csv", tmp_path / "a", mapping=mapping, zone=KOLKATA)

    assert kept(tmp_path / "a", "event_at_ms") == [(1772442000000 - 19_800_000,)]
    assert summary.without_zone == 1
