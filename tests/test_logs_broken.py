"""Broken logs: whatever stands in them, the counts add up, and every row that can be read is kept."""

from __future__ import annotations

import csv
import io
import json
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from imilab.archive import Archive
from imilab.errors import UnreadableReceiptError
from imilab.logs import Mapping, rejects_frame
from imilab.logs.delimited import read_delimited
from imilab.logs.dialect import Dialect
from imilab.logs.text_blocks import Block, read_blocks
from imilab.wire import Receipt, read_receipt
from tests.logs_factory import HEADER, bring_in, csv_text, event_rows, kept

QUICK = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
FIELDS = ("message_id", "correlation_id", "status", "code", "description", "event_at", "msisdn")
MAPPING = Mapping(columns=dict(zip(FIELDS, HEADER, strict=True)), delimiter=",", encoding="utf-8")
GOOD = [csv_text([row]).split("\n", 1)[1].encode() for row in event_rows(8)]
MULTI = b'm-q,c,OFFERED,7407,"two\nlines, ""quoted""",2026-03-02 10:00:00,+12025550101\n'
BAD = st.sampled_from(
    [
        b"only one field\n",
        b",,,,,,,,,,,\n",
        b'"never closed,c,OFFERED,7407,x,2026-03-02 10:00:00,+1\n',
        b'm,c,"a"b,7407,x,2026-03-02 10:00:00,+1\n',
        b"m,c,OFFERED,7407,\xff\xfe,2026-03-02 10:00:00,+1\n",
        b"m,c,OFFERED,7407,\x00,2026-03-02 10:00:00,+1\n",
        b",,OFFERED,7407,x,2026-03-02 10:00:00,+1\n",
        b"m,c,,,x,2026-03-02 10:00:00,+1\n",
        b"m,c,OFFERED,7407,x,2026-13-02 10:00:00,+1\n",
        b"m,c,OFFERED,7407,x,soon,+1\n",
        b"\n",
        b"  \r\n",
        b'"\n',
        b"\xff\n",
        b"a\rb\n",
    ]
)
LINES = st.lists(st.sampled_from([*GOOD, MULTI]) | BAD | st.binary(max_size=20).map(lambda b: b + b"\n"), max_size=25)


@given(lines=LINES)
@QUICK
def test_counts_of_a_broken_csv_add_up_and_its_good_rows_are_kept(lines):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "log.csv")
        path.write_bytes(",".join(HEADER).encode() + b"\n" + b"".join(lines))
        summary = bring_in(path, Path(folder, "a"), mapping=MAPPING)
        rejects = rejects_frame(Archive(Path(folder, "a")).reject_files())

        assert len(rejects) == summary.rejected == sum(summary.reasons.values())
        assert rejects["line"].between(2, 2 + sum(line.count(b"\n") for line in lines)).all()
        assert summary.read <= sum(line.count(b"\n") for line in lines)
        assert len(kept(Path(folder, "a"))) == summary.kept
        if not any(b'"' in line and line != MULTI for line in lines):  # no stray quote may swallow a neighbour
            wanted = {line for line in lines if line in GOOD or line == MULTI}
            assert {row[0] for row in kept(Path(folder, "a"))} >= {line.split(b",")[0].decode() for line in wanted}


@given(
    cells=st.lists(
        st.lists(
            st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=6),
            min_size=3,
            max_size=3,
        ),
        min_size=1,
        max_size=12,
    ),
    delimiter=st.sampled_from([",", ";", "\t"]),
    size=st.integers(1, 200),
)
@example(cells=[["", "", "\n"]], delimiter=",", size=1)
@QUICK
def test_what_the_standard_library_writes_is_read_back_whatever_the_blocks(cells, delimiter, size):
    text = csv_text(cells, ("a", "b", "c"), delimiter=delimiter, quoting=csv.QUOTE_ALL)
    dialect = Dialect("utf-8", delimiter, columns=("a", "b", "c"))
    body = text.split("\n", 1)[1].encode()
    stream = io.BytesIO(body)
    parts = [
        rows for block in read_blocks(stream, "utf-8", '"', size) for rows in read_delimited(block, dialect, [0, 1, 2])
    ]

    found = [
        list(row)
        for rows in parts
        for row in zip(*(rows.table[name].to_pylist() for name in ("c0", "c1", "c2")), strict=True)
    ]
    assert [reject for rows in parts for reject in rows.rejects] == []
    assert found == [list(row) for row in cells]


@given(lines=LINES)
@example(lines=[b'""\n', b'"a\nb"\n'])
@example(lines=[b'"never closed,c\n', b'm,c,OFFERED,7407,"two\nlines",2026-03-02 10:00:00,+1\n', b'"never closed,c\n'])
@QUICK
def test_the_quick_way_and_the_careful_way_read_the_same(lines):
    from imilab.logs import delimited

    dialect = Dialect("utf-8", ",", columns=HEADER)
    block = Block(b"".join(lines), 1)
    if (quick := delimited._read_quickly(block, dialect, [0, 5])) is not None:
        careful = delimited._read_carefully(block, dialect, [0, 5])
        assert quick.table.to_pylist() == careful.table.to_pylist()
        assert [(one.line, one.reason) for one in quick.rejects] == [(one.line, one.reason) for one in careful.rejects]


RECEIPT = {
    "deliveryTransInfo": "<a b='1'/>",
    "deliveryInfoNotification": {
        "deliveryInfo": {
            "timeStamp": "2026-03-02T10:00:00.123Z",
            "code": "7407",
            "deliveryStatus": "OFFERED",
            "destination": "+12025550123",
        },
        "transid": "m1",
        "correlationid": "c1",
    },
}
VALUES = st.one_of(
    st.none(),
    st.integers(),
    st.booleans(),
    st.text(max_size=8),
    st.sampled_from(
        [
            "2026-03-02T10:00:00Z",
            "2026-03-02T10:00:00.5+05:30",
            "2026-03-02",
            "20260302T100000",
            "x\0y",
            '"',
            "\\",
            "é\ud800",
            '":',
        ]
    ),
    st.just({}),
)


OBJECTS = ("", "deliveryInfoNotification", "deliveryInfo")
NAMES = (*OBJECTS[1:], "deliveryTransInfo", "transid", "correlationid", "timeStamp", "code", "deliveryStatus")
CHANGES = st.lists(
    st.tuples(st.sampled_from(OBJECTS), st.sampled_from((*NAMES, "destination", "new", "subtid")), VALUES), max_size=3
)
SEPARATORS = st.sampled_from([(",", ":"), (", ", ": "), (" , ", " : ")])
TAILS = st.sampled_from(["", "", "", " ", "x", "}", "\r"])


def changed(changes: list[tuple[str, str, Any]], separators: tuple[str, str], ascii_only: bool, tail: str) -> bytes:
    document: Any = json.loads(json.dumps(RECEIPT))
    for place, name, value in changes:
        note = document.get("deliveryInfoNotification")
        info = note.get("deliveryInfo") if isinstance(note, dict) else None
        target = dict(zip(OBJECTS, (document, note, info), strict=True))[place]
        if isinstance(target, dict):
            target[name] = value
    text = json.dumps(document, ensure_ascii=ascii_only, separators=separators)
    return text.encode("utf-8", "surrogatepass") + tail.encode()


def read_or_none(line: bytes) -> Receipt | None:
    try:
        return read_receipt(line, None)
    except UnreadableReceiptError:
        return None


@given(lines=st.lists(st.builds(changed, CHANGES, SEPARATORS, st.booleans(), TAILS), min_size=1, max_size=30))
@settings(QUICK, max_examples=30)
def test_json_lines_are_taken_and_refused_as_the_webhook_does(lines):
    lines = [json.dumps(RECEIPT).encode(), *lines]
    receipts = [read_or_none(line) for line in lines]
    columns = "message_id, correlation_id, status, code, event_at_ms, event_at_raw, msisdn"
    wanted = {tuple(getattr(one, name) for name in columns.split(", ")) for one in receipts if one}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "log.jsonl")
        path.write_bytes(b"\n".join(lines))
        summary = bring_in(path, Path(folder, "a"), zone=None)
        found = set(kept(Path(folder, "a"), columns))
        rejects = rejects_frame(Archive(Path(folder, "a")).reject_files())

    assert (summary.read, summary.rejected) == (len(lines), receipts.count(None))
    assert sorted(rejects["line"]) == [place for place, one in enumerate(receipts, 1) if one is None]
    assert {(row[0] or row[1], row[2].upper(), *row[3:5], row[6]) for row in found} == {
        (row[0] or row[1], row[2].upper(), *row[3:5], row[6]) for row in wanted
    }


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b'{"deliveryInfoNotification":{"transid":"a","transid":"b","deliveryInfo":{"code":"1"}}}', "twice"),
        (b'{"deliveryInfoNotification":{"transid":"a","deliveryInfo":{"code":NaN}}}', "not JSON"),
        (b'{"deliveryInfoNotification":{"transid":"a","deliveryInfo":{"code":7}}}', "not a text"),
        (b'{"deliveryInfoNotification":{"transid":"a","deliveryInfo":{"code":"7"}}', "not JSON"),
        (b'{"deliveryInfoNotification":{"transid":"\xff","deliveryInfo":{"code":"7"}}}', "not UTF-8"),
    ],
)
def test_an_odd_receipt_is_rejected_with_line_and_reason(tmp_path, line, reason):
    (tmp_path / "log.jsonl").write_bytes(json.dumps(RECEIPT).encode() + b"\n\n" + line)
    summary = bring_in(tmp_path / "log.jsonl", tmp_path / "a")
    rejects = rejects_frame(Archive(tmp_path / "a").reject_files())

    assert (summary.read, summary.kept, summary.rejected) == (2, 1, 1)
    assert rejects["line"].to_list() == [3]
    assert reason in rejects["reason"][0]


def test_a_rejected_row_is_kept_without_its_number(tmp_path):
    (tmp_path / "log.csv").write_text(csv_text([("+12025550123", "only", "three")]), encoding="utf-8")
    bring_in(tmp_path / "log.csv", tmp_path / "a", mapping=MAPPING)
    rejects = rejects_frame(Archive(tmp_path / "a").reject_files())

    assert rejects.loc[0].to_dict() == {
        "file": "log.csv",
        "line": 2,
        "reason": "3 fields where the header has 7",
        "text": "+1•••••123,only,three",
    }
