"""Every form of an export log gives the same receipts: delimiters, encodings, packing, JSON lines, Parquet, folders."""

from __future__ import annotations

import json
from datetime import date

import pyarrow as pa
import pyarrow.parquet
import pytest

from imilab.archive import Archive, import_lock
from imilab.errors import InvalidInputError, StoreError, StoreLockedError, TimestampError
from imilab.logs import Mapping
from imilab.numbers import describe_number, number_key
from imilab.samples import webhook_bodies
from imilab.wire import read_receipt
from tests.logs_factory import CALLS, HEADER, KEY, bring_in, csv_text, event_rows, gzipped, kept, number, zipped

ROWS = event_rows()
TEXT = csv_text(ROWS)


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory):
    folder = tmp_path_factory.mktemp("plain")
    (folder / "export.csv").write_text(TEXT, encoding="utf-8")
    summary = bring_in(folder / "export.csv", folder / "archive")
    assert (summary.read, summary.kept, summary.receipts) == (3 * CALLS, 3 * CALLS, 3 * CALLS)
    found = kept(folder / "archive")
    assert found[0][:3] == ("message-0", "ACCEPTED", "7408")
    assert len(found) == 3 * CALLS
    return found


@pytest.mark.parametrize(
    ("delimiter", "encoding"),
    [(",", "utf-8"), (";", "utf-8-sig"), ("	", "utf-16-le"), ("|", "utf-16-be"), ("^", "utf-16"), ("~", "latin-1")],
)
def test_delimiters_and_encodings_are_told_apart(tmp_path, expected, delimiter, encoding):
    rows = [(*row[:4], "Erklärung: besetzt; spät, é|~^\t", *row[5:]) for row in ROWS]
    (tmp_path / "log.txt").write_bytes(csv_text(rows, delimiter=delimiter).encode(encoding))

    assert bring_in(tmp_path / "log.txt", tmp_path / "a").rejected == 0
    assert kept(tmp_path / "a") == expected
    assert {row for (row,) in kept(tmp_path / "a", "description")} == {rows[0][4]}


def test_a_zip_of_several_members_reads_as_one(tmp_path, expected):
    half = len(ROWS) // 2
    members = {
        "part-1.csv": csv_text(ROWS[:half]).encode(),
        "sub/part-2.tsv": csv_text(ROWS[half:], delimiter="\t").encode("utf-16"),
        "__MACOSX/part-1.csv": b"nothing",
        "readme.pdf": b"%PDF",
    }
    summary = bring_in(zipped(tmp_path / "export.zip", members), tmp_path / "a")

    assert summary.sources == ("export.zip/part-1.csv", "export.zip/sub/part-2.tsv")
    assert kept(tmp_path / "a") == expected


def test_gzip_folders_and_patterns_read_the_same(tmp_path, expected):
    logs = tmp_path / "logs"
    logs.mkdir()
    half = len(ROWS) // 2
    gzipped(logs / "one.csv.gz", csv_text(ROWS[:half]).encode())
    (logs / "two.CSV").write_text(csv_text(ROWS[half:]), encoding="utf-8")
    (logs / "notes.md").write_text("no log", encoding="utf-8")

    bring_in(logs, tmp_path / "a")
    bring_in(str(logs / "*.[cC][sS][vV]*"), tmp_path / "b")

    assert kept(tmp_path / "a") == kept(tmp_path / "b") == expected


def test_parquet_with_typed_columns_reads_the_same(tmp_path, expected):
    columns = dict(zip(HEADER, zip(*ROWS, strict=True), strict=True))
    table = pa.table({name: pa.array(values) for name, values in columns.items()})
    times = pa.compute.strptime(table["Event Time"], "%Y-%m-%d %H:%M:%S", "us")
    table = table.set_column(5, "Event Time", times.cast(pa.timestamp("us", "UTC")))
    table = table.set_column(3, "Error Code", table["Error Code"].cast(pa.int32()))
    pa.parquet.write_table(table, tmp_path / "log.parquet")

    bring_in(tmp_path / "log.parquet", tmp_path / "a", zone=None)

    assert kept(tmp_path / "a") == expected


def test_flat_json_lines_read_the_same(tmp_path, expected):
    lines = [dict(zip(HEADER, row, strict=True)) for row in ROWS]
    lines[0]["Error Code"] = int(lines[0]["Error Code"])
    text = "".join(f"{json.dumps(line)}\n" for line in lines)
    (tmp_path / "log.ndjson").write_text(text + "[1]\n{broken\n\n", encoding="utf-8")

    summary = bring_in(tmp_path / "log.ndjson", tmp_path / "a")

    assert kept(tmp_path / "a") == expected
    assert (summary.rejected, summary.reasons) == (2, {"not a JSON object": 2})


def test_the_platforms_own_receipts_need_no_mapping_and_read_as_the_webhook_reads_them(tmp_path):
    bodies = webhook_bodies(date(2026, 3, 29))
    gzipped(tmp_path / "receipts.jsonl.gz", b"\n".join(bodies) + b"\n")
    summary = bring_in(tmp_path / "receipts.jsonl.gz", tmp_path / "a", zone=None)

    receipts = [read_receipt(body, None) for body in bodies]
    wanted = {(one.message_id, one.status, one.code, one.event_at_ms, one.msisdn) for one in receipts}
    assert set(kept(tmp_path / "a")) == wanted
    assert (summary.kept, summary.duplicate) == (len(wanted), len(bodies) - len(wanted))


def test_importing_twice_or_what_overlaps_adds_nothing(tmp_path, expected):
    (tmp_path / "all.csv").write_text(TEXT, encoding="utf-8")
    (tmp_path / "some.csv").write_text(csv_text(ROWS[:30] + ROWS[10:30]), encoding="utf-8")

    first = bring_in(tmp_path / "some.csv", tmp_path / "a")
    second = bring_in(tmp_path / "all.csv", tmp_path / "a")
    third = bring_in(tmp_path / "all.csv", tmp_path / "a")

    assert [(one.kept, one.duplicate) for one in (first, second, third)] == [(30, 20), (90, 30), (0, 120)]
    assert kept(tmp_path / "a") == expected
    assert [facts.counts["kept"] for facts in Archive(tmp_path / "a").imports()].count(0) == 1


def test_numbers_get_their_key_country_and_type_and_one_spelling(tmp_path):
    spellings = ["+12025550123", "12025550123", "'+12025550123", "0012025550123", "+1 (202) 555-0123", "unknown"]
    rows = [(f"m{place}", "", "OFFERED", "7407", "", "2026-03-02 10:00:00", one) for place, one in enumerate(spellings)]
    (tmp_path / "log.csv").write_text(csv_text(rows), encoding="utf-8")
    bring_in(tmp_path / "log.csv", tmp_path / "a")

    found = kept(tmp_path / "a", "message_id, msisdn, number_key, country, number_type")
    facts = describe_number("+12025550123")
    same = ("+12025550123", number_key("+12025550123", KEY), facts.country, facts.number_type)
    assert [row[1:] for row in found] == [same] * 5 + [("unknown", number_key("unknown", KEY), None, None)]


def test_days_are_folders_and_rows_without_a_time_have_one_too(tmp_path):
    rows = [
        ("m1", "", "OFFERED", "", "", "2026-03-01 23:59:59", number(1)),
        ("m1", "", "ANSWERED", "", "", "2026-03-02 00:00:00", number(1)),
        ("m2", "", "OFFERED", "", "", "", number(2)),
    ]
    (tmp_path / "log.csv").write_text(csv_text(rows), encoding="utf-8")
    bring_in(tmp_path / "log.csv", tmp_path / "a")

    days = [path.parent.name for path in Archive(tmp_path / "a").receipt_files()]
    assert days == ["day=2026-03-01", "day=2026-03-02", "day=none"]
    private = [path.stat().st_mode & 0o777 for path in (tmp_path / "a").rglob("*") if path.is_file()]
    assert set(private) == {0o600}


def test_times_without_a_zone_are_never_guessed(tmp_path):
    (tmp_path / "log.csv").write_text(TEXT, encoding="utf-8")

    with pytest.raises(TimestampError, match="tz='Asia/Kolkata'"):
        bring_in(tmp_path / "log.csv", tmp_path / "a", zone=None)
    assert Archive(tmp_path / "a").imports() == []


@pytest.mark.parametrize(
    ("name", "data", "match"),
    [
        ("none.csv", b"", "empty"),
        ("broken.zip", b"PK\x03\x04 no zip", "broken"),
        ("bad.parquet", b"PAR1 no", "no Parquet file"),
        ("other.csv", b"Shoe,Size\nsneaker,44\n", r"other.csv: no column tells the call's id .*Columns: Shoe, Size"),
    ],
)
def test_files_that_cannot_be_used_are_refused_with_the_reason(tmp_path, name, data, match):
    (tmp_path / name).write_bytes(data)

    with pytest.raises(InvalidInputError, match=match):
        bring_in(tmp_path / name, tmp_path / "a")
    assert not list((tmp_path / "a").glob("receipts/*"))


def test_a_file_cut_short_is_refused_as_a_whole(tmp_path):
    packed = gzipped(tmp_path / "log.csv.gz", TEXT.encode())
    packed.write_bytes(packed.read_bytes()[:-100])

    with pytest.raises(InvalidInputError, match=r"broken .*get it again"):
        bring_in(packed, tmp_path / "a")
    assert kept(tmp_path / "a") == []


def test_two_imports_at_a_time_do_not_go_into_one_archive(tmp_path):
    (tmp_path / "log.csv").write_text(TEXT, encoding="utf-8")
    with import_lock(Archive(tmp_path / "a")), pytest.raises(StoreLockedError, match="under way"):
        bring_in(tmp_path / "log.csv", tmp_path / "a")


def test_a_mapping_reads_columns_that_nobody_could_guess(tmp_path, expected):
    names = ("Alpha", "Beta", "Gamma", "Delta", "Epsilon", "Zeta", "Eta")
    (tmp_path / "log.csv").write_text(csv_text(ROWS, names), encoding="utf-8")
    fields = ("message_id", "correlation_id", "status", "code", "description", "event_at", "msisdn")
    mapping = Mapping(columns=dict(zip(fields, names, strict=True)))

    bring_in(tmp_path / "log.csv", tmp_path / "a", mapping=mapping)

    assert kept(tmp_path / "a") == expected


def test_a_full_disk_ends_an_import_before_it_is_full_and_keeps_nothing(tmp_path):
    (tmp_path / "log.csv").write_text(TEXT, encoding="utf-8")

    with pytest.raises(StoreError, match=r"must stay; make space, then import again"):
        bring_in(tmp_path / "log.csv", tmp_path / "a", free_space_floor_bytes=1 << 60)
    assert kept(tmp_path / "a") == []
    assert list((tmp_path / "a").rglob("*.parquet")) == []


def test_a_manifest_that_is_being_written_is_not_seen(tmp_path):
    (tmp_path / "log.csv").write_text(TEXT, encoding="utf-8")
    bring_in(tmp_path / "log.csv", tmp_path / "a")
    (tmp_path / "a" / "imports" / ".20991231T000000-0.json").write_bytes(b'{"ver')

    assert len(Archive(tmp_path / "a").imports()) == 1


def test_a_folder_may_have_any_name(tmp_path):
    folder = tmp_path / "it's [a] *strange* ?name"
    folder.mkdir()
    (folder / "log.csv").write_text(TEXT, encoding="utf-8")

    archive = tmp_path / "the lab's [archive] *?"
    assert bring_in(folder / "log.csv", archive).kept == len(ROWS)
    assert bring_in(folder, archive).duplicate == len(ROWS)
