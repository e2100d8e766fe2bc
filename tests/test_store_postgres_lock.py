"""The one sender across machines, and what becomes of it when its connection is lost."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from imilab.errors import StoreLockedError
from imilab.store import PlannedCall, Store
from imilab.store.journal import add_calls, claim, recover
from tests.store_places import StorePlace

ROOT = Path(__file__).parents[1]
T0 = 1_772_442_000_000


@pytest.fixture
def place(postgres_place: StorePlace) -> StorePlace:
    return postgres_place


def add(store: Store, *names: str) -> None:
    calls = [PlannedCall(correlation_id=name, msisdn="+12025550123", content_type="media") for name in names]
    store.write(lambda connection: add_calls(connection, calls, None, store.number_key, T0))


def test_one_sender_at_a_time_across_processes(place):
    script = """
from imilab.config import Settings
from imilab.store import Store
store = Store.from_settings(Settings())
store.sender_lock().__enter__()
print("sending", flush=True)
import sys; sys.stdin.readline()
import os; os._exit(1)
"""
    command = [sys.executable, "-c", script]
    with place.open() as store:
        with subprocess.Popen(
            command, cwd=ROOT, env=place.environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as other:
            assert other.stdout
            assert other.stdout.readline() == "sending\n"
            with pytest.raises(StoreLockedError, match="something else is sending"):
                store.sender_lock().__enter__()
        while True:  # it died holding the lock, and the server takes notice
            try:
                with store.sender_lock(), pytest.raises(StoreLockedError):
                    store.sender_lock().__enter__()
                break
            except StoreLockedError:
                continue


def test_a_sender_whose_lock_is_lost_claims_nothing_more(place, postgres):
    with place.open() as store:
        add(store, "c1", "c2")
        with store.sender_lock():
            assert store.write(lambda c: claim(c, "c1", T0)) == 1
            lock = "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 2"
            mine = f"{lock} AND classid = 1768778093 AND granted"
            assert (True,) in postgres.execute(mine)
            for _ in range(2):
                with pytest.raises(StoreLockedError, match="no further call is placed; send again to go on"):
                    store.write(lambda c: claim(c, "c2", T0))
        with store.sender_lock():
            assert store.write(recover) == 1
            assert store.write(lambda c: claim(c, "c2", T0)) == 1
        assert store.rows("SELECT correlation_id, state FROM requests ORDER BY 1") == [
            ("c1", "unknown"),
            ("c2", "sending"),
        ]
