"""The store's file: who may read it, what is refused, what readers see."""

from __future__ import annotations

import os
import sqlite3
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from imilab.errors import StoreError, StoreLockedError, StoreVersionError
from imilab.store import SenderLock, Store, schema

ROOT = Path(__file__).parents[1]
OPEN_AND_WRITE = """
import sys, pathlib
from imilab.store import Store
with Store(pathlib.Path(sys.argv[1])) as store:
    for number in range(20):
        store.write(lambda c: c.execute("INSERT INTO quarantine VALUES (NULL, randomblob(16), 0, 'r', x'00')") and None)
    print(store.number_key.hex())
"""


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no file modes")
@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_only_the_owner_may_read_any_of_its_files(tmp_path, umask):
    path = tmp_path / "lab.sqlite"
    before = os.umask(umask)
    try:
        with Store(path) as store, SenderLock(path):
            store.write(lambda connection: connection.execute("PRAGMA user_version = 1") and None)
            store.rows("SELECT 1")
            files = {file.name: mode(file) for file in tmp_path.iterdir()}
    finally:
        os.umask(before)
    expected = ("lab.sqlite", "lab.sqlite-wal", "lab.sqlite-shm", "lab.sqlite.key", "lab.sqlite.sending")
    assert files == dict.fromkeys(expected, 0o600)


def test_a_store_keeps_its_key_and_its_rows(tmp_path):
    with Store(tmp_path / "lab.sqlite") as store:
        key = store.number_key
        store.write(lambda c: c.execute("INSERT INTO numbers VALUES ('+12025550123', 'k', 'US', NULL)") and None)
    assert len(key) == 32
    with Store(tmp_path / "lab.sqlite") as store:
        assert store.number_key == key
        assert store.rows("SELECT msisdn FROM numbers") == [("+12025550123",)]
    with Store(tmp_path / "other.sqlite") as other:
        assert other.number_key != key
    with Store(tmp_path / "given.sqlite", b"k" * 32) as store:
        assert store.number_key == b"k" * 32


@pytest.mark.parametrize("content", ["", "zz", "00" * 31])
def test_a_broken_key_is_not_replaced(tmp_path, content):
    (tmp_path / "lab.sqlite.key").write_text(content)
    with pytest.raises(StoreError, match="restore it, or numbers no longer match"):
        Store(tmp_path / "lab.sqlite")
    assert (tmp_path / "lab.sqlite.key").read_text() == content


def test_what_is_no_database_is_refused_and_left_alone(tmp_path):
    path = tmp_path / "notes.txt"
    path.write_bytes(b"not a database, but long enough to be taken for one " * 40)
    before = path.read_bytes()
    with pytest.raises(StoreError, match=r"cannot open .*notes\.txt"):
        Store(path)
    assert path.read_bytes() == before


def test_another_programs_database_is_refused_and_left_alone(tmp_path):
    path = tmp_path / "browser.sqlite"
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE history (url TEXT)")
    other.close()
    before = path.read_bytes()
    with pytest.raises(StoreError, match="belongs to another program"):
        Store(path)
    assert path.read_bytes() == before


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(StoreError, match="does not exist; make it or set IMILAB_STORE"):
        Store(tmp_path / "missing" / "lab.sqlite")
    with pytest.raises(StoreError, match="cannot open"):
        Store(tmp_path)


def schema_of(path: Path) -> list[tuple[str]]:
    with sqlite3.connect(path) as connection:
        found = connection.execute("SELECT sql FROM sqlite_schema ORDER BY name").fetchall()
    connection.close()
    return found


def test_a_newer_store_is_refused(tmp_path, monkeypatch):
    path = tmp_path / "lab.sqlite"
    newer = (*schema.MIGRATIONS, ("9999_from_the_future", "CREATE TABLE future (x)"))
    with monkeypatch.context() as patch:
        patch.setattr(schema, "MIGRATIONS", newer)
        Store(path).close()
    before = schema_of(path)
    with pytest.raises(StoreVersionError, match=r"written by a newer imilab .*9999_from_the_future"):
        Store(path)
    assert schema_of(path) == before


def test_half_a_migration_is_undone_and_can_be_tried_again(tmp_path, monkeypatch):
    path = tmp_path / "lab.sqlite"
    Store(path).close()
    before, before_names = schema_of(path), [name for name, _ in schema.MIGRATIONS]
    script = "CREATE TABLE extra (x INTEGER); INSERT INTO extra VALUES (1); {}"
    for statement in ("CREATE TABLE extra (y)", "INSERT INTO no_such_table VALUES (1)"):
        broken = (*schema.MIGRATIONS, ("9000_extra", script.format(statement)))
        with monkeypatch.context() as patch:
            patch.setattr(schema, "MIGRATIONS", broken)
            with pytest.raises(StoreError):
                Store(path)
        assert schema_of(path) == before
    monkeypatch.setattr(
        schema, "MIGRATIONS", (*schema.MIGRATIONS, ("9000_extra", script.format("DROP TABLE quarantine")))
    )
    with Store(path) as store:
        assert store.rows("SELECT x FROM extra") == [(1,)]
        assert [name for (name,) in store.rows("SELECT name FROM migrations")] == [*before_names, "9000_extra"]


def test_migrations_are_named_in_order():
    names = [name for name, _ in schema.MIGRATIONS]
    assert names == sorted(set(names))
    assert names[0] == "0001_first_tables"


def test_processes_that_make_a_store_together_share_it_and_its_key(tmp_path):
    command = [sys.executable, "-c", OPEN_AND_WRITE, str(tmp_path / "lab.sqlite")]
    workers = [subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    keys = {worker.communicate(timeout=60)[0].strip() for worker in workers}
    assert [worker.returncode for worker in workers] == [0] * 4
    with Store(tmp_path / "lab.sqlite") as store:
        assert keys == {store.number_key.hex()}
        assert store.rows("SELECT count(*) FROM quarantine") == [(80,)]
    assert sorted(file.name for file in tmp_path.iterdir()) == ["lab.sqlite", "lab.sqlite.key"]


@pytest.fixture
def store(tmp_path):
    with Store(tmp_path / "lab.sqlite") as opened:
        yield opened


def put(store: Store, last: int) -> None:
    number = f"+1202555{last:04d}"
    store.write(lambda c: c.execute("INSERT INTO numbers VALUES (?, 'k', 'US', NULL)", (number,)) and None)


COUNT = "SELECT count(*) FROM numbers"


@pytest.mark.parametrize(
    "statement", ["DELETE FROM numbers", "CREATE TABLE x (y)", "PRAGMA user_version = 7", "DROP TABLE plans"]
)
def test_a_reader_cannot_write(store, statement):
    with store.reading() as connection, pytest.raises(sqlite3.OperationalError, match="readonly"):
        connection.execute(statement)
    assert store.rows(COUNT) == [(0,)]


def test_a_reader_sees_one_moment_until_it_is_done(store):
    put(store, 100)
    with store.reading() as connection:
        assert connection.execute(COUNT).fetchone() == (1,)
        put(store, 101)
        assert connection.execute(COUNT).fetchone() == (1,)
        assert store.rows(COUNT) == [(1,)]  # inside, the same moment
        with store.reading() as inner:
            assert inner is connection
        assert connection.execute(COUNT).fetchone() == (1,)
    assert store.rows(COUNT) == [(2,)]


def test_a_reader_that_fails_leaves_the_next_one_in_order(store):
    with pytest.raises(sqlite3.OperationalError, match="no such table"):
        store.rows("SELECT * FROM no_such_table")
    with pytest.raises(IndexError), store.reading() as connection:
        connection.execute(COUNT).fetchall()[1]
    put(store, 100)
    assert store.rows(COUNT) == [(1,)]


def test_readers_in_other_threads_do_not_wait_for_the_writer(store):
    inside, done = threading.Event(), threading.Event()
    write = store.submit(lambda _: inside.set() or done.wait(10))
    assert inside.wait(10)
    found: list[list[tuple[int]]] = []
    reader = threading.Thread(target=lambda: found.append(store.rows(COUNT)))
    reader.start()
    reader.join(5)
    assert found == [[(0,)]]
    done.set()
    write.result(10)


def test_columns_keep_their_names_without_rows(store):
    query = "SELECT msisdn, country AS land FROM numbers ORDER BY 1"
    assert store.columns(query) == {"msisdn": [], "land": []}
    put(store, 100)
    put(store, 101)
    assert store.columns(query) == {"msisdn": ["+12025550100", "+12025550101"], "land": ["US", "US"]}
    assert store.rows("SELECT msisdn FROM numbers WHERE msisdn > ?", ("+12025550100",)) == [("+12025550101",)]


def test_a_closed_store_says_so(tmp_path):
    store = Store(tmp_path / "lab.sqlite")
    store.rows(COUNT)
    store.close()
    store.close()
    for use in (lambda: store.rows(COUNT), lambda: store.columns(COUNT), lambda: put(store, 100)):
        with pytest.raises(StoreError, match="the store is closed"):
            use()
    assert repr(store) == f"Store({str(tmp_path / 'lab.sqlite')!r})"


def test_one_sender_at_a_time(tmp_path):
    path = tmp_path / "lab.sqlite"
    enter = "from imilab.store import SenderLock; SenderLock(pathlib.Path(sys.argv[1])).__enter__()"
    command = [sys.executable, "-c", f"import sys, pathlib; {enter}", str(path)]
    with SenderLock(path):
        with pytest.raises(StoreLockedError, match=r"sending from .*lab\.sqlite, or asking; wait"):
            SenderLock(path).__enter__()
        other = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        assert "StoreLockedError" in other.stderr
    assert subprocess.run(command, cwd=ROOT, check=False).returncode == 0  # it died holding the lock
    with SenderLock(path):
        pass
