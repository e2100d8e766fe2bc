"""What a log is taken for by its beginning: JSON or delimited, with a header or without; and how to say otherwise."""

from __future__ import annotations

import json

import pytest

import imilab
from imilab.archive import Archive
from imilab.errors import InvalidInputError
from imilab.logs import Mapping, rejects_frame
from imilab.logs.dialect import detect_dialect
from tests.logs_factory import HEADER, bring_in, csv_text, event_rows, kept

NUMBER = "+12025550123"
COLUMNS = {"message_id": "column_1", "status": "column_2", "event_at": "column_4"}


def receipt(call: str, time: str = "2026-03-02T09:00:00Z") -> str:
    info = {"timeStamp": time, "code": "7519", "deliveryStatus": "ANSWERED", "destination": NUMBER}
    return json.dumps({"deliveryInfoNotification": {"deliveryInfo": info, "transid": call}})


@pytest.mark.parametrize(
    "first",
    ["oops", '{"deliveryInfoNoti', f'Info":{{"destination":"{NUMBER}"}},"transid":"m0"}}}}', '{"event":"other"}'],
)
def test_receipts_after_a_first_line_that_is_none_are_read_and_that_line_is_rejected(tmp_path, first):
    (tmp_path / "log.jsonl").write_text("\n".join([first, receipt("m1"), receipt("m2")]), encoding="utf-8")
    summary = bring_in(tmp_path / "log.jsonl", tmp_path / "a", zone=None)

    assert (summary.kept, summary.rejected) == (2, 1)
    assert rejects_frame(Archive(tmp_path / "a").reject_files())["line"].to_list() == [1]


def test_flat_objects_after_a_torn_line_are_read(tmp_path):
    lines = [json.dumps(dict(zip(HEADER, row, strict=True))) for row in event_rows(4)]
    (tmp_path / "log.jsonl").write_text("\n".join(['ry Status": "OFFERED"}', *lines]), encoding="utf-8")
    summary = bring_in(tmp_path / "log.jsonl", tmp_path / "a")

    assert (summary.kept, summary.reasons) == (12, {"not a JSON object": 1})


def test_a_receipt_quoted_in_a_field_makes_no_log_of_receipts(tmp_path):
    line = {"Message ID": "m1", "Status": "ANSWERED", "Time": "2026-03-02T09:00:00Z", "Raw": receipt("m1")}
    (tmp_path / "log.jsonl").write_text(json.dumps(line), encoding="utf-8")

    assert imilab.inspect_logs(tmp_path / "log.jsonl").form == "JSON lines, utf-8"
    assert bring_in(tmp_path / "log.jsonl", tmp_path / "a").kept == 1


def test_ids_in_braces_are_delimited_text(tmp_path):
    rows = [(f"{{{row[0]}}}", *row[1:]) for row in event_rows(4)]
    (tmp_path / "log.csv").write_text(csv_text(rows).split("\n", 1)[1], encoding="utf-8")

    assert imilab.inspect_logs(tmp_path / "log.csv").columns[0] == "column_1"


@pytest.mark.parametrize(("value", "indent"), [({"a": 1, "b": 2}, 1), ([{"a": 1}, {"b": 2}], 1), ([{"a": 1}], None)])
def test_json_over_several_lines_or_in_an_array_is_refused_with_what_is_read(tmp_path, value, indent):
    (tmp_path / "log.json").write_text(json.dumps(value, indent=indent), encoding="utf-8")

    with pytest.raises(InvalidInputError, match="JSON is read as lines"):
        imilab.inspect_logs(tmp_path / "log.json")


@pytest.mark.parametrize(
    ("line", "has_header"),
    [
        (f"m1;ANSWERED;7519;2026-03-02 09:00:00;{NUMBER};voice", False),
        ("message;ANSWERED;text;02/03/2026 09:00;to", False),
        ("m1;ANSWERED;1772442000;to;from;voice", False),
        ("m1;ANSWERED;7519;;voice", False),
        ("Transaction ID;Status;;", True),
        ("Ref;What;When", True),
        ("Ref;Status;When", True),
        ("1;2;3", False),
        ("TID;Status;2", True),
    ],
)
def test_a_first_line_with_a_value_in_it_is_no_header(line, has_header):
    assert detect_dialect(f"{line}\n{line}\n".encode()).has_header == has_header


def test_a_log_without_a_header_loses_no_row_to_a_word_that_is_known(tmp_path):
    row = "ANSWERED;7519;2026-03-02 09:00:00;+12025550123;voice"
    (tmp_path / "log.csv").write_text(f"m1;{row}\nm2;{row}\n", encoding="utf-8")

    assert bring_in(tmp_path / "log.csv", tmp_path / "a", mapping=Mapping(columns=COLUMNS)).kept == 2
    assert [row[0] for row in kept(tmp_path / "a")] == ["m1", "m2"]


def test_a_mapping_says_whether_there_is_a_header_where_the_guess_is_wrong(tmp_path):
    (tmp_path / "none.csv").write_text("status;to;time;x\nstatus;to;time;y\n", encoding="utf-8")
    (tmp_path / "odd.csv").write_text("1;2;3;2026-03-02\nm1;ANSWERED;9;2026-03-02 09:00:00\n", encoding="utf-8")
    header = Mapping(columns={"message_id": "1", "status": "2", "event_at": "2026-03-02"}, header=True)

    found = imilab.inspect_logs(tmp_path / "none.csv", Mapping(columns=COLUMNS, header=False))
    assert (found.columns[0], len(found.rows())) == ("column_1", 2)
    assert bring_in(tmp_path / "odd.csv", tmp_path / "a", mapping=header).kept == 1


def test_a_mapping_can_name_the_quote(tmp_path):
    text = csv_text(event_rows(4), quotechar="'", quoting=1).replace("Call accepted", 'Call "accepted; no')
    (tmp_path / "log.csv").write_text(text, encoding="utf-8")
    summary = bring_in(tmp_path / "log.csv", tmp_path / "a", mapping=Mapping(quote="'", delimiter=","))

    assert (summary.kept, summary.rejected) == (12, 0)
    with pytest.raises(InvalidInputError, match="quote: one ASCII character"):
        Mapping(quote="''")


def test_a_mapping_without_columns_says_how_a_log_is_written_and_its_columns_are_proposed(tmp_path):
    (tmp_path / "log.csv").write_bytes(csv_text(event_rows(4)).encode())
    found = imilab.inspect_logs(tmp_path / "log.csv", Mapping(encoding="latin-1", tz="Asia/Kolkata"))

    assert found.mapping == Mapping(
        columns=Mapping.proposed(HEADER).columns, encoding="latin-1", tz="Asia/Kolkata", kind="event"
    )
    assert bring_in(tmp_path / "log.csv", tmp_path / "a", mapping=Mapping(encoding="latin-1")).kept == 12
