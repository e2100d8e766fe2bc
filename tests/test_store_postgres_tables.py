"""The tables on a real PostgreSQL: the same as in a file, made once, by whom they may be used."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from imilab.errors import ConfigError, StoreError, StoreVersionError
from imilab.store import PlannedCall, Store, StoredReceipt, schema
from imilab.store.journal import add_calls
from imilab.store.receipts import add_receipt
from imilab.wire import Receipt
from tests.store_places import KEY, StorePlace

ROOT = Path(__file__).parents[1]
T0 = 1_772_442_000_000


@pytest.fixture
def place(postgres_place: StorePlace) -> StorePlace:
    return postgres_place


def told(number: int, status: str = "OFFERED", **facts: Any) -> StoredReceipt:
    fields = {"message_id": f"m{number}", "correlation_id": f"c{number}", "msisdn": "+12025550123"} | facts
    receipt = Receipt(status=status, event_at_ms=T0 + number, event_at_raw=f"t{number}", **fields)
    return StoredReceipt(receipt=receipt, raw=receipt.to_bytes(), source="webhook", received_at_ms=T0)


def add(store: Store, *names: str) -> None:
    calls = [PlannedCall(correlation_id=name, msisdn="+12025550123", content_type="media") for name in names]
    store.write(lambda connection: add_calls(connection, calls, None, store.number_key, T0))


def test_both_kinds_have_the_same_tables_columns_and_indexes(place, tmp_path, postgres):
    with place.open() as here:
        query = (
            "SELECT table_name, column_name, data_type FROM information_schema.columns"
            " WHERE table_schema = current_schema() ORDER BY table_name, ordinal_position"
        )
        columns = here.rows(query)
        indexes = {
            name for (name,) in here.rows("SELECT indexname FROM pg_indexes WHERE schemaname = current_schema()")
        }
    path = tmp_path / "file.sqlite"
    Store(path).close()
    with sqlite3.connect(path) as file:
        tables = sorted(name for (name,) in file.execute("SELECT name FROM sqlite_schema WHERE type = 'table'"))
        types = {"INTEGER": "bigint", "BIGINT": "bigint", "TEXT": "text", "BLOB": "bytea", "REAL": "double precision"}
        expected = [
            (table, name, types[kind])
            for table in tables
            for _, name, kind, *_ in file.execute(f"PRAGMA table_info({table})")
        ]
        made = "SELECT name FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL"
        named = {name for (name,) in file.execute(made)}
    file.close()
    assert columns == expected
    assert len(tables) > 5
    assert named <= indexes


def test_texts_sort_by_their_bytes_as_in_a_file(place):
    with place.open() as store:
        add(store, "b", "B", "a", "é", "_")
        found = [name for (name,) in store.rows("SELECT correlation_id FROM requests ORDER BY correlation_id")]
        assert found == sorted(found, key=str.encode) == ["B", "_", "a", "b", "é"]


def test_migrations_are_recorded_in_their_transaction_and_a_newer_database_is_refused(place, monkeypatch):
    names = [name for name, _ in schema.MIGRATIONS]
    broken = (*schema.MIGRATIONS, ("9000_extra", "CREATE TABLE extra (x INTEGER); INSERT INTO no_such VALUES (1)"))
    with monkeypatch.context() as patch:
        patch.setattr(schema, "MIGRATIONS", broken)
        with pytest.raises(StoreError):
            place.open()
    newer = (*schema.MIGRATIONS, ("9999_from_the_future", "CREATE TABLE future (x INTEGER)"))
    with monkeypatch.context() as patch:
        patch.setattr(schema, "MIGRATIONS", newer)
        with place.open() as store:
            tables = {name for (name,) in store.rows("SELECT tablename FROM pg_tables")}
            assert "extra" not in tables
            found = [name for (name,) in store.rows("SELECT name FROM migrations ORDER BY name")]
            assert found == [*names, "9999_from_the_future"]
    with pytest.raises(StoreVersionError, match=r"newer imilab .*9999_from_the_future"):
        place.open()


def test_an_older_database_is_brought_up_to_date_and_keeps_its_rows(place, monkeypatch):
    with monkeypatch.context() as patch:
        with_its_mark = (*schema.MIGRATIONS[:2], *(one for one in schema.MIGRATIONS if one[0] == "0008_key_mark"))
        patch.setattr(schema, "MIGRATIONS", with_its_mark)
        with place.open() as store:
            store.write(lambda c: c.execute("INSERT INTO numbers VALUES ('+12025550123', 'k', 'US', NULL)"))
            before = store.rows("SELECT tablename FROM pg_tables WHERE schemaname = current_schema()")
    with place.open() as store:
        after = store.rows("SELECT tablename FROM pg_tables WHERE schemaname = current_schema()")
        assert set(before) < set(after)
        assert store.rows("SELECT msisdn FROM numbers") == [("+12025550123",)]


def test_a_column_that_a_newer_imilab_adds_meanwhile_breaks_no_reader(place, postgres):
    with place.open() as store:
        add(store, "c1")
        before = [store.columns("SELECT * FROM requests") for _ in range(8)][-1]
        postgres.execute("ALTER TABLE requests ADD COLUMN extra TEXT", place.schema)
        assert store.columns("SELECT * FROM requests") == before | {"extra": [None]}


def test_another_programs_schema_is_refused_and_left_alone(place, postgres):
    postgres.execute("CREATE TABLE customers (name TEXT)", place.schema)
    with pytest.raises(StoreError, match="belongs to another program"):
        place.open()
    query = f"SELECT tablename FROM pg_tables WHERE schemaname = '{place.schema}'"
    assert postgres.execute(query) == [("customers",)]


def test_processes_that_make_a_store_together_share_it(place):
    script = """
from imilab.config import Settings
from imilab.store import Store
with Store.from_settings(Settings()) as store:
    for number in range(20):
        row = (str(number), "k")
        store.write(lambda c: c.execute("INSERT INTO numbers VALUES (?, ?, NULL, NULL) ON CONFLICT DO NOTHING", row))
"""
    command = [sys.executable, "-c", script]
    workers = [subprocess.Popen(command, cwd=ROOT, env=place.environment, stderr=subprocess.PIPE) for _ in range(3)]
    assert [worker.communicate(timeout=60)[1] for worker in workers] == [b""] * 3
    with place.open() as store:
        assert store.rows("SELECT count(*) FROM numbers") == [(20,)]
        assert store.rows("SELECT count(*) FROM migrations") == [(len(schema.MIGRATIONS),)]


def test_a_role_that_may_only_use_the_tables_is_enough_once_they_are_there(place, postgres):
    place.open().close()
    name = place.schema
    for statement in (
        "DROP ROLE IF EXISTS receiving",
        "CREATE ROLE receiving LOGIN PASSWORD 'other'",
        f"GRANT USAGE ON SCHEMA {name} TO receiving",
        f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {name} TO receiving",
    ):
        postgres.execute(statement)
    url = SecretStr(postgres.url(name, user="receiving", password="other"))
    with Store(place.path, KEY, url=url) as store:
        assert store.write(lambda c: add_receipt(c, told(1), store.number_key))
        assert store.rows("SELECT message_id FROM receipts") == [("m1",)]
    postgres.execute("DROP OWNED BY receiving; DROP ROLE receiving")


def test_machines_with_different_number_keys_are_not_let_in(place):
    place.open().close()
    other = bytes(32)
    with pytest.raises(ConfigError, match="number_key: not the key"):
        Store(place.path, other, url=SecretStr(place.url or ""))
    with pytest.raises(ConfigError, match="number_key: needed with store_url"):
        Store(place.path, url=SecretStr(place.url or ""))
    place.open().close()
