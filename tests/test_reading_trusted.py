"""Receipts taken at their word, against the webhook's own reader and the careful way."""

from __future__ import annotations

import gzip
from datetime import date
from pathlib import Path
from zoneinfo import ZoneInfo

import duckdb
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import imilab
from imilab.engines.duckdb_engine import DuckDBEngine
from imilab.errors import InvalidInputError, UnreadableReceiptError
from imilab.reading.trusted_receipts import read_trusted, trusted_receipts
from imilab.samples import webhook_bodies
from imilab.wire import read_receipt
from tests.receipt_lines import line

ZONES = ("Europe/London", "Australia/Lord_Howe", "Asia/Kolkata", "America/New_York")
FACTS = ("message_id", "correlation_id", "status", "code", "event_at_ms", "msisdn")


def read(path: Path, zone: str | None = None) -> list[dict[str, object]]:
    with duckdb.connect() as engine:
        engine.execute("SET TimeZone = 'America/Los_Angeles'")  # must not matter
        relation = trusted_receipts(engine, [path], ZoneInfo(zone) if zone else None)
        rows = [dict(zip(relation.columns, row, strict=True)) for row in relation.fetchall()]
    return [row for row in rows if "\0" not in str(row["message_id"])]


def rejected(path: Path) -> int:
    with DuckDBEngine(show=False) as engine:
        return read_trusted(engine, [path], None, 1_800_000)[1]


def by_the_webhook(text: str, zone: str | None = None) -> dict[str, object]:
    receipt = read_receipt(text.encode(), ZoneInfo(zone) if zone else None)
    return {name: getattr(receipt, name) for name in FACTS}


LOCAL_TIMES = (
    *(
        "2026-10-25T00:59:59.999",
        "2026-10-25T01:30:00",
        "2026-10-25T02:00:00",
        "2026-03-29T01:30:00.5",
        "2026-03-29T02:00:00",
    ),
    *(
        "2026-04-05T01:45:00",
        "2026-10-04T02:10:00",
        "2026-11-01T01:30:00",
        "2026-03-08T02:30:00",
        "2026-07-28T08:07:38.481",
    ),
)


@pytest.mark.parametrize("zone", ZONES)
def test_times_are_those_that_the_webhook_would_read(tmp_path: Path, zone: str):
    times = [
        *LOCAL_TIMES,
        "2024-12-03T17:44:33.151+05:30",
        "2026-03-02T09:00:00-0330",
        "2026-03-02T09:00:00Z",
        "",
        "soon",
    ]
    lines = [line(time, transid=f"m{number}") for number, time in enumerate(times)]
    path = tmp_path / "receipts.jsonl"
    path.write_text("\n".join(lines), encoding="utf-8")
    found = {row["message_id"]: {name: row[name] for name in FACTS} for row in read(path, zone)}

    assert found == {f"m{number}": by_the_webhook(text, zone) for number, text in enumerate(lines)}


def test_a_time_without_a_zone_is_no_time_where_no_zone_is_known(tmp_path: Path):
    path = tmp_path / "receipts.jsonl"
    path.write_text(line("2016-07-28T08:07:38.481"), encoding="utf-8")

    assert [row["event_at_ms"] for row in read(path)] == [None]


@pytest.mark.parametrize(
    "bad",
    [
        "nonsense",
        '{"a": 1}',
        "[1]",
        "7",
        '{"deliveryInfoNotification": 7}',
        line()[:60],
        line(transid="", correlationid=""),
        "\xff",
    ],
)
def test_a_line_that_is_no_receipt_is_left_out_and_counted(tmp_path: Path, bad: str):
    path = tmp_path / "receipts.jsonl"
    for content in ([line(), bad, line()], [line(), line(), bad]):
        path.write_bytes("\n".join(content).encode("latin-1"))
        assert (len(read(path)), rejected(path)) == (2, 1)


def test_compressed_files_names_with_quotes_and_empty_files_are_read(tmp_path: Path):
    path = tmp_path / "it's.jsonl.gz"
    path.write_bytes(gzip.compress(f"{line()}\n\n{line()}\n".encode()))
    (tmp_path / "empty.jsonl").touch()

    assert len(read(path)) == 2
    assert (read(tmp_path / "empty.jsonl"), rejected(tmp_path / "empty.jsonl")) == ([], 0)


TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)


@given(st.lists(st.tuples(TEXTS, TEXTS, TEXTS, TEXTS), min_size=1, max_size=5))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_text_is_read_as_the_webhook_reads_it(tmp_path: Path, rows):
    lines = [
        line(transid=message, correlationid=call, code=code, deliveryStatus=status)
        for message, call, code, status in rows
    ]
    path = tmp_path / "receipts.jsonl"
    path.write_text("\n".join(lines), encoding="utf-8")
    expected = []
    for text in lines:
        try:
            expected.append(by_the_webhook(text))
        except UnreadableReceiptError:
            continue

    found = [{name: row[name] for name in FACTS} for row in read(path)]
    assert sorted(map(repr, found)) == sorted(map(repr, expected))
    assert rejected(path) == len(lines) - len(expected)


def test_good_files_give_the_rates_of_the_careful_way(tmp_path: Path):
    path = tmp_path / "receipts.jsonl"
    path.write_bytes(b"\n".join(webhook_bodies(date(2026, 3, 29))))
    calls, taken = imilab.read_calls(path), imilab.read_calls(path, lazy=True, trusted=True)
    by = imilab.hour(tz="Europe/London")

    pd.testing.assert_frame_equal(imilab.rates(taken, by=by).to_pandas(), imilab.rates(calls, by=by).to_pandas())
    rows = taken.df().set_index("call_id").loc[calls["call_id"]]
    assert list(rows["msisdn"]) == list(calls["msisdn"])
    assert list(rows["ring_seconds"].fillna(-1)) == list(calls["ring_seconds"].fillna(-1))
    assert rows["number_key"].isna().all()


def test_lines_that_are_left_out_are_told(tmp_path: Path):
    path = tmp_path / "receipts.jsonl"
    path.write_text("\n".join([line(), "torn", line(transid="m2")]), encoding="utf-8")
    with pytest.warns(UserWarning, match=r"1 lines of receipts.jsonl are no receipts"):
        calls = imilab.read_calls(path, lazy=True, trusted=True)

    assert len(calls.fetchall()) == 2


@pytest.mark.parametrize("how", [{}, {"lazy": True, "mapping": imilab.Mapping()}, {"lazy": True, "engine": "duckdb"}])
def test_what_cannot_be_taken_at_its_word_is_refused(tmp_path: Path, how):
    path = tmp_path / "receipts.jsonl"
    path.write_text(line(), encoding="utf-8")

    with pytest.raises(InvalidInputError, match="trusted: for one file of receipts here"):
        imilab.read_calls(path, trusted=True, **how)
