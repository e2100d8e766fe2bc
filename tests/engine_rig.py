"""A store with small stretches, an archive of files, and what the calls in both must come to."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet

from imilab.engines.duckdb_engine import DuckDBEngine
from imilab.engines.ledger import Ledger
from imilab.store import PlannedCall, Settlement, Store, StoredReceipt
from imilab.store.change_log import SEGMENT_RECEIPTS, spell_for_sqlite
from imilab.store.journal import add_calls, claim, settle
from imilab.store.receipts import add_receipt
from imilab.wire import Receipt
from tests.calls_oracle import RECEIPT_TYPES, Row, fold

NOW_MS = 1_772_442_000_000
HORIZON_MS = 1_800_000
SEGMENT = 5
ARCHIVED = {
    "identity": pa.binary(),
    **RECEIPT_TYPES,
    **dict.fromkeys(("description", "event_at_raw", "callback_data"), pa.string()),
}
_EVENTS = (
    "SELECT source, message_id, correlation_id, status, code, event_at_ms,"
    " CASE WHEN source = 'webhook' THEN received_at_ms END AS received_at_ms, receipts.msisdn AS msisdn, number_key,"
    " country, number_type FROM receipts LEFT JOIN numbers ON numbers.msisdn = receipts.msisdn"
)


def open_store(folder: Path) -> Store:
    """A store whose stretches are full after five receipts."""
    store = Store(folder / "lab.sqlite")

    def shorten(connection: Any) -> None:
        for name, statement in (("updated", "COUNT UPDATES OF receipts"), ("deleted", "COUNT DELETES OF receipts")):
            connection.execute(f"DROP TRIGGER receipts_{name}")
            connection.execute(spell_for_sqlite(statement).replace(str(SEGMENT_RECEIPTS), str(SEGMENT)))

    store.write(shorten)
    return store


class Files:
    """An archive: imports of Parquet files in the layout of imilab.archive."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.rows: list[Row] = []
        self._receipts: list[Path] = []
        self._numbers = itertools.count()

    def receipt_files(self) -> list[Path]:
        return list(self._receipts)

    def request_files(self) -> list[Path]:
        return []

    def add(self, rows: Sequence[Row]) -> None:
        """Import rows, in two days' files."""
        name = next(self._numbers)
        for part, some in enumerate((rows[::2], rows[1::2])):
            path = self.folder / "receipts" / f"day=2026-03-0{part + 1}" / f"import{name}-{part}.parquet"
            path.parent.mkdir(parents=True, exist_ok=True)
            columns = {name: pa.array([row.get(name) for row in some], kind) for name, kind in ARCHIVED.items()}
            pyarrow.parquet.write_table(pa.table(columns), path)
            self._receipts.append(path)
        self.rows += rows


def ledger_of(store: Store, files: Files, engine: DuckDBEngine) -> Ledger:
    folder = store.path.with_name("lab.sqlite.cache")
    return Ledger(store, files, engine, folder, SEGMENT, local=engine, show=False)


def add(store: Store, source: str = "webhook", **facts: Any) -> bool:
    receipt = Receipt(**facts)
    one = StoredReceipt(receipt=receipt, raw=b"{}", source=source, received_at_ms=NOW_MS + 5_000)
    return bool(store.write(lambda connection: add_receipt(connection, one, store.number_key)))


def ask(store: Store, correlation_id: str, msisdn: str, message_id: str | None, state: str = "accepted") -> None:
    planned = PlannedCall(correlation_id=correlation_id, msisdn=msisdn, content_type="TTS", arm="a")

    def work(connection: Any) -> None:
        add_calls(connection, [planned], "+12025550100", store.number_key, NOW_MS)
        if state != "planned":
            claim(connection, correlation_id, NOW_MS)
            settle(connection, correlation_id, Settlement(state=state, message_id=message_id, http_status=200))

    store.write(work)


def is_known(archived: Row, told: Sequence[Row]) -> bool:
    """The rule of two doors, written out: same call, status and second; the export may lack code or time."""
    return bool(archived["message_id"]) and any(
        one["message_id"] == archived["message_id"]
        and one["status"].upper() == archived["status"].upper()
        and archived["code"] in {one["code"], ""}
        and (
            not archived["event_at_raw"]
            or (
                None not in (one["event_at_ms"], archived["event_at_ms"])
                and one["event_at_ms"] // 1000 == archived["event_at_ms"] // 1000
            )
        )
        for one in told
    )


def expected_calls(store: Store, files: Files) -> list[Row]:
    """The calls of everything, folded at once from scratch."""
    columns = store.columns(_EVENTS)
    live = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    told = [row for row in live if row["source"] != "export"]
    archived = [row for row in files.rows if not is_known(row, told)]
    asked = store.columns("SELECT * FROM requests LEFT JOIN numbers ON numbers.msisdn = requests.msisdn")
    requests = [dict(zip(asked, row, strict=True)) for row in zip(*asked.values(), strict=True)]
    return sorted(fold([*live, *archived], requests, now_ms=NOW_MS, horizon_ms=HORIZON_MS), key=repr)


def answered_calls(ledger: Ledger) -> list[Row]:
    found = ledger.calls(as_of_ms=NOW_MS, horizon_ms=HORIZON_MS).collect("pyarrow").to_arrow()
    return sorted(found.to_pylist(), key=repr)


def facts(receipt: tuple) -> Row:
    (message_id, correlation_id), (status, code), at_ms, msisdn = receipt
    # A time that cannot be read without the tenant's zone, or none at all.
    raw = "then" if at_ms is not None else "2026-03-02T09:00:00" if msisdn else ""
    ids = {"message_id": message_id, "correlation_id": correlation_id, "msisdn": msisdn}
    return {**ids, "status": status, "code": code, "event_at_ms": at_ms, "event_at_raw": raw}
