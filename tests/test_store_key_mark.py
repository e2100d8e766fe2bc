"""A store and the key of its number hashes belong together: with another key, lists of hashes would match nobody."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import imilab
from imilab.errors import StoreError, StoreLockedError
from imilab.numbers import number_key
from imilab.stop_file import StopFile
from imilab.store import PlannedCall, Store
from imilab.store.journal import add_calls
from imilab.store.project_key import key_file, read_project_key

ROOT = Path(__file__).parents[1]
NUMBER = "+12025550123"
OTHER = b"o" * 32


def add_number(store: Store, msisdn: str = NUMBER) -> None:
    call = PlannedCall(correlation_id=msisdn, msisdn=msisdn, content_type="media")
    store.write(lambda connection: add_calls(connection, [call], None, store.number_key, 0))


def make_older(path: Path) -> None:
    """Make a store as an imilab left it that knew no mark."""
    with Store(path) as store:
        store.write(lambda connection: connection.execute("DROP TABLE key_mark") and None)
        store.write(lambda connection: connection.execute("DELETE FROM migrations WHERE name LIKE '0008%'") and None)


def test_a_copied_store_without_its_key_is_refused_and_gets_no_new_one(tmp_path):
    path, copy = tmp_path / "lab.sqlite", tmp_path / "copy.sqlite"
    Store(path).close()
    shutil.copy(path, copy)

    with pytest.raises(StoreError, match=r"copy\.sqlite\.key is missing.* restore it") as raised:
        Store(copy)

    assert not key_file(copy).exists()
    assert str(tmp_path) in str(raised.value)
    shutil.copy(key_file(path), key_file(copy))
    with Store(path) as one, Store(copy) as other:
        assert one.number_key == other.number_key


def test_a_lab_that_only_reads_refuses_such_a_copy_too(tmp_path):
    with imilab.Lab.simulated(folder=tmp_path / "made", time_scale=600) as lab:
        lab.send(lab.plan([NUMBER], {"a": imilab.Media("m1")}), progress=False)
        path = lab.store.path
    shutil.copy(path, tmp_path / "copy.sqlite")

    with (
        pytest.raises(StoreError, match="IMILAB_NUMBER_KEY"),
        imilab.Lab(imilab.Settings(store=tmp_path / "copy.sqlite")) as copied,
    ):
        copied.calls()


def test_another_key_is_refused_wherever_it_comes_from(tmp_path):
    path = tmp_path / "lab.sqlite"
    Store(path).close()
    right = key_file(path).read_text()

    with pytest.raises(StoreError, match=r"IMILAB_NUMBER_KEY does not hold the number key"):
        Store(path, OTHER)
    key_file(path).write_text(OTHER.hex())
    with pytest.raises(StoreError, match=r"lab\.sqlite\.key does not hold the number key") as raised:
        Store(path)

    assert OTHER.hex() not in str(raised.value)
    assert right not in str(raised.value)
    with Store(path, bytes.fromhex(right)) as store:
        assert store.number_key.hex() == right


def test_a_store_made_with_a_given_key_needs_that_one(tmp_path):
    path = tmp_path / "lab.sqlite"
    Store(path, OTHER).close()
    with pytest.raises(StoreError, match="is missing"):
        Store(path)
    with Store(path, OTHER) as store:
        assert store.number_key == OTHER


def test_a_hashed_do_not_call_list_still_matches_after_a_move_with_the_key(tmp_path):
    settings = {"caller_id": "+12025550142", "countries": ["GB"], "quiet_hours": "off"}
    number = "+447400123456"
    listed = tmp_path / "dnc.csv"
    with imilab.Lab(imilab.Settings(store=tmp_path / "lab.sqlite", **settings)) as lab:
        listed.write_text(f"number_key\n{number_key(number, lab.store.number_key)}\n", encoding="utf-8")
    (tmp_path / "moved").mkdir()
    for name in ("lab.sqlite", "lab.sqlite.key"):
        shutil.move(tmp_path / name, tmp_path / "moved" / name)

    with imilab.Lab(imilab.Settings(store=tmp_path / "moved" / "lab.sqlite", do_not_call=listed, **settings)) as lab:
        assert lab.plan([number], {"a": imilab.Media("m1")}).refused["reason"].tolist() == ["on the do-not-call list"]


def test_an_older_store_without_a_mark_is_judged_by_the_hash_of_one_of_its_numbers(tmp_path):
    path = tmp_path / "lab.sqlite"
    with Store(path) as store:
        add_number(store)
        right = store.number_key
    make_older(path)
    with pytest.raises(StoreError, match="does not hold the number key"):
        Store(path, OTHER)
    key_file(path).rename(tmp_path / "elsewhere")
    with pytest.raises(StoreError, match="is missing"):
        Store(path)

    (tmp_path / "elsewhere").rename(key_file(path))
    with Store(path) as store:
        assert store.number_key == right
        assert store.rows("SELECT count(*) FROM key_mark") == [(1,)]


def test_an_older_store_without_a_number_takes_the_key_it_is_opened_with(tmp_path):
    path = tmp_path / "lab.sqlite"
    make_older(path)
    Store(path, OTHER).close()
    with pytest.raises(StoreError, match="does not hold"):
        Store(path)


def test_the_mark_gives_nothing_of_the_key_away(tmp_path):
    with Store(tmp_path / "lab.sqlite") as store:
        ((mark,),) = store.rows("SELECT mark FROM key_mark")
        assert mark not in store.number_key.hex()
        assert store.number_key.hex()[:8] not in mark


def test_a_key_is_read_and_not_made_unless_that_is_asked_for(tmp_path):
    path = tmp_path / "lab.sqlite"
    with pytest.raises(StoreError, match="is missing"):
        read_project_key(path)
    assert read_project_key(path, make=True) == read_project_key(path)


@pytest.fixture
def linked(tmp_path: Path) -> tuple[Path, Path]:
    (tmp_path / "notebooks").mkdir()
    path, link = tmp_path / "lab.sqlite", tmp_path / "notebooks" / "lab.sqlite"
    link.symlink_to(path)
    return path, link


def test_a_store_reached_through_a_link_has_the_same_key_and_the_same_lock(linked):
    path, link = linked
    with Store(link) as one, Store(path) as other:
        assert one.path == other.path == path
        assert one.number_key == other.number_key
        with one.sender_lock(), pytest.raises(StoreLockedError), other.sender_lock():
            pass
    assert not list(link.parent.glob("lab.sqlite.*"))


def test_stopping_a_store_reached_through_a_link_stops_it_under_either_name(linked):
    path, link = linked
    StopFile.beside(link).create()
    assert StopFile.beside(path).look()
    assert StopFile.beside(path).clear()
    assert not StopFile.beside(link).look()


def test_the_same_cell_makes_the_same_plan_through_a_link(linked):
    made = []
    for place in linked:
        with imilab.Lab(imilab.Settings(store=place)) as lab:
            made.append(lab.plan([NUMBER], {"a": imilab.Media("m1")}).plan_id)
    assert made[0] == made[1]


def test_processes_that_make_a_store_together_agree_on_its_key(tmp_path):
    open_it = "import sys, pathlib; from imilab.store import Store; Store(pathlib.Path(sys.argv[1])).close()"
    command = [sys.executable, "-c", open_it, str(tmp_path / "lab.sqlite")]
    workers = [subprocess.Popen(command, cwd=ROOT) for _ in range(3)]
    assert [worker.wait(60) for worker in workers] == [0] * 3
    with Store(tmp_path / "lab.sqlite") as store:
        assert store.rows("SELECT count(*) FROM key_mark") == [(1,)]
