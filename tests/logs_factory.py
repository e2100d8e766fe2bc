"""Export logs for tests: rows as the platform could write them, in each form and encoding."""

from __future__ import annotations

import csv
import gzip
import io
import zipfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import duckdb

from imilab.archive import Archive
from imilab.logs import ImportOptions, ImportSummary, import_files

KEY = b"a key of the tests, thirty-two bytes"
HEADER = ("Transaction ID", "Correlation ID", "Delivery Status", "Error Code", "Description", "Event Time", "To")
CALLS = 40
LONDON = ZoneInfo("Europe/London")


def number(index: int) -> str:
    return f"+1202555{100 + index % 100:04d}"


def event_rows(calls: int = CALLS) -> list[tuple[str, ...]]:
    """Three events a call: offered, accepted, and answered or busy."""
    rows = []
    for call in range(calls):
        last = ("ANSWERED", "7519", "Call answered") if call % 2 else ("REJECTED", "7402", "customer busy")
        events = [("OFFERED", "7407", "Call offered"), ("ACCEPTED", "7408", "Call accepted"), last]
        for second, (status, code, description) in enumerate(events):
            time = f"2026-03-{1 + call % 28:02d} 10:{call // 28:02d}:{second:02d}"
            rows.append((f"message-{call}", f"c{call}", status, code, description, time, number(call)))
    return rows


def csv_text(rows: Iterable[Sequence[str]], header: Sequence[str] = HEADER, **options: Any) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n", **options)
    writer.writerows([header, *rows])
    return text.getvalue()


def zipped(path: Path, members: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, data in members.items():
            packed.writestr(name, data)
    return path


def gzipped(path: Path, data: bytes) -> Path:
    path.write_bytes(gzip.compress(data))
    return path


def bring_in(path: Any, folder: Path, **options: Any) -> ImportSummary:
    """Import into an archive below a folder, and check that the counts add up."""
    how = ImportOptions(
        number_key=KEY, now_ms=1_790_000_000_000, progress=False, **{"zone": ZoneInfo("UTC"), **options}
    )
    summary = import_files(path, Archive(folder), how)
    assert summary.read == summary.kept + summary.duplicate + summary.rejected
    assert summary.receipts == sum(
        rows
        for facts in Archive(folder).imports()
        if facts.import_id == summary.import_id
        for name, rows in facts.files.items()
        if name.startswith("receipts/")
    )
    return summary


def kept(folder: Path, columns: str = "message_id, status, code, event_at_ms, msisdn") -> list[tuple[Any, ...]]:
    """Every receipt that readers of an archive see, sorted."""
    return _rows(Archive(folder).receipt_files(), columns)


def kept_requests(folder: Path, columns: str) -> list[tuple[Any, ...]]:
    return _rows(Archive(folder).request_files(), columns)


def _rows(files: Sequence[Path], columns: str) -> list[tuple[Any, ...]]:
    if not files:
        return []
    listed = [str(path) for path in files]
    return sorted(
        duckdb.sql(f"SELECT {columns} FROM read_parquet($files)", params={"files": listed}).fetchall(), key=repr
    )
