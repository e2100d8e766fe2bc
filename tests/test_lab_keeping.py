"""A lab erases a number from all of its files, and forgets what is old."""

from __future__ import annotations

import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import imilab
from imilab.archive import Archive, Draft, ImportFacts, import_lock
from imilab.clock import ScaledClock
from imilab.errors import ConfigError, InvalidInputError, StoreLockedError
from imilab.numbers import number_key
from imilab.store import SenderLock
from imilab.store.archived_rows import without_erased
from imilab.store.identity import receipt_identity
from imilab.wire import Receipt
from tests.erasure_rig import (
    NUMBER,
    OTHER,
    SPELLED,
    ask,
    call,
    everything,
    fill,
    traces,
)
from tests.send_rig import RYAN, START

DAY_MS = 86_400_000
NOW_MS = int(START.timestamp() * 1000)


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[imilab.Lab]:
    settings = imilab.Settings(store=tmp_path / "lab.sqlite", tenant_zone="UTC")
    with imilab.Lab(settings, clock=ScaledClock(START, 1)) as opened:
        yield opened


ARROW = {
    "receipts": pa.schema(
        [(name, pa.string()) for name in ("message_id", "correlation_id", "status", "code", "description")]
        + [("event_at_raw", pa.string()), ("msisdn", pa.string()), ("callback_data", pa.string())]
        + [("event_at_ms", pa.int64()), ("received_at_ms", pa.int64()), ("number_key", pa.string())]
        + [("country", pa.string()), ("number_type", pa.string()), ("identity", pa.binary(16))]
    ),
    "requests": pa.schema(
        [(name, pa.string()) for name in ("correlation_id", "campaign", "msisdn", "text", "message", "number_key")]
        + [("requested_at_ms", pa.int64())]
    ),
    "rejects": pa.schema([(name, pa.string()) for name in ("file", "line", "reason", "text")]),
}


def event(msisdn: str, at_ms: int, key: bytes, **more: str) -> dict[str, object]:
    words = {"description": "Call offered", "callback_data": "Ann", **more}
    one = Receipt(message_id="m1", status="OFFERED", event_at_ms=at_ms, event_at_raw="then", msisdn=msisdn, **words)
    names = ("message_id", "correlation_id", "status", "code", "event_at_ms", "event_at_raw", "msisdn", *words)
    told = {name: getattr(one, name) for name in names}
    return {**told, "number_key": number_key(msisdn, key), "country": "US", "identity": receipt_identity(one)}


def archive_of(lab: imilab.Lab, tables: dict[str, list[dict[str, object]]], *, imported_at_ms: int = NOW_MS) -> Archive:
    """Import rows as logs are imported, several row groups a file; ``receipts/2026-01-02`` names table and day."""
    archive = Archive(lab.store.path.with_name("lab.sqlite.archive"))
    import_id = f"i{imported_at_ms}"
    with import_lock(archive), Draft(archive, import_id) as draft:
        for number, (name, rows) in enumerate(tables.items()):
            table, _, day = name.partition("/")
            path = draft.folder / f"{number}.parquet"
            written = pa.Table.from_pylist(rows, schema=ARROW[table])
            pq.write_table(written, path, row_group_size=2, compression="zstd")
            draft.add(path, table, len(rows), day or None)
        draft.publish(ImportFacts(import_id, imported_at_ms, (f"export {SPELLED[3]}.csv",), {}, {}, {}, None))
    return archive


def rows_of(archive: Archive) -> list[dict[str, object]]:
    files = (*archive.receipt_files(), *archive.request_files(), *archive.reject_files())
    return [row for path in files for row in pq.ParquetFile(path).read().to_pylist()]


def test_a_number_is_erased_from_every_file_of_the_project(lab):
    fill(lab.store)
    key = lab.store.number_key
    events = [event(text, spot, key) for spot, text in enumerate((OTHER, OTHER, NUMBER, *SPELLED[1:], OTHER))]
    events.append(event(OTHER, 77, key, callback_data=f"about {SPELLED[4]}", correlation_id=f"c-{NUMBER}"))
    asked = {"correlation_id": "a" * 32, "msisdn": NUMBER, "text": "Hello Ann", "number_key": number_key(NUMBER, key)}
    archive = archive_of(
        lab,
        {
            "receipts/2026-01-02": events,
            "receipts/none": [event(OTHER, 5, key)],
            "requests": [asked, {**asked, "correlation_id": "b" * 32, "msisdn": OTHER, "number_key": "other"}],
            "rejects": [{"file": "x.csv", "line": "7", "reason": "odd", "text": f"a;{SPELLED[5]};b"}],
        },
    )
    untouched = archive.folder / next(name for name in archive.imports()[0].files if "day=none" in name)
    before, inode, rows = untouched.read_bytes(), untouched.stat().st_ino, rows_of(archive)
    cache = lab.store.path.with_name("lab.sqlite.cache")
    cache.mkdir()
    (cache / "calls.parquet").write_bytes(NUMBER.encode())
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    for left in ("lab.sqlite.cache-1.duckdb", f"lab.sqlite.spill-{ended.pid}-ab12"):
        lab.store.path.with_name(left).write_bytes(NUMBER.encode())

    summary = lab.erase(SPELLED[3])

    assert traces(lab.store) == []
    held = b"".join(str(rows_of(archive)).encode() for _ in (1,))
    assert [text for text in (*SPELLED, number_key(NUMBER, key)) if text.encode() in held] == []
    assert (untouched.read_bytes(), untouched.stat().st_ino) == (before, inode)
    assert (summary.requests, summary.archived) == (2, len(SPELLED) + 3)
    after = rows_of(archive)
    kept = ("status", "country", "event_at_ms", "requested_at_ms")
    assert [[row.get(name) for name in kept] for row in after] == [[row.get(name) for name in kept] for row in rows]
    assert sum(str(row.get("msisdn")).startswith("erased-") for row in after) == len(SPELLED) + 1
    assert [row for row in after if row.get("msisdn") == OTHER and row.get("event_at_ms") != 77] == [
        row for row in rows if row.get("msisdn") == OTHER and row.get("event_at_ms") != 77
    ]
    for row in after:
        if "identity" in row:
            facts = ("message_id", "correlation_id", "status", "code", "event_at_ms", "event_at_raw", "msisdn")
            assert row["identity"] == receipt_identity(Receipt(**{name: row[name] for name in facts}))  # type: ignore[arg-type]  # a row's values
    assert {path.suffix for path in archive.folder.rglob("*") if path.is_file()} == {".parquet", ".json", ""}
    modes = {stat.S_IMODE(path.stat().st_mode) for path in lab.store.path.parent.rglob("*") if path.is_file()}
    assert modes == {0o600}


def test_an_erased_number_leaves_the_calls_table_as_it_was_but_for_the_number():
    with imilab.Lab.simulated(seed=5) as lab:
        arms = {"ryan": RYAN, "sonia": imilab.Voice("en-GB-SoniaNeural")}
        lab.send(lab.plan([NUMBER, OTHER, "+13035550111"], arms, "Time for lunch"), progress=False)
        lab.wait()
        before = lab.calls(unmasked=True)
        lab.erase(NUMBER)
        after = lab.calls(unmasked=True)

    person = ["msisdn", "number_key"]
    pd.testing.assert_frame_equal(before.drop(columns=person), after.drop(columns=person))
    changed = (before[person] != after[person]).all(axis=1)
    assert list(before.loc[changed, "msisdn"]) == [NUMBER]
    assert after["number_key"].nunique() == 3


def test_nothing_is_erased_while_something_sends_or_imports(lab):
    fill(lab.store)
    with SenderLock(lab.store.path), pytest.raises(StoreLockedError, match="is sending"):
        lab.erase(NUMBER)
    with SenderLock(lab.store.path), pytest.raises(StoreLockedError, match="is sending"):
        lab.forget_old(1)
    archive = archive_of(lab, {})
    with import_lock(archive), pytest.raises(StoreLockedError, match="another import"):
        lab.erase(NUMBER)
    assert NUMBER.encode() in everything(lab.store.path.parent)
    lab.erase(NUMBER)
    assert traces(lab.store) == []


def test_what_is_no_number_is_refused_and_not_repeated(lab):
    with pytest.raises(InvalidInputError, match="no number of any country") as raised:
        lab.erase("202555")
    assert "202555" not in str(raised.value)


def test_old_rows_are_forgotten_everywhere_and_young_ones_nowhere(lab):
    ask(lab.store, call("a" * 32))
    ask(lab.store, call("b" * 32, OTHER))
    change = "UPDATE requests SET requested_at_ms = ?, state = 'final' WHERE correlation_id = ?"
    lab.store.write(lambda c: c.execute(change, (NOW_MS - 40 * DAY_MS, "a" * 32)) and None)
    lab.store.write(lambda c: c.execute(change, (NOW_MS - 20 * DAY_MS, "b" * 32)) and None)
    old, young = ((START - pd.Timedelta(days=days)).date().isoformat() for days in (40, 20))
    key = lab.store.number_key
    asked = [
        {"msisdn": NUMBER, "text": "Hello", "requested_at_ms": NOW_MS - 40 * DAY_MS},
        {"msisdn": OTHER, "text": "Hello", "requested_at_ms": NOW_MS - 20 * DAY_MS},
        {"msisdn": OTHER, "text": "Hello", "requested_at_ms": None},
    ]
    at_ms = NOW_MS - 50 * DAY_MS
    archive = archive_of(lab, {f"receipts/{old}": [event(NUMBER, 1, key)], f"receipts/{young}": [event(OTHER, 2, key)]})
    archive_of(lab, {"requests": asked, "rejects": [{"text": NUMBER}]}, imported_at_ms=at_ms)

    summary = lab.forget_old(30)

    assert summary.requests == 1
    assert summary.archived == 4
    assert [text for text in (NUMBER, NUMBER[1:], number_key(NUMBER, key)) if text in str(rows_of(archive))] == []
    left = [row["msisdn"] for row in rows_of(archive) if "msisdn" in row]
    assert sum(msisdn == OTHER for msisdn in left) == 2
    assert lab.store.rows("SELECT msisdn FROM requests WHERE correlation_id = ?", ("b" * 32,)) == [(OTHER,)]
    assert lab.forget_old(30).archived == 0


def test_an_import_does_not_bring_an_erased_number_back(lab):
    assert without_erased(lab.store) is None
    lab.erase(NUMBER)
    lab.forget_old(36_000)
    change = without_erased(lab.store)
    rows = [event(text, 1, lab.store.number_key) for text in (NUMBER, OTHER, NUMBER[1:], "", NUMBER)]
    assert change is not None
    table, changed = change(pa.Table.from_pylist(rows, schema=ARROW["receipts"]))

    assert changed == 3
    assert [text for text in SPELLED if text in str(table.to_pylist())] == []
    assert table.column("msisdn").to_pylist()[1] == OTHER
    assert len(set(table.column("msisdn").to_pylist())) == 4
    lines = [{"line": str(place), "text": f"x;{text};y"} for place, text in enumerate((*SPELLED[:5], OTHER, "odd"))]
    table, changed = change(pa.Table.from_pylist(lines, schema=ARROW["rejects"]))
    assert table.column("text").to_pylist() == [
        "",
        "",
        "x;2025550123;y",
        "",
        "x;(202) 555-0123;y",
        f"x;{OTHER};y",
        "x;odd;y",
    ]


def test_calls_from_imported_logs_stay_as_they_were_and_importing_again_brings_no_number_back(lab, tmp_path):
    log = tmp_path.parent / f"{tmp_path.name}.jsonl"
    events = [
        Receipt(message_id=f"m{place}", status=status, msisdn=msisdn, event_at_raw=f"2026-03-02T08:00:0{place}Z")
        for place, msisdn in enumerate((NUMBER, OTHER, NUMBER))
        for status in ("OFFERED", "ANSWERED", "RELEASED")
    ]
    log.write_bytes(b"\n".join(one.to_bytes() for one in events))
    assert lab.import_logs(log, progress=False).counts["kept"] == 9
    before = lab.calls(unmasked=True)
    lab.erase(NUMBER)
    after = lab.calls(unmasked=True)

    person = ["msisdn", "number_key"]
    pd.testing.assert_frame_equal(before.drop(columns=person), after.drop(columns=person))
    assert sum(before["msisdn"] == NUMBER) == 2
    assert list(after["msisdn"].str.startswith("erased-")) == list(before["msisdn"] == NUMBER)
    assert after["number_key"].nunique() == 2
    for _ in range(2):
        again = lab.import_logs(log, progress=False)
        assert (again.read, again.kept, again.duplicate) == (9, 0, 9)
    pd.testing.assert_frame_equal(lab.calls(unmasked=True), after)
    assert traces(lab.store) == []


def test_logs_of_an_erased_number_add_nothing_when_they_are_imported_again(lab, tmp_path):
    """Neither calls nor events, whether the number was erased before the first import or grew old after it."""
    log = tmp_path.parent / f"{tmp_path.name}.csv"
    log.write_text(
        "Transaction ID,Status,Code,Requested At,Answered At,Ended At,Mobile Number\n"
        f"m1,RELEASED,,2026-02-02 08:00:00,2026-02-02 08:00:09,2026-02-02 08:00:20,{NUMBER}\n"
        f"m2,REJECTED,7402,2026-02-02 08:00:01,,2026-02-02 08:00:09,{OTHER}\n"
    )
    lab.erase(NUMBER)
    kept = [lab.import_logs(log, tz="UTC", progress=False).kept for _ in range(2)]
    calls = lab.calls()
    lab.forget_old(1)
    kept += [lab.import_logs(log, tz="UTC", progress=False).kept for _ in range(2)]

    assert kept == [2, 0, 0, 0]
    assert list(lab.calls()["receipts"]) == list(calls["receipts"])
    assert [text for text in (NUMBER, OTHER) if text.encode() in b"".join(map(Path.read_bytes, archived(lab)))] == []


def archived(lab):
    folder = lab.store.path.with_name(f"{lab.store.path.name}.archive")
    return [path for path in folder.rglob("*") if path.is_file()]


def test_retention_comes_from_the_settings_or_is_asked_for(lab, tmp_path):
    with pytest.raises(ConfigError, match="retention_days: not set; give days="):
        lab.forget_old()
    with pytest.raises(InvalidInputError, match="not a whole number above 0"):
        lab.forget_old(0)
    settings = imilab.Settings(store=tmp_path / "other.sqlite", retention_days=10)
    with imilab.Lab(settings, clock=ScaledClock(START, 1)) as other:
        ask(other.store, call("a" * 32))
        other.store.write(lambda c: settle_final(c) and None)
        assert other.forget_old().requests == 1
        assert NUMBER.encode() not in other.store.path.read_bytes()


def settle_final(connection: object) -> object:
    return connection.execute("UPDATE requests SET state = 'final'")  # type: ignore[attr-defined]  # a Connection
