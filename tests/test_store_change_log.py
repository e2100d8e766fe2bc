"""Changes of receipts are counted by stretches of ids, whoever makes them, in both kinds of store."""

from __future__ import annotations

from typing import Any

from imilab.engines.duckdb_engine import DuckDBEngine
from imilab.engines.ledger import Ledger
from imilab.store import Store
from imilab.store.change_log import SEGMENT_RECEIPTS
from tests.engine_rig import NOW_MS, Files, add, answered_calls, ask, expected_calls
from tests.store_places import StorePlace

EVENT: dict[str, Any] = {"message_id": "m1", "status": "OFFERED", "code": "7407", "event_at_raw": "then"}


def counted(store: Store) -> dict[int, int]:
    return dict(store.rows("SELECT segment, changes FROM receipt_changes"))


def change(store: Store, statement: str, *values: Any) -> None:
    store.write(lambda connection: connection.execute(statement, values))


def test_new_receipts_are_no_change_and_every_other_is_one(place: StorePlace) -> None:
    with place.open() as store:
        add(store, "poll", **EVENT, event_at_ms=NOW_MS)
        add(store, "poll", **EVENT, event_at_ms=NOW_MS + 5_000)
        assert counted(store) == {}

        add(store, "webhook", **EVENT, event_at_ms=NOW_MS + 300)  # takes the first one's place
        assert counted(store) == {0: 1}
        change(store, "UPDATE receipts SET msisdn = ''")
        assert counted(store) == {0: 3}
        change(store, "DELETE FROM receipts WHERE source = 'poll'")
        assert counted(store) == {0: 4}


def test_each_stretch_is_counted_for_itself(place: StorePlace) -> None:
    with place.open() as store:
        add(store, **EVENT, event_at_ms=NOW_MS)
        override = "OVERRIDING SYSTEM VALUE" if place.is_postgres else ""
        rest = (
            "identity, received_at_ms, source, message_id, correlation_id, status, code, description, event_at_ms,"
            " event_at_raw, msisdn, callback_data, ends, raw"
        )
        values = rest.replace("identity", "?", 1)
        far = f"INSERT INTO receipts (receipt_id, {rest}) {override} SELECT ?, {values} FROM receipts"
        change(store, far, 3 * SEGMENT_RECEIPTS, b"another")
        change(store, "UPDATE receipts SET msisdn = '' WHERE receipt_id = ?", 3 * SEGMENT_RECEIPTS)

        assert counted(store) == {3: 1}


def test_what_is_kept_follows_both_kinds_of_store(place: StorePlace) -> None:
    files = Files(place.path.with_name("archive"))
    with place.open() as store, DuckDBEngine("200MB", show=False) as engine:
        ledger = Ledger(store, files, engine, place.path.with_name("cache"), SEGMENT_RECEIPTS, local=engine, show=False)
        ask(store, "c1", "+12025550123", "m1")
        for source, moment in (("poll", NOW_MS), ("webhook", NOW_MS + 300), ("webhook", NOW_MS + 9_000)):
            add(store, source, **EVENT, event_at_ms=moment)
            assert answered_calls(ledger) == expected_calls(store, files)
        change(store, "UPDATE receipts SET msisdn = '', status = 'ANSWERED', code = '7519'")
        assert answered_calls(ledger) == expected_calls(store, files)
        assert [call["outcome"] for call in answered_calls(ledger)] == ["answered"]
